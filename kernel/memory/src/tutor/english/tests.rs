use proptest::prelude::*;

use super::*;

/// An intent in short: `name=Sara`, `?dog/vet`, `-home`.
fn short(intent: &Intent) -> String {
    match intent {
        Intent::State(fact) if fact.many => format!("{}+={}", fact.key, fact.value),
        Intent::State(fact) => format!("{}={}", fact.key, fact.value),
        Intent::Forget(key) => format!("-{key}"),
        Intent::ForgetAll => "-*".into(),
        Intent::Ask(path) => format!("?{}", path.join("/")),
        Intent::AskAll => "?*".into(),
        Intent::LookUp { key, follow: true } => format!("look up {key}, follow"),
        Intent::LookUp { key, follow: false } => format!("look up {key}"),
        Intent::Tell { agent, message } => format!("@{agent} {message}"),
        Intent::AskOpen(text) => format!("open: {text}"),
        Intent::Greet => "greet".into(),
        Intent::Unclear(text) => format!("unclear: {text}"),
    }
}

fn check(text: &str, expected: &str) {
    let intents: Vec<_> = understand(text).iter().map(short).collect();
    assert_eq!(intents.join(" | "), expected, "{text}");
}

#[test]
fn facts() {
    check("My name is Sara.", "name=Sara");
    check("my name's Sara", "name=Sara");
    check("I'm Sara Lind", "name=Sara Lind");
    check("Call me Sam!", "name=Sam");
    check("I live in Lyon", "home=Lyon");
    check("I moved to Lyon.", "home=Lyon");
    check("Actually, I\u{2019}ve just moved from Paris to Lyon.", "home=Lyon");
    check("I am from Iran", "origin=Iran");
    check("I'm 34 years old.", "age=34");
    check("My favourite colour is teal", "favourite colour=teal");
    check("My favorite color is teal now.", "favourite colour=teal");
    check("I have a dog called Pixel", "dog name=Pixel");
    check("My dog's name is Pixel", "dog name=Pixel");
    check("My dog's vet is Dr. Blanc.", "dog vet=Dr. Blanc");
    check("The vet of my dog is Dr Blanc", "dog vet=Dr Blanc");
    check("Dr Blanc's phone number is 04 72.", "Dr Blanc phone number=04 72");
    check("I'm learning Rust", "learning+=Rust");
    check("I like tea and coffee", "likes+=tea and coffee");
    check("I don't like rain", "dislikes+=rain");
    check("I am allergic to nuts", "allergies+=nuts");
    check("I'm a nurse", "role=a nurse");
    check("I work as a nurse at night", "job=a nurse at night");
    check("I work for Acme", "employer=Acme");
    check("I have two cats", "belongings+=two cats");
    check("I was born on 3 May", "birthday=on 3 May");
    check("Remember that the meeting is on Monday", "note+=the meeting is on Monday");
    check("Please remember that I live in Lyon", "home=Lyon");
}

#[test]
fn several_in_one() {
    check(
        "My name is Sara, I live in Lyon and I have a dog called Pixel.",
        "name=Sara | home=Lyon | dog name=Pixel",
    );
    check("I live in Lyon and work as a nurse.", "home=Lyon | job=a nurse");
    check("Hi! My name is Sara. What is my name?", "name=Sara | ?name");
    check("My sister is Ana and Ana's birthday is in May", "sister=Ana | Ana birthday=in May");
    check("Where do I live and what is my name?", "?home | ?name");
}

#[test]
fn questions() {
    check("What is my name?", "?name");
    check("what's my name", "?name");
    check("Do you know my name?", "?name");
    check("Do you remember where I live?", "?home");
    check("Who am I?", "?name");
    check("Where do I live now?", "?home");
    check("What is my favorite color?", "?favourite colour");
    check("What is my dog called?", "?dog name");
    check("What's my dog's name?", "?dog name");
    check("Who is my dog's vet?", "?dog/vet");
    check("What is the phone number of my dog's vet?", "?dog/vet/phone number");
    check("What is Dr Blanc's phone number?", "?Dr Blanc/phone number");
    check("What am I learning?", "?learning");
    check("What do you know about me?", "?*");
    check("When is the meeting?", "open: When is the meeting");
    check("Look up 'a7f3'.", "look up a7f3");
    check("Look up the key a7f3 and follow the chain until it ends.", "look up a7f3, follow");
    check("The values are nested. Find the value of 'a 7'.", "look up a 7, follow");
}

#[test]
fn deletion_and_the_rest() {
    check("Forget my name.", "-name");
    check("Please forget where I live", "-home");
    check("Forget that I live in Lyon", "-home");
    check("forget what my dog is called", "-dog name");
    check("Forget everything!", "-*");
    check("Tell the agent ben: I live in Lyon, too.", "@ben I live in Lyon, too.");
    check("Hello there!", "greet");
    check("The sky is blue", "unclear: The sky is blue");
    check("", "");
    check("...?!", "");
}

#[test]
fn facts_are_told() {
    let check = |key: &str, value: &str, expected: &str| assert_eq!(tell(key, value), expected);
    check("name", "Sara", "your name is Sara");
    check("favourite_colour", "teal", "your favourite colour is teal");
    check("dog_name", "Pixel", "your dog is called Pixel");
    check("likes", "tea, coffee", "you like tea and coffee");
    check("Dr Blanc phone number", "04", "Dr Blanc phone number: 04");
    check("note", "buy milk", "you asked me to remember: buy milk");
    assert_eq!(tell_unknown("home"), "where you live");
    assert_eq!(tell_unknown("cat name"), "what your cat is called");
    assert_eq!(tell_unknown("shoe size"), "your shoe size");
}

proptest! {
    #[test]
    fn no_text_makes_a_panic(text in "\\PC{0,80}|(my|I|is|am|forget|what|'s|,|and|\\.|\\?| |\n|é){0,24}") {
        for intent in understand(&text) {
            if let Intent::State(fact) = intent {
                let _ = tell(&fact.key, &fact.value);
            }
        }
    }
}
