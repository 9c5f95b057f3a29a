//! What a command said, on one line.

use std::path::Path;
use std::process::Output;

/// Words by which a message says itself what to do or what was expected, without a line of help.
const OWN_ADVICE: [&str; 21] = [
    "did you mean",
    "possible values",
    "the rules are",
    "should be",
    "such as",
    "expected",
    "for example",
    "; use ",
    "install it from",
    "choose a",
    "name another",
    "name a folder",
    "another number",
    "check that",
    "mend it",
    "makes its next day",
    "there is no day",
    "not installed there",
    "as it was before the run",
    "still there",
    "✘",
];

/// What was typed and what was said.
pub(super) struct Said {
    typed: String,
    text: String,
    succeeded: bool,
    is_report: bool,
}

impl Said {
    pub(super) fn new(typed: &str, output: &Output, folder: &Path) -> Said {
        let errors = String::from_utf8_lossy(&output.stderr);
        let all = format!("{errors}\n{}", String::from_utf8_lossy(&output.stdout));
        let text = without_temporary_names(&plain(&all));
        let folder = folder.to_string_lossy().into_owned();
        let text = text.replace(&format!("{folder}/"), "…/").replace(&folder, "…");
        let clone = env!("CARGO_MANIFEST_DIR");
        let text = text.replace(&format!("{clone}/"), "MOMENTUM/").replace(clone, "MOMENTUM");
        let succeeded = output.status.success();
        let typed = typed.replace(&format!("{folder}/"), "…/").replace(&folder, "…");
        Said { typed, text, succeeded, is_report: false }
    }

    /// Only what the doctor says of one thing.
    pub(super) fn of_check(mut self, output: &Output, name: &str) -> Said {
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines =
            text.lines().skip_while(|line| line.get(5..).is_none_or(|l| !l.starts_with(name)));
        let mut kept: Vec<&str> = lines.next().into_iter().collect();
        kept.extend(lines.take_while(|line| line.starts_with("     ")));
        self.text = plain(&kept.join("\n"));
        self.is_report = true;
        self
    }

    /// The same with another word in place of one that differs from run to run.
    pub(super) fn with(mut self, varying: &str, word: &str) -> Said {
        self.text = self.text.replace(varying, word);
        self
    }

    /// Only from these words on.
    pub(super) fn from(mut self, words: &str) -> Said {
        if let Some(at) = self.text.find(words) {
            self.text.replace_range(..at, "");
        }
        self
    }

    /// What is wrong with the answer, whatever it says.
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.succeeded && !self.is_report {
            faults.push(format!("`{}` went well: {}", self.typed, self.text));
        }
        if !self.text.contains('→') && !OWN_ADVICE.iter().any(|words| self.text.contains(words)) {
            faults.push(format!("it is not said what to do: {}", self.text));
        }
        for leak in ["panicked at", "RUST_BACKTRACE", "src/", "thread 'main'", "{VARIABLE}"] {
            if self.text.contains(leak) {
                faults.push(format!("it shows `{leak}`: {}", self.text));
            }
        }
        faults
    }

    /// Two columns of the table.
    pub(super) fn row(&self) -> String {
        let cell = |text: &str| text.replace('|', "\\|").replace('<', "&lt;");
        format!("`{}` | {}", self.typed.replace('|', "\\|"), cell(&self.text))
    }
}

/// The words of a message, without frames, lines of files and progress.
fn plain(text: &str) -> String {
    let (mut words, mut in_frame) = (Vec::new(), false);
    for line in text.lines() {
        let line = line.trim();
        if line.contains("╭─[") {
            in_frame = true;
        }
        let noise = line.starts_with("Error:")
            || line.starts_with("Rendering the journal")
            || line.starts_with("Running ")
            || line.starts_with("Setting ")
            || line.starts_with("Stale ")
            || line.starts_with("For more information, try")
            || line.starts_with("× problems in the journal")
            || is_progress(line);
        if !in_frame && !noise {
            for word in line.split_whitespace() {
                match word {
                    "×" | "│" => {}
                    "╰─▶" | "├─▶" => words.push("—"),
                    "help:" | "tip:" | "Usage:" if words.last() != Some(&"=") => words.push("→"),
                    word => words.push(word),
                }
            }
        }
        if line.starts_with("╰──") && !line.contains('▶') {
            in_frame = false;
        }
    }
    words.join(" ")
}

/// Without the names of files that are there for a moment.
fn without_temporary_names(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(at) = text.find(" at path \"") {
        let rest = &text[at + " at path \"".len()..];
        let end = rest.find('"').map_or(text.len(), |end| text.len() - rest.len() + end + 1);
        text.replace_range(at..end, "");
    }
    text
}

/// `[ 1/2] name   0.12 s  raised an error`, and the journal's `8 pages, 14 files changed`.
fn is_progress(line: &str) -> bool {
    let cell = line.starts_with('[') && line.split_once(']').is_some_and(|(n, _)| n.contains('/'));
    cell || line.contains(" files changed, in ")
}
