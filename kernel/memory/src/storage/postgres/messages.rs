//! Messages.

use tokio_postgres::Row;

use super::text::{Found, Given};
use super::transaction::{Transaction, Values};
use super::{integer, limit};
use crate::message::Message;
use crate::storage::encoding::{calls_from_text, calls_to_text, role_from_text};
use crate::storage::{
    AgentId, Collection, MessageFilter, NewMessage, Page, PageRequest, StorageError, StoredMessage,
    Timestamp, session,
};

pub(super) const COLUMNS: &str = "place, at, role, text, calls, answers";

/// Rows that go in one statement.
const BATCH: usize = 2_000;

/// A row of [`COLUMNS`].
pub(super) fn read(row: &Row) -> Result<StoredMessage, StorageError> {
    let calls: Option<Found> = row.get(4);
    Ok(StoredMessage {
        position: row.get::<_, i64>(0).unsigned_abs(),
        at: Timestamp::from_millis(row.get(1)),
        message: Message {
            role: role_from_text(row.get(2))?,
            text: row.get::<_, Found>(3).0,
            tool_calls: calls_from_text(calls.as_ref().map(|calls| calls.0.as_str()))?,
            answers: row.get::<_, Option<Found>>(5).map(|answers| answers.0),
        },
    })
}

/// The conditions of a filter. `$1` to `$6` are bound to the agent and a [`Filter`]'s fields.
pub(super) const CONDITIONS: &str = "agent = $1 AND place >= $2 AND place < $3
    AND ($4::bigint IS NULL OR at >= $4) AND ($5::bigint IS NULL OR at < $5)
    AND (cardinality($6::text[]) = 0 OR role = ANY($6))";

/// A filter as its statement takes it.
pub(super) struct Filter {
    pub(super) from_place: i64,
    pub(super) until_place: i64,
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) roles: Vec<&'static str>,
}

impl Filter {
    pub(super) fn new(filter: &MessageFilter) -> Self {
        Filter {
            from_place: filter.from_position.map_or(0, integer),
            until_place: filter.until_position.map_or(i64::MAX, integer),
            from: filter.from.map(Timestamp::millis),
            until: filter.until.map(Timestamp::millis),
            roles: filter.roles.iter().map(|role| role.as_str()).collect(),
        }
    }
}

impl Transaction<'_> {
    pub(super) fn append_messages(
        &mut self,
        agent: &AgentId,
        messages: &[NewMessage],
    ) -> Result<u64, StorageError> {
        let agent = self.agent_alone(agent)?;
        let doing = "append messages";
        let sql = "SELECT place, session, at FROM message WHERE agent = $1
                   ORDER BY place DESC LIMIT 1";
        let last = self.row(doing, sql, &[&agent])?;
        let first = last.as_ref().map_or(0, |row| row.get::<_, i64>(0) + 1);
        let mut session = last.map(|row| {
            let number = u32::try_from(row.get::<_, i64>(1)).unwrap_or(u32::MAX);
            (number, Timestamp::from_millis(row.get(2)))
        });
        let sql = "INSERT INTO message (agent, place, at, session, role, text, calls, answers)
                   SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[],
                                            $6::text[], $7::text[], $8::text[])";
        let mut next = first;
        for batch in messages.chunks(BATCH) {
            let places: Vec<i64> = (next..).take(batch.len()).collect();
            let times: Vec<i64> = batch.iter().map(|new| new.at.millis()).collect();
            let sessions: Vec<i64> = batch
                .iter()
                .map(|new| {
                    let here = session::of_message(session, new.at);
                    session = Some((here, new.at));
                    i64::from(here)
                })
                .collect();
            let said = || batch.iter().map(|new| &new.message);
            let roles: Vec<&str> = said().map(|message| message.role.as_str()).collect();
            let texts: Vec<Given<'_>> = said().map(|message| Given(&message.text)).collect();
            let calls: Vec<_> = said().map(|message| calls_to_text(&message.tool_calls)).collect();
            let calls: Vec<_> = calls.iter().map(|calls| calls.as_deref().map(Given)).collect();
            let answers: Vec<_> =
                said().map(|message| message.answers.as_deref().map(Given)).collect();
            self.run(
                doing,
                sql,
                &[&agent, &places, &times, &sessions, &roles, &texts, &calls, &answers],
            )?;
            next += integer(batch.len() as u64);
        }
        self.keep_index(agent, Collection::Recall, next.unsigned_abs())?;
        Ok(first.unsigned_abs())
    }

    pub(super) fn messages(
        &self,
        agent: &AgentId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StorageError> {
        let agent = self.agent(agent)?;
        let doing = "read messages";
        let by_position_only = MessageFilter {
            from_position: filter.from_position,
            until_position: filter.until_position,
            ..MessageFilter::default()
        };
        let Filter { mut from_place, until_place, from, until, roles } = Filter::new(filter);
        let mut offset = integer(page.offset);
        let total = if *filter == by_position_only {
            // Positions have no gaps: the page begins at a place, and nothing is counted.
            let sql = "SELECT coalesce(max(place) + 1, 0) FROM message WHERE agent = $1";
            let n = self.row(doing, sql, &[&agent])?.map_or(0, |row| row.get::<_, i64>(0));
            let total = until_place.min(n).saturating_sub(from_place).max(0);
            from_place = from_place.saturating_add(std::mem::take(&mut offset));
            total
        } else {
            let sql = format!("SELECT count(*) FROM message WHERE {CONDITIONS}");
            let values: Values<'_> = &[&agent, &from_place, &until_place, &from, &until, &roles];
            self.row(doing, &sql, values)?.map_or(0, |row| row.get(0))
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM message WHERE {CONDITIONS} ORDER BY place LIMIT $7 OFFSET $8"
        );
        let limit = limit(page);
        let rows = self.rows(
            doing,
            &sql,
            &[&agent, &from_place, &until_place, &from, &until, &roles, &limit, &offset],
        )?;
        let items = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Page { items, offset: page.offset, total: total.unsigned_abs() })
    }
}
