//! Variables whose types were defined anew.
//!
//! The compiler takes `ctx::Point` of one cell and `ctx::Point` of another for the same type, even
//! if they have other fields. A variable of the old one must not be read as one of the new: it is
//! given up, in the way in which evcxr gives up a variable of another type than it expects.

use std::collections::BTreeSet;

const CHECK: &str = "vars_ok &= evcxr_variable_store.check_variable::<";

/// The source in which these variables are given up.
pub(in super::super) fn without_stale(source: &str, stale: &BTreeSet<String>) -> String {
    if stale.is_empty() {
        return source.to_owned();
    }
    let lines = source.split('\n').map(|line| match checked(line) {
        Some(variable) if stale.contains(variable) => format!(
            "eprintln!(\"The type of `{variable}` is defined anew, so the variable is gone.\"); \
             println!(\"EVCXR_VARIABLE_CHANGED_TYPE:{variable}\"); vars_ok = false;"
        ),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The variable that a line checks.
fn checked(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix(CHECK)?.rsplit_once(">(stringify!(")?;
    rest.split(')').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_an_old_type_are_given_up() {
        let check = format!("{CHECK}Vec<P>>(stringify!(p));\nnext");
        let stale = |name: &str| BTreeSet::from([name.to_owned()]);
        let text = without_stale(&check, &stale("p"));
        assert!(
            text.contains("EVCXR_VARIABLE_CHANGED_TYPE:p") && text.ends_with("\nnext"),
            "{text}"
        );
        assert_eq!(without_stale(&check, &stale("q")), check);
        assert_eq!(without_stale(&check, &BTreeSet::new()), check);
    }
}
