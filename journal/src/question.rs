//! Questions to come back to: items of lists that are written as `Q:` and `A:`.
//!
//! ```text
//! - Q: Why do the maps shrink?
//!   A: Pooling keeps one value of each block.
//! ```

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use crate::entry::Entry;
use crate::markdown::options;

/// A question and its answer, as an entry asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// The day of the entry.
    pub day: u32,
    /// The entry's title.
    pub title: String,
    /// What is asked, as plain text.
    pub question: String,
    /// What is right, as plain text.
    pub answer: String,
}

/// The questions of an entry, in order.
pub(crate) fn questions(entry: &Entry) -> Vec<Question> {
    let pairs = pairs(&entry.text[entry.body_start..]).into_iter();
    let question = |(question, answer)| Question {
        day: entry.front.day,
        title: entry.front.title.clone(),
        question,
        answer,
    };
    pairs.map(question).collect()
}

/// Items that begin with `Q:` and have a line that begins with `A:`.
fn pairs(markdown: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    // The text of each item that is open; a list within an item has its own.
    let mut open: Vec<String> = Vec::new();
    for event in Parser::new_ext(markdown, options()) {
        match event {
            Event::Start(Tag::Item) => open.push(String::new()),
            Event::End(TagEnd::Item) => pairs.extend(open.pop().and_then(|text| pair(&text))),
            Event::Text(text) | Event::Code(text) | Event::InlineMath(text) => {
                open.last_mut().into_iter().for_each(|item| item.push_str(&text));
            }
            Event::SoftBreak | Event::HardBreak | Event::End(TagEnd::Paragraph) => {
                open.last_mut().into_iter().for_each(|item| item.push('\n'));
            }
            _ => {}
        }
    }
    pairs
}

fn pair(text: &str) -> Option<(String, String)> {
    let rest = text.trim_start().strip_prefix("Q:")?;
    let (question, answer) = rest.split_once("\nA:")?;
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (question, answer) = (line(question), line(answer));
    (!question.is_empty() && !answer.is_empty()).then_some((question, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expected: &[(&str, &str)]) {
        let found = pairs(markdown);
        let found: Vec<_> = found.iter().map(|(q, a)| (q.as_str(), a.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn items_with_both_parts_are_questions() {
        check(
            "- Q: Why?\n  A: Because.\n- Q: What is `x`?\n\n  A: A *name*\n  of two lines.\n",
            &[("Why?", "Because."), ("What is x?", "A name of two lines.")],
        );
        check(
            "1. Q: One?\n   A: Yes.\n   - Q: Inner?\n     A: Too.\n",
            &[("Inner?", "Too."), ("One?", "Yes.")],
        );
    }

    #[test]
    fn all_else_is_none() {
        check("Q: no list\nA: none", &[]);
        check("- Q: no answer?\n- A: no question.\n- Q:\n  A: empty", &[]);
        check("```\n- Q: code\n  A: code\n```", &[]);
    }
}
