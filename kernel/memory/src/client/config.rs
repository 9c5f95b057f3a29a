//! Where the model is and how long to wait for it: from the environment, checked.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::client::ClientError;

/// OpenAI's own address, used when `OPENAI_BASE_URL` is not set.
const OPENAI: &str = "https://api.openai.com/v1";
/// The model asked for at OpenAI's own address when none is named.
const DEFAULT_MODEL: &str = "gpt-4o-mini";

/// The fewest letters of a key that somebody made up to be secret.
const SHORTEST_SECRET: usize = 12;

/// An API key. Neither `Debug` nor `Display` shows it.
#[derive(Clone)]
pub(crate) struct Key(String);

impl Key {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the key struck out: some endpoints quote it in errors.
    pub(crate) fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "[key]") }
    }

    /// As [`redact`](Self::redact), for conversations. Words such as `ollama`, which local
    /// endpoints take for a key, are left where they stand: they are no secret and may be meant.
    pub(crate) fn redact_secret(&self, text: &str) -> String {
        if self.0.len() < SHORTEST_SECRET { text.to_owned() } else { self.redact(text) }
    }

    /// A value with the key struck out of every text in it.
    pub(crate) fn redact_value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.redact_secret(text).into(),
            Value::Array(items) => items.iter().map(|item| self.redact_value(item)).collect(),
            Value::Object(map) => {
                let entries = map.iter();
                let entries = entries.map(|(k, v)| (self.redact_secret(k), self.redact_value(v)));
                Value::Object(entries.collect())
            }
            other => other.clone(),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[key]")
    }
}

/// Where the model is, and how patient to be with it.
///
/// | variable | meaning |
/// |---|---|
/// | `OPENAI_API_KEY` | the key; may be left out for a local endpoint that asks for none |
/// | `OPENAI_BASE_URL` | the address up to and including `/v1`; OpenAI's own by default |
/// | `MOMENTUM_MODEL`, then `OPENAI_MODEL` | the model's name; `gpt-4o-mini` by default, but only at OpenAI's own address |
/// | `MOMENTUM_EMBEDDING_MODEL` | the model that makes vectors of texts; none by default |
/// | `OPENAI_ORG_ID` | the organisation, if any |
/// | `MOMENTUM_MODEL_TIMEOUT` | how long one attempt may take, in seconds; 120 by default |
/// | `MOMENTUM_CONNECT_TIMEOUT` | how long connecting may take of that, in seconds; 10 by default |
#[derive(Debug, Clone)]
pub struct ClientConfig {
    pub(crate) key: Key,
    pub(crate) base_url: String,
    pub(crate) model: String,
    pub(crate) embedding_model: Option<String>,
    pub(crate) organisation: String,
    pub(crate) timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) n_retries: u32,
    pub(crate) backoff: Duration,
    pub(crate) longest_wait: Duration,
    pub(crate) largest_body: usize,
    pub(crate) seed: u64,
}

