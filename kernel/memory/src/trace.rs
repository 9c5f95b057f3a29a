//! What an agent did in one turn: its steps, for people to read.

use std::fmt;

use crate::diff::MemoryDiff;
use crate::html;
use crate::message::{Reply, ToolCall};

/// One step of the loop: one reply of the model, and what its tool calls returned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Step {
    /// What the model said beside its tool calls.
    pub thought: Option<String>,
    /// The tool calls, each with its result.
    pub calls: Vec<(ToolCall, String)>,
    /// What the model said to the person; the turn ends with it.
    pub answer: Option<String>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Outcome {
    /// Not yet: the last step called tools.
    #[default]
    Open,
    /// With an answer.
    Answered,
    /// At the step limit, which is the number.
    StepLimit(usize),
    /// Because the model made the same call again and again; the call is the text.
    RepeatedCall(String),
    /// After so many steps in a row that brought nothing new.
    NoProgress(usize),
    /// Because the turn's budget of tokens was used up; the number is the budget.
    TokenBudget(u64),
    /// Because somebody cancelled it.
    Cancelled,
    /// Because a call needs a person's approval; the call is the text.
    AwaitingApproval(String),
    /// After calls that asked for no further step.
    Yielded,
    /// With a call of a tool that ends turns; the name is the text.
    LastTool(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Open => f.write_str("no answer yet"),
            Outcome::Answered => f.write_str("answered"),
            Outcome::StepLimit(n) => write!(f, "stopped at the limit of {n} steps, no answer"),
            Outcome::RepeatedCall(call) => write!(f, "stopped: the same call repeated: {call}"),
            Outcome::NoProgress(n) => write!(f, "stopped: nothing new in {n} steps"),
            Outcome::TokenBudget(n) => write!(f, "stopped: the budget of {n} tokens is used up"),
            Outcome::Cancelled => f.write_str("stopped: cancelled"),
            Outcome::AwaitingApproval(call) => write!(f, "waits for approval of {call}"),
            Outcome::Yielded => f.write_str("ended: no heartbeat was asked for"),
            Outcome::LastTool(tool) => write!(f, "ended with a call of {tool}"),
        }
    }
}

/// The steps of one turn, from what the person said to the answer.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// let client = Client::tutor()?;
/// let mut trace = Trace::new("Where do I live?");
/// trace.push(&client.chat(&[Message::user("Where do I live?")], &[])?, &[]);
/// assert_eq!(trace.n_steps(), 1);
/// assert_eq!(trace.answer(), "I do not know where you live: it is not in my context.");
/// # Ok::<(), ClientError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    user: String,
    steps: Vec<Step>,
    outcome: Outcome,
    memory: Option<MemoryDiff>,
}

impl Trace {
    /// An empty trace of a turn that begins with what the person says.
    pub fn new(user: &str) -> Self {
        Trace { user: user.to_owned(), ..Trace::default() }
    }

    /// Adds a step: a reply, and the results of its tool calls in their order. A reply without
    /// tool calls is the answer.
    pub fn push(&mut self, reply: &Reply, results: &[String]) {
        let text = reply.text.clone().filter(|text| !text.is_empty());
        let results = results.iter().cloned().chain(std::iter::repeat_with(String::new));
        let calls: Vec<_> = reply.tool_calls.iter().cloned().zip(results).collect();
        if calls.is_empty() {
            self.outcome = Outcome::Answered;
            self.steps.push(Step { answer: text, ..Step::default() });
        } else {
            self.outcome = Outcome::Open;
            self.steps.push(Step { thought: text, calls, answer: None });
        }
    }

    /// Ends the turn with an answer that the last step gave by a tool call.
    pub(crate) fn answer_by_call(&mut self, text: &str) {
        if let Some(step) = self.steps.last_mut() {
            step.answer = Some(text.to_owned());
            self.outcome = Outcome::Answered;
        }
    }

