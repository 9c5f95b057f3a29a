//! Checking a series: what the build refuses, and what it would show and should not.

mod calendar;
mod format;
mod link;
mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::linked::{Notebooks, read_notebooks};
use crate::notebook::{Cell, CellKind, CellState};
use crate::problem::{JournalError, Problem};
use crate::root::folder_of;
use crate::series::Series;
use crate::site::{BuildConfig, UnprovenOutput};

pub use format::CheckFormat;

/// What a finding is about: its rule. The order is that of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// What the build refuses: front matter, markdown, notebooks that cannot be read.
    Broken,
    /// A link to an entry, a notebook, a cell, a file or a heading that there is not.
    DeadLink,
    /// A picture without a text for those who do not see it.
    MissingAlt,
    /// An output that is shown and no longer holds, or never did.
    StaleOutput,
    /// An output that another kernel, compiler or helper set has made.
    StaleEnvironment,
    /// A day's number that is left out, or is another one in the file's name.
    DayNumber,
    /// A day that is dated before the one before it.
    Date,
    /// A notebook that no entry names or links to.
    UnusedNotebook,
    /// Something that looks like a key or a password.
    Secret,
    /// Running a notebook again gave other outputs.
    NotReproduced,
}

impl Rule {
    /// All rules.
    pub const ALL: [Rule; 10] = [
        Rule::Broken,
        Rule::DeadLink,
        Rule::MissingAlt,
        Rule::StaleOutput,
        Rule::StaleEnvironment,
        Rule::DayNumber,
        Rule::Date,
        Rule::UnusedNotebook,
        Rule::Secret,
        Rule::NotReproduced,
    ];

    /// The rule's name, by which it is allowed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Rule::Broken => "broken",
            Rule::DeadLink => "dead-link",
            Rule::MissingAlt => "missing-alt",
            Rule::StaleOutput => "stale-output",
            Rule::StaleEnvironment => "stale-environment",
            Rule::DayNumber => "day-number",
            Rule::Date => "date",
            Rule::UnusedNotebook => "unused-notebook",
            Rule::Secret => "secret",
            Rule::NotReproduced => "not-reproduced",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that should be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Where, what, and what to do.
    pub problem: Problem,
    /// What differs, in lines; empty for all rules but [`Rule::NotReproduced`].
    pub difference: String,
    /// How the output stands, where the finding is about one.
    pub state: Option<CellState>,
}

impl Finding {
    /// A finding with a place.
    #[must_use]
    pub fn new(rule: Rule, problem: Problem) -> Finding {
        Finding { rule, problem, difference: String::new(), state: None }
    }

    /// A finding about an output that does not hold, under the rule for its state.
    fn of_state(state: CellState, problem: Problem) -> Finding {
        let rule = match state {
            CellState::StaleEnvironment => Rule::StaleEnvironment,
            CellState::NotReproduced => Rule::NotReproduced,
            _ => Rule::StaleOutput,
        };
        Finding { state: Some(state), ..Finding::new(rule, problem) }
    }
}

/// What was found, in the order of files and of places in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// The findings.
    pub findings: Vec<Finding>,
    /// How many entries were looked at.
    pub n_entries: usize,
    /// How many notebooks were looked at.
    pub n_notebooks: usize,
}

impl CheckReport {
    /// Leaves out the findings of rules that are allowed.
    pub fn allow(&mut self, rules: &[Rule]) {
        self.findings.retain(|finding| !rules.contains(&finding.rule));
    }

    /// Adds findings, and puts all in order.
    pub fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
        self.findings.sort_by(|a, b| key(a).cmp(&key(b)));
        self.findings.dedup_by(|a, b| a.problem == b.problem && a.rule == b.rule);
    }
}

fn key(finding: &Finding) -> (&str, usize, usize, Rule, &str) {
    let Problem { file, line, column, message, .. } = &finding.problem;
    (file, *line, *column, finding.rule, message)
}

impl Series {
    /// Checks the series. Nothing is executed, nothing is written to it, and no address of the web
    /// is asked.
    ///
    /// ```
    /// use momentum_journal::{Rule, Series};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let root = tempfile::tempdir()?;
    /// # std::fs::create_dir(root.path().join("entries"))?;
    /// std::fs::write(root.path().join("momentum.yaml"), "title: My log\n")?;
    /// let entry = "---\nday: 1\ntitle: Hello\ndate: 2026-11-21\n---\n[There](#nothing)\n";
    /// std::fs::write(root.path().join("entries/day-01.md"), entry)?;
    ///
    /// let report = Series::open(root.path())?.check()?;
    /// assert_eq!(report.findings[0].rule, Rule::DeadLink);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The series' folders cannot be listed, or there is no room for the trial build.
    pub fn check(&self) -> Result<CheckReport, JournalError> {
        let mut problems = Vec::new();
        let notebooks = read_notebooks(self, &mut problems)?;
        let mut report = CheckReport {
            n_entries: self.entries.len(),
            n_notebooks: notebooks.len(),
            ..CheckReport::default()
        };
        report.add(self.trial_build()?);
        report.add(link::findings(self, &notebooks));
        report.add(stale(self, &notebooks));
        report.add(calendar::findings(&self.entries));
        report.add(unused(self, &notebooks));
        report.add(secret::findings(self, &notebooks));
        drop_repeated(&mut report.findings);
        Ok(report)
    }

