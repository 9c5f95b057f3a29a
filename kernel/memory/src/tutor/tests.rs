use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::message::{Message, ToolChoice, ToolDefinition};

fn tool(name: &str, parameters: &[&str]) -> ToolDefinition {
    let properties: serde_json::Map<_, _> =
        parameters.iter().map(|name| ((*name).to_owned(), json!({"type": "string"}))).collect();
    ToolDefinition::new(name, "", json!({"type": "object", "properties": properties}))
}

/// The whole turn: calls are answered by `run`, until the tutor speaks. Returns what it did.
fn turn(mut request: Request, mut run: impl FnMut(&ToolCall) -> String) -> String {
    let mut story = Vec::new();
    for _ in 0..40 {
        let reply = RuleBasedTutor.reply(&request);
        request.messages.push(reply.message());
        for call in &reply.tool_calls {
            let result = run(call);
            story.push(format!("{call} -> {result}"));
            request.messages.push(Message::tool(call, &result));
        }
        if let Some(text) = reply.text {
            story.push(text);
            return story.join("\n");
        }
    }
    panic!("no end: {}", story.join("\n"));
}

fn check(system: &str, said: &str, tools: &[ToolDefinition], expected: &str) {
    let messages = [Message::system(system), Message::user(said)];
    let got = turn(Request::new(&messages, tools), |_| "OK".to_owned());
    assert_eq!(got, expected, "{said}");
}

const MEMORY: &str = "<memory>\nname: Sara\nhome: Paris\nlikes: tea\n</memory>";

#[test]
fn answers_come_from_the_context_only() {
    check(MEMORY, "What is my name?", &[], "Your name is Sara.");
    check("", "What is my name?", &[], "I do not know your name: it is not in my context.");
    check(MEMORY, "What do you know about me?", &[], {
        "I know that your name is Sara, you live in Paris and you like tea."
    });
    check("<memory>\n</memory>", "What do you know about me?", &[], {
        "I know nothing about you: my context holds no fact."
    });
    check("<memory>\nnote: the meeting is on Monday\n</memory>", "When is the meeting?", &[], {
        "You asked me to remember: the meeting is on Monday."
    });
    check("", "The sky is blue.", &[], {
        "I am a rule-based tutor model and did not understand \"The sky is blue\". Tell me a \
         fact, such as \"I live in Lyon\", or ask for one: \"Where do I live?\""
    });
}

#[test]
fn the_tools_on_offer_decide_how_facts_are_kept() {
    let save = tool("save_fact", &["key", "value"]);
    check(MEMORY, "My dog is called Pixel.", &[save], {
        "save_fact(key: \"dog_name\", value: \"Pixel\") -> OK\nI will remember that your dog is \
         called Pixel."
    });
    let course = tool("core_memory_save", &["section", "memory"]);
    check("", "I live in Lyon.", &[course], {
        "core_memory_save(section: \"human\", memory: \"home: Lyon\") -> OK\nI will remember that \
         you live in Lyon."
    });
    let append = tool("core_memory_append", &["label", "content", "request_heartbeat"]);
    let replace = tool("core_memory_replace", &["label", "old_content", "new_content"]);
    check(MEMORY, "I moved to Lyon. My cat is Tom.", &[append, replace], {
        "core_memory_replace(label: \"human\", old_content: \"home: Paris\", new_content: \
         \"home: Lyon\") -> OK\n\
         core_memory_append(label: \"human\", content: \"cat: Tom\", request_heartbeat: true) -> \
         OK\nI will remember that you live in Lyon and your cat is Tom."
    });
    check(MEMORY, "I live in Paris.", &[tool("save", &["key", "value"])], {
        "I already know that you live in Paris."
    });
    check(MEMORY, "I like coffee.", &[tool("save", &["key", "value"])], {
        "save(key: \"likes\", value: \"tea, coffee\") -> OK\nI will remember that you like tea \
         and coffee."
    });
    check("", "I live in Lyon.", &[], {
        "I have no memory tool here, so only in this conversation I know that you live in Lyon."
    });
    check(MEMORY, "Forget my name.", &[tool("delete_fact", &["key"])], {
        "delete_fact(key: \"name\") -> OK\nI have forgotten your name."
    });
    check(MEMORY, "Forget my name.", &[], {
        "I cannot forget your name: I have no tool that deletes from memory."
    });
}

#[test]
fn speech_goes_through_a_tool_for_it() {
    let request = Request::new(
        &[Message::system(MEMORY), Message::user("What is my name?")],
        &[tool("send_message", &["message"])],
    );
    let reply = RuleBasedTutor.reply(&request);
    assert_eq!(
        reply.to_string(),
        "answer: (none)\ntool call: send_message(message: \"Your name is Sara.\")"
    );
    let silent = RuleBasedTutor.reply(&request.with_tool_choice(ToolChoice::None));
    assert_eq!(silent.to_string(), "answer: Your name is Sara.");
}

