use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::message::*;

fn check_reply(body: Value, expected: &str) {
    let got = match decode_reply(&body) {
        Ok(reply) => reply.to_string(),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(got, expected);
}

#[test]
fn replies_are_read_leniently() {
    let message = |message: Value| json!({"choices": [{"message": message}]});
    check_reply(message(json!({"content": "Hi."})), "answer: Hi.");
    check_reply(
        message(json!({"content": [{"type": "text", "text": "H"}, {"text": "i."}]})),
        "answer: Hi.",
    );
    check_reply(message(json!({"content": null, "refusal": "No."})), "answer: No.");
    check_reply(
        message(json!({"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]})),
        "answer: (none)\ntool call: f(a: 1)",
    );
    check_reply(message(json!({})), "answer: (none), and no tool call");
}

#[test]
fn replies_without_an_answer_are_errors() {
    check_reply(json!({"choices": []}), "error: `choices` is empty: the model gave no answer");
    check_reply(json!([]), "error: `choices`: expected an array, got nothing");
    check_reply(
        json!({"choices": [{"message": {"tool_calls": [{}]}}]}),
        "error: `choices[0].message.tool_calls[0].function.name`: expected a string, got nothing",
    );
}

#[test]
fn a_request_survives_the_wire() {
    let call = ToolCall { id: "call_1".into(), name: "f".into(), arguments: "{}".into() };
    let asked = Message { tool_calls: vec![call.clone()], ..Message::assistant("") };
    let messages = [Message::system("s"), Message::user("u"), asked, Message::tool(&call, "done")];
    let tools = [ToolDefinition::new("f", "d", json!({"type": "object"}))];
    for choice in
        [ToolChoice::Auto, ToolChoice::None, ToolChoice::Required, ToolChoice::Named("f".into())]
    {
        let request = Request::new(&messages, &tools).one_call_at_a_time().with_tool_choice(choice);
        let (model, back) = decode_request(&encode_request(&request, "m")).unwrap();
        assert_eq!((model.as_str(), back), ("m", request));
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("choices"),
        Just("message"),
        Just("messages"),
        Just("tool_calls"),
        Just("function"),
        Just("name"),
        Just("arguments"),
        Just("content"),
        Just("role"),
        Just("tools"),
        Just("usage"),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_makes_a_panic(body in json_value()) {
        let _ = decode_reply(&body);
        let _ = decode_request(&body);
    }
}
