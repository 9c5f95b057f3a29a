//! LoCoMo's file, and a file of vectors.

use std::collections::HashMap;
use std::error::Error;

use chrono::NaiveDateTime;
use momentum_memory::storage::Timestamp;
use serde_json::Value;

pub(crate) struct Turn {
    pub(crate) text: String,
    pub(crate) at: Timestamp,
    /// The session's date as the data writes it.
    pub(crate) date: String,
}

pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) kind: u64,
    /// Positions of turns.
    pub(crate) evidence: Vec<u64>,
}

pub(crate) struct Conversation {
    pub(crate) name: String,
    pub(crate) turns: Vec<Turn>,
    pub(crate) questions: Vec<Question>,
}

/// The conversations, and the number of evidence ids that name no turn.
pub(crate) fn read(path: &str) -> Result<(Vec<Conversation>, usize), Box<dyn Error>> {
    let text = std::fs::read_to_string(path).map_err(|why| format!("{path}: {why}"))?;
    let all: Vec<Value> = serde_json::from_str(&text).map_err(|why| format!("{path}: {why}"))?;
    let mut n_malformed = 0;
    let mut conversations = Vec::new();
    for sample in &all {
        let mut turns = Vec::new();
        let mut positions: HashMap<&str, u64> = HashMap::new();
        let talk = &sample["conversation"];
        for n in 1.. {
            let Some(session) = talk[format!("session_{n}")].as_array() else {
                // Some sessions have a date and no turns.
                if talk[format!("session_{n}_date_time")].is_null() {
                    break;
                }
                continue;
            };
            let date = talk[format!("session_{n}_date_time")].as_str().unwrap_or_default();
            // Such as "1:56 pm on 8 May, 2023".
            let at = NaiveDateTime::parse_from_str(date, "%I:%M %P on %d %B, %Y")
                .map_err(|why| format!("{path}: the date {date:?}: {why}"))?;
            for turn in session {
                let field = |name: &str| turn[name].as_str().unwrap_or_default();
                positions.insert(field("dia_id"), turns.len() as u64);
                let mut text = format!("{} said, \"{}\"", field("speaker"), field("text"));
                if let Some(caption) = turn["blip_caption"].as_str() {
                    text.push_str(&format!(" and shared {caption}"));
                }
                let at = Timestamp::from_millis(at.and_utc().timestamp_millis());
                turns.push(Turn { text, at, date: date.to_owned() });
            }
        }
        let mut questions = Vec::new();
        for question in sample["qa"].as_array().into_iter().flatten() {
            let ids = question["evidence"].as_array().into_iter().flatten();
            let mut evidence = Vec::new();
            for id in ids.filter_map(Value::as_str) {
                match positions.get(id) {
                    Some(position) if !evidence.contains(position) => evidence.push(*position),
                    Some(_) => {}
                    None => n_malformed += 1,
                }
            }
            if !evidence.is_empty() {
                let text = question["question"].as_str().unwrap_or_default().to_owned();
                let kind = question["category"].as_u64().unwrap_or_default();
                questions.push(Question { text, kind, evidence });
            }
        }
        let name = sample["sample_id"].as_str().unwrap_or("conversation").to_owned();
        conversations.push(Conversation { name, turns, questions });
    }
    Ok((conversations, n_malformed))
}

/// Vectors by text: lines such as `{"text": "...", "vector": [0.1, 0.2]}`.
pub(crate) fn read_vectors(path: &str) -> Result<HashMap<String, Vec<f32>>, Box<dyn Error>> {
    #[derive(serde::Deserialize)]
    struct Line {
        text: String,
        vector: Vec<f32>,
    }
    let text = std::fs::read_to_string(path).map_err(|why| format!("{path}: {why}"))?;
    let mut vectors = HashMap::new();
    for (n, line) in text.lines().enumerate() {
        let line: Line =
            serde_json::from_str(line).map_err(|why| format!("{path}:{}: {why}", n + 1))?;
        vectors.insert(line.text, line.vector);
    }
    Ok(vectors)
}
