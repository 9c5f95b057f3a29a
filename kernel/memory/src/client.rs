//! The way to a model: any OpenAI-compatible endpoint, through `async-openai`.
//!
//! This is the only file that names that crate. It builds the request; `client/exchange.rs` below
//! it answers from a [transcript](crate::transcript) or from the endpoint, where
//! `client/transport.rs` does the waiting and repeating; [`wire`] above it reads the reply
//! leniently, since the crate's own types refuse real providers' replies.

mod config;
mod embeddings;
mod error;
mod exchange;
mod streaming;
mod transport;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use futures_util::StreamExt;
use serde_json::Value;

pub use self::config::ClientConfig;
pub use self::embeddings::EmbeddingError;
pub use self::error::ClientError;
use self::exchange::{Exchange, Tape};
use crate::message::{Message, Piece, Reply, Request, ToolDefinition};
use crate::runtime::{self, PerProcess};
use crate::transcript::{Recorder, Replayer, Transcript};
use crate::tutor::{self, TutorServer};
use crate::wire;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// A connection to one model. Any OpenAI-compatible endpoint will do: OpenAI's own, llama.cpp,
/// Ollama, vLLM, Groq, OpenRouter and their like.
///
/// | you want | call |
/// |---|---|
/// | the model that the environment names, or the tutor | [`connect`](Self::connect) |
/// | an endpoint of your own, in code | [`with_config`](Self::with_config) |
/// | a lesson that is recorded once and replayed for everyone | [`lesson`](Self::lesson) |
/// | an answer piece by piece | [`stream`](Self::stream) |
/// | vectors of texts | [`embed`](Self::embed) |
///
/// Cloning it is cheap and shares the connection.
///
/// ```
/// use momentum_memory::prelude::*;
///
/// let client = Client::tutor()?; // or Client::connect()?, which reads the environment
/// let reply = client.chat(&[Message::user("My name is Sara. What is my name?")], &[])?;
/// assert!(reply.text.unwrap().contains("Your name is Sara."));
/// # Ok::<(), ClientError>(())
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    openai: OpenAIConfig,
    /// Its open connections belong to the process that opened them.
    http: PerProcess<reqwest::Client>,
    config: ClientConfig,
    jitter: Mutex<fastrand::Rng>,
    tape: Tape,
    /// Kept alive as long as somebody may ask it something.
    tutor: Option<Arc<TutorServer>>,
}

impl Client {
    /// A client for the model that the environment names (see [`ClientConfig`]). When it names
    /// none, the [rule-based tutor model](crate::tutor) is served within this process over HTTP on
    /// loopback, and [`describes`](Self::describes) says so.
    ///
    /// # Errors
    /// [`ClientError`] when the environment holds something that cannot be used, or when the
    /// tutor cannot be served. Nothing is sent yet.
    pub fn connect() -> Result<Self, ClientError> {
        match ClientConfig::from_env()? {
            Some(config) => Self::with_config(config),
            None => Self::tutor(),
        }
    }

    /// A client for an endpoint configured in code.
    ///
    /// # Errors
    /// [`ClientError`] when no HTTP client can be built. Nothing is sent yet.
    pub fn with_config(config: ClientConfig) -> Result<Self, ClientError> {
        Self::build(config, None, Tape::Off)
    }

    /// A client for the [rule-based tutor model](crate::tutor), whatever the environment names.
    ///
    /// # Errors
    /// [`ClientError`] when it cannot be served on loopback.
    pub fn tutor() -> Result<Self, ClientError> {
        let server = TutorServer::start()?;
        let config = ClientConfig::new(&server.base_url(), "", tutor::MODEL)?;
        Self::build(config, Some(Arc::new(server)), Tape::Off)
    }

    /// A client that answers from a [transcript](crate::transcript), without any network. A
    /// request that was not recorded is an error that shows the difference.
    ///
    /// # Errors
    /// [`ClientError::Transcript`] when the file is no transcript.
    pub fn replay(file: impl AsRef<Path>) -> Result<Self, ClientError> {
        let file = file.as_ref();
        // An address that leads nowhere: nothing is ever sent to it.
        Self::replaying(Transcript::read(file)?, &file.display().to_string())
    }

