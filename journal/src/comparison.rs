//! Whether running a notebook again gives the same outputs, cell by cell.

mod number;
mod text;

use std::path::Path;
use std::sync::Arc;

use crate::ansi;
use crate::check::{Finding, Rule};
use crate::key::Key;
use crate::notebook::beside::keep_rerun;
use crate::notebook::read::read_notebook;
use crate::notebook::state::Rerun;
use crate::notebook::{Cell, CellKind, CellState, MimeBundle, NONDETERMINISTIC, Notebook, Output};
use crate::problem::{JournalError, Problem};
use crate::raster::{Pixels, draw};
use crate::series::Series;

/// What counts as the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonConfig {
    /// How far numbers may be apart, as a share of the larger one.
    pub tolerance: f64,
    /// How large a share of a picture's pixels may differ.
    pub pixels: f64,
    /// Whether what is the same so far must be the same byte for byte as well.
    pub exact: bool,
    /// Cells with one of these tags are not compared.
    pub skip: Vec<String>,
}

impl Default for ComparisonConfig {
    fn default() -> Self {
        Self {
            tolerance: 1e-6,
            pixels: 0.001,
            exact: false,
            skip: vec![NONDETERMINISTIC.to_owned()],
        }
    }
}

/// How many steps of 255 a colour may be off before a pixel differs.
const SHADE: u8 = 8;
/// The most lines of a difference that are shown.
const MAX_LINES: usize = 40;

impl Series {
    /// Compares a notebook of the series with a copy of it that was run again. Each cell that
    /// differs is a finding with the lines that differ.
    ///
    /// Which cells they are is kept in `.momentum/<notebook stem>.rerun.json` beside the notebook,
    /// so that pages can say so, as long as the notebook is the one that was compared.
    ///
    /// # Errors
    /// One of the files cannot be read, or is no notebook.
    pub fn compare_run(
        &self,
        notebook: &Path,
        again: &Path,
        config: &ComparisonConfig,
    ) -> Result<Vec<Finding>, JournalError> {
        let name = notebook.strip_prefix(self.root()).unwrap_or(notebook);
        let file = name.to_string_lossy().replace('\\', "/");
        let read = |path: &Path| std::fs::read(path).map_err(JournalError::io("read", path));
        let bytes = read(notebook)?;
        let parse = |bytes: &[u8]| {
            read_notebook(&file, bytes).map_err(|problem| JournalError::from(*problem))
        };
        let (old, new) = (parse(&bytes)?, parse(&read(again)?)?);
        let text: Arc<str> = String::from_utf8_lossy(&bytes).into();
        let differences = compare(&old, &new, config);
        let compared = old.cells.iter().filter(|cell| is_compared(cell, config));
        let rerun = Rerun {
            notebook: Key::of(&bytes).hex(),
            compared: compared.map(|cell| cell.number).collect(),
            differ: differences.iter().map(|difference| difference.number).collect(),
        };
        keep_rerun(notebook, &rerun);
        let differences = differences.into_iter().map(|difference| {
            let id = difference.id.as_deref().map(|id| serde_json::Value::from(id).to_string());
            let at = id.and_then(|id| {
                ["\"id\": ", "\"id\":"].iter().find_map(|key| text.find(&format!("{key}{id}")))
            });
            let at = at.unwrap_or(0);
            let message = format!(
                "cell {} (`{}`) gives another output when it is run again",
                difference.number, difference.label
            );
            let problem = Problem::at(&file, &text, at..at, message)
                .with_help("run the notebook and commit it, or tag the cell `nondeterministic`");
            let mut finding = Finding::new(Rule::NotReproduced, problem);
            finding.difference = difference.lines;
            finding.state = Some(CellState::NotReproduced);
            finding
        });
        Ok(differences.collect())
    }
}

/// A cell whose outputs differ.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Difference {
    number: usize,
    label: String,
    id: Option<String>,
    lines: String,
}

fn compare(old: &Notebook, new: &Notebook, config: &ComparisonConfig) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (index, cell) in old.cells.iter().enumerate() {
        if !is_compared(cell, config) {
            continue;
        }
        let none = [];
        let again = new.cells.get(index).map_or(&none[..], |cell| &cell.outputs[..]);
        let lines = cell_difference(cell, again, config);
        if !lines.is_empty() {
            differences.push(Difference {
                number: cell.number,
                label: cell.anchor(),
                id: cell.id.clone(),
                lines,
            });
        }
    }
    differences
}

fn is_compared(cell: &Cell, config: &ComparisonConfig) -> bool {
    cell.kind == CellKind::Code && !cell.tags.iter().any(|tag| config.skip.contains(tag))
}

