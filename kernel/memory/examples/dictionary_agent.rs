//! The story of the Day 2 lesson: an agent whose only memory is a dictionary.
//!
//! Run it with `cargo run --release -p momentum-memory --example dictionary_agent`. It talks to
//! the model that the environment names, else to the rule-based tutor model.

use momentum_memory::prelude::*;

fn main() -> Result<(), ClientError> {
    let client = Client::connect()?;
    println!("{}\n", client.describes());

    let mut agent = DictionaryAgent::new(client);
    for said in [
        "My name is Sara, I live in Paris and I have a dog called Pixel.",
        "I moved to Lyon.",
        "What is my name, and where do I live?",
        "What is my favourite colour?",
        "Forget my name.",
        "What do you know about me?",
    ] {
        let trace = agent.say(said)?;
        println!("{trace}\n");
        if let Some(diff) = trace.memory_diff().filter(|diff| !diff.is_unchanged()) {
            println!("{diff}\n");
        }
    }
    Ok(())
}