    /// As [`replay`](Self::replay), from a transcript in memory; `name` is what errors call it.
    ///
    /// # Errors
    /// [`ClientError`] when the transcript names no model.
    pub fn replaying(transcript: Transcript, name: &str) -> Result<Self, ClientError> {
        let mut config = ClientConfig::new("http://transcript.invalid/v1", "", transcript.model())?;
        config.embedding_model = transcript.embedding_model().map(str::to_owned);
        Self::build(config, None, Tape::Replaying(Mutex::new(Replayer::new(transcript, name))))
    }

    /// The same client, which also writes down in a [transcript](crate::transcript) what it asks
    /// and what comes back. The file is replaced whole after each reply. Clones of this client
    /// share it; the one that this is made from goes on without.
    ///
    /// # Errors
    /// [`ClientError`] when no HTTP client can be built.
    pub fn recording_to(&self, file: impl AsRef<Path>) -> Result<Self, ClientError> {
        let (config, tutor) = (self.inner.config.clone(), self.inner.tutor.clone());
        let recorder = Recorder::begin(file.as_ref(), &config.model);
        Self::build(config, tutor, Tape::Recording(Mutex::new(recorder)))
    }

    /// The client of a lesson: replays the transcript, or records it when the environment variable
    /// `MOMENTUM_RECORD` is `1`, with the model that the environment names (see
    /// [`connect`](Self::connect)). Whoever has a model records once; everyone else replays.
    ///
    /// # Errors
    /// [`ClientError`] as of [`replay`](Self::replay) and [`connect`](Self::connect).
    pub fn lesson(file: impl AsRef<Path>) -> Result<Self, ClientError> {
        match std::env::var("MOMENTUM_RECORD") {
            Ok(value) if value == "1" => Self::connect()?.recording_to(file),
            _ => Self::replay(file),
        }
    }

    fn build(
        config: ClientConfig,
        tutor: Option<Arc<TutorServer>>,
        tape: Tape,
    ) -> Result<Self, ClientError> {
        let http = match tape {
            // It is never sent anything, so all replays share one.
            Tape::Replaying(_) => transport::idle_client(&config)?,
            Tape::Recording(_) | Tape::Off => transport::http_client(&config)?,
        };
        // `OpenAIConfig::new` reads the environment; every value that it finds is replaced.
        let openai = OpenAIConfig::new()
            .with_api_base(&config.base_url)
            .with_api_key(config.key.expose())
            .with_org_id(&config.organisation)
            .with_project_id("");
        let jitter = Mutex::new(fastrand::Rng::with_seed(config.seed));
        let http = PerProcess::of(http);
        Ok(Client { inner: Arc::new(Inner { openai, http, config, jitter, tape, tutor }) })
    }

    /// Which model this is, in words fit for display: no key, no address, no port.
    pub fn describes(&self) -> String {
        let model = &self.inner.config.model;
        let described = match (&self.inner.tutor, &self.inner.tape) {
            (_, Tape::Replaying(_)) => {
                return format!("model `{model}`, replayed from a transcript");
            }
            (Some(_), _) => {
                format!("rule-based tutor model `{model}`, no language model, served on loopback")
            }
            (None, _) => format!("model `{model}` at an OpenAI-compatible endpoint"),
        };
        match &self.inner.tape {
            Tape::Recording(_) => described + ", recorded to a transcript",
            _ => described,
        }
    }

    /// The name of the model.
    pub fn model(&self) -> &str {
        &self.inner.config.model
    }

    /// Whether this is the rule-based tutor model served within this process.
    pub fn is_tutor(&self) -> bool {
        self.inner.tutor.is_some()
    }

