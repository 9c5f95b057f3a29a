//! Models that follow a script, for what no honest model does on purpose.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::UnboundedSender;

use crate::agent::{Model, PendingReply};
use crate::client::ClientError;
use crate::message::{FinishReason, Piece, Reply, Request, ToolCall, Usage};

/// A model that gives the replies of a list, the last one again and again, and keeps what it was
/// asked.
#[derive(Clone)]
pub(super) struct Script {
    pub replies: Arc<Mutex<VecDeque<Reply>>>,
    pub requests: Arc<Mutex<Vec<Request>>>,
    pub name: &'static str,
}

impl Script {
    pub(super) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        Script { replies, requests: Arc::default(), name: "script" }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Model for Script {
    fn name(&self) -> &str {
        self.name
    }

    fn describes(&self) -> String {
        "a script".to_owned()
    }

    fn reply(
        self: Arc<Self>,
        request: Request,
        pieces: Option<UnboundedSender<Piece>>,
    ) -> PendingReply {
        self.requests.lock().unwrap().push(request);
        let mut replies = self.replies.lock().unwrap();
        let reply = match replies.len() {
            0 => says("Nothing is left of my script."),
            1 => replies[0].clone(),
            _ => replies.pop_front().unwrap(),
        };
        if let (Some(pieces), Some(text)) = (pieces, &reply.text) {
            for word in text.split_inclusive(' ') {
                let _ = pieces.send(Piece::Text(word.to_owned()));
            }
        }
        Box::pin(async move { Ok(reply) })
    }
}

/// A model that cannot be reached.
pub(super) struct Unreachable;

impl Model for Unreachable {
    fn name(&self) -> &str {
        "nobody"
    }

    fn describes(&self) -> String {
        "nobody".to_owned()
    }

    fn reply(self: Arc<Self>, _: Request, _: Option<UnboundedSender<Piece>>) -> PendingReply {
        Box::pin(async { Err(ClientError::Transport { problem: "nobody is there".to_owned() }) })
    }
}

/// A model that thinks for ever.
pub(super) struct Thinker;

impl Model for Thinker {
    fn name(&self) -> &str {
        "thinker"
    }

    fn describes(&self) -> String {
        "one who thinks for ever".to_owned()
    }

    fn reply(self: Arc<Self>, _: Request, _: Option<UnboundedSender<Piece>>) -> PendingReply {
        Box::pin(std::future::pending())
    }
}

fn reply(text: Option<&str>, tool_calls: Vec<ToolCall>) -> Reply {
    Reply {
        text: text.map(str::to_owned),
        reasoning: None,
        tool_calls,
        finish: FinishReason::Stop,
        model: "script".to_owned(),
        usage: Usage::default(),
    }
}

pub(super) fn says(text: &str) -> Reply {
    reply(Some(text), Vec::new())
}

pub(super) fn call(name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: format!("call_{name}"), name: name.into(), arguments: arguments.into() }
}

pub(super) fn calls<'a>(calls: impl IntoIterator<Item = (&'a str, &'a str)>) -> Reply {
    let calls = calls.into_iter().enumerate().map(|(i, (name, arguments))| ToolCall {
        id: format!("call_{}", i + 1),
        ..call(name, arguments)
    });
    reply(None, calls.collect())
}
