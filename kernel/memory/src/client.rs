//! The way to a model: any OpenAI-compatible endpoint, through `async-openai`.
//!
//! This is the only file that names that crate. It builds the request; `client/transport.rs`
//! below it does the waiting and repeating; [`wire`] above it reads the reply leniently, since the
//! crate's own types refuse real providers' replies.

mod config;
mod error;
mod transport;

use std::fmt;
use std::sync::Arc;

use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use serde_json::Value;

pub use self::config::ClientConfig;
pub use self::error::ClientError;
use crate::message::{Message, Reply, Request, ToolDefinition};
use crate::tutor::{self, TutorServer};
use crate::{runtime, wire};

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// A connection to one model. Cloning it is cheap and shares the connection.
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
    openai: async_openai::Client<OpenAIConfig>,
    config: ClientConfig,
    /// Kept alive as long as somebody may ask it something.
    tutor: Option<TutorServer>,
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
        Self::build(config, None)
    }

    /// A client for the [rule-based tutor model](crate::tutor), whatever the environment names.
    ///
    /// # Errors
    /// [`ClientError`] when it cannot be served on loopback.
    pub fn tutor() -> Result<Self, ClientError> {
        let server = TutorServer::start()?;
        let config = ClientConfig::new(&server.base_url(), "", tutor::MODEL)?;
        Self::build(config, Some(server))
    }

    fn build(config: ClientConfig, tutor: Option<TutorServer>) -> Result<Self, ClientError> {
        let http = transport::http_client(&config)?;
        // `OpenAIConfig::new` reads the environment; every value that it finds is replaced.
        let openai = OpenAIConfig::new()
            .with_api_base(&config.base_url)
            .with_api_key(config.key.expose())
            .with_org_id(&config.organisation)
            .with_project_id("");
        let service_config = config.clone();
        let service = tower::service_fn(move |factory: HttpRequestFactory| {
            let (http, config) = (http.clone(), service_config.clone());
            async move {
                let build = || async {
                    let built = factory.build().await;
                    built.map_err(|error| ClientError::Transport {
                        problem: config.key.redact(&error.to_string()),
                    })
                };
                let body = transport::exchange(&http, &config, build).await?;
                Ok::<_, BoxedError>(reqwest::Response::from(hyper::Response::new(body)))
            }
        });
        let openai = async_openai::Client::with_config(openai).with_http_service(service);
        Ok(Client { inner: Arc::new(Inner { openai, config, tutor }) })
    }

    /// Which model this is, in words fit for display: no key, no address, no port.
    pub fn describes(&self) -> String {
        match &self.inner.tutor {
            Some(_) => {
                let model = tutor::MODEL;
                format!("rule-based tutor model `{model}`, no language model, served on loopback")
            }
            None => format!("model `{}` at an OpenAI-compatible endpoint", self.inner.config.model),
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
        let body = wire::encode_request(request, &self.inner.config.model);
        let inner = Arc::clone(&self.inner);
        runtime::wait(async move { inner.send(body).await })?
    }

    /// As [`complete`](Self::complete), for callers who are asynchronous themselves. Needs a tokio
    /// runtime around it.
    ///
    /// # Errors
    /// As [`complete`](Self::complete).
    pub async fn complete_async(&self, request: &Request) -> Result<Reply, ClientError> {
        self.inner.send(wire::encode_request(request, &self.inner.config.model)).await
    }
}

impl Inner {
    async fn send(&self, body: Value) -> Result<Reply, ClientError> {
        let sent = self.openai.chat().create_byot::<Value, Value>(body).await;
        let reply = sent.map_err(|error| match error {
            OpenAIError::Boxed(boxed) => match boxed.downcast::<ClientError>() {
                Ok(error) => *error,
                Err(other) => self.transport_error(&other.to_string()),
            },
            other => self.transport_error(&other.to_string()),
        });
        // The port of the tutor is different each time, so no text may hold it.
        let reply = reply.map_err(|error| match error {
            ClientError::Unreachable { source, .. } if self.tutor.is_some() => {
                ClientError::Unreachable { address: "the tutor model".to_owned(), source }
            }
            other => other,
        })?;
        Ok(wire::decode_reply(&reply)?)
    }

    fn transport_error(&self, problem: &str) -> ClientError {
        ClientError::Transport { problem: self.config.key.redact(problem) }
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
