//! What was typed in this session.

use jupyter_protocol::{HistoryEntry, HistoryRequest};

/// The number of the current session, as IPython reports it.
const CURRENT_SESSION: usize = 0;

/// The inputs and the results' plain texts, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    number: usize,
    input: String,
    output: Option<String>,
}

impl History {
    /// Adds the cell of an execution count.
    pub(super) fn push(&mut self, number: usize, input: String, output: Option<String>) {
        self.lines.push(Line { number, input, output });
    }

    /// The entries that a request asks for. Sessions before this one are not kept.
    pub(super) fn select(&self, request: &HistoryRequest) -> Vec<HistoryEntry> {
        match request {
            HistoryRequest::Range { session, start, stop, output, .. } => {
                if session.is_some_and(|session| session != 0) {
                    return Vec::new();
                }
                let wanted = |line: &&Line| {
                    i32::try_from(line.number).is_ok_and(|n| (*start..*stop).contains(&n))
                };
                self.lines.iter().filter(wanted).map(|line| line.entry(*output)).collect()
            }
            HistoryRequest::Tail { n, output, .. } => tail(self.lines.iter().collect(), *n)
                .into_iter()
                .map(|l| l.entry(*output))
                .collect(),
            HistoryRequest::Search { pattern, unique, output, n, .. } => {
                let mut found: Vec<&Line> =
                    self.lines.iter().filter(|line| matches(pattern, &line.input)).collect();
                if *unique {
                    let mut seen = std::collections::HashSet::new();
                    found.reverse();
                    found.retain(|line| seen.insert(line.input.as_str()));
                    found.reverse();
                }
                tail(found, *n).into_iter().map(|line| line.entry(*output)).collect()
            }
        }
    }
}

impl Line {
    fn entry(&self, output: bool) -> HistoryEntry {
        if output {
            let shown = self.output.clone().unwrap_or_default();
            HistoryEntry::InputOutput(CURRENT_SESSION, self.number, (self.input.clone(), shown))
        } else {
            HistoryEntry::Input(CURRENT_SESSION, self.number, self.input.clone())
        }
    }
}

/// The last `n` lines; all of them when `n` is not positive.
fn tail(mut lines: Vec<&Line>, n: i32) -> Vec<&Line> {
    match usize::try_from(n) {
        Ok(n) if n > 0 => lines.split_off(lines.len().saturating_sub(n)),
        _ => lines,
    }
}

/// Whether a glob pattern (`*` any text, `?` one character) matches the whole of a text.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some('?') => (p, t) = (p + 1, t + 1),
            Some(c) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match retry {
                // Let the last star take one character more.
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    (p, t) = (star + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("let*", "let x = 1;", true),
            ("*x*1*", "let x = 1;", true),
            ("l?t *;", "let x = 1;", true),
            ("let", "let x", false),
            ("*y*", "let x", false),
            ("?", "", false),
            ("a*b*c", "aXbXbXc", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern:?} on {text:?}");
        }
    }
}
