//! Last expressions where other crates show them.
//!
//! evcxr appends `.evcxr_display()` to a cell's last expression; if that does not compile, it shows
//! the `Debug` text. The helpers have that method for all types, so that a cell compiles once. Crates
//! whose traits show their own types (`evcxr_image`, `evcxr_runtime`) would then be ambiguous. So in a
//! session with such a crate the first try does without the helpers' method, and the second is it.

use serde_json::Value;

use super::super::request::dependencies;

/// Begins what evcxr tries second.
const DEBUG: &str = "evcxr_send_text_plain(&format!(\"{:?}\",&(";

/// Whether a manifest has a crate that may show values itself.
pub(in super::super) fn shows_by_other_crates(manifest: &str) -> bool {
    dependencies(manifest).lines().any(|line| line.trim_start().starts_with("evcxr_"))
}

/// The source for such a session.
pub(in super::super) fn with_displays_of_others(source: &str, helpers: Option<&str>) -> String {
    let Some(crate_name) = helpers else { return source.to_owned() };
    if source.contains(DEBUG) {
        // As many brackets are open as before.
        let ours =
            format!("{crate_name}::LastExpression::evcxr_display(::std::convert::identity(&(");
        return source.replacen(DEBUG, &ours, 1);
    }
    let [all, names] = ["prelude", "names"].map(|module| format!("use {crate_name}::{module}::*;"));
    source.replacen(&all, &names, 1)
}

/// One of the compiler's messages without the hint to import the helpers' trait: evcxr would take it
/// for a fault of the cell, and not try second what it should.
pub(in super::super) fn without_hint_at_ours(message: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<Value>(message) else { return message.to_owned() };
    let is_hint = |child: &Value| {
        child["message"].as_str().is_some_and(|text| text.contains("`LastExpression`"))
    };
    if let Some(children) = json["children"].as_array_mut()
        && children.iter().any(is_hint)
    {
        children.retain(|child| !is_hint(child));
        return json.to_string();
    }
    message.to_owned()
}

/// The same of all messages.
pub(in super::super) fn without_hints_at_ours(messages: &[u8]) -> Vec<u8> {
    let messages = String::from_utf8_lossy(messages);
    let lines = messages.lines().map(without_hint_at_ours);
    lines.collect::<Vec<_>>().join("\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_that_show_are_found_among_the_dependencies() {
        let manifest = "[package]\nname = \"evcxr_ctx\"\n[dependencies]\nrand = \"0.9\"\n";
        assert!(!shows_by_other_crates(manifest));
        assert!(shows_by_other_crates(&format!("{manifest}evcxr_image = \"1.1\"\n")));
    }

    #[test]
    fn the_helpers_come_second() {
        let first = "use momentum_cells::prelude::*;\n(x).evcxr_display();";
        assert_eq!(
            with_displays_of_others(first, Some("momentum_cells")),
            "use momentum_cells::names::*;\n(x).evcxr_display();"
        );
        let second = "evcxr_send_text_plain(&format!(\"{:?}\",&(\nx)));";
        assert_eq!(
            with_displays_of_others(second, Some("momentum_cells")),
            "momentum_cells::LastExpression::evcxr_display(::std::convert::identity(&(\nx)));"
        );
    }
}
