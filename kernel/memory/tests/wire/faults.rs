//! What may go wrong between us and a model, a row each, asked whole and streamed.

use std::net::TcpListener;
use std::time::Duration;

use momentum_memory::prelude::*;

use crate::endpoint::{Act, Endpoint, answer, error, event_stream, json_reply};

/// A way to ask the same question.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Whole,
    Streamed,
    Both,
}
use Way::{Both, Streamed, Whole};

const PATIENT: Duration = Duration::from_secs(60);
const IMPATIENT: Duration = Duration::from_millis(400);

/// Asks once; what it says and how often the endpoint was asked.
fn ask(acts: &[Act], way: Way) -> (String, usize) {
    let endpoint = Endpoint::start(acts.to_vec());
    let hangs = |act: &Act| matches!(act, Act::Hang | Act::HangStream(_));
    let timeout = if acts.iter().any(hangs) { IMPATIENT } else { PATIENT };
    let client = Client::with_config(endpoint.config().with_timeout(timeout)).unwrap();
    let request = Request::new(&[Message::user("Hello")], &[]);
    let mut pieces = String::new();
    let got = match way {
        Streamed => client.stream(&request, |piece| {
            if let Piece::Text(text) = piece {
                pieces.push_str(&text);
            }
        }),
        Whole | Both => client.complete(&request),
    };
    if let (Ok(reply), Streamed) = (&got, way) {
        assert_eq!(reply.text.as_deref().unwrap_or_default(), pieces);
    }
    let got = got.map_or_else(|error| error.to_string(), |reply| reply.to_string());
    assert!(!got.contains("sk-secret-key"), "{got}");
    (got, endpoint.n_requests())
}

/// What the endpoint does, how it is asked, what is said (up to `…`), and how often it is asked.
type Row = (&'static str, Vec<Act>, Way, &'static str, usize);

fn check(rows: Vec<Row>) {
    for (name, acts, way, expected, n_requests) in rows {
        let ways = if way == Both { vec![Whole, Streamed] } else { vec![way] };
        for way in ways {
            let (got, n) = ask(&acts, way);
            match expected.strip_suffix('…') {
                Some(beginning) => assert!(got.starts_with(beginning), "{name}: {got}"),
                None => assert_eq!(got, expected, "{name}"),
            }
            assert_eq!(n, n_requests, "{name}: requests");
        }
    }
}

const PAST: &str = "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
const FUTURE: &str = "retry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
const JSON: &str = "content-type: application/json\r\n";

#[test]
fn what_passes_is_repeated() {
    let limited = |headers| error(429, headers, "Slow down.", "rate_limit");
    check(vec![
        (
            "429, seconds",
            vec![limited("retry-after: 0\r\n"), answer("Hi.")],
            Both,
            "answer: Hi.",
            2,
        ),
        (
            "429, fraction",
            vec![limited("retry-after: 0.01\r\n"), answer("Hi.")],
            Both,
            "answer: Hi.",
            2,
        ),
        (
            "429, milliseconds",
            vec![limited("retry-after-ms: 5\r\n"), answer("Hi.")],
            Both,
            "answer: Hi.",
            2,
        ),
        ("429, date", vec![limited(PAST), answer("Hi.")], Both, "answer: Hi.", 2),
        ("429, nothing", vec![limited(""), answer("Hi.")], Both, "answer: Hi.", 2),
        (
            "429, nonsense",
            vec![limited("retry-after: soon\r\n"), answer("Hi.")],
            Both,
            "answer: Hi.",
            2,
        ),
        ("408", vec![error(408, "", "Too slow.", ""), answer("Hi.")], Both, "answer: Hi.", 2),
        (
            "500, then 503",
            vec![error(500, "", "Oops.", ""), error(503, "", "x", ""), answer("Hi.")],
            Both,
            "answer: Hi.",
            3,
        ),
        ("a cut body", vec![Act::Cut, answer("Hi.")], Both, "answer: Hi.", 2),
    ]);
}

