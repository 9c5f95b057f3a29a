//! Whole conversations with the rule-based tutor, over HTTP.

use std::sync::Arc;

use super::nested;
use crate::agent::{Agent, Block, Clock};
use crate::client::Client;
use crate::storage::{MemoryStorage, MessageFilter, NewPassage, PageRequest, Timestamp};
use crate::tool::{Permission, Permissions, Tool};
use crate::trace::Outcome;

fn agent() -> Agent {
    Agent::new(Client::tutor().unwrap())
}

#[test]
fn facts_are_kept_corrected_and_forgotten() {
    let mut agent = agent();
    let mut check = |said: &str, answer: &str, human: &str| {
        let trace = agent.say(said).unwrap();
        assert_eq!(trace.answer(), answer, "{trace}");
        assert_eq!(agent.block("human").unwrap().value(), human);
        agent.start_afresh().unwrap();
    };
    check(
        "My name is Sara and I live in Paris.",
        "I will remember that your name is Sara and you live in Paris.",
        "name: Sara\nhome: Paris",
    );
    check("I moved to Lyon.", "I will remember that you live in Lyon.", "name: Sara\nhome: Lyon");
    check("Where do I live?", "You live in Lyon.", "name: Sara\nhome: Lyon");
    check("Forget my name.", "I have forgotten your name.", "home: Lyon");
    check("What is my name?", "I do not know your name: it is not in my context.", "home: Lyon");
}

#[test]
fn what_a_full_block_cannot_hold_goes_to_the_archive_and_is_found_there() {
    let human = Block::new("human", "the user").with_limit(10);
    let mut agent = agent().with_block(human).unwrap();
    let trace = agent.say("My name is Bartholomew.").unwrap();
    assert!(trace.steps()[0].calls[0].1.contains("its limit is 10"), "{trace}");
    assert!(trace.memory_diff().unwrap().is_unchanged());
    agent.start_afresh().unwrap();
    let trace = agent.say("What is my name?").unwrap();
    assert_eq!(trace.answer(), "Your name is Bartholomew.", "{trace}");
    assert_eq!(trace.steps()[0].calls[0].0.name, "archival_memory_search");
}

#[test]
fn a_full_block_is_told_where_there_is_no_archive() {
    let human = Block::new("human", "the user").with_limit(10);
    let granted = Permissions::all().without(Permission::WriteArchive);
    let agent = agent().with_block(human).unwrap().with_permissions(granted);
    let trace = agent.unwrap().say("My name is Bartholomew.").unwrap();
    assert_eq!(*trace.outcome(), Outcome::Answered);
    assert!(trace.answer().contains("its limit is 10"), "{trace}");
}

#[test]
fn the_users_own_tools_are_called() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Add {
        left: i64,
        right: i64,
    }
    let add = Tool::new("add", "Adds two numbers.", |args: Add| {
        Ok::<_, String>((args.left + args.right).to_string())
    });
    let mut agent = agent().with_tool(add.clone()).unwrap();
    assert_eq!(agent.say("Please add 2 and 3.").unwrap().answer(), "The tool `add` says: 5.");
    let again = agent.with_tool(add).unwrap_err();
    assert_eq!(again.to_string(), "there is already a tool `add`; give yours another name");
    let accent = Tool::new("ajouté", "", |(): ()| Ok::<_, String>(String::new()));
    let error = super::super::Agent::new(Client::tutor().unwrap()).with_tool(accent).unwrap_err();
    assert!(error.to_string().contains("cannot be the name of a tool"), "{error}");
}