    /// What a build says, without its site.
    fn trial_build(&self) -> Result<Vec<Finding>, JournalError> {
        let folder =
            tempfile::tempdir().map_err(JournalError::io("write", std::env::temp_dir()))?;
        let config = BuildConfig {
            out: Some(folder.path().join("site")),
            cache: Some(folder.path().join("cache")),
            ..BuildConfig::default()
        };
        match self.build(&config) {
            Ok(built) => Ok(built
                .unproven
                .iter()
                .filter_map(|output| {
                    let entry = self.entries.iter().find(|entry| entry.file == output.entry)?;
                    let UnprovenOutput { label, notebook, state, reason, .. } = output;
                    let message = format!(
                        "the output of `{label}` in `{notebook}` does not hold ({state}): {reason}"
                    );
                    let problem =
                        Problem::at(&entry.file, &entry.text, output.span.clone(), message)
                            .with_help(format!("run the notebook: momentum run {notebook}"));
                    Some(Finding::of_state(*state, problem))
                })
                .collect()),
            Err(JournalError::Problems(problems)) => {
                Ok(problems.0.into_iter().map(|one| Finding::new(Rule::Broken, one)).collect())
            }
            Err(error) => Err(error),
        }
    }
}

/// Notebooks whose outputs do not hold, embedded or not: their pages show them.
fn stale(series: &Series, notebooks: &Notebooks) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, notebook) in notebooks {
        let Some(notebook) = notebook else { continue };
        let mut by_state: BTreeMap<CellState, Vec<&Cell>> = BTreeMap::new();
        for cell in &notebook.cells {
            let is_code = cell.kind == CellKind::Code && !cell.source.trim().is_empty();
            if is_code && !cell.state.holds() {
                by_state.entry(cell.state).or_default().push(cell);
            }
        }
        let text = (!by_state.is_empty()).then(|| text_of(series, file)).flatten();
        for (state, cells) in by_state {
            let Some(first) = cells.first() else { continue };
            let others = match cells.len() {
                1 => String::new(),
                2 => "; so is one more".to_owned(),
                n => format!("; so are {} more", n - 1),
            };
            let (number, anchor, reason) = (first.number, first.anchor(), &first.reason);
            let message =
                format!("cell {number} (`{anchor}`) does not hold ({state}): {reason}{others}");
            let at = text.as_ref().and_then(|text| cell_place(text, first.id.as_deref()));
            let problem = match &text {
                Some(text) => Problem::at(file, text, at.unwrap_or(0)..at.unwrap_or(0), message),
                None => Problem::of_file(file, message),
            };
            let problem = problem.with_help(format!("run the notebook: momentum run {file}"));
            findings.push(Finding::of_state(state, problem));
        }
    }
    findings
}

/// The text of a notebook's file, for places in it.
fn text_of(series: &Series, file: &str) -> Option<Arc<str>> {
    let bytes = series.root.read(file, crate::notebook::read::MAX_NOTEBOOK).ok()?;
    Some(String::from_utf8(bytes).ok()?.into())
}

/// Where a cell of that id is in the text of its notebook.
fn cell_place(text: &str, id: Option<&str>) -> Option<usize> {
    let quoted = serde_json::Value::from(id?).to_string();
    ["\"id\": ", "\"id\":"].iter().find_map(|key| text.find(&format!("{key}{quoted}")))
}

fn unused(series: &Series, notebooks: &Notebooks) -> Vec<Finding> {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for entry in &series.entries {
        used.extend(entry.references().into_iter().filter_map(|mut one| {
            link::find_by_name(&mut one, notebooks, &BTreeMap::new());
            match one.target {
                crate::reference::ReferenceTarget::Notebook { file, .. } => Some(file),
                _ => None,
            }
        }));
        let named = entry.front.notebooks.iter();
        used.extend(named.filter_map(|name| crate::root::resolve(folder_of(&entry.file), name)));
    }
    let unused = notebooks.keys().filter(|file| !used.contains(*file));
    let finding = |file: &String| {
        let problem = Problem::of_file(file, "no entry names this notebook or links to it")
            .with_help("link it from an entry, name it in `notebooks:`, or move it elsewhere");
        Finding::new(Rule::UnusedNotebook, problem)
    };
    unused.map(finding).collect()
}

/// What the build refuses and a rule of its own names too is said once, by the rule.
fn drop_repeated(findings: &mut Vec<Finding>) {
    let named: BTreeSet<(String, usize, usize)> = findings
        .iter()
        .filter(|finding| finding.rule == Rule::DeadLink)
        .map(|finding| {
            let Problem { file, line, column, .. } = &finding.problem;
            (file.clone(), *line, *column)
        })
        .collect();
    findings.retain(|finding| {
        let Problem { file, line, column, .. } = &finding.problem;
        finding.rule != Rule::Broken || !named.contains(&(file.clone(), *line, *column))
    });
}

#[cfg(test)]
mod tests;
