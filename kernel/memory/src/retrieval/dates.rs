//! Dates as terms: a text is found by the day, month or year in which it was written, and a
//! question says which it means.
//!
//! Understood are `2023-05-07`, `7 May 2023`, `May 7, 2023`, `7 May`, `May 2023`, `2023`, `in May`
//! and, when the time of asking is known, `today`, `yesterday`, `this` and `last` week, month,
//! year and day of the week, and `3 days ago` (weeks, months).

use chrono::{Datelike, Days, Months, NaiveDate};

use super::analysis::{Term, hash, words};
use crate::storage::Timestamp;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Words of texts that say when something happens, beside months, days of the week and years.
const TIME_WORDS: [&str; 12] = [
    "ago",
    "last",
    "month",
    "next",
    "recently",
    "today",
    "tomorrow",
    "tonight",
    "week",
    "weekend",
    "year",
    "yesterday",
];

/// The words by which a text tells a time. "May" is a word of other sentences too.
pub(super) fn time_words() -> impl Iterator<Item = String> {
    let months = MONTHS.into_iter().filter(|month| *month != "may");
    let words = TIME_WORDS.into_iter().chain(months).chain(WEEKDAYS);
    words.map(str::to_owned).chain((1950..=2050).map(|year: i32| year.to_string()))
}

/// Whether a question asks for a time.
pub(super) fn asks_when(question: &str) -> bool {
    let lower = question.to_lowercase();
    let first: Vec<&str> = words(&lower).take(4).collect();
    let begins = |first: &[&str]| match first {
        ["when", ..] | ["how", "long", "ago", ..] => true,
        ["what" | "which", unit, ..] => {
            ["date", "day", "month", "season", "week", "year"].contains(unit)
        }
        _ => false,
    };
    let behind = ["in", "on", "since", "by"].contains(first.first().unwrap_or(&""));
    begins(&first) || (behind && begins(&first[1..]))
}

fn day(date: NaiveDate) -> String {
    format!("\u{1}day {date}")
}

fn month(year: i32, month: u32) -> String {
    format!("\u{1}month {year}-{month:02}")
}

fn year(year: i32) -> String {
    format!("\u{1}year {year}")
}

/// A month of any year.
fn calendar_month(month: u32) -> String {
    format!("\u{1}month {month:02}")
}

/// A day of any year.
fn calendar_day(month: u32, day: u32) -> String {
    format!("\u{1}day {month:02}-{day:02}")
}

/// The terms of a text that was written at this time.
pub(crate) fn terms_of(at: Timestamp) -> Vec<Term> {
    let Some(time) = at.to_utc() else { return Vec::new() };
    let date = time.date_naive();
    let terms = [
        day(date),
        month(date.year(), date.month()),
        year(date.year()),
        calendar_month(date.month()),
        calendar_day(date.month(), date.day()),
    ];
    terms.iter().map(|term| hash(term)).collect()
}

/// The dates that a question names, as terms.
pub(crate) fn terms_in(question: &str, now: Option<Timestamp>) -> Vec<String> {
    let lower = question.to_lowercase();
    let words: Vec<&str> = words(&lower).collect();
    let today = now.and_then(Timestamp::to_utc).map(|time| time.date_naive());
    let mut terms = Vec::new();
    let mut i = 0;
    while i < words.len() {
        let read = absolute(&words[i..], i.checked_sub(1).map(|before| words[before]), &mut terms);
        let read = match (read, today) {
            (0, Some(today)) => relative(&words[i..], today, &mut terms),
            _ => read,
        };
        i += read.max(1);
    }
    terms
}

fn month_number(word: &str) -> Option<u32> {
    let fits = |name: &&str| *name == word || (word.len() == 3 && name.starts_with(word));
    MONTHS.iter().position(fits).map(|i| i as u32 + 1)
}

fn day_number(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let suffix = &word[digits.len()..];
    let fits = ["", "st", "nd", "rd", "th"].contains(&suffix) && digits.len() <= 2;
    digits.parse().ok().filter(|day| fits && (1..=31).contains(day))
}

fn year_number(word: &str) -> Option<i32> {
    let fits = word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
    word.parse().ok().filter(|_| fits)
}

/// Reads a date that stands on its own, and returns how many words it takes.
fn absolute(words: &[&str], before: Option<&str>, terms: &mut Vec<String>) -> usize {
    let at = |i: usize| words.get(i).copied().unwrap_or_default();
    let mut full = |y: i32, m: u32, d: u32| {
        if let Some(date) = NaiveDate::from_ymd_opt(y, m, d) {
            terms.extend([day(date), month(y, m)]);
        }
        3
    };
    if let (Some(y), Ok(m), Ok(d)) = (year_number(at(0)), at(1).parse(), at(2).parse())
        && at(1).len() == 2
        && at(2).len() == 2
    {
        return full(y, m, d);
    }
    let day_then_month = (day_number(at(0)), month_number(at(1)));
    let month_then_day = (day_number(at(1)), month_number(at(0)));
    for (d, m) in [day_then_month, month_then_day] {
        if let (Some(d), Some(m)) = (d, m) {
            if let Some(y) = year_number(at(2)) {
                return full(y, m, d);
            }
            terms.push(calendar_day(m, d));
            return 2;
        }
    }
    if let Some(m) = month_number(at(0)) {
        if let Some(y) = year_number(at(1)) {
            terms.push(month(y, m));
            return 2;
        }
        // "may", "march" and the like are words too.
        let meant = ["in", "during", "since", "of", "last", "this", "until", "by"];
        if before.is_some_and(|before| meant.contains(&before)) {
            terms.push(calendar_month(m));
        }
        return 1;
    }
    if let Some(y) = year_number(at(0)) {
        terms.push(year(y));
        return 1;
    }
    0
}

