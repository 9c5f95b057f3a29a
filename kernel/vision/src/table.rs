//! A small table of text: what a picture shows, in numbers.

use std::fmt;

/// A caption, headers and rows of text. `Display` writes it in aligned columns.
///
/// ```
/// use momentum_vision::table::Table;
/// let table = Table::new("Accuracy", ["network", "test"]).row(["CNN", "87.1 %"]);
/// assert_eq!(table.to_string(), "Accuracy\n\nnetwork    test\n───────  ──────\nCNN      87.1 %\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// What the table shows, in one line.
    pub caption: String,
    /// One name for each column.
    pub headers: Vec<String>,
    /// One text for each column in each row.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new<H: Into<String>>(
        caption: impl Into<String>,
        headers: impl IntoIterator<Item = H>,
    ) -> Self {
        let headers = headers.into_iter().map(Into::into).collect();
        Table { caption: caption.into(), headers, rows: Vec::new() }
    }

    /// The table with one more row. Missing cells are filled with nothing, extra ones dropped.
    pub fn row<C: Into<String>>(mut self, cells: impl IntoIterator<Item = C>) -> Self {
        self.push(cells);
        self
    }

    /// Adds a row. Missing cells are filled with nothing, extra ones dropped.
    pub fn push<C: Into<String>>(&mut self, cells: impl IntoIterator<Item = C>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        cells.resize(self.headers.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether a column holds numbers, and so is set flush right: each of its cells starts with a
    /// digit or a sign, or is empty or a dash.
    pub fn is_numeric(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().filter_map(|row| row.get(column)).peekable();
        cells.peek().is_some()
            && cells.all(|cell| {
                let text = cell.trim_start_matches(['-', '−', '+']);
                text.is_empty() || text == "–" || text.starts_with(|c: char| c.is_ascii_digit())
            })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let all = cells.chain(self.headers.get(column));
            all.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let columns: Vec<(usize, bool)> =
            (0..self.headers.len()).map(|i| (width(i), self.is_numeric(i))).collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &[String]| {
            let mut line = String::new();
            for (i, (cell, &(width, right))) in cells.iter().zip(&columns).enumerate() {
                line.push_str(if i > 0 { "  " } else { "" });
                let pad = " ".repeat(width - cell.chars().count().min(width));
                line += &if right { pad + cell } else { format!("{cell}{pad}") };
            }
            writeln!(f, "{}", line.trim_end())
        };
        if !self.caption.is_empty() {
            writeln!(f, "{}\n", self.caption)?;
        }
        line(f, &self.headers)?;
        let rule: Vec<String> = columns.iter().map(|(width, _)| "─".repeat(*width)).collect();
        line(f, &rule)?;
        self.rows.iter().try_for_each(|row| line(f, row))
    }
}

/// A whole number with commas between thousands.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share as a percentage with one decimal: `0.853` is `85.3 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
