//! Comms: lines to something in the notebook's client, such as a widget.
//!
//! A cell opens a comm, or registers a target under which the client may open one:
//!
//! ```
//! use momentum_cells::comm;
//! use serde_json::json;
//!
//! comm::register("echo", |line, message| line.send(message.data.clone()));
//! let line = comm::open("jupyter.widget", json!({"state": {}}));
//! line.on_message(|line, message| println!("{} said {}", line.id(), message.data));
//! line.send(json!({"method": "update", "state": {"value": 3}}));
//! ```
//!
//! A callback runs in the session's process between two cells, or while a cell waits in
//! [`Comm::recv`]. It does not run while a cell computes: there is one process, and it is at work.
//! Callbacks own what they use (`Arc<Mutex<..>>` shares it with cells). They are gone when the
//! session's process has ended; a message to a comm that no one knows closes it.
//!
//! Where no client listens (`momentum run`, stock `evcxr_jupyter`), nothing is ever heard, and
//! `recv` gives nothing.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::channel::send;
use crate::pipe;

/// How many messages are kept for a comm that no one asks.
const INBOX: usize = 1000;

/// What was said on a comm.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommMessage {
    /// A JSON object.
    pub data: Value,
    /// The message's metadata, a JSON object.
    pub metadata: Value,
    /// Binary data that came along.
    pub buffers: Vec<Vec<u8>>,
}

type Callback = Box<dyn FnMut(&Comm, &CommMessage) + Send>;

/// What is known of an open comm.
#[derive(Default)]
struct Line {
    callback: Option<Callback>,
    inbox: VecDeque<CommMessage>,
}

#[derive(Default)]
struct Registry {
    targets: BTreeMap<String, Option<Callback>>,
    lines: BTreeMap<String, Line>,
    opened: u64,
}

fn registry() -> MutexGuard<'static, Registry> {
    static REGISTRY: Mutex<Registry> =
        Mutex::new(Registry { targets: BTreeMap::new(), lines: BTreeMap::new(), opened: 0 });
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One end of a comm. Copies are the same comm; dropping them does not close it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comm {
    id: String,
}

/// Opens a comm with a target of the client's, such as `jupyter.widget`.
///
/// `data` is a JSON object; anything else becomes its only field, `value`.
pub fn open(target: &str, data: impl Into<Value>) -> Comm {
    open_with(target, data, json!({}), Vec::new())
}

/// Opens a comm with metadata and binary data: widgets name their protocol's version there.
pub fn open_with(
    target: &str,
    data: impl Into<Value>,
    metadata: Value,
    buffers: Vec<Vec<u8>>,
) -> Comm {
    let mut registry = registry();
    registry.opened += 1;
    let id = format!("momentum-comm-{}", registry.opened);
    registry.lines.insert(id.clone(), Line::default());
    drop(registry);
    say("open", &id, Some(target), data.into(), metadata, &buffers);
    Comm { id }
}

/// Registers a target: when the client opens a comm under this name, the callback gets the comm
/// and the first message.
pub fn register(target: &str, callback: impl FnMut(&Comm, &CommMessage) + Send + 'static) {
    registry().targets.insert(target.to_owned(), Some(Box::new(callback)));
    say("target", "", Some(target), json!({}), json!({}), &[]);
}

impl Comm {
    /// The comm's name on the wire: a widget's view names it as its `model_id`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says something: a JSON object; anything else becomes its only field, `value`.
    pub fn send(&self, data: impl Into<Value>) {
        self.send_with(data, Vec::new());
    }

    /// Says something, with binary data.
    pub fn send_with(&self, data: impl Into<Value>, buffers: Vec<Vec<u8>>) {
        say("message", &self.id, None, data.into(), json!({}), &buffers);
    }

    /// Has a callback run for each message from now on, in place of the one before.
    pub fn on_message(&self, callback: impl FnMut(&Comm, &CommMessage) + Send + 'static) {
        if let Some(line) = registry().lines.get_mut(&self.id) {
            line.callback = Some(Box::new(callback));
        }
    }

    /// Waits for the next message; gives nothing when the comm is closed, the cell interrupted, or
    /// no client listens. Callbacks of other comms run meanwhile.
    pub fn recv(&self) -> Option<CommMessage> {
        loop {
            let message = registry().lines.get_mut(&self.id)?.inbox.pop_front();
            if message.is_some() {
                return message;
            }
            if !pipe::is_there() {
                return None;
            }
            send(&json!({"comm_wait": {}}));
            let heard = pipe::read(true)?.message?;
            if heard["id"] == self.id.as_str() && heard["kind"] == "message" {
                return Some(message_of(&heard));
            }
            deliver(&heard);
        }
    }

    /// Closes the comm on both ends.
    pub fn close(self) {
        registry().lines.remove(&self.id);
        say("close", &self.id, None, json!({}), json!({}), &[]);
    }
}

