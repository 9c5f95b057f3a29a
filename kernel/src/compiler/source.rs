//! The text that is compiled, made from the text that evcxr wrote.
//!
//! Nothing moves to another line, so that places in messages stay right.

mod asynchronous;
mod displays;
mod idle;
mod keeper;
mod own_crates;
mod redefined;
mod stand_ins;

pub(super) use asynchronous::with_own_runtime;
pub(super) use displays::{
    shows_by_other_crates, with_displays_of_others, without_hint_at_ours, without_hints_at_ours,
};
pub(super) use idle::without_idle_variables;
pub(crate) use keeper::KEEPER;
pub(super) use keeper::without_keeper;
pub(super) use own_crates::with_own_crates;
pub(super) use redefined::without_stale;
pub(super) use stand_ins::{CellTypes, Restored, StandIns, stand_in};

/// The first line that evcxr writes.
const ALLOW: &str = "#![allow(unused_imports, unused_mut, dead_code)]";
/// How the module begins that evcxr puts into each cell with variables.
const RUNTIME: &str = "mod evcxr_internal_runtime {";
/// How it ends.
const RUNTIME_END: &str = "Box::into_raw(Box::new(VariableStore::new()))\n}\n}";

/// The source with the helpers' own store of variables in place of evcxr's text of one.
pub(super) fn with_runtime(source: &str, helpers: Option<&str>) -> String {
    let place = helpers.and_then(|crate_name| {
        let start = source.find(RUNTIME)?;
        let end = start + source[start..].find(RUNTIME_END)? + RUNTIME_END.len();
        Some((crate_name, start, end))
    });
    let Some((crate_name, start, end)) = place else { return source.to_owned() };
    let lines = "\n".repeat(source[start..end].matches('\n').count());
    format!(
        "{}use {crate_name}::variables as evcxr_internal_runtime;{lines}{}",
        &source[..start],
        &source[end..]
    )
}

/// The source as it can be included into a crate whose attributes are evcxr's usual ones; nothing
/// if it has others.
pub(super) fn without_attributes(source: &str) -> Option<String> {
    let rest = source.strip_prefix(ALLOW)?;
    let other = rest.lines().any(|line| line.trim_start().starts_with("#!["));
    (!other).then(|| rest.to_owned())
}

/// The source with the helpers named as what the root already has (see [`root`]): by their bare name
/// the compiler would look for them, and open them, once more.
pub(super) fn with_root_helpers(source: &str, helpers: Option<&str>) -> String {
    let Some(crate_name) = helpers else { return source.to_owned() };
    let [variables, prelude] = ["variables as evcxr_internal_runtime;", "prelude::*;"];
    let named = |rest| format!("use {crate_name}::{rest}");
    let of_root = |rest| format!("use crate::{crate_name}::{rest}");
    source
        .replace(&named(variables), &of_root(variables))
        .replace(&named(prelude), &of_root(prelude))
}

/// Whether a cell says itself what it must be linked to.
pub(super) fn names_libraries(source: &str) -> bool {
    source.contains("#[link(")
}

/// The crate into which a cell is included: all that can be done before the cell is known.
pub(super) fn root<'a>(helpers: Option<&str>, crates: impl Iterator<Item = &'a str>) -> String {
    let helpers =
        helpers.map(|crate_name| format!("extern crate {crate_name};\n")).unwrap_or_default();
    // Loaded, and not named: a cell may name them by `extern crate` itself.
    let crates: String = crates.map(|name| format!("use ::{name} as _;\n")).collect();
    format!("{ALLOW}\n{helpers}{crates}include!(\"lib.rs\");\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_replaced_and_no_line_moves() {
        let source = format!("a\n{RUNTIME}\nb\n{RUNTIME_END}\nc");
        let replaced = with_runtime(&source, Some("momentum_cells"));
        assert_eq!(
            replaced,
            "a\nuse momentum_cells::variables as evcxr_internal_runtime;\n\n\n\n\nc"
        );
        assert_eq!(with_runtime(&source, None), source);
        assert_eq!(with_runtime("fn f() {}", Some("momentum_cells")), "fn f() {}");
    }

    #[test]
    fn the_helpers_of_the_root_are_named() {
        let cells = Some("momentum_cells");
        assert_eq!(
            with_root_helpers("use momentum_cells::prelude::*;\nuse momentum_cells::show;", cells),
            "use crate::momentum_cells::prelude::*;\nuse momentum_cells::show;"
        );
        assert_eq!(with_root_helpers("use a::prelude::*;", None), "use a::prelude::*;");
    }

    #[test]
    fn attributes_of_the_cell_itself_are_seen() {
        assert_eq!(without_attributes(&format!("{ALLOW}\nfn f() {{}}")).unwrap(), "\nfn f() {}");
        assert_eq!(without_attributes(&format!("{ALLOW}\n#![allow(unused)]\n")), None);
    }
}
