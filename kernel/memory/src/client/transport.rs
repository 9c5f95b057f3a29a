//! One HTTP exchange, with patience: time limits, a size limit, and bounded repetition that
//! honours `Retry-After`.
//!
//! Each exchange ends in a whole JSON body or in a [`ClientError`]. Repeated are: 429 (unless the
//! account is empty), 408, 5xx, and a connection that broke. Not repeated: a time limit that ran
//! out (the next attempt would cost as much again) and a server that is not there.

use std::error::Error;
use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde_json::Value;

use crate::client::{ClientConfig, ClientError};

/// An HTTP client with this configuration's time limits.
pub(crate) fn http_client(config: &ClientConfig) -> Result<reqwest::Client, ClientError> {
    // The provider of cryptography for the whole process. If the program has chosen one already,
    // that one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .timeout(config.timeout)
        .connect_timeout(config.connect_timeout)
        // A redirect would send the conversation somewhere that nobody configured.
        .redirect(reqwest::redirect::Policy::none());
    if config.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| ClientError::Transport { problem: chain(&error) })
}

/// Sends a request until it succeeds, fails for good, or was tried often enough. `build` makes the
/// request afresh for each attempt.
pub(crate) async fn exchange<Fut>(
    http: &reqwest::Client,
    config: &ClientConfig,
    build: impl Fn() -> Fut,
) -> Result<Vec<u8>, ClientError>
where
    Fut: Future<Output = Result<reqwest::Request, ClientError>>,
{
    let mut n_attempts = 0;
    loop {
        n_attempts += 1;
        let request = build().await?;
        let failure = match attempt(http, config, request).await {
            Ok(body) => return Ok(body),
            Err(failure) => failure,
        };
        let wait = failure.retry.map(|asked| {
            asked.unwrap_or(config.backoff.saturating_mul(1 << (n_attempts - 1).min(6)))
        });
        match wait {
            Some(wait) if n_attempts <= config.n_retries && wait <= config.longest_wait => {
                tokio::time::sleep(wait).await;
            }
            _ => return Err(failure.into_error(n_attempts)),
        }
    }
}

/// A failed attempt: whether to repeat it (and after what pause, if the endpoint said), and the
/// error if not, which is told the number of attempts.
struct Failure {
    retry: Option<Option<Duration>>,
    error: ClientError,
}

impl Failure {
    fn last(error: ClientError) -> Self {
        Failure { retry: None, error }
    }

    fn passing(error: ClientError) -> Self {
        Failure { retry: Some(None), error }
    }

    fn into_error(mut self, tried: u32) -> ClientError {
        if let ClientError::RateLimited { n_attempts, .. }
        | ClientError::Server { n_attempts, .. }
        | ClientError::Cut { n_attempts, .. } = &mut self.error
        {
            *n_attempts = tried;
        }
        self.error
    }
}

async fn attempt(
    http: &reqwest::Client,
    config: &ClientConfig,
    request: reqwest::Request,
) -> Result<Vec<u8>, Failure> {
    let failed = |error| network_failure(error, config);
    let mut response = http.execute(request).await.map_err(failed)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > config.largest_body {
            return Err(Failure::last(ClientError::TooLarge { limit: config.largest_body }));
        }
        body.extend_from_slice(&chunk);
    }
    if !(200..300).contains(&status) {
        return Err(status_failure(status, &headers, &body, config));
    }
    // Lenient: JSON under another content type will do. The body is parsed once more by
    // async-openai; against a model's thinking time that is nothing.
    match serde_json::from_slice::<Value>(&body) {
        Ok(_) => Ok(body),
        Err(source) => {
            let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let content_type = content_type.unwrap_or("nothing that it names").to_owned();
            let content_type = match content_type.starts_with("application/json") {
                true => "broken JSON".to_owned(),
                false => content_type,
            };
            Err(Failure::last(ClientError::NotJson { content_type, source }))
        }
    }
}

fn network_failure(error: reqwest::Error, config: &ClientConfig) -> Failure {
    // A connection that hangs counts as a time limit, not as a server that is not there.
    if error.is_timeout() {
        let after = if error.is_connect() { config.connect_timeout } else { config.timeout };
        Failure::last(ClientError::Timeout { after })
    } else if error.is_connect() {
        let address = config.base_url.clone();
        Failure::last(ClientError::Unreachable { address, source: error.without_url() })
    } else if error.is_builder() {
        Failure::last(ClientError::Transport { problem: config.key.redact(&chain(&error)) })
    } else {
        Failure::passing(ClientError::Cut { n_attempts: 1, source: error.without_url() })
    }
}

fn status_failure(status: u16, headers: &HeaderMap, body: &[u8], config: &ClientConfig) -> Failure {
    let (message, code) = error_message(body);
    let message = config.key.redact(&message);
    match status {
        401 | 403 => Failure::last(ClientError::Unauthorised { status, message }),
        404 => {
            let model = config.model.clone();
            Failure::last(ClientError::ModelNotFound { model, message })
        }
        429 if code == "insufficient_quota" => Failure::last(ClientError::QuotaSpent { message }),
        429 => {
            let retry_after = retry_after(headers, SystemTime::now());
            let error = ClientError::RateLimited { n_attempts: 1, retry_after, message };
            Failure { retry: Some(retry_after), error }
        }
        408 | 500.. => {
            let retry = Some(retry_after(headers, SystemTime::now()));
            Failure { retry, error: ClientError::Server { status, n_attempts: 1, message } }
        }
        _ => Failure::last(ClientError::Refused { status, message }),
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

/// The pause that `Retry-After` asks for: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
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