#[test]
fn repetition_is_bounded() {
    let limited = |headers| error(429, headers, "Slow down.", "rate_limit");
    check(vec![
        (
            "429 for ever",
            vec![limited("retry-after: 0\r\n")],
            Both,
            "the endpoint asks for fewer requests (429, attempts: 3): Slow down. Try again in 1 s.",
            3,
        ),
        (
            "429, an hour",
            vec![limited("retry-after: 3600\r\n"), answer("Hi.")],
            Both,
            "the endpoint asks for fewer requests (429, attempts: 1): Slow down. Try again in 3600 \
             s.",
            1,
        ),
        (
            "429, a far date",
            vec![limited(FUTURE), answer("Hi.")],
            Both,
            "the endpoint asks for fewer requests (429, attempts: 1): Slow down. Try again in …",
            1,
        ),
        (
            "502 for ever",
            vec![Act::Send(502, "", "<h1>Bad gateway</h1>".into())],
            Both,
            "the endpoint is out of order (502, attempts: 3): <h1>Bad gateway</h1>. Try again \
             later.",
            3,
        ),
        (
            "cut for ever",
            vec![Act::Cut],
            Both,
            "the connection broke before the answer was complete (attempts: 3). Try again.",
            3,
        ),
    ]);
}

#[test]
fn what_does_not_pass_is_told_at_once() {
    check(vec![
        (
            "401, the key in it",
            vec![error(401, "", "Incorrect API key provided: sk-secret-key.", "invalid_api_key")],
            Both,
            "the endpoint refused the key (401): Incorrect API key provided: [key]. Check \
             OPENAI_API_KEY, and that OPENAI_BASE_URL belongs to the same provider.",
            1,
        ),
        (
            "404",
            vec![error(404, "", "No such model", "model_not_found")],
            Both,
            "the endpoint does not have the model `m`, or OPENAI_BASE_URL is not its address \
             (which mostly ends in /v1): No such model. Set MOMENTUM_MODEL to one of its models.",
            1,
        ),
        (
            "429, nothing left",
            vec![error(429, "", "You ran out", "insufficient_quota")],
            Both,
            "the account behind the key has nothing left to spend: You ran out. Top it up.",
            1,
        ),
        (
            "400",
            vec![error(400, "", "tools are not supported", "")],
            Both,
            "the endpoint refused the request (400): tools are not supported. Does the model \
             support what it asks for (tools, for instance)?",
            1,
        ),
        (
            "a redirect",
            vec![Act::Send(302, "location: http://127.0.0.1:9/\r\n", String::new())],
            Both,
            "the endpoint refused the request (302): it did not say why. …",
            1,
        ),
        ("no answer", vec![Act::Hang], Both, "no answer within 0.4 s. …", 1),
        (
            "a web page",
            vec![Act::Send(200, "content-type: text/html\r\n", "<html>".into())],
            Both,
            "the endpoint answered with text/html, not with JSON. OPENAI_BASE_URL probably names \
             a web page; an API's address mostly ends in /v1.",
            1,
        ),
        (
            "an empty body",
            vec![Act::Send(200, "", String::new())],
            Both,
            "the endpoint answered with nothing that it names, not with JSON. …",
            1,
        ),
        (
            "malformed JSON",
            vec![Act::Send(200, JSON, "{\"choices\": [".into())],
            Both,
            "the endpoint's answer is malformed JSON (EOF while parsing a list at line 1 column \
             13). Ask again; if it stays so, the endpoint is at fault.",
            1,
        ),
        (
            "no choice",
            vec![json_reply(json!({"choices": []}))],
            Both,
            "the endpoint's answer is no chat reply: `choices` is empty: the model gave no \
             answer. Is it an OpenAI-compatible endpoint?",
            1,
        ),
        (
            "an error with status 200",
            vec![json_reply(json!({"error": {"message": "Provider down", "code": 502}}))],
            Both,
            "the endpoint's answer is no chat reply: the endpoint reports an error instead: \
             Provider down. Is it an OpenAI-compatible endpoint?",
            1,
        ),
        (
            "10 MB",
            vec![answer(&"x".repeat(10_000_000))],
            Both,
            "the answer is larger than 8388608 bytes, which is no chat reply. Nothing was kept.",
            1,
        ),
    ]);
}

const HELLO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n";
const FINISHED: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"lo.\"},\
                        \"finish_reason\":\"stop\"}]}\n\n";

