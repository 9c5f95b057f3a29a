//! Agents over a wire that misbehaves.

use momentum_memory::agent::{Agent, AgentError};
use momentum_memory::prelude::*;

use crate::endpoint::{Endpoint, answer, calls, error};

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

/// The first lesson is short enough to be read in one go.
#[test]
fn the_dictionary_agent_is_under_a_hundred_lines() {
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let n_lines = include_str!("../../src/dictionary.rs").lines().filter(is_code).count();
    assert!(n_lines < 100, "{n_lines} lines of code");
}
