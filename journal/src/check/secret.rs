//! Keys and passwords that should not be published.
//!
//! Rules, not a proof: what looks like a key of a well-known service, a private key, or a password
//! given to a name that says so. A finding never repeats the secret.

use std::sync::{Arc, LazyLock};

use regex_lite::Regex;

use super::{Finding, Rule, text_of};
use crate::linked::Notebooks;
use crate::notebook::Output;
use crate::problem::Problem;
use crate::series::Series;

/// What is looked for: its name, and how it looks. The first group, where there is one, is the
/// secret itself.
static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let patterns = [
        ("an Anthropic key", r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
        ("an OpenAI key", r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
        ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
        ("an AWS access key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("a Stripe key", r"\b[sr]k_live_[A-Za-z0-9]{16,}"),
        ("an npm token", r"\bnpm_[A-Za-z0-9]{36}"),
        ("a PyPI token", r"\bpypi-AgE[A-Za-z0-9_-]{40,}"),
        ("a crates.io token", r"\bcio[A-Za-z0-9]{32}\b"),
        ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
        ("a private key", r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
        ("a password in an address", r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:([^\s/@]{6,})@"),
        (
            "a key or password",
            r#"(?i)\b[a-z_]*(?:api_?key|secret|access_?token|auth_?token|passw(?:or)?d)["']?\s*(?::=|[:=,]|=>)\s*["']([^\s"']{12,})["']"#,
        ),
    ];
    patterns.into_iter().filter_map(|(name, look)| Some((name, Regex::new(look).ok()?))).collect()
});

/// The secrets in a text: what each is, and its bytes; none twice.
fn secrets(text: &str) -> Vec<(&'static str, &str)> {
    let mut found: Vec<(&'static str, &str, usize)> = Vec::new();
    for (name, pattern) in PATTERNS.iter() {
        for captures in pattern.captures_iter(text) {
            let Some(secret) = captures.get(1).or(captures.get(0)) else { continue };
            let inside = found
                .iter()
                .any(|(_, other, at)| secret.start() < at + other.len() && *at < secret.end());
            if !inside && !is_placeholder(secret.as_str()) {
                found.push((name, secret.as_str(), secret.start()));
            }
        }
    }
    found.sort_by_key(|(_, _, at)| *at);
    found.into_iter().map(|(name, secret, _)| (name, secret)).collect()
}

/// What stands for a secret in examples: one character again and again, `your-key-here`, `<...>`,
/// a name of a variable.
fn is_placeholder(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = [
        "your",
        "xxxx",
        "example",
        "placeholder",
        "changeme",
        "redacted",
        "...",
        "<",
        "${",
        "{{",
        "getenv",
        "process.env",
        "env::",
        "env:",
    ];
    // `OPENAI_API_KEY`, but not a key that happens to have no small letters.
    let is_name = text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let mut kinds: Vec<char> = text.chars().filter(|c| c.is_alphanumeric()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let is_said = words.iter().any(|word| lower.contains(word)) && !text.starts_with("-----");
    is_said || is_name || kinds.len() < 5
}

/// The secret as a finding may show it.
fn masked(secret: &str) -> String {
    let start: String = secret.chars().take(4).collect();
    format!("`{start}…`, {} characters", secret.chars().count())
}

pub(super) fn findings(series: &Series, notebooks: &Notebooks) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &series.entries {
        for (name, secret) in secrets(&entry.text) {
            let at = entry.text.find(secret).unwrap_or(0);
            findings.push(finding(&entry.file, &entry.text, at, secret, name, ""));
        }
    }
    for (file, notebook) in notebooks {
        let Some(notebook) = notebook else { continue };
        let mut text = None;
        for cell in &notebook.cells {
            let mut texts = vec![("its source", cell.source.clone())];
            for output in &cell.outputs {
                match output {
                    Output::Stream { text, .. } => texts.push(("its output", text.clone())),
                    Output::Error { value, traceback, .. } => {
                        texts.push(("its output", format!("{value}\n{}", traceback.join("\n"))));
                    }
                    Output::Display { data, .. } => {
                        let shown = data.iter().filter(|(mime, _)| is_text(mime));
                        texts.extend(shown.map(|(_, text)| ("its output", text.clone())));
                    }
                }
            }
            for (place, searched) in &texts {
                for (name, secret) in secrets(searched) {
                    let text = text.get_or_insert_with(|| text_of(series, file));
                    let place = format!(" in cell {} ({place})", cell.number);
                    let quoted = serde_json::Value::from(secret).to_string();
                    let bare = &quoted[1..quoted.len() - 1];
                    let none: Arc<str> = "".into();
                    let text = text.as_ref().unwrap_or(&none);
                    let at = text.find(bare).unwrap_or(0);
                    findings.push(finding(file, text, at, secret, name, &place));
                }
            }
        }
    }
    findings
}

/// Whether an output of that kind is written in letters.
fn is_text(mime: &str) -> bool {
    mime.starts_with("text/")
        || ["json", "xml", "javascript"].iter().any(|kind| mime.contains(kind))
}

fn finding(
    file: &str,
    text: &Arc<str>,
    at: usize,
    secret: &str,
    name: &str,
    place: &str,
) -> Finding {
    let message = format!("this looks like {name}{place}: {}", masked(secret));
    let mut problem = Problem::at(file, text, at..at, message).with_help(
        "withdraw the key where it was issued, take it out, and read it from an environment variable",
    );
    // The lines around it would show it.
    problem.text = None;
    problem.span = 0..0;
    Finding::new(Rule::Secret, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let names: Vec<_> = secrets(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, expected, "{text}");
    }

    #[test]
    fn keys_are_known_by_their_looks() {
        let body = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5";
        check(&format!("key = sk-{body}"), &["an OpenAI key"]);
        check(&format!("sk-ant-api03-{body}"), &["an Anthropic key"]);
        check(&format!("ghp_{body}"), &["a GitHub token"]);
        check("AKIAQ3EGRXT2MPLKW7ZV", &["an AWS access key"]);
        check("-----BEGIN RSA PRIVATE KEY-----", &["a private key"]);
        check("postgres://me:hunter2hunter2@db/x", &["a password in an address"]);
        check("let password = \"correct horse\";", &[]);
        check("api_key: \"c0rrect-h0rse-battery\"", &["a key or password"]);
        check("api_key: \"c0rrect-3nVenom-battery\"", &["a key or password"]);
        check("env::set_var(\"MY_API_KEY\", \"c0rrect-h0rse-battery\")", &["a key or password"]);
    }

    #[test]
    fn examples_are_not_keys() {
        check("OPENAI_API_KEY=sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", &[]);
        check("api_key = \"your-key-goes-here\"", &[]);
        check("api_key = \"env:OPENAI_KEY\", secret = \"MY_SECRET_NAME\"", &[]);
        assert!(is_text("image/svg+xml") && is_text("application/json") && !is_text("image/png"));
        check("let api_key = std::env::var(\"OPENAI_API_KEY\")?;", &[]);
        check("ask-me-anything-about-the-course-of-agents", &[]);
        check("https://example.org/a:b", &[]);
    }

    #[test]
    fn a_finding_does_not_repeat_the_secret() {
        assert_eq!(masked("sk-aB3dE5fG7hJ9"), "`sk-a…`, 15 characters");
    }
}
