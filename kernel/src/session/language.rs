//! Completion, inspection and "is this whole?": questions about code that run nothing.

use jupyter_protocol::{
    CompleteReply, CompleteRequest, InspectReply, InspectRequest, IsCompleteReply,
    IsCompleteReplyStatus, IsCompleteRequest, JupyterMessage, JupyterMessageContent, Status,
};
use serde_json::json;

use super::cell::media;
use super::cursor::{byte_offset, code_points};
use super::{Frontend, answer, broadcast};
use crate::output::{Assistant, Completeness, Interpreter};

/// Answers a completion or an inspection request. Tells whether the request was one of these.
pub fn answer_question(
    request: &JupyterMessage,
    assistant: &mut dyn Assistant,
    frontend: &mut dyn Frontend,
) -> bool {
    type Content = JupyterMessageContent;
    if !matches!(request.content, Content::CompleteRequest(_) | Content::InspectRequest(_)) {
        return false;
    }
    frontend.publish(broadcast(Status::busy(), request));
    let reply: Content = match &request.content {
        Content::CompleteRequest(ask) => complete(ask, assistant).into(),
        Content::InspectRequest(ask) => inspect(ask, assistant).into(),
        _ => return false,
    };
    frontend.reply(answer(reply, request));
    frontend.publish(broadcast(Status::idle(), request));
    true
}

/// What can be typed at the cursor, with each match's kind in the metadata.
fn complete(ask: &CompleteRequest, assistant: &mut dyn Assistant) -> CompleteReply {
    let cursor = byte_offset(&ask.code, ask.cursor_pos);
    let found = assistant.complete(&ask.code, cursor);
    let start = code_points(&ask.code, found.start);
    let end = code_points(&ask.code, found.end);
    let types: Vec<_> = found
        .matches
        .iter()
        .map(|m| {
            json!({
                "start": start, "end": end, "text": m.text, "type": m.kind, "signature": m.signature,
            })
        })
        .collect();
    let mut reply = CompleteReply {
        matches: found.matches.into_iter().map(|m| m.text).collect(),
        cursor_start: start,
        cursor_end: end,
        ..CompleteReply::default()
    };
    reply.metadata.insert("_jupyter_types_experimental".into(), types.into());
    reply
}

/// Documentation of the name at the cursor.
fn inspect(ask: &InspectRequest, assistant: &mut dyn Assistant) -> InspectReply {
    let cursor = byte_offset(&ask.code, ask.cursor_pos);
    match assistant.inspect(&ask.code, cursor) {
        Some(bundle) => InspectReply {
            found: true,
            data: media(&bundle),
            metadata: bundle.metadata,
            ..InspectReply::default()
        },
        None => InspectReply::default(),
    }
}

/// Whether a console should run the code or ask for another line.
pub(super) fn is_complete(
    ask: &IsCompleteRequest,
    interpreter: &mut dyn Interpreter,
) -> IsCompleteReply {
    match interpreter.is_complete(&ask.code) {
        Completeness::Complete => IsCompleteReply::complete(),
        Completeness::Incomplete { indent } => IsCompleteReply::incomplete(indent),
        Completeness::Invalid => {
            IsCompleteReply::new(IsCompleteReplyStatus::Invalid, String::new())
        }
    }
}
