//! Reads an agent file, ours or Letta's (`.af`), says what is in it and what did not map, and writes
//! it in our format if a second path is given.
//!
//! `cargo run --release -p momentum-memory --example agent_file -- FILE [OUT]`

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use momentum_memory::agent_file::{AgentFile, AgentFileError, LettaImport, Report};
use momentum_memory::storage::{AgentId, MemoryStorage};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(file) = arguments.next() else {
        eprintln!("usage: agent_file FILE [OUT]");
        return ExitCode::from(2);
    };
    match tell(Path::new(&file), arguments.next().as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn tell(file: &Path, out: Option<&str>) -> Result<(), Box<dyn Error>> {
    let (agents, report) = match AgentFile::read(file) {
        Ok((agent, report)) => (vec![agent], report),
        Err(AgentFileError::SeveralAgents { .. }) => {
            let text = std::fs::read_to_string(file)?;
            let LettaImport { agents, report } = LettaImport::from_json(&text, "the file")?;
            (agents, report)
        }
        Err(error) => return Err(error.into()),
    };
    for agent in &agents {
        println!(
            "{}: {} blocks, {} messages, {} passages, {} tools of its own",
            agent.name,
            agent.blocks.len(),
            agent.messages.len(),
            agent.passages.len(),
            agent.tools.len()
        );
        // Into a storage and out of it again: nothing may change on the way.
        let (storage, id) = (MemoryStorage::new(), AgentId::new(&agent.name));
        let moved: Report = agent.import(&storage, &id)?;
        let back = AgentFile::export(&storage, &id)?;
        let same = (&back.blocks, &back.messages, &back.passages)
            == (&agent.blocks, &agent.messages, &agent.passages);
        println!("through a storage and back: {}", if same { "the same" } else { "different" });
        if !moved.is_empty() {
            println!("{moved}");
        }
    }
    println!("what did not map:\n{report}");
    match (out, agents.as_slice()) {
        (Some(out), [agent]) => agent.write(out)?,
        (Some(_), _) => return Err("the file holds several agents, and one is written".into()),
        (None, _) => {}
    }
    Ok(())
}