    /// Ends the turn without an answer.
    pub fn stop(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Notes what the turn did to memory.
    pub fn set_memory(&mut self, diff: MemoryDiff) {
        self.memory = Some(diff);
    }

    /// What the person said.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The number of steps: how often the model was asked.
    pub fn n_steps(&self) -> usize {
        self.steps.len()
    }

    /// The number of tool calls.
    pub fn n_calls(&self) -> usize {
        self.steps.iter().map(|step| step.calls.len()).sum()
    }

    /// How the turn ended.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The answer; empty when there is none, and [`outcome`](Self::outcome) says why.
    pub fn answer(&self) -> &str {
        let last = self.steps.iter().rev().find_map(|step| step.answer.as_deref());
        last.unwrap_or_default()
    }

    /// What the turn did to memory, if the agent noted it.
    pub fn memory_diff(&self) -> Option<&MemoryDiff> {
        self.memory.as_ref()
    }

    /// The trace as HTML: a list of steps, the failed calls marked.
    pub fn to_html(&self) -> String {
        // A group and no section: a page has many, and landmarks of one name confuse who listens.
        let mut out = String::from(
            "<div class=\"momentum-trace\" role=\"group\" aria-label=\"Agent trace\">",
        );
        out += &format!("<p><strong>user</strong> {}</p><ol>", html::escape(&self.user));
        for step in &self.steps {
            out += "<li>";
            if let Some(thought) = &step.thought {
                out += &format!("<p><em>{}</em></p>", html::escape(thought));
            }
            for (call, result) in &step.calls {
                let (rule, word) = match is_error(result) {
                    true => (html::FAILED, "tool error"),
                    false => (html::RULE, "result"),
                };
                out += &format!(
                    "<div style=\"{rule}\"><code>{}</code><br><small>{word}</small> {}</div>",
                    html::escape(&call.to_string()),
                    html::escape(result)
                );
            }
            if let Some(answer) = &step.answer {
                out += &format!("<p><strong>answer</strong> {}</p>", html::escape(answer));
            }
            out += "</li>";
        }
        out += "</ol>";
        if self.outcome != Outcome::Answered {
            out += &format!("<p><strong>{}</strong></p>", html::escape(&self.outcome.to_string()));
        }
        if let Some(diff) = self.memory.as_ref().filter(|diff| !diff.is_unchanged()) {
            out += &format!("<details open><summary>memory</summary>{}</details>", diff.to_html());
        }
        out + "</div>"
    }
}

fn is_error(result: &str) -> bool {
    result.starts_with("Error")
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user    {}", self.user)?;
        for (i, step) in self.steps.iter().enumerate() {
            let mut head = format!("step {}", i + 1);
            let mut line = |text: &str| {
                let text = text.replace('\n', "\n          ");
                let head = std::mem::take(&mut head);
                write!(f, "\n{head:<7} {text}")
            };
            if let Some(thought) = &step.thought {
                line(&format!("thinks: {thought}"))?;
            }
            for (call, result) in &step.calls {
                line(&call.to_string())?;
                line(&format!("-> {result}"))?;
            }
            if let Some(answer) = &step.answer {
                line(&format!("answers: {answer}"))?;
            }
        }
        if self.outcome != Outcome::Answered {
            write!(f, "\n{}", self.outcome)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::message::{FinishReason, Usage};

    fn reply(text: &str, calls: &[(&str, &str)]) -> Reply {
        let tool_calls = calls.iter().map(|(name, arguments)| ToolCall {
            id: "call_1".into(),
            name: (*name).to_owned(),
            arguments: (*arguments).to_owned(),
        });
        Reply {
            text: Some(text.to_owned()),
            reasoning: None,
            tool_calls: tool_calls.collect(),
            finish: FinishReason::Stop,
            model: String::new(),
            usage: Usage::default(),
        }
    }

    #[test]
    fn a_trace_reads_from_top_to_bottom() {
        let mut trace = Trace::new("Hello & <b>goodbye</b>");
        let calls = [("save", r#"{"key": "a"}"#), ("sing", "not json")];
        trace.push(&reply("Let me see.", &calls), &["Saved.".into(), "Error: no\nsong".into()]);
        assert_snapshot!(trace, @r#"
        user    Hello & <b>goodbye</b>
        step 1  thinks: Let me see.
                save(key: "a")
                -> Saved.
                sing(not json)
                -> Error: no
                  song
        no answer yet
        "#);
        trace.push(&reply("Done.", &[]), &[]);
        assert_eq!((trace.answer(), trace.n_steps(), trace.n_calls()), ("Done.", 2, 2));
        let html = trace.to_html();
        assert!(html.contains("Hello &amp; &lt;b&gt;goodbye&lt;/b&gt;") && !html.contains("<b>"));
        assert!(html.contains("tool error"));
    }
}