/// Sends a message to the client, in band.
fn say(
    kind: &str,
    id: &str,
    target: Option<&str>,
    data: Value,
    metadata: Value,
    buffers: &[Vec<u8>],
) {
    if !pipe::is_there() {
        return;
    }
    let buffers: Vec<_> = buffers.iter().map(|buffer| STANDARD.encode(buffer)).collect();
    send(&json!({"comm": {
        "kind": kind,
        "id": id,
        "target": target.unwrap_or_default(),
        "data": object(data),
        "metadata": object(metadata),
        "buffers": buffers,
    }}));
}

fn object(value: Value) -> Value {
    match value {
        Value::Object(_) => value,
        other => json!({ "value": other }),
    }
}

fn message_of(heard: &Value) -> CommMessage {
    let buffers = heard["buffers"].as_array().into_iter().flatten();
    let field = |name: &str| {
        let object = heard[name].as_object().cloned();
        Value::Object(object.unwrap_or_else(Map::new))
    };
    CommMessage {
        data: field("data"),
        metadata: field("metadata"),
        buffers: buffers.filter_map(|buffer| STANDARD.decode(buffer.as_str()?).ok()).collect(),
    }
}

/// Runs the callback that a message is for.
fn deliver(heard: &Value) {
    let text = |name: &str| heard[name].as_str().unwrap_or_default().to_owned();
    let (comm, message) = (Comm { id: text("id") }, message_of(heard));
    match heard["kind"].as_str() {
        Some("open") => {
            let target = text("target");
            let mut registry = registry();
            let callback = registry.targets.get_mut(&target).and_then(Option::take);
            registry.lines.insert(comm.id.clone(), Line::default());
            drop(registry);
            if let Some(callback) = run(callback, &comm, &message)
                && let Some(place @ None) = self::registry().targets.get_mut(&target)
            {
                *place = Some(callback);
            }
        }
        Some("message") => {
            let mut registry = registry();
            let Some(line) = registry.lines.get_mut(&comm.id) else {
                drop(registry);
                return say("close", &comm.id, None, json!({}), json!({}), &[]);
            };
            let callback = line.callback.take();
            if callback.is_none() {
                if line.inbox.len() == INBOX {
                    line.inbox.pop_front();
                }
                line.inbox.push_back(message);
                return;
            }
            drop(registry);
            // A callback may have closed the comm, or set another in its place.
            if let Some(callback) = run(callback, &comm, &message)
                && let Some(line) = self::registry().lines.get_mut(&comm.id)
                && line.callback.is_none()
            {
                line.callback = Some(callback);
            }
        }
        Some("close") => drop(registry().lines.remove(&comm.id)),
        _ => {}
    }
}

/// Runs a callback; gives it back. A panic in it is reported by the panic hook, and ends only it.
fn run(callback: Option<Callback>, comm: &Comm, message: &CommMessage) -> Option<Callback> {
    let mut callback = callback?;
    let _ = catch_unwind(AssertUnwindSafe(|| callback(comm, message)));
    Some(callback)
}

/// Takes what has come between two cells, and runs its callbacks.
pub(crate) fn take() {
    pipe::fill();
    while let Some(heard) = pipe::read(false) {
        if let Some(message) = &heard.message {
            deliver(message);
        }
        crate::hooks::momentum_finish();
        send(&json!({ "comm_done": heard.number }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, mpsc::channel};

    #[test]
    fn callbacks_hear_what_is_for_them() {
        let (sender, heard) = channel();
        let comm = open("t", json!({}));
        let (id, own) = (comm.id().to_owned(), sender.clone());
        comm.on_message(move |_, message| own.send(message.data.clone()).unwrap());
        deliver(&json!({"id": id, "kind": "message", "data": {"n": 1}, "buffers": ["AQI="]}));
        assert_eq!(heard.try_recv().unwrap(), json!({"n": 1}));
        deliver(&json!({"id": "another", "kind": "message", "data": {"n": 2}}));
        assert!(heard.try_recv().is_err());
        register("mine", move |line, message| {
            sender.send(json!([line.id(), message.data])).unwrap();
        });
        for n in 0..2 {
            deliver(&json!({"id": n.to_string(), "kind": "open", "target": "mine", "data": {}}));
            assert_eq!(heard.try_recv().unwrap(), json!([n.to_string(), {}]));
        }
    }

    #[test]
    fn a_callback_that_panics_or_closes_its_comm_does_no_harm() {
        let comm = open("t", json!({}));
        let id = comm.id().to_owned();
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        comm.on_message(move |line, _| {
            *counted.lock().unwrap() += 1;
            if *counted.lock().unwrap() == 2 {
                line.clone().close();
            }
        });
        for _ in 0..3 {
            deliver(&json!({"id": id, "kind": "message", "data": {}}));
        }
        assert_eq!(*calls.lock().unwrap(), 2);
        assert_eq!(comm.recv(), None);
    }

    #[test]
    fn what_comes_before_anyone_asks_is_kept() {
        let comm = open("t", json!({}));
        deliver(
            &json!({"id": comm.id(), "kind": "message", "data": {"n": 1}, "buffers": ["AQI="]}),
        );
        let message = comm.recv().unwrap();
        assert_eq!((message.data, message.buffers), (json!({"n": 1}), vec![vec![1, 2]]));
        assert_eq!(comm.recv(), None, "no client listens here");
    }
}
