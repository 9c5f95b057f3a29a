//! One turn: from an event to an answer, or to what else ends it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::{PoisonError, mpsc};

use crate::agent::event::Event;
use crate::agent::executor::{self, Effect};
use crate::agent::handle::MemoryHandle;
use crate::agent::model::Model;
use crate::agent::observer::StepEvent;
use crate::agent::progress::{self, Progress};
use crate::agent::{Agent, AgentError, Approval};
use crate::client::ClientError;
use crate::diff::MemoryDiff;
use crate::message::{Message, Piece, Reply, Request, ToolCall, ToolChoice, ToolDefinition};
use crate::runtime;
use crate::tool::{Permissions, ToolError};
use crate::trace::{Outcome, Trace};
use crate::untrusted::defused;

/// So many steps in a row may bring nothing new.
const MOST_IDLE: usize = 4;
/// So many calls of one reply are carried out.
const MOST_CALLS: usize = 32;

/// A turn that goes on, or that waits for a person's approval.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(super) trace: Trace,
    pub(super) progress: Progress,
    pub(super) n_tokens: u64,
    /// The values of the blocks before the turn.
    pub(super) before: BTreeMap<String, String>,
    pub(super) step: Step,
}

/// A step that goes on: a reply, and what its first calls returned.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) reply: Option<Reply>,
    pub(super) offered: Vec<ToolDefinition>,
    pub(super) results: Vec<String>,
    pub(super) spoken: Vec<String>,
    pub(super) goes_on: bool,
    pub(super) failed: bool,
    pub(super) stop: Option<Outcome>,
    /// What the person said to the next call.
    pub(super) approval: Option<Approval>,
}

/// What came of asking a model.
pub(crate) enum Asked {
    Reply(Box<Reply>),
    /// Nothing, and why.
    Nothing(String),
}

impl Agent {
    /// One turn, begun by any event.
    ///
    /// # Errors
    /// [`AgentError`] when the model cannot be asked, the prompt does not fit or the storage fails.
    /// The steps before that stay, with what they did; when it was the first, the turn leaves
    /// nothing behind.
    pub fn handle(&mut self, event: Event) -> Result<Trace, AgentError> {
        if self.awaiting_approval().is_some() {
            match self.deny("the user went on to something else") {
                // Another process has decided.
                Ok(_) | Err(AgentError::NothingToApprove) => {}
                Err(error) => return Err(error),
            }
        }
        self.read_memory()?;
        self.rules.begin_turn();
        self.push(event.message(), true);
        self.go_on(Turn {
            trace: Trace::new(&event.to_string()),
            progress: Progress::default(),
            n_tokens: 0,
            before: self.memory.values(),
            step: Step::default(),
        })
    }

    pub(crate) fn go_on(&mut self, mut turn: Turn) -> Result<Trace, AgentError> {
        let outcome = self.steps(&mut turn).and_then(|outcome| {
            if outcome.is_none() {
                self.wait(&turn)?;
            }
            Ok(outcome)
        });
        let outcome = match outcome {
            Ok(Some(outcome)) => outcome,
            Ok(None) => {
                let mut trace = turn.trace.clone();
                if let Some(reply) = &turn.step.reply {
                    trace.push(reply, &turn.step.results);
                }
                self.held = Some(turn);
                let call = self.awaiting_approval().map(ToString::to_string);
                trace.stop(Outcome::AwaitingApproval(call.unwrap_or_default()));
                self.tell(&StepEvent::Ended(trace.outcome()));
                return Ok(trace);
            }
            Err(error) => {
                self.drop_step();
                self.queue_mut().end_turn();
                return Err(error);
            }
        };
        self.queue_mut().end_turn();
        let Turn { mut trace, before, .. } = turn;
        if outcome == Outcome::Answered {
            self.tell(&StepEvent::Answered(trace.answer()));
        }
        trace.stop(outcome);
        trace.set_memory(MemoryDiff::between_sorted(&before, &self.memory.values()));
        self.tell(&StepEvent::Ended(trace.outcome()));
        Ok(trace)
    }

    /// Takes steps until the turn ends; [`None`] when a call waits for approval.
    fn steps(&mut self, turn: &mut Turn) -> Result<Option<Outcome>, AgentError> {
        loop {
            if turn.step.reply.is_none()
                && let Some(outcome) = self.ask_for_step(turn)?
            {
                self.keep()?;
                return Ok(Some(outcome));
            }
            if !self.carry_out(turn) {
                return Ok(None);
            }
            if let Some(outcome) = self.end_step(turn)? {
                return Ok(Some(outcome));
            }
        }
    }

