//! How roles, tool calls and tags are written in a database.

use super::StorageError;
use crate::message::{Role, ToolCall};

const ROLES: [Role; 4] = [Role::System, Role::User, Role::Assistant, Role::Tool];

fn corrupt(what: &str, why: String) -> StorageError {
    StorageError::Corrupt { what: what.to_owned(), why }
}

/// The role from its name.
pub(crate) fn role_from_text(text: &str) -> Result<Role, StorageError> {
    let role = ROLES.into_iter().find(|role| role.as_str() == text);
    role.ok_or_else(|| corrupt("a message's role", format!("{text:?} is no role")))
}

/// Tool calls as JSON; [`None`] when there is none.
pub(crate) fn calls_to_text(calls: &[ToolCall]) -> Option<String> {
    let call = |call: &ToolCall| serde_json::json!([call.id, call.name, call.arguments]);
    (!calls.is_empty()).then(|| calls.iter().map(call).collect::<serde_json::Value>().to_string())
}

/// Tool calls from JSON.
pub(crate) fn calls_from_text(text: Option<&str>) -> Result<Vec<ToolCall>, StorageError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let calls: Vec<(String, String, String)> = serde_json::from_str(text)
        .map_err(|why| corrupt("a message's tool calls", why.to_string()))?;
    Ok(calls.into_iter().map(|(id, name, arguments)| ToolCall { id, name, arguments }).collect())
}

/// Tags as JSON.
pub(crate) fn tags_to_text(tags: &[String]) -> String {
    serde_json::json!(tags).to_string()
}

/// Tags from JSON.
pub(crate) fn tags_from_text(text: &str) -> Result<Vec<String>, StorageError> {
    serde_json::from_str(text).map_err(|why| corrupt("a passage's tags", why.to_string()))
}
