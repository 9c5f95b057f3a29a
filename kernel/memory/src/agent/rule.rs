//! Tool rules: which tool may be called when.

use std::fmt;

use crate::message::{ToolChoice, ToolDefinition};
use crate::tool::ToolError;

/// A rule about one tool. It holds within a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToolRule {
    /// The first call of a turn is of this tool (or of another one with this rule). The rule rests
    /// while the tool is not on offer, by the permissions, for want of a block to write or of a
    /// team: nothing could be called at all otherwise.
    First(String),
    /// The turn ends after a call of this tool that did not fail.
    Last(String),
    /// The tool may be called only after another one was, without failing.
    After {
        /// The tool.
        tool: String,
        /// The one that comes before it.
        before: String,
    },
    /// The tool may be called at most this often.
    AtMost {
        /// The tool.
        tool: String,
        /// How often.
        n: usize,
    },
    /// A person approves each call of the tool before it is carried out.
    NeedsApproval(String),
}

impl ToolRule {
    /// The first call of a turn is of `tool`.
    pub fn first(tool: &str) -> Self {
        ToolRule::First(tool.to_owned())
    }

    /// The turn ends after `tool`.
    pub fn last(tool: &str) -> Self {
        ToolRule::Last(tool.to_owned())
    }

    /// `tool` only after `before`.
    pub fn after(tool: &str, before: &str) -> Self {
        ToolRule::After { tool: tool.to_owned(), before: before.to_owned() }
    }

    /// `tool` at most `n` times.
    pub fn at_most(tool: &str, n: usize) -> Self {
        ToolRule::AtMost { tool: tool.to_owned(), n }
    }

    /// Each call of `tool` is approved first.
    pub fn needs_approval(tool: &str) -> Self {
        ToolRule::NeedsApproval(tool.to_owned())
    }

    /// The names in the rule.
    pub(crate) fn tools(&self) -> Vec<&str> {
        match self {
            ToolRule::First(tool) | ToolRule::Last(tool) | ToolRule::NeedsApproval(tool) => {
                vec![tool]
            }
            ToolRule::AtMost { tool, .. } => vec![tool],
            ToolRule::After { tool, before } => vec![tool, before],
        }
    }
}

/// The rule as a sentence.
impl fmt::Display for ToolRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolRule::First(tool) => write!(f, "a turn begins with a call of `{tool}`"),
            ToolRule::Last(tool) => write!(f, "a turn ends with a call of `{tool}`"),
            ToolRule::After { tool, before } => {
                write!(f, "`{tool}` may be called only after `{before}`")
            }
            ToolRule::AtMost { tool, n } => {
                write!(f, "`{tool}` may be called at most {n} times in a turn, and it was")
            }
            ToolRule::NeedsApproval(tool) => write!(f, "the user approves each call of `{tool}`"),
        }
    }
}

/// The rules of an agent, and what was called in this turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    rules: Vec<ToolRule>,
    /// The calls of this turn: name, and whether it worked.
    called: Vec<(String, bool)>,
}

impl Rules {
    pub(crate) fn push(&mut self, rule: ToolRule) {
        self.rules.push(rule);
    }

    pub(crate) fn begin_turn(&mut self) {
        self.called.clear();
    }

    /// The calls of this turn.
    pub(crate) fn called(&self) -> &[(String, bool)] {
        &self.called
    }

    /// Goes on with a turn in which these were called.
    pub(crate) fn go_on(&mut self, called: Vec<(String, bool)>) {
        self.called = called;
    }

    pub(crate) fn note(&mut self, tool: &str, worked: bool) {
        self.called.push((tool.to_owned(), worked));
    }

    /// The tools of which one is called first, as far as they are among `tools`.
    fn firsts(&self, tools: &[ToolDefinition]) -> Vec<&str> {
        let is_there = |name: &str| tools.iter().any(|tool| tool.name == name);
        let firsts = self.rules.iter().filter_map(|rule| match rule {
            ToolRule::First(tool) if self.called.is_empty() && is_there(tool) => {
                Some(tool.as_str())
            }
            _ => None,
        });
        firsts.collect()
    }