fn cell_difference(cell: &Cell, again: &[Output], config: &ComparisonConfig) -> String {
    let mut lines = String::new();
    for n in 0..cell.outputs.len().max(again.len()) {
        let said = match (cell.outputs.get(n), again.get(n)) {
            (Some(old), Some(new)) => output_difference(old, new, config).or_else(|| {
                let other_bytes = config.exact && old != new;
                other_bytes.then(|| format!("output {} has other bytes: {}\n", n + 1, kind(old)))
            }),
            (Some(old), None) => Some(format!("output {} is gone: {}\n", n + 1, kind(old))),
            (None, Some(new)) => {
                Some(format!("output {} is new: {}\n{}", n + 1, kind(new), start(new)))
            }
            (None, None) => None,
        };
        lines.push_str(&said.unwrap_or_default());
    }
    let count = lines.lines().count();
    if count > MAX_LINES {
        let kept: Vec<&str> = lines.lines().take(MAX_LINES).collect();
        return format!("{}\n… {} more lines\n", kept.join("\n"), count - MAX_LINES);
    }
    lines
}

fn kind(output: &Output) -> String {
    match output {
        Output::Stream { name, .. } => format!("text on {name}"),
        Output::Error { name, .. } => format!("the error {name}"),
        Output::Display { data, .. } => {
            data.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
        }
    }
}

/// The first lines of what an output says.
fn start(output: &Output) -> String {
    let text = match output {
        Output::Stream { text, .. } => text.clone(),
        Output::Error { value, .. } => value.clone(),
        Output::Display { data, .. } => data.get("text/plain").cloned().unwrap_or_default(),
    };
    ansi::strip(&text).lines().take(5).map(|line| format!("+{line}\n")).collect()
}

fn output_difference(old: &Output, new: &Output, config: &ComparisonConfig) -> Option<String> {
    match (old, new) {
        (Output::Stream { name: a, text: old }, Output::Stream { name: b, text: new })
            if a == b =>
        {
            text::difference(&ansi::strip(old), &ansi::strip(new), config.tolerance)
        }
        (Output::Error { name: a, value: old, .. }, Output::Error { name: b, value: new, .. })
            if a == b =>
        {
            text::difference(&ansi::strip(old), &ansi::strip(new), config.tolerance)
        }
        (Output::Display { data: old, .. }, Output::Display { data: new, .. }) => {
            bundle_difference(old, new, config)
        }
        _ => Some(format!("was {}, is {}\n", kind(old), kind(new))),
    }
}

/// All forms are compared; pictures by their pixels, everything else as text.
fn bundle_difference(
    old_bundle: &MimeBundle,
    new_bundle: &MimeBundle,
    config: &ComparisonConfig,
) -> Option<String> {
    if !old_bundle.keys().eq(new_bundle.keys()) {
        let names =
            |bundle: &MimeBundle| bundle.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Some(format!("was {}, is {}\n", names(old_bundle), names(new_bundle)));
    }
    let mut lines = String::new();
    for ((mime, old), new) in old_bundle.iter().zip(new_bundle.values()) {
        if old.trim_end() == new.trim_end() {
            continue;
        }
        let said = match mime.as_str() {
            "image/svg+xml" => {
                let pixels = |svg: &str| draw(svg, 1.0, 2000).ok();
                picture_difference(mime, pixels(old), pixels(new), config)
            }
            "image/png" => picture_difference(mime, png(old), png(new), config),
            mime if mime.starts_with("image/") => {
                Some(format!("{mime} has other bytes (its pixels cannot be compared)\n"))
            }
            _ => text::difference(old, new, config.tolerance),
        };
        if let Some(said) = said {
            // The same thing in several forms: which one this is.
            if old_bundle.len() > 1 && !said.starts_with(mime.as_str()) {
                lines.push_str(&format!("as {mime}\n"));
            }
            lines.push_str(&said);
        }
    }
    (!lines.is_empty()).then_some(lines)
}

fn png(base64: &str) -> Option<Pixels> {
    use base64::Engine;
    let compact: String = base64.split_ascii_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok()?;
    Pixels::from_png(&bytes).ok()
}

fn picture_difference(
    mime: &str,
    old: Option<Pixels>,
    new: Option<Pixels>,
    config: &ComparisonConfig,
) -> Option<String> {
    let (Some(old), Some(new)) = (old, new) else {
        return Some(format!("{mime} has other bytes (one of them cannot be drawn)\n"));
    };
    if (old.width, old.height) != (new.width, new.height) {
        return Some(format!(
            "{mime} was {} × {} pixels, is {} × {}\n",
            old.width, old.height, new.width, new.height
        ));
    }
    let differs = |(a, b): (&[u8], &[u8])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > SHADE);
    let pairs = old.rgba.chunks_exact(4).zip(new.rgba.chunks_exact(4)).enumerate();
    let places = pairs.filter(|(_, pair)| differs(*pair)).map(|(at, _)| at as u32);
    let (mut count, mut from, mut to) = (0u64, (u32::MAX, u32::MAX), (0, 0));
    for at in places {
        let (x, y) = (at % old.width, at / old.width);
        from = (from.0.min(x), from.1.min(y));
        to = (to.0.max(x), to.1.max(y));
        count += 1;
    }
    let of = u64::from(old.width) * u64::from(old.height);
    let share = count as f64 / of as f64;
    (share > config.pixels).then(|| {
        format!(
            "{mime}: {count} of {of} pixels differ ({:.2} %), between ({}, {}) and ({}, {})\n",
            100.0 * share,
            from.0,
            from.1,
            to.0,
            to.1
        )
    })
}

#[cfg(test)]
mod tests;
