//! The tutor over real HTTP on loopback, in the OpenAI chat-completions format.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::{MODEL, RuleBasedTutor};
use crate::runtime::{self, PerProcess, RuntimeError};
use crate::wire::{self, WireError};

/// The largest request that is read, in bytes.
const LARGEST_REQUEST: usize = 8 << 20;

/// Why the tutor could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TutorError {
    /// No port on loopback.
    #[error("the tutor model got no port on loopback: {0}. Does a sandbox forbid local sockets?")]
    Listen(#[from] std::io::Error),
    /// The background runtime failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// The tutor, served until this is dropped.
pub struct TutorServer {
    address: SocketAddr,
    listener: std::net::TcpListener,
    accepting: PerProcess<JoinHandle<()>>,
}

impl TutorServer {
    /// Serves the tutor on a free port of the loopback interface.
    ///
    /// # Errors
    /// [`TutorError`] when there is no port to be had.
    pub fn start() -> Result<Self, TutorError> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let server = TutorServer { address, listener, accepting: PerProcess::new() };
        server.serve_here()?;
        Ok(server)
    }

    /// Serves in this process, if it is a copy of the one that did.
    ///
    /// # Errors
    /// [`TutorError`] when the background runtime cannot be started.
    pub(crate) fn serve_here(&self) -> Result<(), TutorError> {
        let start = || {
            let handle = runtime::handle()?;
            let _inside = handle.enter();
            let listener = TcpListener::from_std(self.listener.try_clone()?)?;
            Ok(handle.spawn(accept(listener)))
        };
        self.accepting.with(start, |_| ())
    }

    /// The address for an OpenAI-compatible client, up to and including `/v1`. The port differs
    /// from run to run, so this belongs in a configuration and not in an output.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for TutorServer {
    fn drop(&mut self) {
        let _ = self.accepting.with(|| Err(()), JoinHandle::abort);
    }
}

impl fmt::Debug for TutorServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TutorServer({MODEL} on loopback)")
    }
}

async fn accept(listener: TcpListener) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, mostly: wait until some are free.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        connections.spawn(async move {
            let service = service_fn(async |request| Ok::<_, Infallible>(serve(request).await));
            // A client that goes away in the middle is no concern of the server's.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// What goes back to the client.
struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl Answer {
    fn ok(body: Value) -> Self {
        let (status, body) = (StatusCode::OK, body.to_string());
        Answer { status, content_type: "application/json", body }
    }

    /// Server-sent events. The tutor has its whole answer at once, so they come at once.
    fn stream(chunks: &[Value]) -> Self {
        let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
        let body = events.collect::<String>() + "data: [DONE]\n\n";
        Answer { status: StatusCode::OK, content_type: "text/event-stream", body }
    }
}

/// An error as OpenAI words it.
fn refuse(status: StatusCode, code: &str, param: Option<&str>, message: &str) -> Answer {
    let error = json!({"message": message, "type": "invalid_request_error", "param": param,
                       "code": code});
    Answer { status, ..Answer::ok(json!({"error": error})) }
}

async fn serve(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    let answer = match (request.method(), path.as_str()) {
        (&Method::POST, "/v1/chat/completions") => complete(request).await,
        (&Method::GET, "/v1/models") => {
            let model = json!({"id": MODEL, "object": "model", "created": 0,
                               "owned_by": "momentum"});
            Answer::ok(json!({"object": "list", "data": [model]}))
        }
        (_, "/v1/chat/completions" | "/v1/models") => {
            let message = "wrong method: POST /v1/chat/completions, GET /v1/models";
            refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", None, message)
        }
        _ => {
            let message = "unknown path: this serves POST /v1/chat/completions and GET /v1/models";
            refuse(StatusCode::NOT_FOUND, "unknown_url", None, message)
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    let content_type = header::HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

async fn complete(request: Request<Incoming>) -> Answer {
    let body = match Limited::new(request.into_body(), LARGEST_REQUEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            let message = "the request broke off or is larger than 8 MiB";
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", None, message);
        }
    };
    let body: Value = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => {
            let message = format!("the body is not JSON: {error}");
            return refuse(StatusCode::BAD_REQUEST, "invalid_json", None, &message);
        }
    };
    let (model, request) = match wire::decode_request(&body) {
        Ok(decoded) => decoded,
        Err(error) => {
            let param = match &error {
                WireError::Unexpected { path, .. } => Some(path.as_str()),
                _ => None,
            };
            let message = error.to_string();
            return refuse(StatusCode::BAD_REQUEST, "invalid_value", param, &message);
        }
    };
    if model != MODEL {
        let message = format!("the model `{model}` does not exist; there is only `{MODEL}`");
        return refuse(StatusCode::NOT_FOUND, "model_not_found", Some("model"), &message);
    }
    let reply = RuleBasedTutor.reply(&request);
    let n_replies = request.messages.iter().filter(|message| message.answers.is_none()).count();
    let id = format!("chatcmpl-{MODEL}-{n_replies}");
    if body["stream"].as_bool() == Some(true) {
        return Answer::stream(&wire::encode_chunks(&reply, &id, MODEL));
    }
    Answer::ok(wire::encode_reply(&reply, &id, MODEL))
}