    /// The rule that forbids a call of this tool now, with these tools on offer.
    fn against(&self, name: &str, tools: &[ToolDefinition]) -> Option<&ToolRule> {
        let n_called = |tool: &str| self.called.iter().filter(|(name, _)| name == tool).count();
        let worked = |tool: &str| self.called.iter().any(|(name, worked)| name == tool && *worked);
        let firsts = self.firsts(tools);
        self.rules.iter().find(|rule| match rule {
            ToolRule::First(_) => !firsts.is_empty() && !firsts.contains(&name),
            ToolRule::After { tool, before } => tool == name && !worked(before),
            ToolRule::AtMost { tool, n } => tool == name && n_called(tool) >= *n,
            ToolRule::Last(_) | ToolRule::NeedsApproval(_) => false,
        })
    }

    /// Those of the tools that may be offered now.
    pub(crate) fn offered(&self, mut tools: Vec<ToolDefinition>) -> Vec<ToolDefinition> {
        let open: Vec<_> =
            tools.iter().map(|tool| self.against(&tool.name, &tools).is_none()).collect();
        let mut open = open.into_iter();
        tools.retain(|_| open.next().unwrap_or_default());
        tools
    }

    /// Whether a tool may be called now; `offered` are the tools that the model was offered.
    pub(crate) fn check(&self, name: &str, offered: &[ToolDefinition]) -> Result<(), ToolError> {
        match self.against(name, offered) {
            None => Ok(()),
            Some(rule) => Err(ToolError::AgainstRule { rule: capitalised(&rule.to_string()) }),
        }
    }

    /// What the model must call now.
    pub(crate) fn choice(&self, offered: &[ToolDefinition]) -> ToolChoice {
        match self.firsts(offered).as_slice() {
            [] => ToolChoice::Auto,
            [one] => ToolChoice::Named((*one).to_owned()),
            _ => ToolChoice::Required,
        }
    }

    pub(crate) fn needs_approval(&self, name: &str) -> bool {
        self.rules.contains(&ToolRule::needs_approval(name))
    }

    pub(crate) fn ends_turn(&self, name: &str) -> bool {
        self.rules.contains(&ToolRule::last(name))
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_open_and_close_tools() {
        let mut rules = Rules::default();
        for rule in [
            ToolRule::first("look"),
            ToolRule::after("leap", "look"),
            ToolRule::at_most("leap", 2),
            ToolRule::last("land"),
        ] {
            rules.push(rule);
        }
        let tool = |name: &str| ToolDefinition::new(name, "", serde_json::Value::Null);
        let tools = ["look", "leap", "land"].map(tool).to_vec();
        let open = |rules: &Rules| -> Vec<bool> {
            let offered = rules.offered(tools.clone());
            tools.iter().map(|tool| offered.contains(tool)).collect()
        };
        assert_eq!(open(&rules), [true, false, false]);
        assert_eq!(rules.choice(&tools), ToolChoice::Named("look".into()));
        // Without the tool to begin with, its rule is no rule.
        assert_eq!(rules.offered(tools[1..].to_vec()), [tool("land")]);
        assert_eq!(rules.choice(&tools[1..]), ToolChoice::Auto);
        let error = rules.check("leap", &tools[..1]).unwrap_err().to_string();
        assert_eq!(error, {
            "A turn begins with a call of `look`. Do that first, or call another tool."
        });
        rules.note("look", false);
        assert_eq!(
            (open(&rules), rules.choice(&tools)),
            (vec![true, false, true], ToolChoice::Auto)
        );
        rules.note("look", true);
        assert_eq!(open(&rules), [true, true, true]);
        rules.note("leap", true);
        rules.note("leap", true);
        assert_eq!(open(&rules), [true, false, true]);
        assert!(rules.ends_turn("land") && !rules.ends_turn("leap"));
        rules.begin_turn();
        assert_eq!(open(&rules), [true, false, false]);
    }
}
