//! A call that waits for a person's approval. It waits in the agent and in its storage, so that
//! whoever opens the agent again, in this process or another, finds it.

use serde::{Deserialize, Serialize};

use crate::agent::progress::Progress;
use crate::agent::turn::{Step, Turn};
use crate::agent::{Agent, AgentError, Approval};
use crate::agent_file::{FileMessage, file_message, imported};
use crate::message::{FinishReason, Reply, ToolCall, Usage};
use crate::storage::StorageError;
use crate::trace::{Outcome, Trace};

/// The key under which the step that waits is kept; empty when none does.
pub(crate) const APPROVAL: &str = "approval";

/// A step that waits, as the storage has it.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// As it was read or written last: another process may decide, too.
    text: String,
    call: ToolCall,
    kept: KeptStep,
}

/// What is kept of a turn: the step that goes on. The steps before it are in recall storage.
#[derive(Debug, Serialize, Deserialize)]
struct KeptStep {
    event: String,
    /// Messages of the step, on their way into recall storage.
    messages: Vec<FileMessage>,
    reply: FileMessage,
    results: Vec<String>,
    spoken: Vec<String>,
    goes_on: bool,
    failed: bool,
    stop: Option<Stop>,
    /// The calls of the turn, for the rules: name, and whether it worked.
    called: Vec<(String, bool)>,
}

/// How the turn ends behind the step, if that is decided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stop {
    RepeatedCall(String),
    LastTool(String),
}

impl Agent {
    /// The call that waits for approval, also when the agent was dropped or its process ended and it
    /// was opened again. Give it its tools and rules again before you decide.
    pub fn awaiting_approval(&self) -> Option<&ToolCall> {
        self.waiting.as_ref().map(|waiting| &waiting.call)
    }

    /// Lets the call that waits be carried out, and the turn go on. The trace is that of the whole
    /// turn; of one that was taken up from the storage, from the step on that waited.
    ///
    /// Of several processes that have the agent open, one decides. A call is carried out once at
    /// most: when the process ends in the middle of it, it does not wait any more.
    ///
    /// # Errors
    /// [`AgentError::NothingToApprove`], also when another process has decided; and as
    /// [`handle`](Self::handle).
    pub fn approve(&mut self) -> Result<Trace, AgentError> {
        self.resume(Approval::Approved)
    }

    /// Refuses the call that waits, and lets the turn go on.
    ///
    /// # Errors
    /// As [`approve`](Self::approve).
    pub fn deny(&mut self, reason: &str) -> Result<Trace, AgentError> {
        self.resume(Approval::Denied(reason.to_owned()))
    }

    fn resume(&mut self, approval: Approval) -> Result<Trace, AgentError> {
        let text = self.waiting.as_ref().map(|waiting| waiting.text.clone());
        let text = text.ok_or(AgentError::NothingToApprove)?;
        let is_ours = self.storage.replace_state(&self.id, APPROVAL, Some(&text), "")?;
        let (waiting, held) = (self.waiting.take(), self.held.take());
        let mut turn = match (held, waiting) {
            (Some(turn), _) if is_ours => turn,
            (None, Some(waiting)) if is_ours => self.take_up(waiting.kept)?,
            (held, _) => {
                if held.is_some() {
                    self.drop_step();
                    self.queue_mut().end_turn();
                }
                return Err(AgentError::NothingToApprove);
            }
        };
        turn.step.approval = Some(approval);
        self.go_on(turn)
    }

    /// Keeps a step whose next call waits.
    pub(crate) fn wait(&mut self, turn: &Turn) -> Result<(), AgentError> {
        let step = &turn.step;
        let Some(reply) = &step.reply else { return Ok(()) };
        let Some(call) = reply.tool_calls.get(step.results.len()).cloned() else { return Ok(()) };
        let messages = self.unkept.iter();
        let kept = KeptStep {
            event: turn.trace.user().to_owned(),
            messages: messages.map(|new| file_message(new.message.clone(), new.at)).collect(),
            reply: file_message(reply.message(), self.clock.now()),
            results: step.results.clone(),
            spoken: step.spoken.clone(),
            goes_on: step.goes_on,
            failed: step.failed,
            stop: match &step.stop {
                Some(Outcome::RepeatedCall(call)) => Some(Stop::RepeatedCall(call.clone())),
                Some(Outcome::LastTool(tool)) => Some(Stop::LastTool(tool.clone())),
                _ => None,
            },
            called: self.rules.called().to_vec(),
        };
        let text = serde_json::json!(kept).to_string();
        self.storage.set_state(&self.id, APPROVAL, &text)?;
        self.waiting = Some(Waiting { text, call, kept });
        Ok(())
    }

    /// The step that waits in the storage.
    pub(crate) fn read_waiting(&self) -> Result<Option<Waiting>, AgentError> {
        let text = self.storage.state(&self.id, APPROVAL)?.filter(|text| !text.is_empty());
        let Some(text) = text else { return Ok(None) };
        let corrupt = |why: String| StorageError::Corrupt {
            what: "the call that waits for approval".to_owned(),
            why,
        };
        let kept: KeptStep =
            serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
        let calls = imported(&kept.reply).message.tool_calls;
        let call = calls.into_iter().nth(kept.results.len());
        let call = call.ok_or_else(|| corrupt("every call has its result".to_owned()))?;
        Ok(Some(Waiting { text, call, kept }))
    }

    /// Forgets the step that waits.
    pub(crate) fn forget_waiting(&mut self) -> Result<(), AgentError> {
        self.held = None;
        if self.waiting.take().is_some() {
            self.storage.set_state(&self.id, APPROVAL, "")?;
        }
        Ok(())
    }

    /// The turn again, from what was kept of it.
    fn take_up(&mut self, kept: KeptStep) -> Result<Turn, AgentError> {
        self.read_memory()?;
        for message in &kept.messages {
            self.push_again(imported(message));
        }
        self.rules.go_on(kept.called);
        let message = imported(&kept.reply).message;
        let reply = Reply {
            text: Some(message.text),
            reasoning: None,
            tool_calls: message.tool_calls,
            finish: FinishReason::ToolCalls,
            model: self.model().name().to_owned(),
            usage: Usage::default(),
        };
        let step = Step {
            reply: Some(reply),
            offered: self.offered(),
            results: kept.results,
            spoken: kept.spoken,
            goes_on: kept.goes_on,
            failed: kept.failed,
            stop: kept.stop.map(|stop| match stop {
                Stop::RepeatedCall(call) => Outcome::RepeatedCall(call),
                Stop::LastTool(tool) => Outcome::LastTool(tool),
            }),
            approval: None,
        };
        Ok(Turn {
            trace: Trace::new(&kept.event),
            progress: Progress::default(),
            n_tokens: 0,
            before: self.memory.values(),
            step,
        })
    }
}
