//! Several agents: shared blocks, letters, sleep.

use std::sync::Arc;

use super::script::{Script, calls, says};
use crate::agent::{
    Agent, AgentError, Block, Permission, Permissions, SleepTimeAgent, StepEvent, Team,
};
use crate::message::Message;
use crate::storage::{
    Access, Author, BlockId, EditRequest, MemoryStorage, NewMessage, Storage, Timestamp,
};
use crate::trace::Outcome;
use crate::tutor::RuleBasedTutor;
use crate::untrusted::unescaped;

fn append(text: &str) -> (String, String) {
    let arguments = serde_json::json!({"label": "plan", "content": text}).to_string();
    ("core_memory_append".to_owned(), arguments)
}

/// An agent that makes these calls, and one answer at the end.
fn agent(storage: &Arc<MemoryStorage>, name: &str, made: &[(String, String)]) -> Agent {
    let replies = made.iter().map(|(name, arguments)| calls([(name.as_str(), arguments.as_str())]));
    let script = Script::new(replies.chain([says("Done.")]));
    let agent = Agent::open(script, storage.clone(), name).unwrap();
    // The script's replies are the agent's alone.
    agent.with_summariser(RuleBasedTutor).with_step_limit(999)
}

fn shared(storage: &Arc<MemoryStorage>, agents: [Agent; 2], access: Access) -> [Agent; 2] {
    let [first, second] = agents;
    let first = first.with_block(Block::new("plan", "the plan").with_limit(99_999)).unwrap();
    let plan = first.block("plan").unwrap().id().unwrap();
    let second = second.with_shared_block(plan, access).unwrap();
    assert!(second.block("plan").unwrap().is_shared());
    assert_eq!(storage.block(plan).unwrap().version, 1);
    [first, second]
}

#[test]
fn no_update_is_lost_between_two_agents_in_two_threads() {
    let storage = Arc::new(MemoryStorage::new());
    let work = |name: &str| (0..100).map(|n| append(&format!("{name} {n}"))).collect::<Vec<_>>();
    let agents = ["a", "b"].map(|name| agent(&storage, name, &work(name)));
    let agents = shared(&storage, agents, Access::Write);
    let plan = agents[0].block("plan").unwrap().id().unwrap();
    std::thread::scope(|scope| {
        for mut agent in agents {
            scope.spawn(move || assert_eq!(agent.say("Go.").unwrap().answer(), "Done."));
        }
    });
    let block = storage.block(plan).unwrap();
    for name in ["a", "b"] {
        let lines = block.value.lines().filter(|line| line.starts_with(name));
        let expected: Vec<_> = (0..100).map(|n| format!("{name} {n}")).collect();
        assert_eq!(lines.collect::<Vec<_>>(), expected, "all of them, in their order");
    }
    assert_eq!(block.version, 201);
}

