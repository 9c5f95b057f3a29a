//! Days and dates that do not follow each other.

use super::{Finding, Rule};
use crate::entry::Entry;
use crate::problem::Problem;

/// Checks entries that are sorted by day. The first day may have any number.
pub(super) fn findings(entries: &[Entry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Without a day, the front matter has been refused already.
    let entries: Vec<&Entry> = entries.iter().filter(|entry| !entry.day_span.is_empty()).collect();
    for entry in &entries {
        if let Some(named) = day_in(entry.stem()).filter(|named| *named != entry.front.day) {
            let message =
                format!("`day` is {}, but the file is named for day {named}", entry.front.day);
            let problem = Problem::at(&entry.file, &entry.text, entry.day_span.clone(), message)
                .with_help("give both the same number");
            findings.push(Finding::new(Rule::DayNumber, problem));
        }
    }
    for pair in entries.windows(2) {
        let (before, after) = (&pair[0].front, &pair[1].front);
        let at = |span: std::ops::Range<usize>, message| {
            Problem::at(&pair[1].file, &pair[1].text, span, message)
        };
        if after.day > before.day + 1 {
            let missing = match after.day - before.day {
                2 => format!("day {} is missing", before.day + 1),
                _ => format!("days {} to {} are missing", before.day + 1, after.day - 1),
            };
            let message = format!("{missing}: the entry before this one is day {}", before.day);
            let problem = at(pair[1].day_span.clone(), message);
            let help = "number the days without gaps, or allow the rule `day-number`";
            findings.push(Finding::new(Rule::DayNumber, problem.with_help(help)));
        }
        if after.date < before.date {
            let message = format!(
                "day {} is dated {}, before day {} ({})",
                after.day, after.date, before.day, before.date
            );
            let span = date_span(pair[1]).unwrap_or(pair[1].day_span.clone());
            let problem = at(span, message).with_help("correct one of the dates");
            findings.push(Finding::new(Rule::Date, problem));
        }
    }
    findings
}

/// The number in a file name such as `day-02` or `day-02-agents`.
fn day_in(stem: &str) -> Option<u32> {
    let rest = stem.strip_prefix("day-").or_else(|| stem.strip_prefix("day"))?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

/// Where `date:` has its value.
fn date_span(entry: &Entry) -> Option<std::ops::Range<usize>> {
    let head = &entry.text[..entry.body_start];
    let start = head.find("\ndate:")? + "\ndate:".len();
    let line = head[start..].find('\n').map_or(head.len(), |end| start + end);
    let value = head[start..line].trim();
    let at = start + head[start..line].find(value)?;
    Some(at..at + value.len())
}
