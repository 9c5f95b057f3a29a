//! The window is never passed, and nothing that leaves the queue is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use tokio::sync::mpsc::UnboundedSender;

use super::script::{Script, Unreachable, calls, says};
use crate::agent::{Agent, AgentError, Block, Model, PendingReply, SectionKind, WindowConfig};
use crate::message::{Piece, Request, Role};
use crate::storage::{MemoryStorage, MessageFilter, PageRequest};
use crate::tokens::{PER_PROMPT, TokenCounter};
use crate::tool::{Permissions, Tool};
use crate::tutor::RuleBasedTutor;

/// The tokens of a request, counted afresh.
fn tokens(request: &Request, counter: &TokenCounter) -> usize {
    let messages = request.messages.iter().map(|message| counter.count_message(message));
    let tools = request.tools.iter().map(|tool| counter.count_tool(tool));
    PER_PROMPT + messages.sum::<usize>() + tools.sum::<usize>()
}

fn recall(agent: &Agent) -> Vec<String> {
    let all = agent.storage().messages(agent.id(), &MessageFilter::default(), PageRequest::all());
    all.unwrap().items.into_iter().map(|stored| stored.message.text).collect()
}

#[test]
fn the_agent_is_warned_then_the_queue_evicted_and_summarised() {
    let mut agent = Agent::new(RuleBasedTutor).with_window(3_300);
    agent.say("My name is Sara.").unwrap();
    let mut warned_before = false;
    while agent.queue().n_evicted() == 0 {
        agent.say("I like long walks by the river.").unwrap();
        let warnings = agent.queue().messages().filter(|m| m.text.starts_with("[memory pressure]"));
        warned_before |= agent.queue().n_evicted() == 0 && warnings.count() == 1;
    }
    assert!(warned_before, "the warning comes before the eviction");
    let summary = agent.queue().summary().unwrap().to_owned();
    assert_eq!(summary, {
        "What the user told, by a rule-based summariser:\nname: Sara\nlikes: long walks by the river"
    });
    let context = agent.context().unwrap();
    assert!(context.tokens_of(SectionKind::Summary) > 0);
    assert!(context.messages()[1].text.starts_with("<conversation_summary"));
    assert_eq!(context.messages()[1].role, Role::System);
}

#[test]
fn a_warning_that_the_model_never_got_is_given_again() {
    let has_warning = |request: &Request| {
        request.messages.iter().any(|message| message.text.starts_with("[memory pressure]"))
    };
    let agent = Agent::open(RuleBasedTutor, Arc::new(MemoryStorage::new()), "sara").unwrap();
    let n_tokens = agent.context().unwrap().n_tokens();
    // Whatever is said, the prompt is past the mark.
    let window = WindowConfig::new(4 * n_tokens).with_marks(0.2, 1.0, 0.9);
    let storage = Arc::clone(agent.storage());
    let script = Script::new([says("Yes.")]);
    let model = Flaky { fails: Arc::new(AtomicBool::new(true)), script: script.clone() };
    let mut agent = Agent::open(model.clone(), storage, "sara").unwrap().with_window(window);
    agent.say("Hello.").unwrap_err();
    model.fails.store(false, Ordering::Relaxed);
    agent.say("Hello.").unwrap();
    agent.say("Hello again.").unwrap();
    let requests = script.requests();
    assert!(has_warning(&requests[0]), "the step that failed left no warning behind");
    let warnings = requests[1].messages.iter();
    let warnings = warnings.filter(|message| message.text.starts_with("[memory pressure]"));
    assert_eq!(warnings.count(), 1, "a warning that was read is not given again");
}

/// A model that cannot be reached while it fails.
#[derive(Clone)]
struct Flaky {
    fails: Arc<AtomicBool>,
    script: Script,
}

impl Model for Flaky {
    fn name(&self) -> &str {
        self.script.name()
    }

    fn describes(&self) -> String {
        self.script.describes()
    }

    fn reply(
        self: Arc<Self>,
        request: Request,
        pieces: Option<UnboundedSender<Piece>>,
    ) -> PendingReply {
        match self.fails.load(Ordering::Relaxed) {
            true => Arc::new(Unreachable).reply(request, pieces),
            false => Arc::new(self.script.clone()).reply(request, pieces),
        }
    }
}

#[test]
fn a_summary_holds_what_an_earlier_one_held() {
    // Core memory may not be written, so what is known is known from the summary alone.
    let mut agent = Agent::new(RuleBasedTutor)
        .with_permissions(Permissions::none())
        .unwrap()
        .with_window(WindowConfig::new(1_400).with_reply(100));
    agent.say("My name is Sara.").unwrap();
    for n in 0..60 {
        agent.say(&format!("My lucky number is {n}.")).unwrap();
    }
    assert!(agent.queue().n_evicted() > 60);
    assert!(!agent.queue().messages().any(|m| m.role == Role::User && m.text.contains("Sara")));
    assert_eq!(agent.say("What is my name?").unwrap().answer(), "Your name is Sara.");
}

#[test]
fn a_summariser_that_fails_is_told_and_nothing_is_lost() {
    let mut agent = Agent::new(RuleBasedTutor).with_window(3_000).with_summariser(Unreachable);
    let mut n = 0;
    while agent.queue().n_evicted() == 0 {
        agent.say(&format!("My lucky number is {n}.")).unwrap();
        n += 1;
    }
    let summary = agent.queue().summary().unwrap();
    assert!(summary.contains("without a summary, because"), "{summary}");
    assert!(summary.contains("nobody is there"), "{summary}");
    let recall = recall(&agent);
    for n in 0..n {
        assert!(recall.contains(&format!("My lucky number is {n}.")));
    }
}