/// An observer who writes "theirs" into a block while the model thinks for the first time.
fn writes_while_asked(
    storage: &Arc<MemoryStorage>,
    block: BlockId,
) -> impl Fn(&StepEvent<'_>) + Send + Sync + 'static {
    let storage = Arc::clone(storage);
    move |event| {
        if matches!(event, StepEvent::Asked { step: 1, .. }) {
            let edit = EditRequest {
                block,
                expected_version: 1,
                value: "theirs",
                by: &Author::Person("Ana".into()),
                at: Timestamp::from_millis(0),
            };
            storage.edit_block(&edit).unwrap();
        }
    }
}

#[test]
fn a_rewriting_of_what_was_not_seen_is_refused() {
    let storage = Arc::new(MemoryStorage::new());
    let rethink = |text: &str| {
        let arguments = serde_json::json!({"label": "plan", "new_memory": text}).to_string();
        ("memory_rethink".to_owned(), arguments)
    };
    let slow = agent(&storage, "slow", &[rethink("mine"), rethink("ours, together")]);
    let agents = shared(&storage, [agent(&storage, "quick", &[]), slow], Access::Write);
    let [quick, slow] = agents;
    let plan = quick.block("plan").unwrap().id().unwrap();
    // While the slow agent's model thinks, somebody else writes.
    let mut slow = slow.with_observer(writes_while_asked(&storage, plan));
    let trace = slow.say("Go.").unwrap();
    assert_eq!(trace.steps()[0].calls[0].1, {
        "Error: the block `plan` was edited by somebody else after you saw it, so nothing was \
         written; it now holds \"theirs\". Make your edit to that"
    });
    assert_eq!(trace.steps()[1].calls[0].1, "Rewrote `plan`.");
    assert_eq!(slow.block("plan").unwrap().value(), "ours, together");
    assert_eq!(slow.block_history("plan").unwrap().edits().len(), 3);
}

#[test]
fn no_other_call_of_the_reply_makes_a_block_seen() {
    let rethink = |text: &str| {
        let arguments = serde_json::json!({"label": "plan", "new_memory": text}).to_string();
        ("memory_rethink".to_owned(), arguments)
    };
    let replace = {
        let arguments = r#"{"label": "plan", "old_content": "nowhere", "new_content": ""}"#;
        ("core_memory_replace".to_owned(), arguments.to_owned())
    };
    // What comes before the last rewriting was written before the model saw anything of it.
    for (before, expected) in
        [(append("mine"), "theirs\nmine"), (replace, "theirs"), (rethink("mine"), "theirs")]
    {
        let storage = Arc::new(MemoryStorage::new());
        let both = [before, rethink("all mine")];
        let both = calls(both.iter().map(|(name, arguments)| (name.as_str(), arguments.as_str())));
        let slow = Agent::open(Script::new([both, says("Done.")]), storage.clone(), "slow");
        let agents = [agent(&storage, "quick", &[]), slow.unwrap()];
        let [quick, slow] = shared(&storage, agents, Access::Write);
        let plan = quick.block("plan").unwrap().id().unwrap();
        let mut slow = slow.with_observer(writes_while_asked(&storage, plan));
        let trace = slow.say("Go.").unwrap();
        let refusal = &trace.steps()[0].calls[1].1;
        assert!(refusal.contains("edited by somebody else"), "{refusal}");
        assert_eq!(slow.block("plan").unwrap().value(), expected, "{trace}");
    }
}

#[test]
fn a_shared_block_needs_the_right_to_write() {
    let storage = Arc::new(MemoryStorage::new());
    let reader = agent(&storage, "reader", &[append("mine")]);
    let agents =
        shared(&storage, [agent(&storage, "writer", &[append("ours")]), reader], Access::Read);
    let [mut writer, mut reader] = agents;
    assert_eq!(reader.say("Go.").unwrap().steps()[0].calls[0].1, {
        "Error: the block `plan` is read-only; write to another block"
    });
    writer.say("Go.").unwrap();
    reader.say("And now?").unwrap();
    assert_eq!(reader.block("plan").unwrap().value(), "ours", "it sees what the other writes");
}

#[test]
fn letters_reach_other_agents() {
    let storage = Arc::new(MemoryStorage::new());
    let mut team = Team::default();
    for name in ["ana", "ben"] {
        team.add(Agent::open(RuleBasedTutor, storage.clone(), name).unwrap()).unwrap();
    }
    let turns = team.say("ana", "Tell the agent ben: I live in Lyon.").unwrap();
    let told: Vec<_> = turns.iter().map(|t| (t.agent.as_str(), t.trace.answer())).collect();
    assert_eq!(
        told,
        [("ana", "I have told the agent ben."), ("ben", "I will remember that you live in Lyon."),]
    );
    assert_eq!(turns[1].from.as_deref(), Some("ana"));
    let turns = team.say("ana", "Tell the agent eve: I live in Lyon.").unwrap();
    assert_eq!(turns.len(), 1);
    assert!(turns[0].trace.answer().contains("no other agent `eve`"), "{}", turns[0].trace);
    let again = Agent::open(RuleBasedTutor, storage, "ana").unwrap();
    assert!(matches!(team.add(again), Err(AgentError::MemberTaken { .. })));
}

#[test]
fn two_agents_do_not_talk_for_ever() {
    let storage = Arc::new(MemoryStorage::new());
    let mut team = Team::default().with_most_letters(5);
    for (name, other) in [("ana", "ben"), ("ben", "ana")] {
        let arguments = format!(r#"{{"agent": "{other}", "message": "Your turn."}}"#);
        let write = ("send_message_to_agent".to_owned(), arguments);
        let replies: Vec<_> = std::iter::repeat_n(write, 9).collect();
        let one = agent(&storage, name, &replies).with_step_limit(1);
        team.add(one).unwrap();
    }
    assert_eq!(team.say("ana", "Begin.").unwrap().len(), 6);
    assert_eq!(team.n_letters(), 1);
}

#[test]
fn a_sleep_time_agent_rewrites_memory_between_turns() {
    let talks = Permissions::all().without(Permission::WriteBlocks);
    let mut agent = Agent::new(RuleBasedTutor).with_permissions(talks).unwrap();
    let mut sleeper = SleepTimeAgent::beside(&agent, RuleBasedTutor).unwrap();
    assert!(sleeper.reflect().unwrap().is_none(), "nothing was said yet");
    agent.say("My name is Sara and I live in Paris.").unwrap();
    assert_eq!(agent.block("human").unwrap().value(), "");
    sleeper.reflect().unwrap().unwrap();
    agent.say("I moved to Lyon.").unwrap();
    let trace = sleeper.reflect().unwrap().unwrap();
    assert!(sleeper.reflect().unwrap().is_none(), "everything was read");
    agent.start_afresh().unwrap();
    assert_eq!(agent.say("Where do I live?").unwrap().answer(), "You live in Lyon.");
    assert_eq!(agent.block("human").unwrap().value(), "name: Sara\nhome: Lyon", "{trace}");
    let by = agent.block_history("human").unwrap().edits()[1].by.to_string();
    assert_eq!(by, "agent agent/sleep");
    // What is read-only stays so for this one, too.
    assert!(sleeper.agent().block("persona").unwrap().is_read_only());
}

#[test]
fn a_sleep_time_agent_may_write_no_more_than_the_one_it_looks_after() {
    let storage = Arc::new(MemoryStorage::new());
    let agents = ["owner", "reader"].map(|name| agent(&storage, name, &[]));
    let [owner, reader] = shared(&storage, agents, Access::Read);
    let refused = "Error: the block `plan` is read-only; write to another block";
    for (awake, expected) in [(&owner, "Appended to `plan`."), (&reader, refused)] {
        let (name, arguments) = append("mine");
        let script = Script::new([calls([(name.as_str(), arguments.as_str())]), says("Done.")]);
        let mut sleeper = SleepTimeAgent::beside(awake, script).unwrap();
        tell(awake, ["Go."]);
        let trace = sleeper.reflect().unwrap().unwrap();
        assert_eq!(trace.steps()[0].calls[0].1, expected);
        assert_eq!(sleeper.agent().block("plan").unwrap().value(), "mine");
    }
}

/// Puts what a person said straight into an agent's recall storage.
fn tell(agent: &Agent, said: impl IntoIterator<Item = impl AsRef<str>>) {
    let said = said.into_iter().map(|text| Message::user(text.as_ref()));
    let said: Vec<_> = said.map(|said| NewMessage::new(said, Timestamp::from_millis(0))).collect();
    agent.storage().append_messages(agent.id(), &said).unwrap();
}

#[test]
fn a_sleep_time_agent_is_shown_all_that_was_said() {
    let agent = Agent::new(RuleBasedTutor);
    let script = Script::new([says("Done.")]);
    let mut sleeper = SleepTimeAgent::beside(&agent, script.clone()).unwrap();
    let long: Vec<_> = (0..4_000).map(|n| format!("<word {n}>")).collect();
    let short: Vec<_> = (0..300).map(|n| format!("I saw {n} herons & <{n}> swans.")).collect();
    tell(&agent, &short);
    tell(&agent, [long.join(" ")]);
    tell(&agent, [""]);

    // What a turn was about that did not end of itself is not read yet.
    sleeper.agent().cancellation().cancel();
    let trace = sleeper.reflect().unwrap().unwrap();
    assert_eq!(*trace.outcome(), Outcome::Cancelled);
    sleeper.agent().cancellation().reset();
    sleeper.reflect().unwrap().unwrap();
    assert!(sleeper.reflect().unwrap().is_none(), "everything was read");

    let mut shown = String::new();
    for request in script.requests() {
        let event = request.messages.last().unwrap().text.clone();
        assert!(!event.contains("cut here to fit"), "{event}");
        for line in event.lines().filter(|line| line.starts_with('{')) {
            let record: serde_json::Value = serde_json::from_str(&unescaped(line)).unwrap();
            shown += record["text"].as_str().unwrap();
        }
    }
    assert_eq!(shown, short.concat() + &long.join(" "), "each once, in order, the long one too");
}
