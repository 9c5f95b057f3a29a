//! Lets several processes write to one agent at once, and looks whether anything was lost.
//!
//! ```text
//! cargo run --release -p momentum-memory --example storage_processes -- [PROCESSES] [ROUNDS] [postgres]
//! ```
//!
//! Each process (4 if not said) does this in each round (50): it appends a batch of messages,
//! inserts a passage, adds its mark to a block that all share (again when someone else was
//! quicker), records a fact, and searches. All of them work on one SQLite file, or on the
//! PostgreSQL database that MOMENTUM_DATABASE_URL names. Then: positions have no gaps, batches
//! stand together, and every mark, passage and fact is there.

#[path = "storage/place.rs"]
mod place;

use std::error::Error;
use std::process::{Command, ExitCode, Stdio};

use momentum_memory::message::Message;
use momentum_memory::storage::{
    AgentId, Author, BlockId, EditRequest, FactOutcome, FactQuery, MessageFilter, NewBlock,
    NewFact, NewMessage, NewPassage, PageRequest, Search, StorageError, Timestamp,
};

use crate::place::Place;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Messages in a batch.
const BATCH: u64 = 3;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", place, block, name, n_rounds] => write(place, block, name, n_rounds),
        [] => run(4, 50, false),
        ["postgres"] => run(4, 50, true),
        [n, rounds] => numbers(n, rounds).and_then(|(n, rounds)| run(n, rounds, false)),
        [n, rounds, "postgres"] => numbers(n, rounds).and_then(|(n, rounds)| run(n, rounds, true)),
        _ => Err("usage: storage_processes [PROCESSES ROUNDS] [postgres]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storage_processes: {error}");
            let mut cause = error.source();
            while let Some(why) = cause {
                eprintln!("  because: {why}");
                cause = why.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn numbers(n_processes: &str, n_rounds: &str) -> Outcome<(u64, u64)> {
    Ok((n_processes.parse()?, n_rounds.parse()?))
}

fn agent() -> AgentId {
    AgentId::new("shared")
}

fn time(n: u64) -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000 + 1_000 * n as i64)
}

/// What one of the processes does. It prints how often someone else was quicker.
fn write(place: &str, block: &str, name: &str, n_rounds: &str) -> Outcome<()> {
    let storage = Place::from_word(place).open()?;
    let (block, n_rounds) = (BlockId(block.parse()?), n_rounds.parse::<u64>()?);
    let (agent, by) = (agent(), Author::Program(name.to_owned()));
    let mut n_conflicts = 0_u64;
    for n in 0..n_rounds {
        let message = |i| NewMessage::new(Message::user(&format!("{name} {n} {i}")), time(n));
        storage.append_messages(&agent, &(0..BATCH).map(message).collect::<Vec<_>>())?;
        storage.insert_passages(&agent, &[NewPassage::new(format!("{name} {n}"), time(n))])?;
        let mut seen = storage.block(block)?;
        loop {
            let value = format!("{}{name} {n};", seen.value);
            let (expected_version, at) = (seen.version, time(n));
            let edit = EditRequest { block, expected_version, value: &value, by: &by, at };
            match storage.edit_block(&edit) {
                Ok(_) => break,
                Err(StorageError::Conflict(conflict)) => seen = conflict.found,
                Err(error) => return Err(error.into()),
            }
            n_conflicts += 1;
        }
        let fact = NewFact::new("all", "mark", format!("{name} {n}"), time(n)).one_of_many();
        match storage.record_fact(&agent, &fact)? {
            FactOutcome::New(_) => {}
            other => return Err(format!("{name} {n} became {other:?}").into()),
        }
        let found = storage.search_messages(&agent, &Search::ranked(name))?;
        if found.items.is_empty() {
            return Err(format!("{name} does not find what it wrote").into());
        }
    }
    println!("{n_conflicts}");
    Ok(())
}

fn run(n_processes: u64, n_rounds: u64, in_postgres: bool) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let place = if in_postgres {
        Place::Schema(format!("processes_{}", std::process::id()))
    } else {
        Place::File(folder.path().join("shared.sqlite"))
    };
    let done = let_them_write(&place, n_processes, n_rounds);
    let removed = place.remove();
    println!("{}", done?);
    Ok(removed?)
}

fn let_them_write(place: &Place, n_processes: u64, n_rounds: u64) -> Outcome<String> {
    let storage = place.open()?;
    storage.create_agent(&agent(), time(0))?;
    let new = NewBlock {
        label: "marks".to_owned(),
        description: String::new(),
        value: String::new(),
        limit: 1_000_000,
        read_only: false,
    };
    let by = Author::Program("parent".to_owned());
    let block = storage.create_block(&agent(), &new, &by, time(0))?.id;
    let names: Vec<String> = (0..n_processes).map(|n| format!("writer{n}")).collect();
    let children = names.iter().map(|name| {
        Command::new(std::env::current_exe()?)
            .args(["write", &place.to_word(), &block.0.to_string(), name, &n_rounds.to_string()])
            .stdout(Stdio::piped())
            .spawn()
    });
    let children = children.collect::<Result<Vec<_>, _>>()?;
    let mut n_conflicts = 0;
    for child in children {
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(format!("a process ended with {}", output.status).into());
        }
        n_conflicts += String::from_utf8(output.stdout)?.trim().parse::<u64>()?;
    }

    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let all = PageRequest::all();
    let n = n_processes * n_rounds;
    let messages = storage.messages(&agent(), &MessageFilter::default(), all)?.items;
    ensure(messages.len() as u64 == n * BATCH, "messages are missing")?;
    ensure(messages.iter().zip(0..).all(|(one, at)| one.position == at), "positions have gaps")?;
    for batch in messages.chunks(BATCH as usize) {
        let first = batch[0].message.text.strip_suffix(" 0").unwrap_or_default();
        let whole = batch.iter().zip(0..).all(|(m, i)| m.message.text == format!("{first} {i}"));
        ensure(whole, "a batch does not stand together")?;
    }
    let record = storage.agent(&agent())?.ok_or("the agent is gone")?;
    ensure(record.n_passages == n, "passages are missing")?;
    let last = storage.block(block)?;
    let history = storage.block_history(block, all)?.items;
    let chained = history.windows(2).all(|two| two[0].before.as_ref() == Some(&two[1].after));
    ensure(last.version == n + 1 && history.len() as u64 == n + 1 && chained, "edits are lost")?;
    let facts = storage.facts(&agent(), &FactQuery::default(), all)?.items;
    for name in &names {
        for round in 0..n_rounds {
            let mark = format!("{name} {round}");
            ensure(last.value.contains(&format!("{mark};")), "a mark is lost")?;
            ensure(facts.iter().any(|fact| fact.value == mark), "a fact is lost")?;
        }
        let found = storage.search_messages(&agent(), &Search::exact(format!("{name} ")))?;
        ensure(found.total == n_rounds * BATCH, "the search does not find all")?;
    }
    Ok(format!(
        "{n_processes} processes, {n_rounds} rounds each: {} messages, {} passages, {} edits of one \
         block ({n_conflicts} times someone else was quicker), {} facts; none lost",
        messages.len(),
        record.n_passages,
        last.version - 1,
        facts.len(),
    ))
}
