//! One HTTP exchange, with patience: time limits, a size limit, and bounded repetition that
//! honours `Retry-After`.
//!
//! Each exchange ends in a whole JSON body, in a stream of events, or in a [`ClientError`].
//! Repeated are: 429 (unless the account is empty), 408, 5xx, and a connection that broke before
//! anything was handed on. Not repeated: a time limit that ran out (the next attempt would cost as
//! much again) and a server that is not there.

use std::error::Error;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;
use tokio::time::timeout;

use crate::client::{ClientConfig, ClientError};

/// An HTTP client with this configuration's time limit for connecting.
pub(crate) fn http_client(config: &ClientConfig) -> Result<reqwest::Client, ClientError> {
    // The provider of cryptography for the whole process. If the program has chosen one already,
    // that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .connect_timeout(config.connect_timeout)
        // A redirect would send the conversation somewhere that nobody configured.
        .redirect(reqwest::redirect::Policy::none());
    if config.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError::Transport { problem: chain(&error) })
}

/// An HTTP client that builds requests and sends none.
pub(crate) fn idle_client(config: &ClientConfig) -> Result<reqwest::Client, ClientError> {
    static IDLE: OnceLock<reqwest::Client> = OnceLock::new();
    match IDLE.get() {
        Some(client) => Ok(client.clone()),
        None => {
            let client = http_client(config)?;
            Ok(IDLE.get_or_init(|| client).clone())
        }
    }
}

/// What came back for good.
pub(crate) enum Answer {
    /// A whole JSON body.
    Json(Vec<u8>),
    /// A whole body of events.
    Events(Vec<u8>),
    /// A body of events that is still on its way.
    Stream(reqwest::Response),
}

/// A failure for good.
pub(crate) struct Refusal {
    pub(crate) error: ClientError,
    /// The status and the body, where the endpoint refused this very request and would again.
    pub(crate) lasting: Option<(u16, Vec<u8>)>,
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        Refusal { error, lasting: None }
    }
}

/// Sends a request until it succeeds, fails for good, or was tried often enough. `build` makes the
/// request afresh for each attempt.
pub(crate) async fn exchange<Fut>(
    http: &reqwest::Client,
    config: &ClientConfig,
    jitter: &Mutex<fastrand::Rng>,
    build: impl Fn() -> Fut,
) -> Result<Answer, Refusal>
where
    Fut: Future<Output = Result<reqwest::Request, ClientError>>,
{
    let mut n_attempts = 0;
    loop {
        n_attempts += 1;
        let request = build().await?;
        let tried = timeout(config.timeout, attempt(http, config, request)).await;
        let failure = match tried {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::last(ClientError::Timeout { after: config.timeout }),
        };
        let wait = failure.retry.map(|asked| {
            asked.unwrap_or_else(|| {
                let pause = config.backoff.saturating_mul(1 << (n_attempts - 1).min(6));
                let mut jitter = jitter.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                pause.mul_f64(1.0 - 0.5 * jitter.f64())
            })
        });
        match wait {
            Some(wait) if n_attempts <= config.n_retries && wait <= config.longest_wait => {
                tokio::time::sleep(wait).await;
            }
            _ => return Err(failure.into_refusal(n_attempts)),
        }
    }
}

/// A failed attempt: whether to repeat it (and after what pause, if the endpoint said), and the
/// error if not, which is told the number of attempts.
struct Failure {
    retry: Option<Option<Duration>>,
    error: ClientError,
    lasting: Option<(u16, Vec<u8>)>,
}

impl Failure {
    fn last(error: ClientError) -> Self {
        Failure { retry: None, error, lasting: None }
    }

    fn passing(error: ClientError) -> Self {
        Failure { retry: Some(None), error, lasting: None }
    }

    fn into_refusal(mut self, tried: u32) -> Refusal {
        if let ClientError::RateLimited { n_attempts, .. }
        | ClientError::Server { n_attempts, .. }
        | ClientError::Cut { n_attempts, .. } = &mut self.error
        {
            *n_attempts = tried;
        }
        Refusal { error: self.error, lasting: self.lasting }
    }
}

async fn attempt(
    http: &reqwest::Client,
    config: &ClientConfig,
    request: reqwest::Request,
) -> Result<Answer, Failure> {
    let failed = |error| network_failure(error, config);
    let mut response = http.execute(request).await.map_err(failed)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or("nothing that it names").to_owned();
    let succeeded = (200..300).contains(&status);
    if succeeded && content_type.starts_with("text/event-stream") {
        return Ok(Answer::Stream(response));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > config.largest_body {
            return Err(Failure::last(ClientError::TooLarge { limit: config.largest_body }));
        }
        body.extend_from_slice(&chunk);
    }
    if !succeeded {
        return Err(status_failure(status, &headers, body, config));
    }
    whole(body, &content_type).map_err(Failure::last)
}

