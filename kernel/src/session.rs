//! The Jupyter session: a request in, replies and broadcasts out; no sockets here.
//!
//! [`Session`] answers what comes on the shell channel, with an [`Interpreter`] to run cells.
//! What it says goes to a [`Frontend`], so that the tests need no network.
//! [`answer_control`] answers the control channel, which has to work while a cell runs, and
//! [`answer_question`] what asks about code (completion, inspection), which works then as well.
//!
//! Messages are those of the Jupyter messaging protocol 5.5
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html>).

mod cell;
mod comms;
mod control;
mod cursor;
mod history;
mod language;
mod request;

#[cfg(test)]
pub(crate) mod tests;

use jupyter_protocol::{
    CodeMirrorMode, ExecuteReply, ExecutionCount, HelpLink, HistoryReply, JupyterMessage,
    JupyterMessageContent, KernelInfoReply, LanguageInfo, ReplyError, ReplyStatus, ShutdownReply,
    Status, UnknownMessage,
};
use serde_json::{Value, json};

pub use control::{ControlAction, answer_control};
pub use language::answer_question;
pub use request::{RequestError, read_content};

use crate::output::Interpreter;
use comms::Comms;
use history::History;

/// The version of the messaging protocol that this kernel speaks.
pub const PROTOCOL_VERSION: &str = "5.5";

/// What the kernel says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelInfo {
    /// The kernel's own version, such as `0.1.0`.
    pub version: String,
    /// The Rust version that compiles the cells, such as `1.95.0`.
    pub language_version: String,
}

/// Where a session's messages go, and where a cell's questions are answered.
pub trait Frontend {
    /// Broadcasts to all clients (the iopub channel).
    fn publish(&mut self, message: JupyterMessage);
    /// Answers the client that asked (the shell channel).
    fn reply(&mut self, message: JupyterMessage);
    /// Asks that client's user for a line (the stdin channel); empty when no one answers.
    fn ask(&mut self, request: JupyterMessage) -> String;
    /// Waits for the next message of a comm from a client; none when the wait was interrupted.
    fn next_comm(&mut self) -> Option<JupyterMessage>;
}

/// What has to follow a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The next request.
    Continue,
    /// A cell failed: the execute requests that already wait are to be aborted.
    AbortQueued,
    /// The kernel has been asked to end.
    Shutdown,
}

/// One client-visible session: execution count and history, and how each request is answered.
#[derive(Debug)]
pub struct Session {
    info: KernelInfo,
    count: usize,
    history: History,
    comms: Comms,
}

impl Session {
    /// A session in which no cell has run.
    pub fn new(info: KernelInfo) -> Self {
        Session { info, count: 0, history: History::default(), comms: Comms::default() }
    }

    /// Answers one request from the shell channel, between a `busy` and an `idle`.
    pub fn handle(
        &mut self,
        request: &JupyterMessage,
        interpreter: &mut dyn Interpreter,
        frontend: &mut dyn Frontend,
    ) -> Next {
        frontend.publish(broadcast(Status::busy(), request));
        let mut next = Next::Continue;
        let reply: Option<JupyterMessageContent> = match &request.content {
            JupyterMessageContent::ExecuteRequest(cell) => {
                let reply = self.execute(cell, request, interpreter, frontend);
                if reply.status == ReplyStatus::Error && cell.stop_on_error {
                    next = Next::AbortQueued;
                }
                Some(reply.into())
            }
            JupyterMessageContent::IsCompleteRequest(ask) => {
                Some(language::is_complete(ask, interpreter).into())
            }
            JupyterMessageContent::HistoryRequest(ask) => {
                Some(HistoryReply::new(self.history.select(ask)).into())
            }
            JupyterMessageContent::KernelInfoRequest(_) => Some(kernel_info_reply(&self.info)),
            JupyterMessageContent::CommInfoRequest(ask) => Some(self.comms.info(ask).into()),
            JupyterMessageContent::CommOpen(_)
            | JupyterMessageContent::CommMsg(_)
            | JupyterMessageContent::CommClose(_) => {
                self.comm(request, interpreter, frontend);
                None
            }
            JupyterMessageContent::ShutdownRequest(ask) => {
                next = Next::Shutdown;
                Some(ShutdownReply { restart: ask.restart, ..ShutdownReply::default() }.into())
            }
            other => refusal(other, "the shell channel has no such request"),
        };
        if let Some(reply) = reply {
            frontend.reply(answer(reply, request));
        }
        frontend.publish(broadcast(Status::idle(), request));
        next
    }

