//! How quick the SQLite storage is, beside SQLite's own full-text index on the same texts.
//!
//! ```text
//! cargo bench -p momentum-memory --bench storage -- [--n 100000] [--queries 200] [--no-vectors]
//!     [--no-peer]
//! ```
//!
//! Texts are made up: 36 words each from 30,000 words whose frequencies fall as in English (Zipf),
//! among them about half that English texts would have as stop words. A query is five words that
//! mean something from one of the texts. Times are medians (p50) and 95th percentiles; in
//! parentheses stands the mean of the thread's processor time: on a loaded machine that is nearer
//! to what a quiet one takes.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use momentum_memory::message::{Message, Role};
use momentum_memory::storage::{
    AgentId, Author, Collection, Durability, EditRequest, MessageFilter, NewBlock, NewMessage,
    NewPassage, PageRequest, Search, SqliteStorage, Storage, Timestamp,
};
use rusqlite::Connection;

type Outcome<T> = Result<T, Box<dyn Error>>;

const DIMENSION: usize = 384;
const N_WORDS: u64 = 36;
const COMMON: [&str; 20] = [
    "the", "and", "to", "of", "a", "in", "that", "it", "is", "was", "for", "on", "with", "as",
    "at", "by", "this", "had", "not", "are",
];

/// A fixed stream of numbers, so that every run has the same texts.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ (self.0 >> 33);
        x.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 11
    }

    fn fraction(&mut self) -> f64 {
        self.next() as f64 / (1_u64 << 53) as f64
    }

    /// A word: every second one common, the others by Zipf's law.
    fn word(&mut self) -> String {
        if self.next().is_multiple_of(2) {
            return COMMON[(self.next() % 20) as usize].to_owned();
        }
        let rank = (30_000_f64.powf(self.fraction())) as u64;
        format!("w{}", rank * 7919 % 30_011)
    }

    fn text(&mut self) -> String {
        (0..N_WORDS).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..DIMENSION).map(|_| (self.fraction() - 0.5) as f32).collect()
    }
}

fn main() -> Outcome<()> {
    let (mut n, mut n_queries) = (100_000_u64, 200_usize);
    let (mut vectors, mut with_peer) = (true, true);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--n" => n = value()?.parse()?,
            "--queries" => n_queries = value()?.parse()?,
            "--no-vectors" => vectors = false,
            "--no-peer" => with_peer = false,
            "--bench" => {}
            other => return Err(format!("unknown option {other}").into()),
        }
    }
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    println!(
        "momentum-memory {}, SQLite {}, {} cores, {}; {n} passages of {N_WORDS} words",
        env!("CARGO_PKG_VERSION"),
        rusqlite::version(),
        std::thread::available_parallelism().map_or(0, |n| n.get()),
        cpu.trim_start_matches(['\t', ' ', ':'])
    );
    let folder = tempfile::tempdir()?;
    let mut random = Random(1);
    let texts: Vec<String> = (0..n).map(|_| random.text()).collect();
    let queries: Vec<String> = (0..n_queries)
        .map(|_| {
            let text = &texts[(random.next() % n) as usize];
            let rare = text.split(' ').filter(|word| word.starts_with('w'));
            rare.take(5).collect::<Vec<_>>().join(" ")
        })
        .collect();

    let path = folder.path().join("ours.sqlite");
    insert(&path, &texts)?;
    singles(folder.path(), &texts)?;
    search(&path, &queries, vectors.then_some(n), &mut random)?;
    if with_peer {
        peer(&folder.path().join("fts5.sqlite"), &texts, &queries)?;
    }
    steps(&folder.path().join("steps.sqlite"), &texts, &queries)
}

fn agent() -> AgentId {
    AgentId::new("bench")
}

fn at(n: u64) -> Timestamp {
    Timestamp::from_millis(1_780_000_000_000 + 60_000 * n as i64)
}

/// The time since the start, and the processor time that this thread took of it.
struct Watch(Instant, Duration);