/// A whole body as what it is. Lenient: JSON or events under another content type will do. JSON is
/// parsed once more by async-openai; against a model's thinking time that is nothing.
pub(crate) fn whole(body: Vec<u8>, content_type: &str) -> Result<Answer, ClientError> {
    let begins = |mark: &[u8]| body.trim_ascii_start().starts_with(mark);
    if begins(b"data:") || begins(b"event:") || begins(b":") {
        return Ok(Answer::Events(body));
    }
    match serde_json::from_slice::<Value>(&body) {
        Ok(_) => Ok(Answer::Json(body)),
        Err(source) if content_type.starts_with("application/json") => {
            Err(ClientError::MalformedJson { source })
        }
        Err(source) => Err(ClientError::NotJson { content_type: content_type.to_owned(), source }),
    }
}

fn network_failure(error: reqwest::Error, config: &ClientConfig) -> Failure {
    // A connection that hangs counts as a time limit, not as a server that is not there.
    if error.is_timeout() {
        Failure::last(ClientError::Timeout { after: config.connect_timeout })
    } else if error.is_connect() {
        let address = config.base_url.clone();
        Failure::last(ClientError::Unreachable { address, source: error.without_url() })
    } else if error.is_builder() {
        Failure::last(ClientError::Transport { problem: config.key.redact(&chain(&error)) })
    } else {
        Failure::passing(ClientError::Cut { n_attempts: 1, source: error.without_url() })
    }
}

fn status_failure(
    status: u16,
    headers: &HeaderMap,
    body: Vec<u8>,
    config: &ClientConfig,
) -> Failure {
    let error = status_error(status, &body, config);
    let asked = || retry_after(headers, SystemTime::now());
    match error {
        ClientError::RateLimited { n_attempts, message, .. } => {
            let retry_after = asked();
            let error = ClientError::RateLimited { n_attempts, retry_after, message };
            Failure { retry: Some(retry_after), error, lasting: None }
        }
        ClientError::Server { .. } => Failure { retry: Some(asked()), error, lasting: None },
        ClientError::Refused { .. } | ClientError::ModelNotFound { .. } => {
            Failure { retry: None, error, lasting: Some((status, body)) }
        }
        error => Failure::last(error),
    }
}

/// What a status other than success means.
pub(crate) fn status_error(status: u16, body: &[u8], config: &ClientConfig) -> ClientError {
    let (message, code) = error_message(body);
    let message = config.key.redact(&message);
    match status {
        401 | 403 => ClientError::Unauthorised { status, message },
        404 => ClientError::ModelNotFound { model: config.model.clone(), message },
        429 if code == "insufficient_quota" => ClientError::QuotaSpent { message },
        429 => ClientError::RateLimited { n_attempts: 1, retry_after: None, message },
        408 | 500.. => ClientError::Server { status, n_attempts: 1, message },
        _ => ClientError::Refused { status, message },
    }
}

/// The message and the code of an error envelope; else the beginning of the body as it is.
fn error_message(body: &[u8]) -> (String, String) {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &json["error"];
    let message = error["message"].as_str().or_else(|| error.as_str());
    let message = message.or_else(|| json["message"].as_str());
    let text = match message {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(body).into_owned(),
    };
    let mut text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(300) {
        text.truncate(end);
        text.push('…');
    }
    if text.is_empty() {
        text.push_str("it did not say why");
    }
    let code = error["code"].as_str().unwrap_or_default().to_owned();
    (text.trim_end_matches('.').to_owned(), code)
}

/// The pause that the endpoint asks for: `Retry-After`, in seconds or as a date, or OpenAI's more
/// exact `retry-after-ms`.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let exact = headers.get("retry-after-ms").and_then(|value| value.to_str().ok());
    if let Some(milliseconds) = exact.and_then(|text| text.trim().parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

/// An error and all its causes, in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |text: &str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            let now = httpdate::parse_http_date("Sun, 22 Nov 2026 17:00:00 GMT").unwrap();
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{text}");
        };
        check("2", Some(2));
        check("Sun, 22 Nov 2026 17:00:30 GMT", Some(30));
        check("Sun, 22 Nov 2026 16:00:00 GMT", Some(0));
        check("-1", None);
        check("soon", None);
        check("1e300", None);
    }

    #[test]
    fn an_error_says_what_the_endpoint_said() {
        let check = |body: &str, expected: &str| {
            assert_eq!(error_message(body.as_bytes()).0, expected);
        };
        check(r#"{"error": {"message": "No such model."}}"#, "No such model");
        check(r#"{"error": "loading"}"#, "loading");
        check("<h1>Bad\n gateway</h1>", "<h1>Bad gateway</h1>");
        check("", "it did not say why");
    }
}
