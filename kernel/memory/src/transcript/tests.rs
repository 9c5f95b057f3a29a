use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::compact::{compact, expand};
use super::*;

fn step(messages: &[&str], text: &str) -> Exchange {
    let messages: Vec<_> =
        messages.iter().map(|text| json!({"role": "user", "content": text})).collect();
    Exchange {
        path: "/chat/completions".into(),
        request: json!({"model": "m", "messages": messages, "tools": [{"type": "function"}]}),
        status: 200,
        reply: Body::Json(json!({"choices": [{"message": {"content": text}}]})),
    }
}

fn transcript() -> Transcript {
    let mut transcript = Transcript::new("m");
    transcript.push(step(&["Hello"], "Hi.\nI am here."));
    transcript.push(step(&["Hello", "yes"], "No"));
    let reply = Body::Events("data: {\"choices\":[]}\n\ndata: [DONE]\n".into());
    transcript.push(Exchange { reply, ..step(&["Hello", "yes", "1e3"], "") });
    transcript
}

#[test]
fn a_transcript_is_readable() {
    assert_snapshot!(transcript().to_yaml().unwrap());
}

#[test]
fn a_transcript_survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.yaml");
    transcript().write(&file).unwrap();
    assert_eq!(Transcript::read(&file).unwrap(), transcript());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "no temporary file stays");
}

fn check(text: &str, expected: &str) {
    let error = Transcript::from_yaml(text, "lesson.yaml").unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_broken_file_is_told() {
    let again = "Record it again with MOMENTUM_RECORD=1.";
    check(
        "- a",
        &format!(
            "lesson.yaml:1:1: no transcript: invalid type: sequence, expected struct Version. \
             {again}"
        ),
    );
    check(
        "momentum_transcript: 7\nnew: {}",
        "lesson.yaml is a transcript of format 7; this program knows format 1. Update momentum, \
         or record it again.",
    );
    check(
        "momentum_transcript: 1\nmodel: m\nsteps:\n- step: 1\n  request: {path: /x}",
        &format!(
            "lesson.yaml:5:12: no transcript: steps[0].request: missing field `body` at line 5 \
             column 12. {again}"
        ),
    );
    let with = |step: &str| format!("momentum_transcript: 1\nmodel: m\nsteps:\n- {step}");
    let reply = "reply: {status: 200, text: x}";
    check(
        &with(&format!("{{step: 2, request: {{path: /x, body: 1}}, {reply}}}")),
        &format!("lesson.yaml, step 1: it is numbered 2. {again}"),
    );
    check(
        &with("{step: 1, request: {path: /x, body: 1}, reply: {status: 200}}"),
        &format!(
            "lesson.yaml, step 1: its reply must have one of `json`, `events` and `text`. {again}"
        ),
    );
    let request = "request: {path: /x, as_before: [tools], body: {}}";
    check(
        &with(&format!("{{step: 1, {request}, {reply}}}")),
        &format!(
            "lesson.yaml, step 1: `as_before` names `tools`, which the step before does not have. \
             {again}"
        ),
    );
    let request = "request: {path: /x, messages_as_before: 9, body: {messages: []}}";
    check(
        &with(&format!("{{step: 1, {request}, {reply}}}")),
        &format!("lesson.yaml, step 1: the step before does not have 9 messages. {again}"),
    );
}

#[test]
fn a_request_that_differs_is_shown() {
    let mut replayer = Replayer::new(transcript(), "lesson.yaml");
    replayer.answer("/chat/completions", &step(&["Hello"], "").request).unwrap();
    let other = step(&["Hello", "no"], "").request;
    let error = replayer.answer("/chat/completions", &other).unwrap_err();
    assert_snapshot!(error, @r#"
    step 2 of 3 of lesson.yaml: the request differs from the recorded one.
    --- recorded, step 2
    +++ asked now
    @@ -3,7 +3,7 @@
       messages:
       - content: Hello
         role: user
    -  - content: yes
    +  - content: no
         role: user
       model: m
       tools:
    Undo the change, or record the lesson again with MOMENTUM_RECORD=1 and a model.
    "#);
    assert_eq!(replayer.n_left(), 2);
}

#[test]
fn steps_are_found_in_another_order_but_only_once() {
    let mut replayer = Replayer::new(transcript(), "lesson.yaml");
    let asked = [["Hello", "yes"].as_slice(), &["Hello"], &["Hello", "yes", "1e3"]];
    for messages in asked {
        replayer.answer("/chat/completions", &step(messages, "").request).unwrap();
    }
    let again = replayer.answer("/chat/completions", &step(&["Hello"], "").request);
    assert!(matches!(again, Err(TranscriptError::Exhausted { n_steps: 3, .. })), "{again:?}");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,12}",
        "[ \t\n\r:#'\"\\-|>{}\\[\\],&*!%@`0-9a-z~]{0,12}",
        "(yes|no|null|~|true|1e3|0x1f|0o7|\\.inf|1_000|=|<<|- a|\\? b|---|\\.\\.\\.|\\n a)",
        "[\u{0}-\u{1f}\u{7f}-\u{a0}\u{2028}\u{feff}\u{fffe}\u{10000}]{0,4}",
    ]
}

pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        json().prop_map(|value| Body::Json(json!([value]))),
        text().prop_map(Body::Events),
        text().prop_map(Body::Text),
    ]
}

proptest! {
    #[test]
    fn any_conversation_survives(
        steps in prop::collection::vec((text(), json(), 100u16..600, body()), 0..4),
    ) {
        let mut transcript = Transcript::new("m");
        for (path, request, status, reply) in steps {
            transcript.push(Exchange { path, request, status, reply });
        }
        let text = transcript.to_yaml().unwrap();
        prop_assert_eq!(Transcript::from_yaml(&text, "t").unwrap(), transcript, "{}", text);
    }

    #[test]
    fn a_compact_request_expands(before in json(), body in json(), shared in json()) {
        let with = |own: Value| json!({"messages": [shared, own], "tools": [shared], "own": own});
        for (before, body) in [(before.clone(), body.clone()), (with(before), with(body))] {
            prop_assert_eq!(expand(&before, compact(&before, &body)).unwrap(), body);
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in text(), cut in 0usize..2000, put in text()) {
        let _ = Transcript::from_yaml(&text, "t");
        let mut whole = transcript().to_yaml().unwrap();
        let mut at = cut.min(whole.len());
        while !whole.is_char_boundary(at) {
            at -= 1;
        }
        whole.insert_str(at, &put);
        let _ = Transcript::from_yaml(&whole, "t");
    }
}
