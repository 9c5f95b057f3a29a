//! The tutor's server, spoken to without our client.

use std::io::{Read, Write};
use std::net::TcpStream;

use momentum_memory::prelude::*;
use momentum_memory::tutor::{self, TutorServer};

/// A raw request to the tutor; returns status and body.
fn ask_tutor(server: &TutorServer, request_line: &str, body: &str) -> (u16, serde_json::Value) {
    let base_url = server.base_url();
    let address = base_url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("{request_line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[test]
fn the_tutor_keeps_to_the_format() {
    let server = TutorServer::start().unwrap();
    let check =
        |request_line: &str, body: serde_json::Value, status: u16, path: &str, value: &str| {
            let (got, body) = ask_tutor(&server, request_line, &body.to_string());
            assert_eq!(got, status, "{body}");
            assert_eq!(body.pointer(path).unwrap(), value, "{body}");
        };
    let chat = "POST /v1/chat/completions";
    let hello = json!([{"role": "user", "content": "Hello"}]);
    let full = json!({"model": tutor::MODEL, "messages": hello});
    check("GET /v1/models", json!(null), 200, "/data/0/id", tutor::MODEL);
    check(chat, full.clone(), 200, "/system_fingerprint", tutor::MODEL);
    check(chat, full, 200, "/model", tutor::MODEL);
    check(
        chat,
        json!({"model": "gpt-9", "messages": hello}),
        404,
        "/error/code",
        "model_not_found",
    );
    check(chat, json!({"model": tutor::MODEL}), 400, "/error/param", "messages");
    check(
        chat,
        json!({"model": tutor::MODEL, "messages": [{"role": "king"}]}),
        400,
        "/error/param",
        "messages[0].role",
    );
    check("GET /v1/chat/completions", json!(null), 405, "/error/code", "method_not_allowed");
    check("GET /", json!(null), 404, "/error/code", "unknown_url");
    let (status, body) = ask_tutor(&server, chat, "{\"model\": ");
    assert_eq!((status, body["error"]["code"].as_str()), (400, Some("invalid_json")));
}
