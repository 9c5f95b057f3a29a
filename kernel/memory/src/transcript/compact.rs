//! A request as its difference to the one before: a conversation grows by a message or two with
//! each request, and a reader wants to see those, not the whole of it again.

use serde_json::{Map, Value};

/// A request's body, without what it shares with the request before it.
#[derive(Debug, PartialEq)]
pub(super) struct Compact {
    /// The fields that have the same value as in the request before.
    pub(super) as_before: Vec<String>,
    /// How many of its first `messages` are those of the request before.
    pub(super) messages_as_before: usize,
    /// The rest.
    pub(super) body: Value,
}

/// Takes out of `body` what is the same in `before`.
pub(super) fn compact(before: &Value, body: &Value) -> Compact {
    let (Value::Object(old), Value::Object(new)) = (before, body) else {
        return Compact { as_before: Vec::new(), messages_as_before: 0, body: body.clone() };
    };
    let (mut as_before, mut messages_as_before) = (Vec::new(), 0);
    let mut rest = Map::new();
    for (name, value) in new {
        match (value, old.get(name)) {
            // Small values are easier to read where they stand.
            (Value::Array(_) | Value::Object(_), Some(known)) if known == value => {
                as_before.push(name.clone());
            }
            (Value::Array(new), Some(Value::Array(old))) if name == "messages" => {
                messages_as_before = new.iter().zip(old).take_while(|(a, b)| a == b).count();
                rest.insert(name.clone(), new[messages_as_before..].into());
            }
            _ => drop(rest.insert(name.clone(), value.clone())),
        }
    }
    Compact { as_before, messages_as_before, body: Value::Object(rest) }
}

/// Puts the whole body together again.
///
/// # Errors
/// What is wrong, in words.
pub(super) fn expand(before: &Value, compact: Compact) -> Result<Value, String> {
    let Compact { as_before, messages_as_before, body } = compact;
    if as_before.is_empty() && messages_as_before == 0 {
        return Ok(body);
    }
    let Value::Object(mut body) = body else {
        return Err("`body` must be a mapping where something is as before".to_owned());
    };
    for name in as_before {
        let Some(value) = before.get(&name) else {
            return Err(format!("`as_before` names `{name}`, which the step before does not have"));
        };
        if body.insert(name.clone(), value.clone()).is_some() {
            return Err(format!("`as_before` names `{name}`, which stands in `body` too"));
        }
    }
    if messages_as_before > 0 {
        let old = before.get("messages").and_then(Value::as_array);
        let old = old.and_then(|old| old.get(..messages_as_before)).ok_or_else(|| {
            format!("the step before does not have {messages_as_before} messages")
        })?;
        let Some(Value::Array(new)) = body.get_mut("messages") else {
            return Err("`messages` must be a list where some are as before".to_owned());
        };
        new.splice(0..0, old.iter().cloned());
    }
    Ok(Value::Object(body))
}
