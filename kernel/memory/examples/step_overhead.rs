//! What a step of the agent takes beside the model, with many messages in recall storage.
//!
//! `cargo run --release -p momentum-memory --example step_overhead [MESSAGES] [FILE.sqlite]`: 100,000
//! messages unless given, in memory unless a file is given (which must not exist yet).
//! The model is a script that answers at once, so all that is measured is ours: compiling and
//! counting the prompt, carrying out the calls, keeping the messages.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use momentum_memory::agent::{Model, PendingReply};
use momentum_memory::message::{FinishReason, Usage};
use momentum_memory::prelude::*;
use momentum_memory::storage::{
    AgentId, MemoryStorage, NewMessage, SqliteStorage, Storage, Timestamp,
};
use tokio::sync::mpsc::UnboundedSender;

/// Appends to core memory and takes it back, then speaks: three steps a turn.
#[derive(Default)]
struct Script(AtomicU64);

impl Model for Script {
    fn name(&self) -> &str {
        "gpt-4o"
    }

    fn describes(&self) -> String {
        "a script".to_owned()
    }

    fn reply(self: Arc<Self>, _: Request, _: Option<UnboundedSender<Piece>>) -> PendingReply {
        let n = self.0.fetch_add(1, Ordering::Relaxed);
        let (name, arguments) = match n % 3 {
            0 => ("core_memory_append", json!({"label": "human", "content": format!("fact {n}")})),
            1 => (
                "core_memory_replace",
                json!({"label": "human",
                   "old_content": format!("fact {}", n - 1), "new_content": ""}),
            ),
            _ => ("send_message", json!({"message": format!("That was number {n}.")})),
        };
        let arguments = arguments.to_string();
        let call = ToolCall { id: format!("call_{n}"), name: name.to_owned(), arguments };
        let reply = Reply {
            text: None,
            reasoning: None,
            tool_calls: vec![call],
            finish: FinishReason::ToolCalls,
            model: "script".to_owned(),
            usage: Usage::default(),
        };
        Box::pin(async move { Ok(reply) })
    }
}

/// The processor time of this process, as Linux counts it (in hundredths of a second); zero
/// elsewhere. On a loaded machine it is nearer to what a quiet one takes than the time that passed.
fn on_processors() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let hundredths = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(10 * hundredths.sum::<u64>())
}

fn main() -> Result<(), Box<dyn Error>> {
    let n = std::env::args().nth(1).map_or(Ok(100_000), |n| n.parse::<u64>())?;
    let storage: Arc<dyn Storage> = match std::env::args().nth(2) {
        Some(file) if std::path::Path::new(&file).exists() => {
            return Err(format!("{file} is there already; name a new file").into());
        }
        Some(file) => Arc::new(SqliteStorage::open(file)?),
        None => Arc::new(MemoryStorage::new()),
    };
    let id = AgentId::new("a");
    storage.create_agent(&id, Timestamp::from_millis(0))?;
    let by = momentum_memory::storage::Author::Program("example".to_owned());
    let human = momentum_memory::storage::NewBlock {
        label: "human".to_owned(),
        description: "the user".to_owned(),
        value: String::new(),
        limit: 2_000,
        read_only: false,
    };
    storage.create_block(&id, &human, &by, Timestamp::from_millis(0))?;
    let messages: Vec<_> = (0..n)
        .map(|n| {
            let text = format!("We spoke of the harvest of year {n}, and of what came after it.");
            let message = if n % 2 == 0 { Message::user(&text) } else { Message::assistant(&text) };
            NewMessage::new(message, Timestamp::from_millis(n as i64))
        })
        .collect();
    storage.append_messages(&id, &messages)?;

    let start = Instant::now();
    let mut agent = Agent::open(Script::default(), storage, "a")?.with_window(16_000);
    println!("messages in recall: {n}");
    println!("opening the agent: {:?}", start.elapsed());
    agent.say("Warm up: the encoding is loaded, and the queue is brought down to the window.")?;
    let mut times: Vec<Duration> = Vec::new();
    let (before, mut n_steps) = (on_processors(), 0);
    for n in 0..300 {
        let start = Instant::now();
        let trace = agent.say(&format!("This is number {n}."))?;
        times.push(start.elapsed() / trace.n_steps() as u32);
        n_steps += trace.n_steps();
    }
    let processor = on_processors().saturating_sub(before) / n_steps as u32;
    times.sort();
    println!("tokens of the prompt: {}", agent.context()?.n_tokens());
    println!("a step, median: {:?}, 95th of 100: {:?}", times[150], times[285]);
    println!("a step, processor time of all threads, mean: {processor:?}");
    Ok(())
}
