//! Kills a process that writes to a storage, again and again, and looks at what is left.
//!
//! ```text
//! cargo run --release -p momentum-memory --example storage_crash -- [ROUNDS] [postgres]
//! ```
//!
//! In each round (200 if not said) a child process writes to one SQLite file, or to the PostgreSQL
//! database that MOMENTUM_DATABASE_URL names: messages in batches, passages, block edits, a key
//! that says how far it is. Behind each write it prints what was acknowledged. After a random time
//! it is killed with SIGKILL. Then: everything acknowledged is there, every batch is there as a
//! whole or not at all, block versions and history agree, what was written is found by searching,
//! and SQLite's own check passes. (The database's server is not killed: that it survives is its
//! own promise.)

#[path = "storage/place.rs"]
mod place;

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use momentum_memory::message::Message;
use momentum_memory::storage::{
    AgentId, Author, EditRequest, MessageFilter, NewBlock, NewMessage, NewPassage, PageRequest,
    PassageFilter, Search, Timestamp,
};

use crate::place::Place;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", place] => write(&Place::from_word(place)),
        [] => rounds(200, false),
        ["postgres"] => rounds(200, true),
        [n] => n.parse().map_err(Into::into).and_then(|n| rounds(n, false)),
        [n, "postgres"] => n.parse().map_err(Into::into).and_then(|n| rounds(n, true)),
        _ => Err("usage: storage_crash [ROUNDS] [postgres]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storage_crash: {error}");
            ExitCode::FAILURE
        }
    }
}

fn agent() -> AgentId {
    AgentId::new("crash")
}

fn time(n: u64) -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000 + 1_000 * n as i64)
}

/// Batch `n` has this many messages.
fn batch_size(n: u64) -> u64 {
    1 + n * 7 % 61
}

/// Writes until it is killed. A line for each write: what stands there now.
fn write(place: &Place) -> Outcome<()> {
    let storage = place.open()?;
    let by = Author::Agent(agent());
    if storage.agent(&agent())?.is_none() {
        storage.create_agent(&agent(), time(0))?;
    }
    let block = match storage.blocks(&agent())?.pop() {
        Some(attached) => attached.block,
        None => {
            let new = NewBlock {
                label: "human".to_owned(),
                description: String::new(),
                value: "edit 1".to_owned(),
                limit: 100,
                read_only: false,
            };
            storage.create_block(&agent(), &new, &by, time(0))?
        }
    };
    let mut version = block.version;
    let mut out = std::io::stdout().lock();
    for n in storage.state(&agent(), "batch")?.map_or(Ok(0), |n| n.parse::<u64>())? + 1.. {
        let size = batch_size(n);
        let messages: Vec<_> = (0..size)
            .map(|i| {
                let text = format!("batch {n} message {i} of {size} says needle{n}");
                NewMessage::new(Message::user(&text), time(n))
            })
            .collect();
        let first = storage.append_messages(&agent(), &messages)?;
        writeln!(out, "messages {}", first + size)?;
        let passages = [NewPassage::new(format!("passage {n}"), time(n)).with_tag("crash")];
        let ids = storage.insert_passages(&agent(), &passages)?;
        writeln!(out, "passages {}", ids[0].0 + 1)?;
        let value = format!("edit {}", version + 1);
        version = storage
            .edit_block(&EditRequest {
                block: block.id,
                expected_version: version,
                value: &value,
                by: &by,
                at: time(n),
            })?
            .version;
        writeln!(out, "version {version}")?;
        storage.set_state(&agent(), "batch", &n.to_string())?;
        writeln!(out, "batch {n}")?;
    }
    Ok(())
}

/// What the child said was done.
#[derive(Debug, Default, Clone, Copy)]
struct Acknowledged {
    messages: u64,
    passages: u64,
    version: u64,
    batch: u64,
}

fn rounds(n_rounds: u32, in_postgres: bool) -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let place = if in_postgres {
        Place::Schema(format!("crash_{}", std::process::id()))
    } else {
        Place::File(folder.path().join("crash.sqlite"))
    };
    let done = kill_and_look(n_rounds, &place);
    let removed = place.remove();
    done?;
    Ok(removed?)
}

