//! Record and replay over real HTTP.

use std::path::Path;

use momentum_memory::agent::Agent;
use momentum_memory::prelude::*;
use momentum_memory::transcript::{Body, Transcript};

use crate::endpoint::{Endpoint, answer, calls, error, event_stream, json_reply};

fn request(text: &str) -> Request {
    Request::new(&[Message::user(text)], &[])
}

/// What a client says to a fixed list of questions, asked in every way.
fn lesson(client: &Client) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |reply: Result<Reply, ClientError>| {
        told.push(reply.map_or_else(|error| error.to_string(), |reply| format!("{reply:?}")));
    };
    tell(client.complete(&request("whole")));
    let mut pieces = Vec::new();
    tell(client.stream(&request("streamed"), |piece| pieces.push(format!("{piece:?}"))));
    tell(client.complete(&request("refused")));
    told.extend(pieces);
    told
}

#[test]
fn what_was_recorded_replays_exactly() {
    let endpoint = Endpoint::start(vec![
        error(429, "retry-after: 0\r\n", "Slow down.", ""),
        answer("One,\ntwo: \"three\"."),
        calls("f", r#"{"long": "enough for several pieces"}"#),
        error(400, "", "No tools for sk-secret-key", ""),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.yaml");
    let recorded = lesson(&endpoint.client().recording_to(&file).unwrap());
    assert_eq!(endpoint.n_requests(), 4);
    assert!(recorded[0].contains("three") && recorded[1].contains("several"), "{recorded:?}");

    let client = Client::replay(&file).unwrap();
    assert_eq!(client.describes(), "model `m`, replayed from a transcript");
    assert_eq!(client.n_steps_left(), 3);
    assert_eq!(lesson(&client), recorded);
    assert_eq!(client.n_steps_left(), 0);
    assert_eq!(endpoint.n_requests(), 4, "a replay sends nothing");

    // And the same file is written by the same conversation.
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(Transcript::read(&file).unwrap().to_yaml().unwrap(), text);
    for hidden in ["secret", "Bearer", "authorization", "127.0.0.1", "Slow down"] {
        assert!(!text.contains(hidden), "{hidden} stands in\n{text}");
    }
}

#[test]
fn keys_are_struck_out_of_what_is_recorded() {
    let told = json!({"choices": [{"message": {"content": "Your key is sk-secret-key."}}]});
    let event = "data: {\"choices\":[{\"delta\":{\"content\":\"sk-secret-key\"},\
                 \"finish_reason\":\"stop\"}]}\n\n";
    let endpoint = Endpoint::start(vec![json_reply(told), event_stream(event)]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.yaml");
    let client = endpoint.client().recording_to(&file).unwrap();
    client.complete(&request("Is sk-secret-key my key?")).unwrap();
    client.stream(&request("And now?"), |_| {}).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(text.matches("[key]").count(), 3, "{text}");
}

#[test]
fn a_request_that_differs_is_an_error_with_its_difference() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.yaml");
    let client = Client::tutor().unwrap().recording_to(&file).unwrap();
    client.complete(&request("What is my name?")).unwrap();
    let client = Client::replay(&file).unwrap();
    let error = client.complete(&request("What is my dog's name?")).unwrap_err();
    assert!(matches!(error, ClientError::Transcript(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("step 1 of 1"), "{text}");
    assert!(text.contains("-  - content: What is my name?"), "{text}");
    assert!(text.contains("+  - content: What is my dog's name?"), "{text}");
    // The same question, asked for in a stream, is another request.
    let error = client.stream(&request("What is my name?"), |_| {}).unwrap_err();
    assert!(error.to_string().contains("+  stream: true"), "{error}");
    client.complete(&request("What is my name?")).unwrap();
    let error = client.complete(&request("What is my name?")).unwrap_err();
    assert!(error.to_string().contains("holds 1 steps, and all have been replayed"), "{error}");
}

#[test]
fn what_breaks_off_is_not_recorded() {
    let begun = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n";
    let endpoint = Endpoint::start(vec![event_stream(begun), answer("Hello.")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.yaml");
    let client = endpoint.client().recording_to(&file).unwrap();
    client.stream(&request("Hi"), |_| {}).unwrap_err();
    assert!(!file.exists());
    client.stream(&request("Hi"), |_| {}).unwrap();
    let transcript = Transcript::read(&file).unwrap();
    assert_eq!(transcript.steps().len(), 1);
    assert!(
        matches!(&transcript.steps()[0].reply, Body::Events(text) if text.ends_with("[DONE]\n"))
    );
}

#[test]
fn an_agent_is_recorded_once_and_replayed_for_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lesson.yaml");
    let live = |client: Client| {
        let mut agent = Agent::new(client);
        let said = ["My name is Sara and I live in Lyon.", "I moved to Paris.", "Where do I live?"];
        let traces = said.map(|said| agent.say(said).unwrap().to_string());
        (traces, agent.block("human").unwrap().value().to_owned())
    };
    let recorded = live(Client::tutor().unwrap().recording_to(&file).unwrap());
    assert!(recorded.0[2].contains("Paris"), "{recorded:?}");
    let client = Client::replay(&file).unwrap();
    assert_eq!(live(client.clone()), recorded);
    assert_eq!(client.n_steps_left(), 0);
    assert_eq!(client.model(), "rule-based-tutor-1");
}

#[test]
fn a_lesson_without_its_transcript_says_so() {
    let error = Client::lesson(Path::new("no-such-lesson.yaml")).unwrap_err();
    assert!(error.to_string().starts_with("the transcript no-such-lesson.yaml cannot be read"));
}
