//! The whole wire path, against an endpoint on loopback that misbehaves on purpose.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use momentum_memory::agent::{Agent, AgentError};
use momentum_memory::prelude::*;
use momentum_memory::tutor::{self, TutorServer};

/// What the endpoint does with one request.
#[derive(Clone)]
enum Act {
    /// Sends a status, headers and a body.
    Send(u16, &'static str, String),
    /// Promises a longer body than it sends.
    Cut,
    /// Reads the request and says nothing.
    Hang,
}

fn json_reply(body: serde_json::Value) -> Act {
    Act::Send(200, "content-type: application/json\r\n", body.to_string())
}

fn answer(text: &str) -> Act {
    json_reply(json!({"choices": [{"message": {"content": text}}]}))
}

fn calls(name: &str, arguments: &str) -> Act {
    json_reply(json!({"choices": [{"message": {"content": null, "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]}}]}))
}

/// An endpoint that goes through `acts`, one a request, repeating the last. It keeps what it was
/// sent.
struct Endpoint {
    base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                kept.lock().unwrap().push(read_request(&mut stream));
                perform(stream, &acts[n.min(acts.len() - 1)]);
            }
        });
        Endpoint { base_url, requests }
    }

    fn client(&self) -> Client {
        let config = ClientConfig::new(&self.base_url, "sk-secret-key", "m").unwrap();
        let config = config
            .with_timeout(Duration::from_millis(400))
            .with_retries(2, Duration::from_millis(1))
            .with_longest_wait(Duration::from_secs(5))
            .with_largest_body(100_000);
        Client::with_config(config).unwrap()
    }

    fn n_requests(&self) -> usize {
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

fn perform(mut stream: TcpStream, act: &Act) {
    let sent = match act {
        Act::Send(status, headers, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} x\r\n{headers}connection: close\r\n");
            stream.write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes())
        }
        Act::Cut => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{\"cho"),
        Act::Hang => {
            // Held open for longer than any time limit of these tests.
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(20));
                drop(stream);
            });
            return;
        }
    };
    // A client that has gone away already is what some of these tests are about.
    let _ = sent.and_then(|()| stream.shutdown(Shutdown::Write));
}

/// Asks the endpoint once, and compares the reply or error, and how often it was asked.
fn check(acts: Vec<Act>, expected: &str, n_requests: usize) {
    let endpoint = Endpoint::start(acts);
    let got = match endpoint.client().chat(&[Message::user("Hello")], &[]) {
        Ok(reply) => reply.to_string(),
        Err(error) => format!("{error}"),
    };
    assert_eq!(got, expected);
    assert_eq!(endpoint.n_requests(), n_requests, "{expected}");
}

fn error(status: u16, headers: &'static str, message: &str, code: &str) -> Act {
    let body = json!({"error": {"message": message, "code": code}}).to_string();
    Act::Send(status, headers, body)
}

#[test]
fn what_passes_is_repeated() {
    let limited = error(429, "retry-after: 0\r\n", "Slow down.", "rate_limit");
    check(vec![limited.clone(), answer("Hi.")], "answer: Hi.", 2);
    check(
        vec![error(500, "", "Oops.", ""), error(503, "", "x", ""), answer("Hi.")],
        "answer: Hi.",
        3,
    );
    check(vec![Act::Cut, answer("Hi.")], "answer: Hi.", 2);
}

#[test]
fn repetition_is_bounded() {
    check(
        vec![error(429, "retry-after: 0\r\n", "Slow down.", "rate_limit")],
        "the endpoint asks for fewer requests (429, attempts: 3): Slow down. Try again in 1 s.",
        3,
    );
    check(
        vec![error(429, "retry-after: 3600\r\n", "Slow down.", "rate_limit"), answer("Hi.")],
        "the endpoint asks for fewer requests (429, attempts: 1): Slow down. Try again in 3600 s.",
        1,
    );
    check(
        vec![Act::Send(502, "", "<h1>Bad gateway</h1>".into())],
        "the endpoint is out of order (502, attempts: 3): <h1>Bad gateway</h1>. Try again later.",
        3,
    );
    check(
        vec![Act::Cut],
        "the connection broke before the answer was complete (attempts: 3). Try again.",
        3,
    );
}

