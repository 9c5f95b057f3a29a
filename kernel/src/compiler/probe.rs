//! Asking the compiler for the types of a cell's variables before the cell is compiled.
//!
//! evcxr must write down the type of each variable that it keeps, and asks rust-analyzer for it.
//! Without the standard library's sources (which a fresh Rust toolchain does not have)
//! rust-analyzer does not know `Vec`, and it may guess an integer's type wrongly. So the
//! cell is type-checked once by the compiler itself, with a bound on each variable that nothing
//! fulfils: the message names the type, in full and after all inference.
//!
//! That is one more run of the compiler. It is needed only where names that stand for types
//! (`source/stand_ins`) do not do: for functions and closures, and where cargo builds the cells.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use serde::Deserialize;

use super::types::{VariableType, written};
use super::{CompilerConfig, direct};

/// The function to which evcxr gives each variable in the code that it has checked.
const STORE: &str = "fn evcxr_variable_store<T: 'static>(_: T) {}";

/// The same with a bound that no type fulfils.
const PROBE: &str = "trait MomentumProbe {} fn evcxr_variable_store<T: MomentumProbe>(_: T) {}";

/// The answer of a check by cargo, in the session's folder.
const ANSWER: &str = "types.json";

/// The types that cargo's check left, if it did.
pub(crate) fn left_types(folder: &Path) -> Vec<VariableType> {
    let answer = folder.join(ANSWER);
    let types = fs::read(&answer).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let _ = fs::remove_file(answer);
    types.unwrap_or_default()
}

/// The source that evcxr wants checked, with the bound.
pub(super) fn with_bound(source: &str) -> String {
    source.replacen(STORE, PROBE, 1)
}

/// Reads what the compiler said of a probe: the types, and the lines with real errors.
pub(super) fn read(output: &[u8]) -> (Vec<VariableType>, String) {
    let (mut types, mut errors) = (Vec::new(), String::new());
    for line in String::from_utf8_lossy(output).lines() {
        let Some(diagnostic) = Diagnostic::parse(line) else { continue };
        match diagnostic.variable_type() {
            Some(found) => types.push(found),
            None if diagnostic.is_error() => {
                errors.push_str(line);
                errors.push('\n');
            }
            None => {}
        }
    }
    (types, errors)
}

/// Stands in for `cargo check` of a cell with crates of its own: leaves the types in a file and
/// passes on only real errors.
pub(super) fn check_by_cargo(
    config: &CompilerConfig,
    folder: &Path,
    arguments: &[OsString],
) -> ExitCode {
    let source = fs::read_to_string("src/lib.rs").unwrap_or_default();
    let _ = fs::write("src/lib.rs", with_bound(&source));
    let output = direct::probe_by_cargo(config, folder, arguments).output();
    let _ = fs::write("src/lib.rs", &source);
    let Ok(output) = output else { return ExitCode::from(101) };
    let (types, errors) = read(&[output.stdout, output.stderr].concat());
    print!("{errors}");
    if !errors.is_empty() {
        return ExitCode::from(101);
    }
    let _ = fs::write(folder.join(ANSWER), serde_json::to_vec(&types).unwrap_or_default());
    ExitCode::SUCCESS
}

/// The part of a compiler message that matters here.
#[derive(Deserialize)]
struct Diagnostic {
    message: String,
    level: String,
    code: Option<Code>,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    is_primary: bool,
    text: Vec<Line>,
}

#[derive(Deserialize)]
struct Line {
    text: String,
}

/// How cargo wraps it.
#[derive(Deserialize)]
struct Wrapped {
    message: Diagnostic,
}

impl Diagnostic {
    fn parse(line: &str) -> Option<Diagnostic> {
        let wrapped = serde_json::from_str::<Wrapped>(line).map(|wrapped| wrapped.message);
        wrapped.or_else(|_| serde_json::from_str(line)).ok()
    }

    fn is_error(&self) -> bool {
        self.level == "error"
            && !self.message.starts_with("aborting due to")
            && !self.message.contains("MomentumProbe")
    }

    /// What the message says of a variable, if it is an answer to the probe.
    fn variable_type(&self) -> Option<VariableType> {
        let code = self.code.as_ref()?;
        let type_name = self
            .message
            .strip_prefix("the trait bound `")?
            .split_once(": MomentumProbe` is not satisfied")?
            .0;
        let line = self.spans.iter().find(|span| span.is_primary)?.text.first()?;
        let name = line.text.trim().strip_prefix("evcxr_variable_store(")?.strip_suffix(");")?;
        (code.code == "E0277")
            .then(|| VariableType { name: name.to_owned(), type_name: written(type_name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_the_probe_is_understood() {
        let line = r#"{"message":"the trait bound `std::vec::Vec<{integer}>: MomentumProbe` is not satisfied","level":"error","code":{"code":"E0277"},"spans":[{"is_primary":true,"text":[{"text":"evcxr_variable_store(v);"}]}]}"#;
        let found = Diagnostic::parse(line).unwrap().variable_type().unwrap();
        assert_eq!(
            found,
            VariableType { name: "v".into(), type_name: "std::vec::Vec<i32>".into() }
        );
    }
}
