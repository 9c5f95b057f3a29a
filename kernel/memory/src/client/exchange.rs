//! One exchange below async-openai: from the endpoint or from a transcript, written down on the
//! way if somebody records.
//!
//! async-openai turns errors of a stream into text. So the real error, with its type, waits here
//! until the caller takes it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::stream;
use hyper::body::Bytes;
use serde_json::Value;
use tokio::time::timeout;

use super::Inner;
use super::error::ClientError;
use super::transport::{self, Answer};
use crate::transcript::{self, Body, Recorder, Replayer};

/// What stands between us and the endpoint.
pub(super) enum Tape {
    /// Nothing.
    Off,
    /// Somebody who writes everything down.
    Recording(Mutex<Recorder>),
    /// Somebody who answers in its stead.
    Replaying(Mutex<Replayer>),
}

/// One request, and what became of it.
pub(super) struct Exchange {
    inner: Arc<Inner>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why it failed, where async-openai cannot say so.
    failure: Option<ClientError>,
    /// The request as it was sent: path and body.
    asked: Option<(String, Value)>,
    /// What came back so far: status and body.
    came: Option<(u16, Vec<u8>, Kind)>,
    /// Whether the stream said `[DONE]`.
    done: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Json,
    Events,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is whole before anything can panic.
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Exchange {
    pub(super) fn new(inner: Arc<Inner>) -> Arc<Self> {
        Arc::new(Exchange { inner, state: Mutex::default() })
    }

    /// The failure that async-openai could not carry.
    pub(super) fn take_failure(&self) -> Option<ClientError> {
        lock(&self.state).failure.take()
    }

    /// Whether the stream said `[DONE]`.
    pub(super) fn is_done(&self) -> bool {
        lock(&self.state).done
    }

    /// Answers a request: what async-openai calls instead of the network. `None`: see
    /// [`take_failure`](Self::take_failure).
    pub(super) async fn answer<Fut>(
        self: &Arc<Self>,
        build: impl Fn() -> Fut,
    ) -> Option<reqwest::Response>
    where
        Fut: Future<Output = Result<reqwest::Request, ClientError>>,
    {
        match self.try_answer(build).await {
            Ok(body) => Some(reqwest::Response::from(hyper::Response::new(body))),
            Err(error) => {
                lock(&self.state).failure = Some(error);
                None
            }
        }
    }

    async fn try_answer<Fut>(
        self: &Arc<Self>,
        build: impl Fn() -> Fut,
    ) -> Result<reqwest::Body, ClientError>
    where
        Fut: Future<Output = Result<reqwest::Request, ClientError>>,
    {
        let Inner { config, jitter, tape, .. } = &*self.inner;
        let request = build().await?;
        let sent = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        let json = serde_json::from_slice::<Value>(sent).unwrap_or_default();
        // What stands behind the base URL, which itself is nobody's business.
        let base = reqwest::Url::parse(&config.base_url).map(|url| url.path().len()).unwrap_or(0);
        let path = request.url().path().get(base..).unwrap_or_default().to_owned();
        let streams = json["stream"].as_bool() == Some(true);
        let answer = match tape {
            Tape::Replaying(replayer) => {
                let mut replayer = lock(replayer);
                replayed(replayer.answer(&path, &json)?, config)?
            }
            Tape::Recording(_) | Tape::Off => {
                lock(&self.state).asked = Some((path, json));
                match transport::exchange(&self.inner.http()?, config, jitter, build).await {
                    Ok(answer) => answer,
                    Err(refusal) => {
                        if let Some((status, body)) = refusal.lasting {
                            lock(&self.state).came = Some((status, body, Kind::Json));
                            self.record()?;
                        }
                        return Err(refusal.error);
                    }
                }
            }
        };
        let kind = if let Answer::Json(_) = answer { Kind::Json } else { Kind::Events };
        lock(&self.state).came = Some((200, Vec::new(), kind));
        match answer {
            Answer::Json(body) => {
                lock(&self.state).came = Some((200, body.clone(), kind));
                if !streams {
                    return Ok(body.into());
                }
                // An endpoint that does not stream: its whole answer is the only event. JSON
                // written afresh has no line breaks.
                let json: Value = serde_json::from_slice(&body).unwrap_or_default();
                lock(&self.state).done = true;
                Ok(format!("data: {json}\n\ndata: [DONE]\n\n").into())
            }
            Answer::Events(body) => Ok(self.stream(Source::Whole(Some(body)))),
            Answer::Stream(response) => Ok(self.stream(Source::Live(response))),
        }
    }

    /// Hands a stream on line by line, so that keys are struck out and its end is seen.
    fn stream(self: &Arc<Self>, source: Source) -> reqwest::Body {
        let tap = Tap {
            exchange: Arc::clone(self),
            source,
            partial: Vec::new(),
            n_bytes: 0,
            ready: VecDeque::new(),
            ended: false,
        };
        let lines = stream::unfold(tap, async |mut tap| match tap.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), tap)),
            Ok(None) => None,
            Err(error) => {
                lock(&tap.exchange.state).failure = Some(error);
                tap.ended = true;
                Some((Err(io::Error::other("the stream broke")), tap))
            }
        });
        reqwest::Body::wrap_stream(lines)
    }

    /// Writes the exchange down, if somebody records.
    pub(super) fn record(&self) -> Result<(), ClientError> {
        let Tape::Recording(recorder) = &self.inner.tape else { return Ok(()) };
        let key = &self.inner.config.key;
        let (asked, came) = {
            let mut state = lock(&self.state);
            (state.asked.take(), state.came.take())
        };
        let (Some((path, request)), Some((status, body, kind))) = (asked, came) else {
            return Ok(());
        };
        let text = || key.redact_secret(&String::from_utf8_lossy(&body));
        let reply = match (kind, serde_json::from_slice::<Value>(&body)) {
            // What follows the last event may or may not have been read.
            (Kind::Events, _) => Body::Events(text().trim_end().to_owned() + "\n"),
            (_, Ok(json @ (Value::Object(_) | Value::Array(_)))) => {
                Body::Json(key.redact_value(&json))
            }
            _ => Body::Text(text()),
        };
        let request = key.redact_value(&request);
        lock(recorder).push(transcript::Exchange { path, request, status, reply })?;
        Ok(())
    }
}

