//! The history of a block: who edited it, when, and how.

use std::fmt;

use similar::{ChangeTag, TextDiff};

use crate::agent::AgentError;
use crate::html;
use crate::storage::{BlockEdit, BlockId, PageRequest, Storage};

/// Every edit of a block, the oldest first.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// let mut agent = Agent::new(Client::tutor()?);
/// agent.say("I live in Paris.")?;
/// agent.say("I moved to Lyon.")?;
/// let history = agent.block_history("human")?;
/// assert_eq!(history.edits().len(), 3); // its creation and two edits
/// assert_eq!(history.edits()[2].after, "home: Lyon");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHistory {
    label: String,
    edits: Vec<BlockEdit>,
}

impl BlockHistory {
    /// The history of a block in a storage.
    ///
    /// # Errors
    /// What the storage says.
    pub fn read(storage: &dyn Storage, block: BlockId, label: &str) -> Result<Self, AgentError> {
        let mut edits = storage.block_history(block, PageRequest::all())?.items;
        edits.reverse();
        Ok(BlockHistory { label: label.to_owned(), edits })
    }

    /// The edits, the oldest first.
    pub fn edits(&self) -> &[BlockEdit] {
        &self.edits
    }

    /// The history as a table: version, author, and the lines that went and came. Times are left
    /// out, so that a notebook shows the same each time; [`edits`](Self::edits) has them.
    pub fn to_html(&self) -> String {
        let mut out = format!(
            "<table class=\"momentum-history\"><caption>History of the block {}</caption><thead>\
             <tr><th scope=\"col\">version</th><th scope=\"col\">by</th><th scope=\"col\">change\
             </th></tr></thead><tbody>",
            html::escape(&self.label)
        );
        for edit in &self.edits {
            let lines: Vec<_> = changes(edit)
                .into_iter()
                .map(|(added, line)| {
                    let (tag, style, sign) = match added {
                        true => ("ins", html::ADDED, '+'),
                        false => ("del", html::REMOVED, '-'),
                    };
                    format!("<{tag} style=\"{style}\">{sign} {}</{tag}>", html::escape(&line))
                })
                .collect();
            out += &format!(
                "<tr><td>{}</td><td>{}</td><td style=\"text-align:left\">{}</td></tr>",
                edit.version,
                html::escape(&author(edit)),
                if lines.is_empty() { "(nothing)".to_owned() } else { lines.join("<br>") },
            );
        }
        out + "</tbody></table>"
    }
}

fn author(edit: &BlockEdit) -> String {
    match edit.restores {
        Some(version) => format!("{} (back to version {version})", edit.by),
        None => edit.by.to_string(),
    }
}

/// The lines that went (false) and came (true).
fn changes(edit: &BlockEdit) -> Vec<(bool, String)> {
    let (before, after) = (ended(edit.before.as_deref().unwrap_or_default()), ended(&edit.after));
    let diff = TextDiff::from_lines(&before, &after);
    let changes = diff.iter_all_changes().filter_map(|change| {
        let line = change.value().trim_end_matches('\n').to_owned();
        match change.tag() {
            ChangeTag::Insert => Some((true, line)),
            ChangeTag::Delete => Some((false, line)),
            ChangeTag::Equal => None,
        }
    });
    changes.collect()
}

/// The text with a line break behind its last line too: a line that only got one did not change.
fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// A line an edit, and a line for each line that went or came.
impl fmt::Display for BlockHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "history of the block {}", self.label)?;
        for edit in &self.edits {
            write!(f, "\n{:>3}  {}", edit.version, author(edit))?;
            for (added, line) in changes(edit) {
                write!(f, "\n     {} {line}", if added { '+' } else { '-' })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use crate::agent::{Agent, Block};
    use crate::tutor::RuleBasedTutor;

    #[test]
    fn a_line_that_moves_goes_and_comes() {
        let check = |before: &str, after: &str, expected: &[(bool, &str)]| {
            let agent = Agent::new(RuleBasedTutor).with_block(Block::new("a", before)).unwrap();
            let mut edit = agent.block_history("a").unwrap().edits.remove(0);
            (edit.before, edit.after) = (Some(before.into()), after.into());
            let found = super::changes(&edit);
            let found: Vec<_> = found.iter().map(|(added, line)| (*added, line.as_str())).collect();
            assert_eq!(found, expected, "{before:?} to {after:?}");
        };
        check("one\ntwo\nthree", "two\nthree\none", &[(false, "one"), (true, "one")]);
        check("one", "one\ntwo", &[(true, "two")]);
        check("one\n", "one", &[]);
    }

    #[test]
    fn a_history_reads_from_the_first_edit_to_the_last() {
        let mut agent = Agent::new(RuleBasedTutor);
        agent.say("My name is <b>Sara</b> and I live in Paris.").unwrap();
        agent.say("I moved to Lyon.").unwrap();
        let history = agent.block_history("human").unwrap();
        assert_snapshot!(history, @r"
        history of the block human
          1  program setup
          2  agent agent
             + name: <b>Sara</b>
          3  agent agent
             + home: Paris
          4  agent agent
             - home: Paris
             + home: Lyon
        ");
        let html = history.to_html();
        assert!(html.contains("+ name: &lt;b&gt;Sara&lt;/b&gt;</ins>"), "{html}");
        assert!(html.contains("<del") && !html.contains("<b>"), "{html}");
        let missing = Agent::new(RuleBasedTutor).with_block(Block::new("a", "")).unwrap();
        let error = missing.block_history("b").unwrap_err();
        assert_eq!(error.to_string(), "the agent has no block `b`");
    }
}