impl Watch {
    fn start() -> Self {
        Watch(Instant::now(), on_processor())
    }

    fn read(&self) -> [Duration; 2] {
        [self.0.elapsed(), on_processor().saturating_sub(self.1)]
    }
}

/// The processor time of this thread, as Linux counts it; zero elsewhere.
fn on_processor() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
    Duration::from_nanos(first.unwrap_or_default())
}

fn rate(name: &str, n: usize, took: [Duration; 2]) {
    let [wall, processor] = took.map(|took| n as f64 / took.as_secs_f64());
    println!("{name:<52} {wall:>10.0} rows/s ({processor:.0})");
}

fn times(name: &str, all: &[[Duration; 2]]) {
    let mut wall: Vec<_> = all.iter().map(|both| both[0]).collect();
    wall.sort();
    let at = |share: f64| wall[((wall.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let mean = all.iter().map(|both| both[1].as_secs_f64()).sum::<f64>() / all.len() as f64;
    println!(
        "{name:<52} p50 {:>8.3} ms   p95 {:>8.3} ms   ({:.3} ms)",
        at(0.5),
        at(0.95),
        mean * 1e3
    );
}

/// What `work` takes, for each of the items.
fn timed<T>(items: &[T], mut work: impl FnMut(&T) -> Outcome<()>) -> Outcome<Vec<[Duration; 2]>> {
    let one = |item: &T| {
        let start = Watch::start();
        work(item)?;
        Ok(start.read())
    };
    items.iter().map(one).collect()
}

fn insert(path: &Path, texts: &[String]) -> Outcome<()> {
    let storage = SqliteStorage::open(path)?;
    storage.create_agent(&agent(), at(0))?;
    let start = Watch::start();
    for batch in texts.chunks(1_000) {
        let new: Vec<_> = batch.iter().map(|text| NewPassage::new(text, at(1))).collect();
        storage.insert_passages(&agent(), &new)?;
    }
    rate("insert and index, batches of 1,000", texts.len(), start.read());
    Ok(())
}

fn singles(folder: &Path, texts: &[String]) -> Outcome<()> {
    for (name, durability) in [("process", Durability::Process), ("power", Durability::Power)] {
        let storage = SqliteStorage::open(folder.join(name))?.with_durability(durability)?;
        storage.create_agent(&agent(), at(0))?;
        let some = &texts[..texts.len().min(if name == "power" { 2_000 } else { 20_000 })];
        let start = Watch::start();
        for text in some {
            storage.insert_passages(&agent(), &[NewPassage::new(text, at(1))])?;
        }
        rate(
            &format!("insert one by one, durable against loss of {name}"),
            some.len(),
            start.read(),
        );
    }
    Ok(())
}

fn search(
    path: &Path,
    queries: &[String],
    n_vectors: Option<u64>,
    random: &mut Random,
) -> Outcome<()> {
    let start = Watch::start();
    let storage = SqliteStorage::open(path)?;
    storage.search_passages(&agent(), &Search::ranked(&queries[0]))?;
    times("open and first search", &[start.read()]);
    let lexical = timed(queries, |query| {
        storage.search_passages(&agent(), &Search::ranked(query)).map(drop).map_err(Into::into)
    })?;
    times("search by words, top 10", &lexical);
    let Some(n) = n_vectors else { return Ok(()) };
    for first in (0..n).step_by(1_000) {
        let vectors: Vec<_> =
            (first..n.min(first + 1_000)).map(|id| (id, random.vector())).collect();
        storage.set_vectors(&agent(), Collection::Archival, "random", &vectors)?;
    }
    let with_vector =
        |query: &String| Search::ranked(query).with_vector("random", Random(7).vector());
    storage.search_passages(&agent(), &with_vector(&queries[0]))?;
    let hybrid = timed(queries, |query| {
        storage.search_passages(&agent(), &with_vector(query)).map(drop).map_err(Into::into)
    })?;
    times("search by words and vectors of 384 numbers, top 10", &hybrid);
    Ok(())
}

/// FTS5 with its Porter stemmer, asked for any of the same words.
fn peer(path: &Path, texts: &[String], queries: &[String]) -> Outcome<()> {
    let mut connection = Connection::open(path)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE VIRTUAL TABLE passage USING fts5(text, tokenize = 'porter unicode61');",
    )?;
    let start = Watch::start();
    for batch in texts.chunks(1_000) {
        let transaction = connection.transaction()?;
        for text in batch {
            transaction
                .prepare_cached("INSERT INTO passage (text) VALUES (?1)")?
                .execute([text])?;
        }
        transaction.commit()?;
    }
    rate("peer FTS5: insert, batches of 1,000", texts.len(), start.read());
    let mut select = connection.prepare(
        "SELECT rowid, text FROM passage WHERE passage MATCH ?1 ORDER BY bm25(passage) LIMIT 10",
    )?;
    let found = timed(queries, |query| {
        let any = query.split(' ').collect::<Vec<_>>().join(" OR ");
        let rows = select.query_map([any], |row| row.get::<_, String>(1))?;
        rows.collect::<Result<Vec<_>, _>>().map(drop).map_err(Into::into)
    })?;
    times("peer FTS5: search by any of the words, top 10", &found);
    Ok(())
}

/// What an agent's step asks of the storage: its blocks, its newest messages, two new messages, an
/// edit and its state; and what a search in its conversation asks.
fn steps(path: &Path, texts: &[String], queries: &[String]) -> Outcome<()> {
    let by = Author::Agent(agent());
    let block = {
        let storage = SqliteStorage::open(path)?;
        storage.create_agent(&agent(), at(0))?;
        for (batch, n) in texts.chunks(1_000).zip(0..) {
            let new = |text: &String| NewMessage::new(Message::user(text), at(n));
            storage.append_messages(&agent(), &batch.iter().map(new).collect::<Vec<_>>())?;
        }
        let new = NewBlock {
            label: "human".to_owned(),
            description: String::new(),
            value: "name: Sara".to_owned(),
            limit: 2_000,
            read_only: false,
        };
        storage.create_block(&agent(), &new, &by, at(0))?.id
    };
    let start = Watch::start();
    let storage = SqliteStorage::open(path)?;
    let newest = |storage: &SqliteStorage| {
        let n = storage.agent(&agent())?.map_or(0, |record| record.n_messages);
        let filter = MessageFilter::default();
        storage.messages(&agent(), &filter, PageRequest::new(n.saturating_sub(20), 20))
    };
    storage.blocks(&agent())?;
    newest(&storage)?;
    times(&format!("open an agent with {} messages", texts.len()), &[start.read()]);
    let all = timed(&(0..500).collect::<Vec<u64>>(), |n| {
        let seen = storage.blocks(&agent())?.swap_remove(0).block;
        newest(&storage)?;
        let said = |message| NewMessage::new(message, at(1_000_000 + n));
        let new = [said(Message::user("Where do I live?")), said(Message::assistant("In Lyon."))];
        storage.append_messages(&agent(), &new)?;
        storage.edit_block(&EditRequest {
            block,
            expected_version: seen.version,
            value: &format!("name: Sara, step {n}"),
            by: &by,
            at: at(*n),
        })?;
        storage.set_state(&agent(), "queue", "{}").map_err(Into::into)
    })?;
    times("an agent's step, storage's part of it", &all);
    let roles = vec![Role::User, Role::Assistant];
    let filter = MessageFilter { roles, ..MessageFilter::default() };
    let search = |query: &String| {
        let search = Search::ranked(query).with_filter(filter.clone());
        storage.search_messages(&agent(), &search).map(drop).map_err(Into::into)
    };
    search(&queries[0])?;
    times("search what was said by some roles, top 10", &timed(queries, search)?);
    Ok(())
}