#[test]
fn streams_end_well_or_are_told() {
    let cut = "the answer broke off in the middle (after 1 chunks). Ask again.";
    check(vec![
        ("a broken connection", vec![Act::CutStream(HELLO.into())], Streamed, cut, 1),
        ("an early end", vec![event_stream(HELLO)], Streamed, cut, 1),
        ("half an event", vec![event_stream(&format!("{HELLO}data: {{\"choi"))], Streamed, cut, 1),
        (
            "silence in the middle",
            vec![Act::HangStream(HELLO.into())],
            Streamed,
            "no answer within 0.4 s. …",
            1,
        ),
        (
            "an end without [DONE]",
            vec![event_stream(&format!("{HELLO}{FINISHED}"))],
            Streamed,
            "answer: Hello.",
            1,
        ),
        (
            "an end without an empty line",
            vec![event_stream((HELLO.to_owned() + FINISHED).trim_end())],
            Streamed,
            "answer: Hello.",
            1,
        ),
        (
            "[DONE] without a reason to stop",
            vec![event_stream(&format!("{HELLO}data: [DONE]\n\n"))],
            Streamed,
            "answer: Hel",
            1,
        ),
        (
            "carriage returns and comments",
            vec![event_stream(
                &format!(": wait\n\n{HELLO}: still there\n\n{FINISHED}").replace('\n', "\r\n"),
            )],
            Streamed,
            "answer: Hello.",
            1,
        ),
        (
            "no content type",
            vec![Act::Send(200, "", format!("{HELLO}{FINISHED}"))],
            Streamed,
            "answer: Hello.",
            1,
        ),
        (
            "malformed JSON in the middle",
            vec![event_stream(&format!("{HELLO}data: {{\"choices\": [}}\n\n{FINISHED}"))],
            Streamed,
            "the endpoint's answer is malformed JSON (…",
            1,
        ),
        (
            "an error in the middle",
            vec![event_stream(&format!("{HELLO}data: {{\"error\":{{\"message\":\"Full\"}}}}\n\n"))],
            Streamed,
            "the endpoint's answer is no chat reply: the endpoint reports an error instead: Full. …",
            1,
        ),
        (
            "nothing",
            vec![event_stream("data: [DONE]\n\n")],
            Streamed,
            "the endpoint's answer is no chat reply: `choices` is empty: …",
            1,
        ),
        (
            "a line of 10 MB",
            vec![event_stream(&format!("data: {}", "x".repeat(10_000_000)))],
            Streamed,
            "the answer is larger than 8388608 bytes, …",
            1,
        ),
        (
            "calls without end",
            vec![event_stream(
                &(0..300)
                    .map(|i| {
                        let call = json!({"index": i, "function": {"name": "f"}});
                        let chunk = json!({"choices": [{"delta": {"tool_calls": [call]}}]});
                        format!("data: {chunk}\n\n")
                    })
                    .collect::<String>(),
            )],
            Streamed,
            "the endpoint's answer is no chat reply: the reply asks for more than 256 tool calls. …",
            1,
        ),
        (
            "a call without a name",
            vec![event_stream(
                "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]},\
                 \"finish_reason\":\"tool_calls\"}]}\n\n",
            )],
            Streamed,
            "the endpoint's answer is no chat reply: `choices[0].delta.tool_calls[0].function\
             .name`: expected a string, got nothing. …",
            1,
        ),
    ]);
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
    let config = endpoint.config().with_organisation("org-7").unwrap();
    let client = Client::with_config(config).unwrap();
    let tools = [ToolDefinition::new("f", "d", json!({"type": "object"}))];
    let request = Request::new(&[Message::user("Hello")], &tools).one_call_at_a_time();
    client.complete(&request).unwrap();
    let sent = endpoint.requests.lock().unwrap()[0].clone();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1"), "{head}");
    assert!(head.contains("Bearer sk-secret-key") && !body.contains("secret"));
    assert!(head.to_lowercase().contains("openai-organization: org-7"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["parallel_tool_calls"], false);
    assert_eq!(body["tools"][0]["function"]["name"], "f");
    assert!(!format!("{client:?} {client}").contains("secret"));
}

#[test]
fn a_caller_that_panics_cancels_the_stream() {
    let endpoint = Endpoint::start(vec![Act::HangStream(HELLO.into())]);
    let client = endpoint.client();
    let request = Request::new(&[Message::user("Hello")], &[]);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        client.stream(&request, |_| panic!("on purpose"))
    }));
    assert!(caught.is_err());
}
