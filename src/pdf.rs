//! `momentum build --pdf`: the series on paper, made by typst.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic, Result, miette};
use momentum_journal::{Series, UnsetText};

use crate::report;

/// The variable that names the typst to use.
const VARIABLE: &str = "MOMENTUM_TYPST";

/// Writes the PDF; an older one is replaced when the new one is whole.
pub(crate) fn write(series: &Series, folder: &Path, file: Option<&Path>) -> Result<PathBuf> {
    let file = match file {
        Some(file) => file.to_owned(),
        None => folder.join(format!("{}.pdf", file_name(&series.config().title))),
    };
    let paper = series.paper().map_err(report::journal)?;
    let work = tempfile::Builder::new().prefix("momentum-pdf-").tempdir().into_diagnostic()?;
    for (name, bytes) in &paper.files {
        let path = work.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&path)).into_diagnostic()?;
        std::fs::write(path, bytes).into_diagnostic()?;
    }
    let n = series.entries().len();
    eprintln!("Setting {n} {}", if n == 1 { "entry" } else { "entries" });
    let program = std::env::var_os(VARIABLE).unwrap_or_else(|| "typst".into());
    for unset in &paper.unset {
        eprintln!("{}", said(unset));
    }
    // The bundled fonts give the same bytes on every machine. Where they do not do, this machine's
    // may.
    let own_fonts = paper.unset.is_empty().then_some("--ignore-system-fonts");
    let output = Command::new(&program)
        .args(["compile", "--root", ".", "--font-path", "fonts"])
        .args(own_fonts)
        .args(["main.typ", "series.pdf"])
        .current_dir(work.path())
        .env("SOURCE_DATE_EPOCH", paper.epoch.to_string())
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(miette!(
                help = format!(
                    "install typst 0.13 or newer (https://github.com/typst/typst, or `cargo install typst-cli`), or name one by {VARIABLE}"
                ),
                "the PDF is made by typst, and there is no program `{}`",
                program.display()
            ));
        }
        output => output.into_diagnostic()?,
    };
    let made = work.path().join("series.pdf");
    if !output.status.success() || !made.is_file() {
        return Err(miette!(
            help = "typst 0.13 or newer is needed; if yours is, this is a fault of Momentum",
            "typst could not make the PDF:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        ));
    }
    let beside = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new("."));
    std::fs::create_dir_all(beside).into_diagnostic()?;
    let new =
        tempfile::Builder::new().prefix(".momentum-").tempfile_in(beside).into_diagnostic()?;
    std::fs::copy(made, new.path()).into_diagnostic()?;
    new.persist(&file).map_err(|failure| failure.error).into_diagnostic()?;
    std::path::absolute(file).into_diagnostic()
}

/// How many characters a warning names.
const MAX_NAMED: usize = 12;

fn said(unset: &UnsetText) -> String {
    let named: Vec<String> = unset.characters.iter().take(MAX_NAMED).map(char::to_string).collect();
    let more = match unset.characters.len() - named.len() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    format!(
        "warning: {}: the fonts of Momentum lack {}{more}; a font of this machine is used that has them, and where none has, they are missing in the PDF",
        unset.entry,
        named.join(" ")
    )
}

/// A title as the name of a file.
fn file_name(title: &str) -> String {
    let name: String = title
        .chars()
        .map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "series".to_owned() } else { words.join("-") }
}