#[test]
fn the_summariser_has_no_part_in_the_turns_limits() {
    let summariser = Script::new([says("Much was said.")]);
    let mut agent = Agent::new(RuleBasedTutor)
        .with_window(3_000)
        .with_summariser(summariser.clone())
        .with_step_limit(2)
        .with_token_budget(6_000);
    while agent.queue().n_evicted() == 0 {
        agent.say("The sky is blue, and there is much more to tell about it.").unwrap();
    }
    assert_eq!(agent.queue().summary(), Some("Much was said."));
    let request = summariser.requests()[0].clone();
    assert!(request.tools.is_empty());
    assert!(
        request.messages[1].text.contains("user: \\\"The sky")
            || request.messages[1].text.contains("user: \"The sky")
    );
}

#[test]
fn what_cannot_fit_is_an_error_before_anything_is_sent() {
    let script = Script::new([says("Yes.")]);
    let big = Block::new("notes", "d").with_value(&"long ".repeat(3_000)).with_limit(99_999);
    let mut agent = Agent::new(script.clone()).with_block(big).unwrap().with_window(4_000);
    let error = agent.say("Hello.").unwrap_err();
    assert!(matches!(error, AgentError::OverWindow { limit: 3_500, .. }), "{error}");
    assert!(script.requests().is_empty() && agent.queue().is_empty());
}

#[test]
fn oversized_messages_are_cut_in_the_prompt_and_whole_in_recall() {
    let script = Script::new([calls([("flood", "null")]), says("Done.")]);
    let flood = Tool::new("flood", "", |(): ()| Ok::<_, String>("water ".repeat(50_000)));
    let mut agent = Agent::new(script.clone()).with_tool(flood).unwrap().with_window(4_000);
    let said = format!("{}the end", "word ".repeat(50_000));
    assert_eq!(agent.say(&said).unwrap().answer(), "Done.");
    for request in script.requests() {
        assert!(tokens(&request, &TokenCounter::estimating()) <= 3_500);
    }
    let request = script.requests().pop().unwrap();
    let user = request.messages.iter().find(|m| m.role == Role::User).unwrap();
    assert!(user.text.starts_with("word word") && user.text.ends_with("the end"));
    assert!(user.text.contains("conversation_search finds the whole"));
    let recall = recall(&agent);
    assert!(recall.contains(&said) && recall.contains(&"water ".repeat(50_000)));
}

/// What somebody says, what a tool returns, what the model writes: of any size.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z ]{0,80}",
        1 => "\\PC{0,120}",
        1 => (1_usize..6_000, "[a-z]{1,6} |é|日|<\\|im_end\\|>|\n").prop_map(|(n, word)| word.repeat(n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn never_does_a_prompt_exceed_the_window(
        window in 1_000_usize..9_000,
        reply in 0_usize..400,
        marks in (0.0..1.2, 0.0..1.2, 0.0..1.2),
        value in text(),
        exact in any::<bool>(),
        turns in prop::collection::vec((text(), prop::collection::vec((text(), text()), 0..4), text()), 1..7),
    ) {
        let results: Vec<_> = turns.iter().flat_map(|turn| turn.1.iter().map(|s| s.1.clone())).collect();
        let results = std::sync::Mutex::new(std::collections::VecDeque::from(results));
        let echo = Tool::new("echo", "", move |_: serde_json::Map<String, serde_json::Value>| {
            Ok::<_, String>(results.lock().unwrap().pop_front().unwrap_or_default())
        });
        let mut replies = Vec::new();
        for (_, steps, answer) in &turns {
            for (argument, _) in steps {
                let arguments = serde_json::json!({"text": argument}).to_string();
                let twice = ("echo", arguments.as_str());
                replies.push(calls([twice, ("conversation_search", "{\"query\": \"a\"}")]));
            }
            replies.push(says(&format!("x{answer}")));
        }
        let mut script = Script::new(replies);
        script.name = if exact { "gpt-4o" } else { "script" };
        let counter = TokenCounter::for_model(script.name);
        let config = WindowConfig::new(window).with_reply(reply).with_marks(marks.0, marks.1, marks.2);
        let summariser = Script { name: script.name, ..Script::new([says("They talked.")]) };
        let block = Block::new("notes", "d").with_value(&value);
        let mut agent = Agent::new(script.clone())
            .with_block(block).unwrap()
            .with_tool(echo).unwrap()
            .with_window(config)
            .with_summariser(summariser.clone());
        let mut said = Vec::new();
        for (text, _, _) in &turns {
            match agent.say(text) {
                Ok(_) => said.push(text),
                Err(AgentError::OverWindow { n_tokens, limit }) => {
                    prop_assert!(n_tokens + 200 > limit, "{} of {}", n_tokens, limit);
                }
                Err(error) => panic!("{error}"),
            }
        }
        for request in script.requests().iter().chain(&summariser.requests()) {
            let n = tokens(request, &counter);
            prop_assert!(n <= config.prompt_limit(), "{} > {}", n, config.prompt_limit());
        }
        let recall = recall(&agent);
        for text in said {
            prop_assert!(recall.contains(&crate::untrusted::defused(text)));
        }
    }
}
