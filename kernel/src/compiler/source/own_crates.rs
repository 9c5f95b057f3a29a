//! The names of a session's own crates, where the helpers have the same.

/// What the helpers' prelude has that a crate may be called as well.
const HELPERS: [&str; 5] = ["comm", "memory", "plotters", "serde_json", "vision"];

/// The source in which such a name means the session's own crate. What all of a prelude is imported
/// with comes before the crates that the compiler knows by name.
pub(in super::super) fn with_own_crates<'a>(
    source: &str,
    helpers: Option<&str>,
    crates: impl Iterator<Item = &'a str>,
) -> String {
    let Some(helpers) = helpers else { return source.to_owned() };
    let named = |name: &str| {
        let lines = ["use {}", "use ::{}", "extern crate {}"].map(|line| line.replace("{}", name));
        source
            .lines()
            .any(|line| lines.iter().any(|own| line.trim().strip_prefix(own) == Some(";")))
    };
    let own: String = crates
        .filter(|name| HELPERS.contains(name) && !named(name))
        .map(|name| format!(" use ::{name};"))
        .collect();
    ["prelude", "names"].iter().fold(source.to_owned(), |source, module| {
        let import = format!("use {helpers}::{module}::*;");
        source.replacen(&import, &format!("{import}{own}"), 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_crate_comes_before_the_helpers_of_its_name() {
        let check = |source: &str, expected: &str| {
            let crates = ["rand", "serde_json"].into_iter();
            assert_eq!(with_own_crates(source, Some("cells"), crates), expected);
        };
        check("use cells::prelude::*;\nx", "use cells::prelude::*; use ::serde_json;\nx");
        check("use cells::names::*;\nx", "use cells::names::*; use ::serde_json;\nx");
        let named = "use cells::prelude::*;\nuse serde_json;\nx";
        check(named, named);
    }
}
