//! The display protocol: how a cell reaches the notebook (ARCHITECTURE.md, "The display protocol").

use std::io::Write;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::bundle::{Bundle, Show};

/// Begins a message, as in RFC 7464.
const RECORD_SEPARATOR: char = '\u{1e}';

/// Whether our own kernel listens; otherwise stock `evcxr_jupyter` is assumed.
pub(crate) fn listens() -> bool {
    static LISTENS: OnceLock<bool> = OnceLock::new();
    *LISTENS.get_or_init(|| std::env::var_os("MOMENTUM_KERNEL").is_some())
}

/// Sends one message in band. Errors mean that no one reads any more: nothing is left to tell.
pub(crate) fn send(message: &Value) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{RECORD_SEPARATOR}{message}").and_then(|()| stdout.flush());
}

/// What evcxr's own kernel understands: one block a MIME type.
fn send_evcxr(bundle: &Bundle) {
    let mut stdout = std::io::stdout().lock();
    for (mime, content) in &bundle.data {
        let content = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
        let _ = write!(stdout, "EVCXR_BEGIN_CONTENT {mime}\n{content}\nEVCXR_END_CONTENT\n");
    }
    let _ = stdout.flush();
}

fn send_display(bundle: &Bundle, id: Option<&str>, update: bool) {
    if !listens() {
        return send_evcxr(bundle);
    }
    let mut display = json!({"data": bundle.data, "metadata": bundle.metadata});
    if let Some(id) = id {
        display["id"] = json!(id);
        display["update"] = json!(update);
    }
    send(&json!({ "display": display }));
}

/// Sends the value of the last expression.
pub(crate) fn send_result(bundle: &Bundle) {
    if listens() {
        send(&json!({"result": {"data": bundle.data, "metadata": bundle.metadata}}));
    } else {
        send_evcxr(bundle);
    }
}

/// Shows a value in the notebook, in the place and order in which it is called.
///
/// A string is shown as it is, without quotes; anything that implements [`Show`] in its richest
/// form.
pub fn show(value: impl Show) {
    send_display(&value.bundle(), None, false);
}

/// Shows a value under a name, so that [`update`] can replace it later.
pub fn show_as(id: &str, value: impl Show) {
    send_display(&value.bundle(), Some(id), false);
}

/// Replaces, in place, what was shown under this name. Stock `evcxr_jupyter` cannot: there it is
/// shown once more.
pub fn update(id: &str, value: impl Show) {
    send_display(&value.bundle(), Some(id), true);
}

/// Removes what the cell has shown so far; with `wait`, only once something new comes.
pub fn clear_output(wait: bool) {
    if listens() {
        send(&json!({"clear": {"wait": wait}}));
    }
}

/// Asks the reader of the notebook for a line of text.
pub fn input(prompt: &str) -> String {
    ask("EVCXR_INPUT_REQUEST", prompt)
}

/// Asks the reader of the notebook for a password, which is not echoed.
pub fn password(prompt: &str) -> String {
    ask("EVCXR_INPUT_REQUEST_PASSWORD", prompt)
}

/// evcxr's own way of asking, which both kernels understand.
fn ask(command: &str, prompt: &str) -> String {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{command}:{prompt}").and_then(|()| stdout.flush());
    drop(stdout);
    let mut line = String::new();
    let _ = std::io::stdin().read_line(&mut line);
    line.trim_end_matches(['\n', '\r']).to_owned()
}