    /// Answers an execute request that is not run, because a cell before it failed.
    pub fn abort(&mut self, request: &JupyterMessage, frontend: &mut dyn Frontend) {
        frontend.publish(broadcast(Status::busy(), request));
        let reply = ExecuteReply {
            status: ReplyStatus::Aborted,
            execution_count: ExecutionCount::new(self.count),
            user_expressions: Some(Default::default()),
            ..ExecuteReply::default()
        };
        frontend.reply(answer(reply, request));
        frontend.publish(broadcast(Status::idle(), request));
    }

    /// Answers a request whose content could not be read.
    pub fn refuse(
        &mut self,
        request: &JupyterMessage,
        error: &RequestError,
        frontend: &mut dyn Frontend,
    ) {
        frontend.publish(broadcast(Status::busy(), request));
        if let Some(reply) = refusal(&request.content, &error.to_string()) {
            frontend.reply(answer(reply, request));
        }
        frontend.publish(broadcast(Status::idle(), request));
    }
}

/// Answers a `kernel_info_request`; needs no interpreter, so it works while that one starts.
pub fn answer_kernel_info(
    info: &KernelInfo,
    request: &JupyterMessage,
    frontend: &mut dyn Frontend,
) {
    frontend.publish(broadcast(Status::busy(), request));
    frontend.reply(answer(kernel_info_reply(info), request));
    frontend.publish(broadcast(Status::idle(), request));
}

/// A reply to a request, addressed to the client that sent it.
pub(crate) fn answer(
    content: impl Into<JupyterMessageContent>,
    request: &JupyterMessage,
) -> JupyterMessage {
    let mut message = JupyterMessage::new(content, Some(request));
    message.header.version = PROTOCOL_VERSION.into();
    message.header.username = "kernel".into();
    message
}

/// A broadcast caused by a request; its topic is its message type.
pub(crate) fn broadcast(
    content: impl Into<JupyterMessageContent>,
    request: &JupyterMessage,
) -> JupyterMessage {
    let mut message = answer(content, request);
    message.zmq_identities = vec![message.header.msg_type.clone().into_bytes().into()];
    message
}

/// A broadcast that no request caused, such as `starting`.
pub(crate) fn announcement(content: impl Into<JupyterMessageContent>) -> JupyterMessage {
    let mut message = JupyterMessage::new(content, None);
    message.header.version = PROTOCOL_VERSION.into();
    message.header.username = "kernel".into();
    message.zmq_identities = vec![message.header.msg_type.clone().into_bytes().into()];
    message
}

/// The error reply to a request that cannot be served; none for what is not a request.
fn refusal(content: &JupyterMessageContent, reason: &str) -> Option<JupyterMessageContent> {
    let kind = content.message_type();
    let reply_kind = kind.strip_suffix("_request").map(|stem| format!("{stem}_reply"))?;
    let error = ReplyError {
        ename: "RequestError".into(),
        evalue: format!("{kind}: {reason}"),
        traceback: Vec::new(),
    };
    let content = json!({
        "status": "error",
        "ename": error.ename,
        "evalue": error.evalue,
        "traceback": error.traceback,
    });
    Some(UnknownMessage { msg_type: reply_kind, content }.into())
}

/// The reply to `kernel_info_request`.
fn kernel_info_reply(info: &KernelInfo) -> JupyterMessageContent {
    let reply = KernelInfoReply {
        status: ReplyStatus::Ok,
        protocol_version: PROTOCOL_VERSION.into(),
        implementation: "momentum".into(),
        implementation_version: info.version.clone(),
        language_info: LanguageInfo {
            name: "rust".into(),
            version: info.language_version.clone(),
            mimetype: Some("text/rust".into()),
            file_extension: Some(".rs".into()),
            pygments_lexer: Some("rust".into()),
            codemirror_mode: Some(CodeMirrorMode::Simple("rust".into())),
            nbconvert_exporter: None,
        },
        banner: format!("Momentum {} on Rust {}", info.version, info.language_version),
        help_links: vec![
            HelpLink {
                text: "The Rust book".into(),
                url: "https://doc.rust-lang.org/book/".into(),
            },
            HelpLink {
                text: "The standard library".into(),
                url: "https://doc.rust-lang.org/std/".into(),
            },
        ],
        debugger: false,
        error: None,
    };
    // Protocol 5.5 adds `supported_features`, which the typed reply does not have yet.
    match serde_json::to_value(&reply) {
        Ok(Value::Object(mut content)) => {
            content.insert("supported_features".into(), json!([]));
            let msg_type = "kernel_info_reply".into();
            UnknownMessage { msg_type, content: content.into() }.into()
        }
        _ => reply.into(),
    }
}