    /// Asks the model for the next step, unless a limit is reached.
    fn ask_for_step(&mut self, turn: &mut Turn) -> Result<Option<Outcome>, AgentError> {
        if self.cancellation.is_cancelled() {
            return Ok(Some(Outcome::Cancelled));
        }
        if turn.trace.n_steps() >= self.step_limit {
            return Ok(Some(Outcome::StepLimit(self.step_limit)));
        }
        let context = self.fitting_context()?;
        let n_tokens = context.n_tokens();
        if let Some(budget) = self.token_budget
            && turn.n_tokens + n_tokens as u64 > budget
        {
            return Ok(Some(Outcome::TokenBudget(budget)));
        }
        self.see();
        let step = turn.trace.n_steps() + 1;
        self.tell(&StepEvent::Asked { step, prompt_tokens: n_tokens });
        let mut request = Request::new(context.messages(), context.tools());
        let choice = self.rules.choice(context.tools());
        if choice != ToolChoice::Auto {
            request = request.with_tool_choice(choice);
        }
        let observer = self.observer.clone();
        let told = observer
            .as_ref()
            .map(|observer| move |piece: &Piece| observer.tell(&StepEvent::Piece(piece)));
        let asked = match &told {
            Some(told) => self.ask(self.model(), request, Some(told)),
            None => self.ask(self.model(), request, None),
        };
        let Asked::Reply(reply) = asked? else { return Ok(Some(Outcome::Cancelled)) };
        let mut reply = *reply;
        let usage = reply.usage.prompt_tokens + reply.usage.completion_tokens;
        turn.n_tokens += match usage {
            0 => (n_tokens + self.counter.count_message(&reply.message())) as u64,
            usage => usage,
        };
        tidy_calls(&mut reply.tool_calls);
        let offered = context.tools().to_vec();
        turn.step = Step { reply: Some(reply), offered, ..Step::default() };
        Ok(None)
    }

    /// Sends a request, and waits for the reply or for cancellation.
    pub(crate) fn ask(
        &self,
        model: &Arc<dyn Model>,
        request: Request,
        told: Option<&dyn Fn(&Piece)>,
    ) -> Result<Asked, AgentError> {
        let (sender, mut pieces) = tokio::sync::mpsc::unbounded_channel();
        let (telling, listening) = mpsc::channel();
        let mut replying = Arc::clone(model).reply(request, told.map(|_| sender));
        let cancellation = self.cancellation.clone();
        runtime::handle()?.spawn(async move {
            // The agent is listening below; it cannot be gone.
            loop {
                tokio::select! {
                    biased;
                    Some(piece) = pieces.recv() => drop(telling.send(Told::Piece(piece))),
                    reply = &mut replying => {
                        while let Ok(piece) = pieces.try_recv() {
                            let _ = telling.send(Told::Piece(piece));
                        }
                        let _ = telling.send(Told::Reply(Box::new(reply)));
                        return;
                    }
                    () = cancellation.cancelled() => {
                        let _ = telling.send(Told::Cancelled);
                        return;
                    }
                }
            }
        });
        loop {
            match listening.recv().map_err(|mpsc::RecvError| runtime::RuntimeError::Lost)? {
                Told::Piece(piece) => {
                    if let Some(told) = told {
                        told(&piece);
                    }
                }
                Told::Reply(reply) => return Ok(Asked::Reply(Box::new((*reply)?))),
                Told::Cancelled => return Ok(Asked::Nothing("the turn was cancelled".to_owned())),
            }
        }
    }

    /// Notes which versions of the blocks the model is shown.
    fn see(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for block in self.memory.blocks() {
            if let Some(id) = block.id() {
                seen.insert(id, block.version());
            }
        }
    }

    fn memory_handle(&self) -> MemoryHandle {
        MemoryHandle {
            agent: self.id.clone(),
            storage: Arc::clone(&self.storage),
            clock: self.clock.clone(),
            tool: String::new(),
            permissions: self.granted.clone(),
            seen: Arc::clone(&self.seen),
            counter: self.counter.clone(),
            core_limit: self.window.prompt_limit() / 2,
            post: self.post.clone(),
        }
    }

