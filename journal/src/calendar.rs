//! The calendar of days with entries, and how long they followed one another without a gap.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

/// An entry, for the calendar.
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    pub(crate) date: NaiveDate,
    pub(crate) title: String,
    pub(crate) href: String,
}

/// Days with entries in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Streaks {
    /// The one that ends with the last entry. No clock is asked whether it goes on.
    pub(crate) last: usize,
    pub(crate) longest: usize,
}

/// A month of the calendar.
#[derive(Debug)]
pub(crate) struct Month {
    pub(crate) name: &'static str,
    /// Weeks from Monday to Sunday; days of other months are left out.
    pub(crate) weeks: Vec<Vec<Square>>,
}

/// A day of a month.
#[derive(Debug, Default)]
pub(crate) struct Square {
    /// 1 to 31; 0 for a day of another month.
    pub(crate) number: u32,
    /// The entries of that day.
    pub(crate) entries: Vec<Marked>,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(crate) fn year(date: NaiveDate) -> i32 {
    date.year()
}

/// A date as it is read: `22 November 2026`.
pub(crate) fn said(date: NaiveDate) -> String {
    format!("{} {} {}", date.day(), MONTHS[date.month0() as usize], date.year())
}

/// The streaks of `dates`, in any order.
pub(crate) fn streaks(dates: impl Iterator<Item = NaiveDate>) -> Streaks {
    let mut days: Vec<i32> = dates.map(|date| date.num_days_from_ce()).collect();
    days.sort_unstable();
    days.dedup();
    let mut streaks = Streaks::default();
    let mut before = None;
    for day in days {
        streaks.last = if before == Some(day - 1) { streaks.last + 1 } else { 1 };
        streaks.longest = streaks.longest.max(streaks.last);
        before = Some(day);
    }
    streaks
}

/// The months of `year` that have an entry, latest first.
pub(crate) fn months(year: i32, entries: impl Iterator<Item = Marked>) -> Vec<Month> {
    let mut by_month: BTreeMap<u32, BTreeMap<u32, Vec<Marked>>> = BTreeMap::new();
    for entry in entries {
        let (month, day) = (entry.date.month(), entry.date.day());
        by_month.entry(month).or_default().entry(day).or_default().push(entry);
    }
    let months = by_month.into_iter().rev().filter_map(|(number, mut days)| {
        let first = NaiveDate::from_ymd_opt(year, number, 1)?;
        let before = first.weekday().num_days_from_monday() as usize;
        let in_month = (1..=31)
            .filter(|day| first.with_day(*day).is_some())
            .map(|number| Square { number, entries: days.remove(&number).unwrap_or_default() });
        let mut squares: Vec<Square> = (0..before).map(|_| Square::default()).collect();
        squares.extend(in_month);
        while !squares.len().is_multiple_of(7) {
            squares.push(Square::default());
        }
        let mut weeks = Vec::new();
        while !squares.is_empty() {
            let rest = squares.split_off(7);
            weeks.push(std::mem::replace(&mut squares, rest));
        }
        Some(Month { name: MONTHS[number as usize - 1], weeks })
    });
    months.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn streaks_are_days_in_a_row() {
        let check = |dates: &[&str], last: usize, longest: usize| {
            let found = streaks(dates.iter().map(|text| date(text)));
            assert_eq!((found.last, found.longest), (last, longest), "{dates:?}");
        };
        check(&[], 0, 0);
        check(&["2026-11-22"], 1, 1);
        check(&["2026-12-31", "2026-12-30", "2027-01-01", "2027-01-01", "2027-01-04"], 1, 3);
    }

    #[test]
    fn a_month_starts_on_its_weekday() {
        let entry = Marked { date: date("2026-11-22"), title: "T".into(), href: "h".into() };
        let months = months(2026, [entry].into_iter());
        let weeks: Vec<Vec<String>> = months[0]
            .weeks
            .iter()
            .map(|week| {
                let said =
                    |day: &Square| format!("{}{}", day.number, "*".repeat(day.entries.len()));
                week.iter().map(said).collect()
            })
            .collect();
        assert_eq!((months.len(), months[0].name, weeks.len()), (1, "November", 6));
        // The first of November 2026 is a Sunday.
        assert_eq!(weeks[0], ["0", "0", "0", "0", "0", "0", "1"]);
        assert_eq!(weeks[3][6], "22*");
        assert_eq!(weeks[5], ["30", "0", "0", "0", "0", "0", "0"]);
    }

    #[test]
    fn a_date_is_said_in_full() {
        assert_eq!(said(date("2026-02-03")), "3 February 2026");
    }
}
