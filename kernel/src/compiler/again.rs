//! A cell that does not compile, asked for again.
//!
//! When the last expression has an error, evcxr tries another way to show it; then it compiles the
//! cell once more without the closure that catches panics, for better messages. They are better
//! only where showing, borrows and moves are concerned, or the function that the code stands in.
//! Elsewhere the first messages will do, with their lines moved.

use serde_json::Value;

/// Begins the code of errors that evcxr would try to mend by allowing `?`, which cannot mend them.
pub(crate) const UNFIXABLE: &str = "momentum:";
/// What evcxr can mend in that way.
const MENDED: &str = "E0277";

/// The lines that make the difference.
const CATCHING: [&str; 13] = [
    "match std::panic::catch_unwind(",
    "  std::panic::AssertUnwindSafe(||{",
    "if std::panic::catch_unwind(||{",
    "})) {",
    "}).is_err() {",
    "  Ok(_) => {}",
    "  Err(_) => {",
    "    println!(\"EVCXR_PANIC_NOTIFICATION\");",
    "}}",
    "(",
    ").evcxr_display();",
    "evcxr_send_text_plain(&format!(\"{:?}\",&(",
    ")));",
];
/// Begins another one, a function of many words.
const SENDING: &str = "fn evcxr_send_text_plain(";

/// Errors whose messages name the closure, or come from it.
const ABOUT_CLOSURES: [&str; 28] = [
    "E0069", "E0267", "E0268", "E0282", "E0283", "E0284", "E0373", "E0381", "E0382", "E0384",
    "E0499", "E0500", "E0501", "E0502", "E0503", "E0505", "E0506", "E0507", "E0509", "E0515",
    "E0521", "E0594", "E0596", "E0597", "E0621", "E0700", "E0712", "E0716",
];

/// Of these, the ones on which it also depends how the last expression is shown.
const ABOUT_SHOWING: [&str; 3] = ["E0282", "E0283", "E0284"];
/// Where evcxr itself returns; the code that runs comes behind it.
const OWN_RETURN: &str = "{return evcxr_variable_store;}";
/// Begins the closure.
const CLOSURE: &str = "std::panic::catch_unwind(";

/// A text that did not compile, and what the compiler said.
pub(super) struct Failed {
    text: String,
    messages: Vec<u8>,
    /// Whether the messages hold without the closure as well.
    lasting: bool,
    /// Whether they hold if the last expression is shown in the other way.
    shown: bool,
}

impl Failed {
    pub(super) fn new(text: String, messages: &[u8]) -> Failed {
        let returns = text.rsplit(OWN_RETURN).next().is_some_and(|code| code.contains("return"));
        let (mut lasting, mut shown) = (true, true);
        let said = String::from_utf8_lossy(messages);
        let lines = said.lines().map(|line| {
            let Ok(mut message) = serde_json::from_str::<Value>(line) else {
                return line.to_owned();
            };
            if message["level"] != "error" {
                return line.to_owned();
            }
            let code = message["code"]["code"].as_str().unwrap_or_default().to_owned();
            let text = message["message"].as_str().unwrap_or_default();
            shown &= !ABOUT_SHOWING.contains(&code.as_str())
                && code != MENDED
                && !text.contains("evcxr_display");
            let differs = ABOUT_CLOSURES.contains(&code.as_str()) || (returns && code == "E0308");
            lasting &= !differs && !text.contains("evcxr_display");
            if code == MENDED && !text.starts_with("the `?` operator") {
                // What crosses the closure that catches panics is checked for that.
                lasting &= !text.contains("unwind");
                if message["code"].is_object() {
                    message["code"]["code"] = format!("{UNFIXABLE}{code}").into();
                    return message.to_string();
                }
            } else if code == MENDED {
                lasting = false;
            }
            line.to_owned()
        });
        let messages = lines.collect::<Vec<_>>().join("\n").into_bytes();
        Failed { text, messages, lasting, shown }
    }

    /// What the compiler said.
    pub(super) fn messages(&self) -> &[u8] {
        &self.messages
    }

    /// What the compiler would say of this text, if it is the same one without the closure, or with
    /// the last expression shown in the other way.
    pub(super) fn again(&self, text: &str) -> Option<Vec<u8>> {
        let (before, after) = (numbered(&self.text), numbered(text));
        let same = before.len() == after.len()
            && before.iter().zip(&after).all(|((_, old), (_, new))| old == new);
        let holds =
            self.lasting || (self.shown && self.text.contains(CLOSURE) == text.contains(CLOSURE));
        if !holds || !same || self.text == text {
            return None;
        }
        let moved = |line: usize| {
            let at = before.partition_point(|(number, _)| *number <= line).checked_sub(1)?;
            (line + after[at].0).checked_sub(before[at].0)
        };
        let said = String::from_utf8_lossy(&self.messages);
        let lines = said.lines().map(|line| {
            let Ok(mut message) = serde_json::from_str::<Value>(line) else {
                return line.to_owned();
            };
            shift(&mut message, &moved);
            message.to_string()
        });
        Some(lines.collect::<Vec<_>>().join("\n").into_bytes())
    }
}

