//! The nested key-value task of the MemGPT paper, driven through the agent loop by the rule-based
//! tutor: how many of a hundred chains of each depth are followed to their end.
//!
//! `cargo run --release -p momentum-memory --example nested_keys [--http] [N]`: with `--http`, each
//! step is a real HTTP request on loopback; `N` is the number of tasks a depth, 100 unless given.

use std::error::Error;

use momentum_memory::prelude::*;
use momentum_memory::storage::{NewPassage, Timestamp};
use momentum_memory::tutor::RuleBasedTutor;

#[allow(unreachable_pub, reason = "the file is a module of a test as well")]
#[path = "../src/agent/tests/nested.rs"]
mod nested;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let http = args.iter().any(|arg| arg == "--http");
    let n = args.iter().find_map(|arg| arg.parse::<u64>().ok()).unwrap_or(100);
    let way = if http { "over HTTP on loopback" } else { "called directly" };
    println!("nested key-value, 140 pairs, {n} tasks a depth, rule-based tutor {way}");
    println!("| depth | right | steps a task |\n|---|---|---|");
    for depth in 1..=6 {
        let (mut n_right, mut n_steps) = (0, 0);
        for seed in 0..n {
            let task = nested::task(depth, seed);
            let mut agent = match http {
                true => Agent::new(Client::tutor()?),
                false => Agent::new(RuleBasedTutor),
            };
            let passages = task.pairs.iter().map(|(key, value)| {
                NewPassage::new(format!("{key}: {value}"), Timestamp::from_millis(0))
            });
            let passages: Vec<_> = passages.collect();
            agent.storage().insert_passages(agent.id(), &passages)?;
            let trace = agent.say(&format!("Look up '{}' and follow the chain.", task.first))?;
            n_right += u64::from(trace.answer().contains(&task.last));
            n_steps += trace.n_steps();
        }
        println!("| {depth} | {n_right}/{n} | {:.1} |", n_steps as f64 / n as f64);
    }
    Ok(())
}
