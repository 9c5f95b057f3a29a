//! Reads recorded traffic of other programs with our lenient types, and says what it understood.
//!
//! `cargo run --release -p momentum-memory --example recordings -- FOLDER...`
//!
//! The folders hold YAML files in which each document has `when` (the request) and `then` (status,
//! headers and body of the reply), as `httpmock` records them; 0xPlaygrounds/rig has hundreds under
//! `tests/cassettes`. Every reply of a chat endpoint must be understood, or the program fails.
//! Each one is put into a transcript and goes through the whole client.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use momentum_memory::message::FinishReason;
use momentum_memory::prelude::*;
use momentum_memory::transcript::{Body, Exchange, Recording, Transcript};
use momentum_memory::wire;

fn main() -> ExitCode {
    let folders: Vec<_> = std::env::args().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        eprintln!("usage: recordings FOLDER...   (recorded traffic in httpmock's YAML)");
        return ExitCode::from(2);
    }
    let mut files = Vec::new();
    for folder in &folders {
        collect(folder, &mut files);
    }
    files.sort();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for file in &files {
        let name = file.display().to_string();
        match Recording::read(file) {
            Err(error) => failures.push(format!("{name}: {error}")),
            Ok(recordings) => {
                for (i, recording) in recordings.iter().enumerate() {
                    match understand(recording) {
                        Ok(kind) => *counts.entry(kind).or_default() += 1,
                        Err(problem) => failures.push(format!("{name}, {}: {problem}", i + 1)),
                    }
                }
            }
        }
    }
    println!("{} files", files.len());
    for (kind, n) in &counts {
        println!("{n:>6}  {kind}");
    }
    println!("{:>6}  not understood", failures.len());
    failures.iter().for_each(|failure| println!("{failure}"));
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "yaml") {
            files.push(path);
        }
    }
}

/// What the reply is, or why it is not understood.
fn understand(recording: &Recording) -> Result<&'static str, String> {
    let chat = ["/chat/completions", "/api/chat", "/responses"];
    if !chat.iter().any(|path| recording.path.ends_with(path)) {
        return Ok("no chat, not read");
    }
    let streams = recording.request["stream"].as_bool() == Some(true);
    let request = Request::new(&[Message::user("as recorded")], &[]);
    let sent = match streams {
        true => wire::encode_streamed_request(&request, "m"),
        false => wire::encode_request(&request, "m"),
    };
    let reply = match serde_json::from_str(&recording.reply) {
        Ok(json) => Body::Json(json),
        Err(_) => Body::Events(recording.reply.clone()),
    };
    let mut transcript = Transcript::new("m");
    let (path, status) = ("/chat/completions".to_owned(), recording.status);
    transcript.push(Exchange { path, request: sent, status, reply });
    let client = Client::replaying(transcript, "recording").map_err(|error| error.to_string())?;
    let got = match streams {
        true => client.stream(&request, |_| {}),
        false => client.complete(&request),
    };
    match got {
        Ok(reply) if reply.text.is_none() && reply.tool_calls.is_empty() => {
            match (reply.reasoning, reply.finish) {
                (None, FinishReason::Length) => Ok("replies: out of room before the first word"),
                (None, finish) => Err(format!("nothing was said, and it ended with {finish:?}")),
                (Some(_), _) => Ok("replies: thoughts only"),
            }
        }
        Ok(reply) => Ok(match (streams, reply.tool_calls.is_empty()) {
            (false, true) => "replies: text, whole",
            (false, false) => "replies: tool calls, whole",
            (true, true) => "replies: text, streamed",
            (true, false) => "replies: tool calls, streamed",
        }),
        Err(_) if !(200..300).contains(&recording.status) => Ok("errors, told as such"),
        Err(error) => Err(error.to_string()),
    }
}