#[test]
fn what_does_not_pass_is_told_at_once() {
    check(
        vec![error(401, "", "Incorrect API key provided: sk-secret-key.", "invalid_api_key")],
        "the endpoint refused the key (401): Incorrect API key provided: [key]. Check \
         OPENAI_API_KEY, and that OPENAI_BASE_URL belongs to the same provider.",
        1,
    );
    check(
        vec![error(404, "", "No such model", "model_not_found")],
        "the endpoint does not have the model `m`, or OPENAI_BASE_URL is not its address (which \
         mostly ends in /v1): No such model. Set MOMENTUM_MODEL to one of its models.",
        1,
    );
    check(
        vec![error(429, "", "You ran out", "insufficient_quota")],
        "the account behind the key has nothing left to spend: You ran out. Top it up.",
        1,
    );
    check(
        vec![error(400, "", "tools are not supported", "")],
        "the endpoint refused the request (400): tools are not supported. Does the model support \
         what it asks for (tools, for instance)?",
        1,
    );
    check(
        vec![Act::Hang],
        "no answer within 0.4 s. Try again, ask for less, or allow more time with \
         `ClientConfig::with_timeout`.",
        1,
    );
    check(
        vec![Act::Send(200, "content-type: text/html\r\n", "<html>".into())],
        "the endpoint answered with text/html, not with JSON. OPENAI_BASE_URL probably names a \
         web page; an API's address mostly ends in /v1.",
        1,
    );
    check(
        vec![json_reply(json!({"choices": []}))],
        "the endpoint's answer is no chat reply: `choices` is empty: the model gave no answer. Is \
         it an OpenAI-compatible endpoint?",
        1,
    );
    check(
        vec![Act::Send(200, "content-type: application/json\r\n", "{\"choices\": [".into())],
        "the endpoint answered with broken JSON, not with JSON. OPENAI_BASE_URL probably names a \
         web page; an API's address mostly ends in /v1.",
        1,
    );
    check(
        vec![answer(&"x".repeat(200_000))],
        "the answer is larger than 100000 bytes, which is no chat reply. Nothing was kept.",
        1,
    );
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let config = ClientConfig::new(&base_url, "", "m").unwrap();
    let client = Client::with_config(config).unwrap();
    let error = client.chat(&[Message::user("Hello")], &[]).unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().starts_with("nothing answers at http://127.0.0.1:"), "{error}");
}

#[test]
fn the_request_is_well_formed_and_the_key_stays_in_its_header() {
    let endpoint = Endpoint::start(vec![answer("Hi.")]);
    let client = endpoint.client();
    let tools = [ToolDefinition::new("f", "d", json!({"type": "object"}))];
    let request = Request::new(&[Message::user("Hello")], &tools).one_call_at_a_time();
    client.complete(&request).unwrap();
    let sent = endpoint.requests.lock().unwrap()[0].clone();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
    assert!(head.contains("Bearer sk-secret-key") && !body.contains("secret"));
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(body["tools"][0]["function"]["name"], "f");
    assert!(!format!("{client:?} {client}").contains("secret"));
}

#[test]
fn an_agent_gets_through_bad_tool_calls() {
    let endpoint = Endpoint::start(vec![
        calls("no_such_tool", "{}"),
        calls("core_memory_append", "{not json"),
        calls("core_memory_append", r#"{"label": "human", "content": 7}"#),
        calls("core_memory_append", r#"{"label": "human", "content": "name: Sara"}"#),
        answer("Done."),
    ]);
    let mut agent = Agent::new(endpoint.client());
    let trace = agent.say("My name is Sara.").unwrap();
    assert_eq!((trace.answer(), trace.n_steps()), ("Done.", 5));
    let failed = |step: &Step| step.calls.iter().all(|(_, result)| result.starts_with("Error"));
    assert!(trace.steps()[..3].iter().all(failed), "{trace}");
    assert_eq!(agent.block("human").unwrap().value(), "name: Sara");
}

#[test]
fn an_agent_does_not_run_in_circles() {
    let endpoint = Endpoint::start(vec![calls("no_such_tool", "{}")]);
    let mut agent = Agent::new(endpoint.client()).with_step_limit(50);
    let trace = agent.say("Hello").unwrap();
    assert_eq!(*trace.outcome(), Outcome::RepeatedCall("no_such_tool()".into()));
    assert_eq!(trace.n_steps(), 4);

    let mut agent = DictionaryAgent::new(endpoint.client()).with_step_limit(3);
    let trace = agent.say("Hello").unwrap();
    assert_eq!(*trace.outcome(), Outcome::StepLimit(3));
}

#[test]
fn a_failed_turn_leaves_no_message() {
    let endpoint = Endpoint::start(vec![error(401, "", "No.", ""), answer("Hi.")]);
    let mut agent = Agent::new(endpoint.client());
    assert!(matches!(agent.say("Hello"), Err(AgentError::Client(_))));
    assert!(agent.queue().is_empty());
    assert_eq!(agent.say("Hello").unwrap().answer(), "Hi.");
}

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

#[test]
fn the_same_story_gives_the_same_trace() {
    let tell = || {
        let mut agent = DictionaryAgent::new(Client::tutor().unwrap());
        let said = ["I'm Sara and I like tea, I live in Lyon.", "I like coffee.", "Who am I?"];
        said.map(|said| {
            let trace = agent.say(said).unwrap();
            format!("{trace}\n{}", trace.to_html())
        })
    };
    assert_eq!(tell(), tell());
}

#[test]
fn cells_inside_another_runtime_may_ask_too() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::tutor().unwrap();
    let messages = [Message::user("What is my name?")];
    let blocking = runtime.block_on(async { client.chat(&messages, &[]) }).unwrap();
    let request = Request::new(&messages, &[]);
    let waiting = runtime.block_on(client.complete_async(&request)).unwrap();
    assert_eq!(blocking, waiting);
}
