//! Leaving out the variables that a cell does not use.
//!
//! evcxr takes every variable of the session out of its store before each cell and puts it back
//! after it, so a cell would cost the more the later it comes. A variable whose name does not stand
//! in the cell's code cannot be used by it (macros see no variables of the place that they are
//! called from, except those that it names), so it stays in the store.

use std::collections::HashSet;

/// Begins the function that runs the cell; what comes before it are items.
const FUNCTION: &str = "pub extern \"C\" fn run_user_code_";
const CHECK: &str = "vars_ok &= evcxr_variable_store.check_variable::<";
const TAKE: &str = " = evcxr_variable_store.take_variable::<";
const PUT: &str = "evcxr_variable_store.put_variable::<";

/// The source with empty lines for the variables that the cell does not mention.
pub(in super::super) fn without_idle_variables(source: &str) -> String {
    let Some(start) = source.find(FUNCTION) else { return source.to_owned() };
    let (items, function) = source.split_at(start);
    let words: HashSet<&str> = function
        .lines()
        .filter(|line| kept(line).is_none())
        .flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .collect();
    let idle: HashSet<&str> = function
        .lines()
        .filter(|line| line.contains(TAKE))
        .filter_map(kept)
        .filter(|name| !words.contains(name))
        .collect();
    let mut result = String::with_capacity(source.len());
    result.push_str(items);
    for line in function.split_inclusive('\n') {
        match kept(line).filter(|name| idle.contains(name)) {
            Some(_) => result.push('\n'),
            None => result.push_str(line),
        }
    }
    result
}

/// The variable that a line of evcxr's takes out, puts back or checks.
fn kept(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let is_one = line.starts_with(CHECK)
        || line.starts_with(PUT)
        || (line.starts_with("let ") && line.contains(TAKE));
    let name = line.rsplit_once("stringify!(").filter(|_| is_one)?.1;
    name.split(')').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_cell_mentions_is_taken_and_put_back() {
        let lines = |name: &str| {
            [
                format!("vars_ok &= evcxr_variable_store.check_variable::<T>(stringify!({name}));"),
                format!(
                    "let mut {name} = evcxr_variable_store.take_variable::<T>(stringify!({name}));"
                ),
                format!("evcxr_variable_store.put_variable::<T>(stringify!({name}), {name});"),
            ]
        };
        let ([ca, ta, pa], [cb, tb, pb], [.., new]) = (lines("a"), lines("b"), lines("new"));
        let head = "fn b() {}\npub extern \"C\" fn run_user_code_1(";
        let code = "println!(\"{a}\"); let new = 1;";
        let source = format!("{head}\n{ca}\n{cb}\n{ta}\n{tb}\n{code}\n{new}\n{pa}\n{pb}\n");
        let expected = format!("{head}\n{ca}\n\n{ta}\n\n{code}\n{new}\n{pa}\n\n");
        assert_eq!(without_idle_variables(&source), expected);
        assert_eq!(without_idle_variables("fn f() {}"), "fn f() {}");
    }
}