impl ClientConfig {
    /// The model named `model` at `base_url` (up to and including `/v1`), with this key; an empty
    /// key for an endpoint that asks for none. One attempt may take 120 s, of which connecting
    /// 10 s; up to 3 retries.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] for an address, key or name that cannot be sent.
    pub fn new(base_url: &str, key: &str, model: &str) -> Result<Self, ClientError> {
        let wrong = |variable, problem: &str| ClientError::Configuration {
            variable,
            problem: problem.to_owned(),
        };
        let url = reqwest::Url::parse(base_url.trim()).map_err(|error| {
            wrong("OPENAI_BASE_URL", &format!("it is not an address ({error})"))
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong("OPENAI_BASE_URL", "it must begin with https:// or http://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            let problem = "it must not hold a user, a password or a query; keys belong in \
                           OPENAI_API_KEY";
            return Err(wrong("OPENAI_BASE_URL", problem));
        }
        let sendable = |text: &str| text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !sendable(key.trim()) {
            let problem = "it holds a character that no key has; copy it again";
            return Err(wrong("OPENAI_API_KEY", problem));
        }
        if model.trim().is_empty() {
            return Err(wrong("MOMENTUM_MODEL", "it is empty; name a model of your endpoint"));
        }
        Ok(ClientConfig {
            key: Key(key.trim().to_owned()),
            base_url: url.as_str().trim_end_matches('/').to_owned(),
            model: model.trim().to_owned(),
            embedding_model: None,
            organisation: String::new(),
            timeout: Duration::from_secs(120),
            connect_timeout: Duration::from_secs(10),
            n_retries: 3,
            backoff: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            largest_body: 8 << 20,
            seed: 0,
        })
    }

    /// The configuration in the environment; [`None`] when neither `OPENAI_API_KEY` nor
    /// `OPENAI_BASE_URL` is set.
    ///
    /// # Errors
    /// [`ClientError`] when a variable is set to something that cannot be used, or when OpenAI's
    /// own address is asked for without a key.
    pub fn from_env() -> Result<Option<Self>, ClientError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`from_env`](Self::from_env), from any source of variables.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ClientError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let (key, base_url) = (variable("OPENAI_API_KEY"), variable("OPENAI_BASE_URL"));
        if key.is_none() && base_url.is_none() {
            return Ok(None);
        }
        let own = base_url.as_deref().is_none_or(|url| url.contains("//api.openai.com"));
        if own && key.is_none() {
            return Err(ClientError::NoKey);
        }
        let model = variable("MOMENTUM_MODEL").or_else(|| variable("OPENAI_MODEL"));
        let model = match model {
            Some(model) => model,
            None if own => DEFAULT_MODEL.to_owned(),
            None => {
                return Err(ClientError::Configuration {
                    variable: "MOMENTUM_MODEL",
                    problem: "it is not set; name a model of the endpoint in OPENAI_BASE_URL"
                        .to_owned(),
                });
            }
        };
        let config =
            Self::new(base_url.as_deref().unwrap_or(OPENAI), &key.unwrap_or_default(), &model)?;
        let organisation = variable("OPENAI_ORG_ID").unwrap_or_default();
        let mut config = config.with_organisation(&organisation)?;
        config.embedding_model =
            variable("MOMENTUM_EMBEDDING_MODEL").map(|model| model.trim().to_owned());
        for (name, timeout) in [
            ("MOMENTUM_MODEL_TIMEOUT", &mut config.timeout),
            ("MOMENTUM_CONNECT_TIMEOUT", &mut config.connect_timeout),
        ] {
            if let Some(text) = variable(name) {
                *timeout = seconds(name, &text)?;
            }
        }
        Ok(Some(config))
    }

    /// Sets the model that makes vectors of texts; none by default.
    pub fn with_embedding_model(mut self, model: &str) -> Self {
        self.embedding_model = Some(model.trim().to_owned()).filter(|model| !model.is_empty());
        self
    }

    /// Sets how long one attempt may take in all; for a streamed reply, how long the endpoint may
    /// be silent.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long connecting to the endpoint may take, of the time that one attempt may take.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how often a failed attempt is repeated (0: never) and the pause before the first
    /// repetition, which doubles each time. Of each pause, a random part of at most half is left
    /// out, so that many clients do not come back together. Where the endpoint's `Retry-After`
    /// names a pause, that one is kept.
    pub fn with_retries(mut self, n_retries: u32, backoff: Duration) -> Self {
        self.n_retries = n_retries;
        self.backoff = backoff;
        self
    }

    /// Sets the seed of the random part of each pause; 0 by default.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the longest pause that is waited out; when an endpoint asks for more, the call fails.
    pub fn with_longest_wait(mut self, longest_wait: Duration) -> Self {
        self.longest_wait = longest_wait;
        self
    }

