//! Keys do not reach a log, even where the endpoint quotes them.

use std::fmt::{Debug, Write};
use std::sync::Mutex;

use momentum_memory::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::endpoint::{Act, Endpoint, event_stream};

/// Everything that any library in this process logs.
static LOG: Mutex<String> = Mutex::new(String::new());

struct Everything;

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = writeln!(self.0, "{field}: {value:?}");
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Line(&mut LOG.lock().unwrap()));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Line(&mut LOG.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut Line(&mut LOG.lock().unwrap()));
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn no_key_is_logged() {
    tracing::subscriber::set_global_default(Everything).unwrap();
    let broken = "{\"choices\": broken because of sk-secret-key";
    let endpoint = Endpoint::start(vec![
        Act::Send(200, "content-type: application/json\r\n", broken.into()),
        event_stream(&format!("data: {broken}\n\n")),
        Act::Send(401, "", "sk-secret-key".into()),
    ]);
    let client = endpoint.client();
    let request = Request::new(&[Message::user("Hello")], &[]);
    let mut told = String::new();
    told += &format!("{:?}", client.complete(&request).unwrap_err());
    told += &format!("{:?}", client.stream(&request, |_| {}).unwrap_err());
    told += &format!("{:?}", client.complete(&request).unwrap_err());
    let log = LOG.lock().unwrap();
    assert!(
        log.contains("broken because of [key]"),
        "async-openai logs what it cannot read: {log}"
    );
    assert!(!log.contains("secret") && !told.contains("secret"), "{log}{told}");
}