#[test]
fn an_agent_goes_on_where_it_was() {
    let storage = Arc::new(MemoryStorage::new());
    let open = || {
        let start = Timestamp::parse("2026-11-23T09:00:00Z").unwrap();
        let clock = Clock::counting(start, std::time::Duration::from_secs(60));
        let agent = Agent::open(Client::tutor().unwrap(), storage.clone(), "sara").unwrap();
        // A block that is there is not set back to its first value.
        let human = Block::new("human", "the user").with_value("nothing yet");
        agent.with_block(human).unwrap().with_clock(clock)
    };
    let mut first = open();
    first.say("I live in Paris.").unwrap();
    first.say("I moved to Lyon.").unwrap();
    let queue: Vec<_> = first.queue().messages().cloned().collect();
    drop(first);
    let mut second = open();
    assert_eq!(second.block("human").unwrap().value(), "nothing yet\nhome: Lyon");
    assert_eq!(second.queue().messages().cloned().collect::<Vec<_>>(), queue);
    assert_eq!(second.say("Where do I live?").unwrap().answer(), "You live in Lyon.");
    let all = second.storage().messages(second.id(), &MessageFilter::default(), PageRequest::all());
    let said: Vec<_> = all.unwrap().items.into_iter().map(|stored| stored.message.text).collect();
    assert!(said.contains(&"You live in Lyon.".to_owned()), "speech is found in recall: {said:?}");
}

#[test]
fn what_left_the_queue_is_found_again_page_by_page() {
    let mut agent = agent();
    agent.say("My sister is Ana.").unwrap();
    for n in 0..25 {
        agent.say(&format!("My sister's number {n} is {n}.")).unwrap();
    }
    let human = agent.block("human").unwrap().value().to_owned();
    assert!(human.contains("Ana"), "{human}");
    // Core memory is lost, and the queue: what was said is still in recall storage.
    let forgetful = Permissions::all().without(Permission::WriteBlocks);
    let mut agent = agent.with_block(Block::new("human", "the user")).unwrap();
    agent = agent.with_permissions(forgetful).unwrap();
    agent.start_afresh().unwrap();
    let trace = agent.say("Who is my sister?").unwrap();
    assert_eq!(trace.answer(), "Your sister is Ana.", "{trace}");
    let searches = trace.steps().iter().flat_map(|step| &step.calls);
    let searches = searches.filter(|(call, _)| call.name == "conversation_search");
    assert!(searches.count() >= 1, "{trace}");
}

#[test]
fn a_contradiction_is_told_and_settled_with_several_calls() {
    let human = Block::new("human", "the user").with_value("home: Paris\nname: Sara\nhome: Lyon");
    let mut agent = agent().with_block(human).unwrap();
    assert_eq!(agent.say("Where do I live?").unwrap().answer(), {
        "My memory says two things: you live in Lyon, and you live in Paris. Which one is right?"
    });
    let trace = agent.say("I live in Rome.").unwrap();
    assert_eq!(trace.steps()[0].calls.len(), 2, "{trace}");
    assert_eq!(agent.block("human").unwrap().value(), "name: Sara\nhome: Rome");
    assert_eq!(trace.answer(), "I will remember that you live in Rome.");
}

#[test]
fn what_the_user_wants_forgotten_is_not_found_again() {
    let mut agent = agent();
    agent.say("My name is Sara and I live in Lyon.").unwrap();
    agent.say("Forget my name.").unwrap();
    agent.start_afresh().unwrap();
    // Recall storage has both sentences. The later one holds.
    let trace = agent.say("What is my name?").unwrap();
    assert_eq!(trace.answer(), "I do not know your name: it is not in my context.", "{trace}");
    assert_eq!(agent.say("Where do I live?").unwrap().answer(), "You live in Lyon.");
}

#[test]
fn chains_of_keys_are_followed_to_their_end() {
    // The nested key-value task of the MemGPT paper (section 3.2): the example `nested_keys` runs
    // it a hundred times for each depth.
    for depth in 1..=6 {
        let (mut agent, task) = (agent(), nested::task(depth, 0));
        let passages = task.pairs.iter().map(|(key, value)| {
            NewPassage::new(format!("{key}: {value}"), Timestamp::from_millis(0))
        });
        let passages: Vec<_> = passages.collect();
        agent.storage().insert_passages(agent.id(), &passages).unwrap();
        let trace = agent.say(&format!("Look up '{}' and follow the chain.", task.first)).unwrap();
        let expected = format!("The value of `{}` is `{}`.", task.first, task.last);
        assert_eq!(trace.answer(), expected, "{trace}");
        // A search for each link, one that finds that the chain has ended, and the answer.
        assert_eq!(trace.n_calls(), depth + 2, "{trace}");
    }
}
