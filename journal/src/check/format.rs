//! Findings as text for people, as JSON, and as annotations for GitHub.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{CheckReport, Finding};

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CheckFormat {
    /// `file:line:column: rule: what is wrong`, with help below.
    #[default]
    Text,
    /// One JSON object: `{"entries", "notebooks", "findings": [{"rule", "file", "line", "column",
    /// "message", "help", "state", "difference"}]}`; the last two only where there is such a thing.
    Json,
    /// Workflow commands of GitHub Actions, which show the findings where they are.
    Github,
}

impl CheckReport {
    /// The report as text, with a line end.
    #[must_use]
    pub fn to_text(&self, format: CheckFormat) -> String {
        match format {
            CheckFormat::Text => self.lines(),
            CheckFormat::Json => {
                let findings: Vec<Value> = self.findings.iter().map(to_json).collect();
                let report = json!({
                    "entries": self.n_entries,
                    "notebooks": self.n_notebooks,
                    "findings": findings,
                });
                format!("{report:#}\n")
            }
            CheckFormat::Github => self.findings.iter().map(to_github).collect(),
        }
    }

    fn lines(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let problem = &finding.problem;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{}:{}:{}: {}: {}",
                problem.file, problem.line, problem.column, finding.rule, problem.message
            );
            for line in finding.difference.lines() {
                let _ = writeln!(text, "    {line}");
            }
            if let Some(help) = &problem.help {
                let _ = writeln!(text, "  help: {help}");
            }
        }
        let said =
            |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
        let looked_at = format!(
            "{} and {}",
            said(self.n_entries, "entry", "entries"),
            said(self.n_notebooks, "notebook", "notebooks")
        );
        let _ = match self.findings.len() {
            0 => writeln!(text, "Nothing found in {looked_at}."),
            n => writeln!(text, "{} in {looked_at}.", said(n, "finding", "findings")),
        };
        text
    }
}

fn to_json(finding: &Finding) -> Value {
    let problem = &finding.problem;
    let mut json = json!({
        "rule": finding.rule.name(),
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "help": problem.help,
    });
    if let Some(state) = finding.state {
        json["state"] = state.name().into();
    }
    if !finding.difference.is_empty() {
        json["difference"] = finding.difference.clone().into();
    }
    json
}

fn to_github(finding: &Finding) -> String {
    let problem = &finding.problem;
    let mut message = problem.message.clone();
    if !finding.difference.is_empty() {
        let _ = write!(message, "\n{}", finding.difference.trim_end());
    }
    if let Some(help) = &problem.help {
        let _ = write!(message, "\nhelp: {help}");
    }
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    format!(
        "::error file={},line={},col={},title={}::{}\n",
        property(&problem.file),
        problem.line,
        problem.column,
        property(finding.rule.name()),
        data(&message)
    )
}
