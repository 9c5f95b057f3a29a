//! Completion, inspection and "is this whole?": questions about code that run nothing.

use jupyter_protocol::{
    CompleteReply, CompleteRequest, InspectReply, InspectRequest, IsCompleteReply,
    IsCompleteReplyStatus, IsCompleteRequest,
};
use serde_json::json;

use super::cell::media;
use super::cursor::{byte_offset, code_points};
use crate::output::{Completeness, Interpreter};

/// What can be typed at the cursor, with each match's kind in the metadata.
pub(super) fn complete(ask: &CompleteRequest, interpreter: &mut dyn Interpreter) -> CompleteReply {
    let cursor = byte_offset(&ask.code, ask.cursor_pos);
    let found = interpreter.complete(&ask.code, cursor);
    let start = code_points(&ask.code, found.start);
    let end = code_points(&ask.code, found.end);
    let types: Vec<_> = found
        .matches
        .iter()
        .map(|m| json!({ "start": start, "end": end, "text": m.text, "type": m.kind }))
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
pub(super) fn inspect(ask: &InspectRequest, interpreter: &mut dyn Interpreter) -> InspectReply {
    let cursor = byte_offset(&ask.code, ask.cursor_pos);
    match interpreter.inspect(&ask.code, cursor) {
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
