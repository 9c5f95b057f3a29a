//! Comms: which are open, which targets a client may open, and their messages in the wire's types.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jupyter_protocol::{
    CommClose, CommId, CommInfo, CommInfoReply, CommInfoRequest, CommMsg, CommOpen, JupyterMessage,
    JupyterMessageContent,
};
use serde_json::Value;

use super::cell::RunningCell;
use super::{Frontend, Session, broadcast};
use crate::comm::{CommKind, CommMessage};
use crate::output::Interpreter;

/// The session's comms.
#[derive(Debug, Default)]
pub(super) struct Comms {
    /// The names under which clients may open comms.
    targets: BTreeSet<String>,
    /// Each open comm's target.
    open: BTreeMap<String, String>,
}

/// What a client's message is to the session.
pub(super) enum Heard {
    /// For the cell's side.
    Message(CommMessage),
    /// There is no such target: the protocol asks to close such a comm at once.
    Refused(CommClose),
    /// On a comm that is not open: nothing to do.
    Nothing,
}

impl Comms {
    /// Takes note of a client's message.
    pub(super) fn hear(&mut self, request: &JupyterMessage) -> Heard {
        let (id, kind, target, data) = match &request.content {
            JupyterMessageContent::CommOpen(open) => {
                (&open.comm_id, CommKind::Open, open.target_name.clone(), &open.data)
            }
            JupyterMessageContent::CommMsg(message) => {
                (&message.comm_id, CommKind::Message, String::new(), &message.data)
            }
            JupyterMessageContent::CommClose(close) => {
                (&close.comm_id, CommKind::Close, String::new(), &close.data)
            }
            _ => return Heard::Nothing,
        };
        let known = match kind {
            CommKind::Open if !self.targets.contains(&target) => {
                return Heard::Refused(CommClose { comm_id: id.clone(), ..CommClose::default() });
            }
            CommKind::Open => self.open.insert(id.0.clone(), target.clone()).is_none(),
            CommKind::Close => self.open.remove(&id.0).is_some(),
            _ => self.open.contains_key(&id.0),
        };
        if !known {
            return Heard::Nothing;
        }
        Heard::Message(CommMessage {
            id: id.0.clone(),
            kind,
            target,
            data: data.clone(),
            metadata: request.metadata.as_object().cloned().unwrap_or_default(),
            buffers: request.buffers.iter().map(|buffer| buffer.to_vec()).collect(),
        })
    }

    /// Takes note of what a cell says; gives the message that the clients get, if they get one.
    pub(super) fn say(
        &mut self,
        message: CommMessage,
        parent: &JupyterMessage,
    ) -> Option<JupyterMessage> {
        let CommMessage { id, kind, target, data, metadata, buffers } = message;
        let comm_id = CommId(id.clone());
        let content: JupyterMessageContent = match kind {
            CommKind::Target => {
                self.targets.insert(target);
                return None;
            }
            CommKind::Open => {
                self.open.insert(id, target.clone());
                CommOpen { comm_id, target_name: target, data, target_module: None }.into()
            }
            CommKind::Message => CommMsg { comm_id, data }.into(),
            CommKind::Close => {
                self.open.remove(&id);
                CommClose { comm_id, data }.into()
            }
        };
        let mut message = broadcast(content, parent);
        message.metadata = Value::Object(metadata);
        message.buffers = buffers.into_iter().map(Into::into).collect();
        Some(message)
    }

    /// The open comms, of one target or of all.
    pub(super) fn info(&self, ask: &CommInfoRequest) -> CommInfoReply {
        let wanted = |target: &String| ask.target_name.as_ref().is_none_or(|name| name == target);
        let open = self.open.iter().filter(|(_, target)| wanted(target));
        let comms: HashMap<_, _> = open
            .map(|(id, target)| (CommId(id.clone()), CommInfo { target_name: target.clone() }))
            .collect();
        CommInfoReply { comms, ..CommInfoReply::default() }
    }
}

impl Session {
    /// Gives a client's message to the session's process, and publishes what its callbacks show.
    pub(super) fn comm(
        &mut self,
        request: &JupyterMessage,
        interpreter: &mut dyn Interpreter,
        frontend: &mut dyn Frontend,
    ) {
        match self.comms.hear(request) {
            Heard::Message(message) => {
                let comms = &mut self.comms;
                let mut io = RunningCell { request, frontend, comms, silent: false, stdin: false };
                interpreter.comm(&message, &mut io);
            }
            Heard::Refused(close) => frontend.publish(broadcast(close, request)),
            Heard::Nothing => {}
        }
    }
}
