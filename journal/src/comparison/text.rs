//! What differs between two texts, as lines that can be read.

use similar::{DiffTag, TextDiff};

use super::number;

/// The most characters of a line that are shown.
const WIDTH: usize = 160;
/// How many characters before the first one that differs are shown of a long line.
const BEFORE: usize = 40;

/// The lines that differ, with the number of the first of each group where there are several lines;
/// none where only numbers differ, and by no more than the tolerance.
pub(super) fn difference(old: &str, new: &str, tolerance: f64) -> Option<String> {
    if number::same(old, new, tolerance) {
        return None;
    }
    let diff = TextDiff::from_lines(old, new);
    let (before, after) = (diff.old_slices(), diff.new_slices());
    let has_numbers = before.len() > 1;
    let mut lines = String::new();
    for op in diff.ops().iter().filter(|op| op.tag() != DiffTag::Equal) {
        let (range, again) = (op.old_range(), op.new_range());
        let (was, is) = (&before[range.clone()], &after[again]);
        // Lines of which only numbers differ, and hardly, would hide those that matter.
        let near = |(was, is): &(&&str, &&str)| number::same(was, is, tolerance);
        let n_near = was.iter().zip(is).take_while(near).count();
        let (was, is) = (&was[n_near..], &is[n_near..]);
        if was.is_empty() && is.is_empty() {
            continue;
        }
        if has_numbers {
            lines.push_str(&format!("line {}\n", range.start + n_near + 1));
        }
        push_group(&mut lines, was, is, tolerance);
    }
    if lines.is_empty() {
        lines.push_str("only blanks at the ends of lines differ\n");
    }
    Some(lines)
}

fn push_group(lines: &mut String, was: &[&str], is: &[&str], tolerance: f64) {
    let n_pairs = was.len().min(is.len());
    for (was, is) in was.iter().zip(is) {
        if !number::same(was, is, tolerance) {
            let from = start(was, is);
            lines.push_str(&format!("-{}\n+{}\n", shown(was, from), shown(is, from)));
        }
    }
    for was in &was[n_pairs..] {
        lines.push_str(&format!("-{}\n", shown(was, 0)));
    }
    for is in &is[n_pairs..] {
        lines.push_str(&format!("+{}\n", shown(is, 0)));
    }
}

/// From which character on two lines are shown: both from their starts where they are short.
fn start(was: &str, is: &str) -> usize {
    let same = was.chars().zip(is.chars()).take_while(|(a, b)| a == b).count();
    if same + BEFORE < WIDTH { 0 } else { same - BEFORE }
}

fn shown(line: &str, from: usize) -> String {
    let line = line.trim_end_matches(['\n', '\r']);
    let mut text = if from > 0 { "…".to_owned() } else { String::new() };
    text.extend(line.chars().skip(from).take(WIDTH));
    if line.chars().nth(from + WIDTH).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, expected: &str) {
        assert_eq!(difference(old, new, 1e-3).unwrap_or_default(), expected);
    }

    #[test]
    fn only_what_matters_is_shown() {
        check("a\nb\nc\n", "a\nB\nc\n", "line 2\n-b\n+B\n");
        check("loss 0.5000\nhits 7\n", "loss 0.5001\nhits 9\n", "line 2\n-hits 7\n+hits 9\n");
        check("1.0000\nx\n1.0000\ny\n", "1.0001\nX\n1.0001\nY\n", "line 2\n-x\n+X\n-y\n+Y\n");
        check("a\n", "a\nb\n", "+b\n");
        check("a\nb\nc\n", "a\n", "line 2\n-b\n-c\n");
        check("1.0", "1.0001", "");
        check("same", "same\n", "");
        check("a \nb", "a\nb", "only blanks at the ends of lines differ\n");
    }

    #[test]
    fn long_lines_are_shown_where_they_differ() {
        let (old, new) = ("x".repeat(500) + "1" + &"y".repeat(500), "x".repeat(500) + "2z");
        let (xs, ys) = ("x".repeat(BEFORE), "y".repeat(WIDTH - BEFORE - 1));
        check(&old, &new, &format!("-…{xs}1{ys}…\n+…{xs}2z\n"));
    }

    proptest::proptest! {
        #[test]
        fn texts_that_are_not_the_same_differ_somewhere(
            old in "([ab1]{0,3}\n){0,4}", new in "([ab1]{0,3}\n){0,4}"
        ) {
            let found = difference(&old, &new, 0.0);
            proptest::prop_assert_eq!(found.is_none(), number::same(&old, &new, 0.0));
        }
    }
}
