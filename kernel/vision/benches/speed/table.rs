//! The table of medians.

use std::collections::BTreeMap;
use std::fmt;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// Images per second, or seconds.
    pub(crate) figure: f64,
    pub(crate) megabytes: f64,
}

/// All measurements of one task, by whose they are.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) task: String,
    measured: BTreeMap<String, Vec<Measured>>,
}

impl Row {
    pub(crate) fn new(task: &str) -> Self {
        Row { task: task.into(), measured: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, name: &str, measured: Measured) {
        self.measured.entry(name.into()).or_default().push(measured);
    }

    /// Medians of figure and memory.
    fn median(&self, name: &str) -> Option<Measured> {
        let all = self.measured.get(name)?;
        let middle = |of: fn(&Measured) -> f64| {
            let mut values: Vec<f64> = all.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Some(Measured { figure: middle(|m| m.figure)?, megabytes: middle(|m| m.megabytes)? })
    }

    /// How many times as fast ours is as the best peer.
    fn ratio(&self) -> Option<f64> {
        let ours = self.median("ours")?.figure;
        let peers = self.measured.keys().filter(|name| *name != "ours");
        let figures = peers.filter_map(|name| self.median(name)).map(|median| median.figure);
        match self.is_time() {
            true => figures.reduce(f64::min).map(|best| best / ours),
            false => figures.reduce(f64::max).map(|best| ours / best),
        }
    }

    fn is_time(&self) -> bool {
        self.task.starts_with("fit")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.task)?;
        for name in self.measured.keys() {
            if let Some(Measured { figure, megabytes }) = self.median(name) {
                write!(f, " | {name} {figure:.1} ({megabytes:.0} MB)")?;
            }
        }
        self.ratio().map_or(Ok(()), |ratio| write!(f, " | ratio {ratio:.2}"))
    }
}

/// All rows as a Markdown table.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut names: Vec<&String> = rows.iter().flat_map(|row| row.measured.keys()).collect();
    names.sort_unstable_by_key(|name| (*name != "ours", name.as_str()));
    names.dedup();
    let mut text = String::from("| images/s (peak MB); fit: seconds |");
    names.iter().for_each(|name| text += &format!(" {name} |"));
    text += " ours to best peer |\n|---|";
    text += &"---|".repeat(names.len() + 1);
    for row in rows {
        text += &format!("\n| {} |", row.task);
        for name in &names {
            text += &row.median(name).map_or(" – |".into(), |Measured { figure, megabytes }| {
                format!(" {figure:.*} ({megabytes:.0}) |", usize::from(row.is_time()))
            });
        }
        text += &row.ratio().map_or(" – |".into(), |ratio| format!(" {ratio:.2} |"));
    }
    text
}