    /// How many recorded steps nobody has asked for yet; 0 for a client that does not replay. A
    /// lesson that ends with some left did less than was recorded.
    pub fn n_steps_left(&self) -> usize {
        match &self.inner.tape {
            Tape::Replaying(replayer) => {
                replayer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).n_left()
            }
            Tape::Recording(_) | Tape::Off => 0,
        }
    }

    /// Sends messages and the tools on offer, and waits for the reply.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub fn chat(
        &self,
        messages: &[Message],
        tools: &[ToolDefinition],
    ) -> Result<Reply, ClientError> {
        self.complete(&Request::new(messages, tools))
    }

    /// Sends a request and waits for the reply. Works from anywhere, also from inside another
    /// tokio runtime, whose thread it blocks.
    ///
    /// # Errors
    /// [`ClientError`] that says what to do.
    pub fn complete(&self, request: &Request) -> Result<Reply, ClientError> {
        let (client, request) = (self.clone(), request.clone());
        runtime::wait(async move { client.complete_async(&request).await })?
    }

    /// As [`complete`](Self::complete), for callers who are asynchronous themselves. Needs a tokio
    /// runtime around it. Dropping the future cancels the request.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn complete_async(&self, request: &Request) -> Result<Reply, ClientError> {
        let body = wire::encode_request(request, &self.inner.config.model);
        let exchange = Exchange::new(Arc::clone(&self.inner));
        let openai = self.inner.openai_over(&exchange)?;
        let sent = openai.chat().create_byot::<Value, Value>(body).await;
        let body = sent.map_err(|error| self.inner.error(&exchange, error))?;
        exchange.record()?;
        Ok(wire::decode_reply(&body)?)
    }

    /// As [`complete_async`](Self::complete_async), streamed: `on_piece` gets each piece of the
    /// reply when it comes, and the whole is returned at the end. Once a piece has come, nothing is
    /// repeated: a stream that breaks off is [`ClientError::StreamCut`].
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn stream_async(
        &self,
        request: &Request,
        mut on_piece: impl FnMut(Piece) + Send,
    ) -> Result<Reply, ClientError> {
        let body = wire::encode_streamed_request(request, &self.inner.config.model);
        let exchange = Exchange::new(Arc::clone(&self.inner));
        let openai = self.inner.openai_over(&exchange)?;
        let sent = openai.chat().create_stream_byot::<Value, Value>(body).await;
        let mut chunks = sent.map_err(|error| self.inner.error(&exchange, error))?;
        let (mut assembler, mut n_chunks) = (wire::ReplyAssembler::default(), 0);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| match self.inner.error(&exchange, error) {
                ClientError::StreamCut { source, .. } => {
                    ClientError::StreamCut { n_chunks, source }
                }
                error => error,
            })?;
            n_chunks += 1;
            assembler.push(&chunk)?.into_iter().for_each(&mut on_piece);
        }
        if !assembler.is_complete() && !exchange.is_done() {
            return Err(ClientError::StreamCut { n_chunks, source: None });
        }
        exchange.record()?;
        Ok(assembler.finish()?)
    }
}

impl Inner {
    /// The HTTP client of this process, and the tutor served by it.
    fn http(&self) -> Result<reqwest::Client, ClientError> {
        if let (Some(tutor), Tape::Recording(_) | Tape::Off) = (&self.tutor, &self.tape) {
            tutor.serve_here()?;
        }
        self.http.with(|| transport::http_client(&self.config), reqwest::Client::clone)
    }

    /// async-openai, with this exchange in the place of its network.
    fn openai_over(
        &self,
        exchange: &Arc<Exchange>,
    ) -> Result<async_openai::Client<OpenAIConfig>, ClientError> {
        let exchange = Arc::clone(exchange);
        let key = self.config.key.clone();
        let service = tower::service_fn(move |factory: HttpRequestFactory| {
            let (exchange, key) = (Arc::clone(&exchange), key.clone());
            async move {
                let build = || async {
                    let built = factory.build().await;
                    built.map_err(|error| ClientError::Transport {
                        problem: key.redact(&error.to_string()),
                    })
                };
                let response = exchange.answer(build).await;
                response.ok_or_else(|| BoxedError::from("see the exchange"))
            }
        });
        let client = async_openai::Client::build(self.http()?, self.openai.clone());
        Ok(client.with_http_service(service))
    }

    /// What really went wrong when async-openai says that something did.
    fn error(&self, exchange: &Exchange, error: OpenAIError) -> ClientError {
        match exchange.take_failure() {
            // The port of the tutor is different each time, so no text may hold it.
            Some(ClientError::Unreachable { source, .. }) if self.tutor.is_some() => {
                ClientError::Unreachable { address: "the tutor model".to_owned(), source }
            }
            Some(failure) => failure,
            None => match error {
                OpenAIError::JSONDeserialize(source, _) => ClientError::MalformedJson { source },
                other => {
                    ClientError::Transport { problem: self.config.key.redact(&other.to_string()) }
                }
            },
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.describes())
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describes())
    }
}
