//! Transcripts as YAML. Only this file of agent memory names `serde_yaml`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::compact::{Compact, compact, expand};
use super::{Body, Exchange, Transcript, TranscriptError};

/// The version of the format.
const FORMAT: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    momentum_transcript: u64,
    model: String,
    steps: Vec<Step>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    step: usize,
    request: Request,
    reply: Reply,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    as_before: Vec<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    messages_as_before: usize,
    body: Value,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply {
    status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    events: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

/// Only the version, to be read before anything else.
#[derive(Deserialize)]
struct Version {
    momentum_transcript: u64,
}

pub(super) fn encode(transcript: &Transcript) -> Result<String, TranscriptError> {
    let mut before = &Value::Null;
    let mut steps = Vec::with_capacity(transcript.steps.len());
    for (i, exchange) in transcript.steps.iter().enumerate() {
        let Compact { as_before, messages_as_before, body } = compact(before, &exchange.request);
        let path = exchange.path.clone();
        let mut reply = Reply { status: exchange.status, ..Reply::default() };
        match &exchange.reply {
            Body::Json(json) => reply.json = Some(json.clone()),
            Body::Events(events) => reply.events = Some(events.clone()),
            Body::Text(text) => reply.text = Some(text.clone()),
        }
        let request = Request { path, as_before, messages_as_before, body };
        steps.push(Step { step: i + 1, request, reply });
        before = &exchange.request;
    }
    let file = File { momentum_transcript: FORMAT, model: transcript.model.clone(), steps };
    serde_yaml::to_string(&file)
        .map_err(|error| TranscriptError::Inexpressible { problem: error.to_string() })
}

pub(super) fn decode(text: &str, name: &str) -> Result<Transcript, TranscriptError> {
    let malformed = |error: serde_yaml::Error| malformed(&error, name);
    let version: Version = serde_yaml::from_str(text).map_err(malformed)?;
    if version.momentum_transcript != FORMAT {
        let (found, known) = (version.momentum_transcript, FORMAT);
        return Err(TranscriptError::Version { file: name.to_owned(), found, known });
    }
    let file: File = serde_yaml::from_str(text).map_err(malformed)?;
    let mut transcript = Transcript::new(&file.model);
    for (i, Step { step, request, reply }) in file.steps.into_iter().enumerate() {
        let wrong =
            |problem: String| TranscriptError::Step { file: name.to_owned(), step: i + 1, problem };
        if step != i + 1 {
            return Err(wrong(format!("it is numbered {step}")));
        }
        let Request { path, as_before, messages_as_before, body } = request;
        let before = transcript.steps.last().map_or(&Value::Null, |step| &step.request);
        let compact = Compact { as_before, messages_as_before, body };
        let request = expand(before, compact).map_err(wrong)?;
        let reply_body = match (reply.json, reply.events, reply.text) {
            (Some(json), None, None) => Body::Json(json),
            (None, Some(events), None) => Body::Events(events),
            (None, None, Some(text)) => Body::Text(text),
            _ => {
                let problem = "its reply must have one of `json`, `events` and `text`";
                return Err(wrong(problem.to_owned()));
            }
        };
        transcript.push(Exchange { path, request, status: reply.status, reply: reply_body });
    }
    Ok(transcript)
}

/// A request and its reply as `httpmock` records them, which many projects keep as test data.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The path that was asked for.
    pub path: String,
    /// The request's body; null where it was no JSON.
    pub request: Value,
    /// The HTTP status of the reply.
    pub status: u16,
    /// The reply's body.
    pub reply: String,
}

#[derive(Deserialize)]
struct When {
    path: String,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
struct Then {
    status: u16,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    when: When,
    then: Then,
}

impl Recording {
    /// All recordings of a file, one a YAML document.
    ///
    /// # Errors
    /// [`TranscriptError`] when the file cannot be read or is no such recording.
    pub fn read(path: impl AsRef<std::path::Path>) -> Result<Vec<Self>, TranscriptError> {
        let path = path.as_ref();
        let file = path.display().to_string();
        let unreadable = |source| TranscriptError::Unreadable { file: file.clone(), source };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let documents = serde_yaml::Deserializer::from_str(&text);
        let recordings = documents.map(|document| {
            let Document { when, then } = Document::deserialize(document)?;
            let request = when.body.and_then(|body| serde_json::from_str(&body).ok());
            Ok(Recording {
                path: when.path,
                request: request.unwrap_or_default(),
                status: then.status,
                reply: then.body.unwrap_or_default(),
            })
        });
        recordings
            .collect::<Result<_, serde_yaml::Error>>()
            .map_err(|error| malformed(&error, &file))
    }
}

fn malformed(error: &serde_yaml::Error, name: &str) -> TranscriptError {
    let place = error.location();
    let place = place.map(|place| format!(":{}:{}", place.line(), place.column()));
    TranscriptError::Malformed {
        file: name.to_owned(),
        place: place.unwrap_or_default(),
        problem: error.to_string(),
    }
}

/// A value as YAML, for people to read.
pub(super) fn readable(value: &Value) -> String {
    // Every JSON value is a YAML value.
    serde_yaml::to_string(value).unwrap_or_else(|_| value.to_string())
}
