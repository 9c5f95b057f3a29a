//! From a message's JSON to a typed request.
//!
//! Clients leave out what has a default in the protocol's text but not in the typed messages
//! (`jupyter_client` sends a history range without `stop`), so defaults are filled in first.

use jupyter_protocol::JupyterMessageContent;
use serde_json::{Map, Value, json};
use thiserror::Error;

/// A message's content is not what its type asks for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The content is no JSON object.
    #[error("the content is not a JSON object")]
    NotAnObject,
    /// A field is missing or of the wrong type.
    #[error("the content cannot be read: {source}")]
    Content {
        /// What the parser says.
        #[from]
        source: serde_json::Error,
    },
}

/// Reads the content of a message of the given type.
///
/// # Errors
/// [`RequestError`] when the content is not an object, or a field has the wrong type.
pub fn read_content(kind: &str, content: Value) -> Result<JupyterMessageContent, RequestError> {
    let Value::Object(mut content) = content else {
        return Err(RequestError::NotAnObject);
    };
    fill_defaults(kind, &mut content);
    Ok(JupyterMessageContent::from_type_and_content(kind, Value::Object(content))?)
}

fn fill_defaults(kind: &str, content: &mut Map<String, Value>) {
    let mut default = |name: &str, value: Value| {
        let field = content.entry(name).or_insert(Value::Null);
        if field.is_null() {
            *field = value;
        }
    };
    match kind {
        "execute_request" => {
            default("silent", json!(false));
            default("store_history", json!(true));
            default("user_expressions", json!({}));
            default("allow_stdin", json!(true));
            default("stop_on_error", json!(true));
        }
        "complete_request" | "inspect_request" => default("cursor_pos", json!(usize::MAX)),
        "history_request" => {
            default("output", json!(false));
            default("raw", json!(true));
            default("hist_access_type", json!("tail"));
            default("session", json!(0));
            default("start", json!(0));
            default("stop", json!(i32::MAX));
            default("n", json!(0));
            default("pattern", json!("*"));
            default("unique", json!(false));
        }
        "shutdown_request" => default("restart", json!(false)),
        "comm_open" | "comm_msg" | "comm_close" => default("data", json!({})),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use jupyter_protocol::HistoryRequest;

    use super::*;

    #[test]
    fn a_range_without_an_end_goes_to_the_end() {
        let content = json!({"hist_access_type": "range", "session": 0, "start": 2, "raw": true});
        let request = read_content("history_request", content).unwrap();
        let JupyterMessageContent::HistoryRequest(HistoryRequest::Range { start, stop, .. }) =
            request
        else {
            panic!("not a range")
        };
        assert_eq!((start, stop), (2, i32::MAX));
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = read_content("execute_request", json!({"code": 5})).unwrap_err();
        insta::assert_snapshot!(error, @"the content cannot be read: invalid type: integer `5`, expected a string");
        let error = read_content("execute_request", json!([])).unwrap_err();
        insta::assert_snapshot!(error, @"the content is not a JSON object");
    }
}