/// The lines that both texts have, with their numbers from 1.
fn numbered(text: &str) -> Vec<(usize, &str)> {
    let mut sending = false;
    let mut differs = |line: &str| {
        // On one line, or on many up to a brace of its own: that depends on the compiler.
        sending |= line.starts_with(SENDING);
        let within = sending;
        sending &= line != "}" && !(line.starts_with(SENDING) && line.ends_with('}'));
        within || line == "}" || CATCHING.contains(&line)
    };
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim_end()));
    lines.filter(|(_, line)| !differs(line)).collect()
}

/// Moves the lines of a message, of its expansions and of what belongs to it.
fn shift(value: &mut Value, moved: &dyn Fn(usize) -> Option<usize>) {
    match value {
        Value::Array(parts) => parts.iter_mut().for_each(|part| shift(part, moved)),
        Value::Object(fields) => {
            for (name, field) in fields {
                let number = field.as_u64().and_then(|line| usize::try_from(line).ok());
                match (name.as_str(), number) {
                    ("line_start" | "line_end", Some(line)) => {
                        *field = moved(line).unwrap_or(line).into();
                    }
                    _ => shift(field, moved),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUGHT: &str = "fn f() {\n}\nrun() {\nmatch std::panic::catch_unwind(\n  std::panic::AssertUnwindSafe(||{\nlet a = b;\n})) { \n  Ok(_) => {}\n  Err(_) => {\n    println!(\"EVCXR_PANIC_NOTIFICATION\");\n}}\nstore\n}";
    const PLAIN: &str = "fn f() {\n}\nrun() {\nlet a = b;\nstore\n}";

    fn error(code: &str, message: &str) -> String {
        format!(
            r#"{{"level":"error","message":"{message}","code":{{"code":"{code}"}},"spans":[{{"line_start":6,"line_end":6}}]}}"#
        )
    }

    #[test]
    fn the_first_messages_do_where_the_closure_does_not_matter() {
        let failed = Failed::new(CAUGHT.into(), error("E0425", "cannot find").as_bytes());
        let again = String::from_utf8(failed.again(PLAIN).unwrap()).unwrap();
        assert!(again.contains(r#""line_start":4,"line_end":4"#), "{again}");
        assert_eq!(failed.again(CAUGHT), None);
        assert_eq!(failed.again(&PLAIN.replace('b', "c")), None);
        let failed = Failed::new(CAUGHT.into(), error("E0382", "use of moved").as_bytes());
        assert_eq!(failed.again(PLAIN), None);
    }

    #[test]
    fn a_move_is_explained_once_for_both_ways_to_show() {
        let showing = CAUGHT.replace("let a = b;", "(\nb\n).evcxr_display();");
        let other = CAUGHT.replace(
            "let a = b;",
            "fn evcxr_send_text_plain(text: &str)\n{\n    { a }\n}\nevcxr_send_text_plain(&format!(\"{:?}\",&(\nb\n)));",
        );
        let check = |code: &str, expected: bool| {
            let failed = Failed::new(showing.clone(), error(code, "use of moved").as_bytes());
            assert_eq!(failed.again(&other).is_some(), expected, "{code}");
            let without = PLAIN.replace("let a = b;", "(\nb\n).evcxr_display();");
            assert_eq!(failed.again(&without), None, "{code}");
        };
        check("E0382", true);
        check("E0282", false);
    }

    #[test]
    fn where_evcxr_returns_does_not_matter() {
        let own = |text: &str| {
            text.replace("run() {", "run() {\nif !vars_ok {return evcxr_variable_store;}")
        };
        let failed = Failed::new(own(CAUGHT), error("E0308", "mismatched").as_bytes());
        assert!(failed.again(&own(PLAIN)).is_some());
        let returning = own(CAUGHT).replace("let a = b;", "return b;");
        let failed = Failed::new(returning, error("E0308", "mismatched").as_bytes());
        assert_eq!(failed.again(&own(PLAIN).replace("let a = b;", "return b;")), None);
    }

    #[test]
    fn evcxr_mends_only_what_it_can() {
        let said = |message: &str| {
            let failed = Failed::new(CAUGHT.into(), error("E0277", message).as_bytes());
            String::from_utf8(failed.messages().to_owned()).unwrap()
        };
        assert!(said("cannot add `&str` to `i32`").contains(r#""code":"momentum:E0277""#));
        assert!(said("the `?` operator can only be used").contains(r#""code":"E0277""#));
    }
}