fn kill_and_look(n_rounds: u32, place: &Place) -> Outcome<()> {
    let mut acknowledged = Acknowledged::default();
    // Where the child is killed is chosen from a fixed seed; where it is by then is not ours to say.
    let mut random = 1_u64;
    let (mut n_writes, mut kills_before_first) = (0_u64, 0);
    for round in 1..=n_rounds {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // A database takes its time to answer: it gets more, so that there is load.
        let longest = if matches!(place, Place::Schema(_)) { 800_000 } else { 145_000 };
        let pause = Duration::from_micros(5_000 + (random >> 33) % longest);
        let mut child = Command::new(std::env::current_exe()?)
            .args(["write", &place.to_word()])
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or("the child has no output")?;
        let (mut out, mut said) = (BufReader::new(out), String::new());
        // Half of them are killed under load for sure, the others perhaps while they open.
        if round % 2 == 0 {
            out.read_line(&mut said)?;
        }
        std::thread::sleep(pause);
        child.kill()?;
        child.wait()?;
        out.read_to_string(&mut said)?;
        let before = n_writes;
        for line in said.lines() {
            let Some((what, count)) = line.split_once(' ') else { continue };
            let Ok(count) = count.parse() else { continue };
            match what {
                "messages" => acknowledged.messages = count,
                "passages" => acknowledged.passages = count,
                "version" => acknowledged.version = count,
                "batch" => acknowledged.batch = count,
                _ => return Err(format!("the child says {line:?}").into()),
            }
            n_writes += 1;
        }
        kills_before_first += u32::from(n_writes == before);
        look(place, acknowledged).map_err(|why| format!("after kill {round}: {why}"))?;
    }
    println!(
        "{n_rounds} kills; {n_writes} acknowledged writes ({} messages, {} passages, {} block \
         versions), none lost, none half there; {kills_before_first} kills came before the first \
         write of their round",
        acknowledged.messages, acknowledged.passages, acknowledged.version
    );
    Ok(())
}

/// Compares what is there with what was acknowledged.
fn look(place: &Place, acknowledged: Acknowledged) -> Outcome<()> {
    let ensure = |holds: bool, what: String| if holds { Ok(()) } else { Err(what) };
    place.check()?;
    let storage = place.open()?;
    // A server may still be at the last work of the client that was killed: look until nothing
    // changes meanwhile.
    let page = PageRequest::all();
    let (record, messages, passages) = loop {
        let Some(record) = storage.agent(&agent())? else {
            return Ok(ensure(acknowledged.messages == 0, "the agent is lost".to_owned())?);
        };
        let messages = storage.messages(&agent(), &MessageFilter::default(), page)?.items;
        let passages = storage.passages(&agent(), &PassageFilter::default(), page)?.items;
        if storage.agent(&agent())?.as_ref() == Some(&record) {
            break (record, messages, passages);
        }
    };
    let blocks = loop {
        let blocks = storage.blocks(&agent())?;
        let with_history = blocks.iter().map(|attached| {
            let block = attached.block.clone();
            let history = storage.block_history(block.id, page)?.items;
            Ok::<_, Box<dyn Error>>((block, history))
        });
        let with_history = with_history.collect::<Result<Vec<_>, _>>()?;
        if storage.blocks(&agent())? == blocks {
            break with_history;
        }
    };
    let batch = storage.state(&agent(), "batch")?.map_or(Ok(0), |n| n.parse::<u64>())?;
    let said = format!("{acknowledged:?}, and there is {record:?}, batch {batch}");
    ensure(record.n_messages >= acknowledged.messages, format!("messages lost: {said}"))?;
    ensure(record.n_passages >= acknowledged.passages, format!("passages lost: {said}"))?;
    ensure(batch >= acknowledged.batch, format!("state lost: {said}"))?;

    let mut at = 0;
    while at < messages.len() {
        let text = &messages[at].message.text;
        let size: usize = text.split(' ').nth(5).ok_or("a message has another text")?.parse()?;
        let n: u64 = text.split(' ').nth(1).ok_or("a message has another text")?.parse()?;
        let whole = messages[at..].iter().take(size).enumerate().all(|(i, message)| {
            message.message.text == format!("batch {n} message {i} of {size} says needle{n}")
        });
        ensure(whole && at + size <= messages.len(), format!("half a batch: {text}"))?;
        at += size;
    }
    if let Some(last) = messages.last() {
        let needle = last.message.text.rsplit(' ').next().unwrap_or_default();
        let found = storage.search_messages(&agent(), &Search::ranked(needle))?;
        let same = found.items.first().is_some_and(|hit| hit.item.message.text.ends_with(needle));
        ensure(same, format!("the index does not find {needle}"))?;
    }
    ensure(passages.len() as u64 == record.n_passages, "passages miscounted".to_owned())?;
    for (block, history) in blocks {
        ensure(block.version >= acknowledged.version, format!("edits lost: {said}"))?;
        let newest_fits = history.first().is_some_and(|edit| edit.after == block.value);
        let chained = history.windows(2).all(|two| two[0].before.as_ref() == Some(&two[1].after));
        let all = history.len() as u64 == block.version;
        ensure(newest_fits && chained && all, "block and history differ".to_owned())?;
    }
    Ok(())
}
