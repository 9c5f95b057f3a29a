//! Which messages and passages belong together.

use super::Timestamp;

/// A conversation ends when nothing is said for three hours.
const PAUSE_MS: i64 = 3 * 60 * 60 * 1_000;

/// The session of a message, given the one before it.
pub(crate) fn of_message(last: Option<(u32, Timestamp)>, at: Timestamp) -> u32 {
    match last {
        None => 0,
        Some((session, before)) if at.millis().abs_diff(before.millis()) > PAUSE_MS as u64 => {
            session + 1
        }
        Some((session, _)) => session,
    }
}

/// The session of a passage, given the one before it: passages of one source that come one after
/// the other belong together, and those without source are alone.
pub(crate) fn of_passage(last: Option<&(u32, Option<String>)>, source: Option<&str>) -> u32 {
    match last {
        None => 0,
        Some((session, before)) if source.is_some() && before.as_deref() == source => *session,
        Some((session, _)) => session + 1,
    }
}