    /// Carries out the calls of the step that are left; false when one waits for approval.
    fn carry_out(&mut self, turn: &mut Turn) -> bool {
        let handle = self.memory_handle();
        let Turn { step, progress, .. } = turn;
        let calls = step.reply.as_ref().map(|reply| reply.tool_calls.clone()).unwrap_or_default();
        for call in calls.iter().skip(step.results.len()) {
            let mut made = false;
            let done = if self.cancellation.is_cancelled() {
                step.stop = Some(Outcome::Cancelled);
                Err(ToolError::Cancelled { tool: call.name.clone() })
            } else if progress.too_many(call) {
                if progress.warned(call) {
                    step.stop = Some(Outcome::RepeatedCall(call.to_string()));
                }
                Ok(Effect::Result(progress::REPEATED.to_owned()))
            } else {
                match self.may(call, &step.offered, step.approval.take()) {
                    Some(Ok(())) => {
                        made = true;
                        self.tell(&StepEvent::Called(call));
                        let cancellation = &self.cancellation;
                        executor::execute(&handle, &self.tools, &step.offered, cancellation, call)
                    }
                    Some(Err(error)) => Err(error),
                    None => return false,
                }
            };
            step.goes_on |= executor::wants_heartbeat(call);
            let worked = made && done.is_ok();
            if made {
                self.rules.note(&call.name, worked);
            }
            if worked && self.rules.ends_turn(&call.name) {
                step.stop = Some(Outcome::LastTool(call.name.clone()));
            }
            let result = match done {
                Ok(Effect::Result(result)) => defused(&result),
                Ok(Effect::Spoken(text)) => {
                    step.spoken.push(text);
                    "Said.".to_owned()
                }
                Err(error) => {
                    step.failed = true;
                    defused(&error.to_result())
                }
            };
            progress.note(call, &result);
            self.tell(&StepEvent::Returned(call, &result));
            step.results.push(result);
        }
        true
    }

    /// Whether a call may be made: by the rules, and by the person; [`None`] when that is open.
    fn may(
        &self,
        call: &ToolCall,
        offered: &[ToolDefinition],
        said: Option<Approval>,
    ) -> Option<Result<(), ToolError>> {
        if let Err(error) = self.rules.check(&call.name, offered) {
            return Some(Err(error));
        }
        // What a person has denied is not done, though the rule were not given again.
        if said.is_none() && !self.rules.needs_approval(&call.name) {
            return Some(Ok(()));
        }
        let said = said.or_else(|| self.approver.as_ref().map(|approve| approve(call)))?;
        Some(match said {
            Approval::Approved => Ok(()),
            Approval::Denied(reason) => {
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                Err(ToolError::NotApproved { tool: call.name.clone(), reason })
            }
        })
    }

    /// Puts the step into the trace, the queue and recall storage; says how the turn ends, if it
    /// does.
    fn end_step(&mut self, turn: &mut Turn) -> Result<Option<Outcome>, AgentError> {
        let step = std::mem::take(&mut turn.step);
        let Some(reply) = step.reply else { return Ok(None) };
        let message = reply.message();
        let is_empty = message.text.is_empty() && reply.tool_calls.is_empty();
        if is_empty {
            let text = "[event] Your reply was empty. Speak to the user, or call a tool.";
            self.push(Message::system(text), false);
        } else {
            self.push(message, false);
        }
        for (call, result) in reply.tool_calls.iter().zip(&step.results) {
            self.push(Message::tool(call, result), false);
        }
        self.keep()?;
        self.read_memory()?;
        turn.trace.push(&reply, &step.results);
        if !step.spoken.is_empty() {
            turn.trace.answer_by_call(&step.spoken.join("\n"));
        }
        let n_idle = match reply.tool_calls.is_empty() {
            true if !is_empty => return Ok(Some(Outcome::Answered)),
            _ if step.spoken.is_empty() => turn.progress.end_step(),
            _ => 0,
        };
        if let Some(outcome) = step.stop {
            let spoke = !step.spoken.is_empty() && matches!(outcome, Outcome::LastTool(_));
            return Ok(Some(if spoke { Outcome::Answered } else { outcome }));
        }
        let asks_on = self.heartbeats && step.goes_on;
        if !step.spoken.is_empty() && !step.failed && !asks_on {
            return Ok(Some(Outcome::Answered));
        }
        if self.heartbeats && !asks_on && !step.failed && !is_empty {
            return Ok(Some(Outcome::Yielded));
        }
        if n_idle >= MOST_IDLE {
            return Ok(Some(Outcome::NoProgress(n_idle)));
        }
        if let Some(budget) = self.token_budget.filter(|budget| turn.n_tokens > *budget) {
            return Ok(Some(Outcome::TokenBudget(budget)));
        }
        Ok(None)
    }

    /// The permissions that built-in functions run with.
    pub fn permissions(&self) -> &Permissions {
        &self.granted
    }
}

enum Told {
    Piece(Piece),
    Reply(Box<Result<Reply, ClientError>>),
    Cancelled,
}

/// At most as many calls as are carried out, each with an id of its own.
fn tidy_calls(calls: &mut Vec<ToolCall>) {
    calls.truncate(MOST_CALLS);
    let mut ids = HashSet::new();
    for (n, call) in calls.iter_mut().enumerate() {
        if call.id.is_empty() || !ids.insert(call.id.clone()) {
            call.id = format!("{}_{}", call.id, n + 1);
            ids.insert(call.id.clone());
        }
    }
}