#[test]
fn several_calls_come_together_or_one_by_one() {
    let messages = [Message::user("I live in Lyon and my name is Sara.")];
    let request = Request::new(&messages, &[tool("save", &["key", "value"])]);
    assert_eq!(RuleBasedTutor.reply(&request).tool_calls.len(), 2);
    let request = request.one_call_at_a_time();
    assert_eq!(RuleBasedTutor.reply(&request).tool_calls.len(), 1);
    assert_eq!(turn(request, |_| "OK".into()), {
        "save(key: \"home\", value: \"Lyon\") -> OK\nsave(key: \"name\", value: \"Sara\") -> OK\n\
         I will remember that you live in Lyon and your name is Sara."
    });
}

#[test]
fn a_failed_call_is_told_and_not_repeated() {
    let tools = [tool("save", &["key", "value"])];
    let request = Request::new(&[Message::user("I live in Lyon.")], &tools);
    assert_eq!(turn(request, |_| "Error: the disk is full.".into()), {
        "save(key: \"home\", value: \"Lyon\") -> Error: the disk is full.\nI could not save that \
         you live in Lyon: the disk is full."
    });
}

#[test]
fn names_of_all_alphabets_have_facts() {
    let check = |fact: &str, question: &str, expected: &str| {
        let said = [Message::user(fact), Message::user(question)];
        let request = Request::new(&said, &[tool("save", &["key", "value"])]);
        let saved = turn(request, |_| "OK".into());
        assert!(saved.ends_with(expected), "{saved}");
    };
    check("Rivier's street is Rue Paul.", "What is Rivier's street?", "Rivier street: Rue Paul.");
    check(
        "Rivière's street is Rue Paul.",
        "What is Rivière's street?",
        "Rivière street: Rue Paul.",
    );
    check("Łukasz's dog is Burek.", "What is Łukasz's dog?", "Łukasz dog: Burek.");
    check("Δήμητρα's city is Patras.", "What is Δήμητρα's city?", "Δήμητρα home: Patras.");
}

#[test]
fn nested_look_ups_take_a_step_each() {
    let find = |call: &ToolCall| {
        let known = [("a", "b"), ("b", "c"), ("dog_vet", "Dr Blanc")];
        let known = known.iter().chain(&[("Dr_Blanc_phone_number", "04 72")]);
        let key = call.argument("key").unwrap();
        let found = known.clone().find(|(known, _)| *known == key);
        found.map_or("Error: not found".to_owned(), |(_, value)| (*value).to_owned())
    };
    let check = |said: &str, expected: &str| {
        let request = Request::new(&[Message::user(said)], &[tool("look_up", &["key"])]);
        assert_eq!(turn(request, find), expected);
    };
    check("Look up 'a'.", "look_up(key: \"a\") -> b\nThe value of `a` is `b`.");
    check("Look up 'a', and follow the chain.", {
        "look_up(key: \"a\") -> b\nlook_up(key: \"b\") -> c\n\
         look_up(key: \"c\") -> Error: not found\n\
         The value of `a` is `c`."
    });
    check("What is the phone number of my dog's vet?", {
        "look_up(key: \"dog_vet\") -> Dr Blanc\n\
         look_up(key: \"Dr_Blanc_phone_number\") -> 04 72\nDr Blanc phone number: 04 72."
    });
    check("What is my cat called?", {
        "look_up(key: \"cat_name\") -> Error: not found\n\
         I do not know what your cat is called: it is not in my context."
    });
}

#[test]
fn a_tool_is_called_by_its_name() {
    let add = json!({"type": "object", "properties": {
        "left": {"type": "integer"}, "right": {"type": "integer"}}});
    let tools = [ToolDefinition::new("add", "Adds.", add)];
    let request = Request::new(&[Message::user("Please add 2 and 3.")], &tools);
    assert_eq!(turn(request, |_| "5".into()), {
        "add(left: 2, right: 3) -> 5\nThe tool `add` says: 5."
    });
}

proptest! {
    #[test]
    fn any_request_gets_a_reply(
        system in "(<memory>|</memory>|\n|name|: |\"|\\\\|é|\\{|\\}){0,20}",
        said in "(forget|my|dog|'s|name|is|what|\\?| |I|look up|remember|everything|, ){0,20}",
        name in "save|look_up|send_message|forget|core_memory_replace",
        parameters in prop::collection::vec("key|value|label|old|new|message|query|content", 0..4),
        result in "OK|Error: x|null|.{0,10}",
        parallel in any::<bool>(),
    ) {
        let parameters: Vec<_> = parameters.iter().map(String::as_str).collect();
        let messages = [Message::system(&system), Message::user(&said)];
        let mut request = Request::new(&messages, &[tool(&name, &parameters)]);
        request.parallel_tool_calls = Some(parallel);
        for _ in 0..3 {
            let reply = RuleBasedTutor.reply(&request);
            prop_assert_eq!(&reply, &RuleBasedTutor.reply(&request));
            prop_assert_eq!(reply.text.is_some(), reply.tool_calls.is_empty());
            request.messages.push(reply.message());
            for call in &reply.tool_calls {
                request.messages.push(Message::tool(call, &result));
            }
        }
    }
}