/// Reads a date that depends on the day of asking, and returns how many words it takes.
fn relative(words: &[&str], today: NaiveDate, terms: &mut Vec<String>) -> usize {
    let at = |i: usize| words.get(i).copied().unwrap_or_default();
    let back = |n: u64| today.checked_sub_days(Days::new(n)).unwrap_or(today);
    let months_back = |n: u32| today.checked_sub_months(Months::new(n)).unwrap_or(today);
    let since_monday = u64::from(today.weekday().num_days_from_monday());
    let week = |terms: &mut Vec<String>, first_back: u64| {
        terms.extend((0..7).filter_map(|n| first_back.checked_sub(n)).map(|n| day(back(n))));
    };
    match at(0) {
        "today" | "tonight" => terms.push(day(today)),
        "yesterday" => terms.push(day(back(1))),
        which @ ("last" | "this") => {
            let last = which == "last";
            match at(1) {
                "week" => week(terms, since_monday + if last { 7 } else { 0 }),
                "month" => {
                    let date = if last { months_back(1) } else { today };
                    terms.push(month(date.year(), date.month()));
                }
                "year" => terms.push(year(today.year() - i32::from(last))),
                word => {
                    let Some(n) = WEEKDAYS.iter().position(|name| *name == word) else { return 1 };
                    let gap = (since_monday + 7 - n as u64) % 7;
                    terms.push(day(back(if gap == 0 && last { 7 } else { gap })));
                }
            }
            return 2;
        }
        n => {
            let n = match n {
                "a" | "one" => Some(1),
                "two" => Some(2),
                "three" => Some(3),
                n => n.parse::<u32>().ok().filter(|n| *n <= 1_000),
            };
            let (Some(n), "ago") = (n, at(2)) else { return 0 };
            match at(1) {
                "day" | "days" => terms.push(day(back(u64::from(n)))),
                "week" | "weeks" => week(terms, u64::from(n) * 7 + since_monday),
                "month" | "months" => {
                    let date = months_back(n);
                    terms.push(month(date.year(), date.month()));
                }
                "year" | "years" => terms.push(year(today.year().saturating_sub_unsigned(n))),
                _ => return 0,
            }
            return 3;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_understood() {
        let check = |question: &str, expected: &str| {
            // A Wednesday.
            let now = Timestamp::parse("2023-05-17T12:00:00Z").unwrap();
            let found = terms_in(question, Some(now)).join(", ").replace('\u{1}', "");
            assert_eq!(found, expected, "{question:?}");
        };
        check("What happened on 7 May 2023?", "day 2023-05-07, month 2023-05");
        check("What happened on May 7th, 2023?", "day 2023-05-07, month 2023-05");
        check("on 2023-05-07", "day 2023-05-07, month 2023-05");
        check("on 2023-13-99", "");
        check("on December 25", "day 12-25");
        check("in May 2023", "month 2023-05");
        check("in Sept 2023 or in sep 2022", "year 2023, month 2022-09");
        check("in May", "month 05");
        check("May I march?", "");
        check("back in 2021", "year 2021");
        check("yesterday", "day 2023-05-16");
        check("last Friday", "day 2023-05-12");
        check("last wednesday, this wednesday", "day 2023-05-10, day 2023-05-17");
        check("last month", "month 2023-04");
        check(
            "two weeks ago I ran",
            &(1..8).map(|d| format!("day 2023-05-{d:02}")).collect::<Vec<_>>().join(", "),
        );
        check("3 days ago", "day 2023-05-14");
        check("a dog", "");
        check("", "");
        assert!(terms_in("yesterday", None).is_empty());
    }

    #[test]
    fn questions_ask_for_a_time() {
        let check = |question: &str, expected: bool| {
            assert_eq!(asks_when(question), expected, "{question:?}");
        };
        check("When did Melanie paint a sunrise?", true);
        check("\"Since when?\"", true);
        check("In which month's game did he score?", true);
        check("What year did she move?", true);
        check("How long ago was it?", true);
        check("How long is the river?", false);
        check("What did she do when it rained?", false);
        check("What?", false);
        check("in", false);
        check("", false);
    }

    #[test]
    fn a_text_is_found_by_its_date() {
        let at = Timestamp::parse("2023-05-07T23:59:00Z").unwrap();
        let terms = terms_of(at);
        for question in ["7 May 2023", "May 2023", "in 2023", "in May", "May 7"] {
            let asked = terms_in(question, None);
            assert!(asked.iter().any(|term| terms.contains(&hash(term))), "{question:?}");
        }
    }
}
