//! An endpoint on loopback that misbehaves on purpose, over real sockets.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use momentum_memory::message::{FinishReason, Usage};
use momentum_memory::prelude::*;
use momentum_memory::wire;

/// What the endpoint does with one request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends a status, headers and a body.
    Send(u16, &'static str, String),
    /// Answers as it is asked to: whole or streamed.
    Reply(Box<Reply>),
    /// Promises a longer body than it sends.
    Cut,
    /// Sends the beginning of a stream, then breaks the connection.
    CutStream(String),
    /// Sends the beginning of a stream, then says nothing.
    HangStream(String),
    /// Reads the request and says nothing.
    Hang,
}

pub(crate) fn json_reply(body: serde_json::Value) -> Act {
    Act::Send(200, "content-type: application/json\r\n", body.to_string())
}

pub(crate) fn event_stream(body: &str) -> Act {
    Act::Send(200, "content-type: text/event-stream\r\n", body.to_owned())
}

fn reply(text: Option<&str>, tool_calls: Vec<ToolCall>) -> Act {
    Act::Reply(Box::new(Reply {
        text: text.map(str::to_owned),
        reasoning: None,
        finish: if tool_calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls },
        tool_calls,
        model: "m".to_owned(),
        usage: Usage { prompt_tokens: 7, completion_tokens: 3 },
    }))
}

pub(crate) fn answer(text: &str) -> Act {
    reply(Some(text), Vec::new())
}

pub(crate) fn calls(name: &str, arguments: &str) -> Act {
    let call = ToolCall { id: "c".into(), name: name.into(), arguments: arguments.into() };
    reply(None, vec![call])
}

pub(crate) fn error(status: u16, headers: &'static str, message: &str, code: &str) -> Act {
    let body = json!({"error": {"message": message, "code": code}}).to_string();
    Act::Send(status, headers, body)
}

/// An endpoint that goes through `acts`, one a request, repeating the last. It keeps what it was
/// sent.
pub(crate) struct Endpoint {
    pub(crate) base_url: String,
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    pub(crate) fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut stream);
                kept.lock().unwrap().push(request.clone());
                perform(stream, &request, &acts[n.min(acts.len() - 1)]);
            }
        });
        Endpoint { base_url, requests }
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let config = ClientConfig::new(&self.base_url, "sk-secret-key", "m").unwrap();
        config
            .with_retries(2, Duration::from_millis(1))
            .with_seed(1)
            .with_longest_wait(Duration::from_secs(5))
    }

    pub(crate) fn client(&self) -> Client {
        Client::with_config(self.config()).unwrap()
    }

    pub(crate) fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length:").map(|n| n.trim().parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return text,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    }
}

const EVENTS: &str = "content-type: text/event-stream\r\n";

fn perform(mut stream: TcpStream, request: &str, act: &Act) {
    let sent = match act {
        Act::Send(status, headers, body) => send(&mut stream, *status, headers, body),
        Act::Reply(reply) if request.contains("\"stream\":true") => {
            let chunks = wire::encode_chunks(reply, "id", "f");
            let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
            let body = events.collect::<String>() + "data: [DONE]\n\n";
            send(&mut stream, 200, EVENTS, &body)
        }
        Act::Reply(reply) => {
            let body = wire::encode_reply(reply, "id", "f").to_string();
            send(&mut stream, 200, "content-type: application/json\r\n", &body)
        }
        Act::Cut => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"cho"),
        Act::CutStream(beginning) => begin(&mut stream, beginning),
        Act::HangStream(beginning) => {
            let _ = begin(&mut stream, beginning);
            return hold(stream);
        }
        Act::Hang => return hold(stream),
    };
    // A client that has gone away already is what some of these tests are about.
    let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
}

fn send(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\n{headers}connection: close\r\n");
    stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes())
}

/// A chunked body whose end never comes.
fn begin(stream: &mut TcpStream, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\n{EVENTS}transfer-encoding: chunked\r\n\r\n");
    stream.write_all(format!("{head}{:x}\r\n{body}\r\n", body.len()).as_bytes())
}

/// Keeps a connection open for longer than any time limit of these tests.
fn hold(stream: TcpStream) {
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(20));
        drop(stream);
    });
}