    /// Sets the organisation that is billed, for keys that belong to several; none by default.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] for an id that cannot be sent.
    pub fn with_organisation(mut self, organisation: &str) -> Result<Self, ClientError> {
        let organisation = organisation.trim();
        if !organisation.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return Err(ClientError::Configuration {
                variable: "OPENAI_ORG_ID",
                problem: "it holds a character that no organisation id has".to_owned(),
            });
        }
        self.organisation = organisation.to_owned();
        Ok(self)
    }

    /// Sets the largest reply that is read, in bytes.
    pub fn with_largest_body(mut self, n_bytes: usize) -> Self {
        self.largest_body = n_bytes;
        self
    }

    /// Whether the address is this machine, which is never reached through a proxy.
    pub(crate) fn is_loopback(&self) -> bool {
        let Ok(url) = reqwest::Url::parse(&self.base_url) else { return false };
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// A time from a variable: a number of seconds above 0, up to a day.
fn seconds(variable: &'static str, text: &str) -> Result<Duration, ClientError> {
    let seconds = text.trim().parse::<f64>().ok();
    let fits = seconds.filter(|seconds| *seconds > 0.0 && *seconds <= 86_400.0);
    fits.map(Duration::from_secs_f64).ok_or_else(|| ClientError::Configuration {
        variable,
        problem: format!("expected a number of seconds above 0, such as 30, got {text:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)], expected: &str) {
        let find = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let got = match ClientConfig::from_variables(find) {
            Ok(None) => "none".to_owned(),
            Ok(Some(config)) => format!("{} at {}", config.model, config.base_url),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn the_environment_is_read_and_checked() {
        check(&[], "none");
        check(&[("OPENAI_API_KEY", " ")], "none");
        check(&[("OPENAI_API_KEY", "k")], "gpt-4o-mini at https://api.openai.com/v1");
        check(
            &[("OPENAI_API_KEY", "k"), ("OPENAI_MODEL", "a"), ("MOMENTUM_MODEL", "b")],
            "b at https://api.openai.com/v1",
        );
        check(
            &[("OPENAI_BASE_URL", "http://localhost:8080/v1/"), ("OPENAI_MODEL", "llama")],
            "llama at http://localhost:8080/v1",
        );
        check(
            &[("OPENAI_BASE_URL", "http://localhost:8080/v1")],
            "MOMENTUM_MODEL cannot be used: it is not set; name a model of the endpoint in \
             OPENAI_BASE_URL.",
        );
        check(
            &[("OPENAI_BASE_URL", "https://api.openai.com/v1")],
            "no key: set OPENAI_API_KEY to your key, or unset OPENAI_BASE_URL as well to use the \
             rule-based tutor model.",
        );
        check(
            &[("OPENAI_API_KEY", "k\nk")],
            "OPENAI_API_KEY cannot be used: it holds a character that no key has; copy it again.",
        );
        check(
            &[("OPENAI_BASE_URL", "https://a:b@c/v1"), ("OPENAI_MODEL", "m")],
            "OPENAI_BASE_URL cannot be used: it must not hold a user, a password or a query; keys \
             belong in OPENAI_API_KEY.",
        );
    }

    #[test]
    fn timeouts_are_read_and_checked() {
        let with = |name: &'static str, text: &'static str| {
            ClientConfig::from_variables(move |asked| match asked {
                "OPENAI_API_KEY" => Some("k".to_owned()),
                asked => (asked == name).then(|| text.to_owned()),
            })
        };
        let times = |name, text| {
            let config = with(name, text).unwrap().unwrap();
            (config.timeout.as_secs_f64(), config.connect_timeout.as_secs_f64())
        };
        assert_eq!(times("MOMENTUM_MODEL_TIMEOUT", " "), (120.0, 10.0));
        assert_eq!(times("MOMENTUM_MODEL_TIMEOUT", "300"), (300.0, 10.0));
        assert_eq!(times("MOMENTUM_CONNECT_TIMEOUT", " 2.5 "), (120.0, 2.5));
        for text in ["0", "-1", "soon", "NaN", "inf", "1e9", "30 s"] {
            let error = with("MOMENTUM_CONNECT_TIMEOUT", text).unwrap_err().to_string();
            let expected = format!(
                "MOMENTUM_CONNECT_TIMEOUT cannot be used: expected a number of seconds above 0, such \
                 as 30, got {text:?}."
            );
            assert_eq!(error, expected);
        }
        let config = ClientConfig::new(OPENAI, "k", "m").unwrap();
        let config = config.with_connect_timeout(Duration::from_secs(3));
        assert_eq!(config.connect_timeout, Duration::from_secs(3));
    }

    #[test]
    fn a_key_is_never_shown() {
        let config = ClientConfig::new(OPENAI, "sk-secret", "m").unwrap();
        assert!(!format!("{config:?}").contains("secret"));
        assert_eq!(config.key.redact("bad key sk-secret!"), "bad key [key]!");
    }

    #[test]
    fn loopback_is_known() {
        let loopback = |url: &str| ClientConfig::new(url, "", "m").unwrap().is_loopback();
        assert!(loopback("http://127.0.0.1:1/v1") && loopback("http://[::1]:1/v1"));
        assert!(loopback("http://localhost/v1") && !loopback("http://localhost.example/v1"));
    }
}