/// A recorded reply, as if it had just come.
fn replayed(
    step: &transcript::Exchange,
    config: &super::ClientConfig,
) -> Result<Answer, ClientError> {
    let (body, content_type) = match &step.reply {
        Body::Json(json) => (json.to_string().into_bytes(), "application/json"),
        Body::Events(events) => (events.clone().into_bytes(), "text/event-stream"),
        Body::Text(text) => (text.clone().into_bytes(), "text/plain"),
    };
    if !(200..300).contains(&step.status) {
        return Err(transport::status_error(step.status, &body, config));
    }
    match &step.reply {
        Body::Events(_) => Ok(Answer::Events(body)),
        _ => transport::whole(body, content_type),
    }
}

/// Where a stream comes from.
enum Source {
    Live(reqwest::Response),
    Whole(Option<Vec<u8>>),
}

/// A stream on its way through.
struct Tap {
    exchange: Arc<Exchange>,
    source: Source,
    /// A line whose end has not come yet.
    partial: Vec<u8>,
    n_bytes: usize,
    ready: VecDeque<Bytes>,
    ended: bool,
}

impl Tap {
    async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            if self.ended {
                return Ok(None);
            }
            let config = &self.exchange.inner.config;
            let chunk = match &mut self.source {
                Source::Whole(body) => body.take().map(Bytes::from),
                Source::Live(response) => {
                    let chunk = timeout(config.timeout, response.chunk()).await;
                    let chunk =
                        chunk.map_err(|_| ClientError::Timeout { after: config.timeout })?;
                    chunk.map_err(|error| ClientError::StreamCut {
                        n_chunks: 0,
                        source: Some(error.without_url()),
                    })?
                }
            };
            let Some(chunk) = chunk else {
                self.end();
                continue;
            };
            self.n_bytes += chunk.len();
            if self.n_bytes > config.largest_body {
                return Err(ClientError::TooLarge { limit: config.largest_body });
            }
            for line in chunk.split_inclusive(|byte| *byte == b'\n') {
                self.partial.extend_from_slice(line);
                if line.ends_with(b"\n") {
                    self.line();
                }
            }
        }
    }

    /// The end of the stream: a last line without an end counts if it is whole in itself.
    fn end(&mut self) {
        self.ended = true;
        let rest = String::from_utf8_lossy(&self.partial).into_owned();
        let data = rest.trim().strip_prefix("data:").map(str::trim);
        let whole = data
            .is_some_and(|data| data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok());
        if whole {
            self.partial.push(b'\n');
            self.line();
        }
        // An event counts only when an empty line follows; some endpoints leave out the last.
        self.partial = b"\n".to_vec();
        self.line();
    }

    /// Hands on the line in `partial`.
    fn line(&mut self) {
        let bytes = std::mem::take(&mut self.partial);
        let text = String::from_utf8_lossy(&bytes);
        let text =
            self.exchange.inner.config.key.redact_secret(text.trim_end_matches(['\n', '\r']));
        let mut state = lock(&self.exchange.state);
        if text.strip_prefix("data:").is_some_and(|data| data.trim() == "[DONE]") {
            state.done = true;
        }
        let line = text + "\n";
        if let Some((_, body, _)) = &mut state.came {
            body.extend_from_slice(line.as_bytes());
        }
        self.ready.push_back(Bytes::from(line));
    }
}
