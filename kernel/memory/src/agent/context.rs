//! The context compiler: a pure function from an agent's state to a prompt, with an exact account
//! of the tokens that each section takes.

mod picture;

use serde_json::json;

use crate::agent::core_memory::CoreMemory;
use crate::agent::queue::Queue;
use crate::agent::window::WindowConfig;
use crate::html;
use crate::message::{Message, Role, ToolDefinition};
use crate::tokens::{PER_PROMPT, TokenCounter};
use crate::untrusted::{defused, escaped};

/// All that a prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct MainContext<'a> {
    /// The system instructions.
    pub instructions: &'a str,
    /// Core memory.
    pub memory: &'a CoreMemory,
    /// The number of messages in recall storage.
    pub n_messages: u64,
    /// The number of passages in archival storage.
    pub n_passages: u64,
    /// The queue, its first entry the recursive summary.
    pub queue: &'a Queue,
    /// The tools on offer.
    pub tools: &'a [ToolDefinition],
    /// How large the prompt may be.
    pub window: WindowConfig,
    /// How its tokens are counted.
    pub counter: &'a TokenCounter,
}

/// What a section of the main context is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SectionKind {
    /// Who the agent is and how it behaves.
    Instructions,
    /// A block of core memory.
    Block,
    /// What lies in external context.
    External,
    /// The definitions of the tools.
    Tools,
    /// The recursive summary.
    Summary,
    /// Messages in the queue.
    Queue,
}

/// A section of the main context and its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it is.
    pub kind: SectionKind,
    /// Its name for people to read.
    pub name: String,
    /// Its size in tokens.
    pub n_tokens: usize,
}

/// The main context: what the model is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    messages: Vec<Message>,
    tools: Vec<ToolDefinition>,
    sections: Vec<Section>,
    window: WindowConfig,
    tokenizer: String,
    is_estimate: bool,
}

impl Context {
    /// Compiles the main context (MemGPT, section 2.1): system instructions, core memory and what
    /// lies in external context as the one system message, then the queue; beside them the tools.
    ///
    /// Text in a block is data. It is escaped so that it cannot end its block: `<` is written
    /// `&lt;`, and `&` is written `&amp;`.
    ///
    /// The account is exact for the counter: its sections add up to the tokens of the messages and
    /// of the tools' JSON. A section of the system message is what the message grows by when that
    /// section is added; where a section makes what stands before it shorter (two pieces of text
    /// become one token), that is taken off the sections before.
    pub fn compile(state: &MainContext<'_>) -> Self {
        let counter = state.counter;
        let n_fixed = PER_PROMPT + counter.count_message(&Message::system(""));
        let mut text = state.instructions.to_owned();
        // The sections of the system message, each with the message's size up to its end.
        let first = n_fixed + counter.count(&text);
        let mut ends = vec![(SectionKind::Instructions, "system instructions".to_owned(), first)];
        text += "\n\n<core_memory>\n";
        for block in state.memory.blocks() {
            let n_chars = block.value().chars().count();
            let read_only = if block.is_read_only() { " read_only=\"true\"" } else { "" };
            let shared = if block.is_shared() { " shared=\"true\"" } else { "" };
            text += &format!(
                "<block label=\"{}\" description=\"{}\" chars=\"{n_chars}\" \
                 limit=\"{}\"{read_only}{shared}>\n",
                attribute(block.label()),
                attribute(block.description()),
                block.limit(),
            );
            text += &defused(&escaped(block.value()));
            text += if block.value().is_empty() { "</block>\n" } else { "\n</block>\n" };
            let name = format!("block {}", block.label());
            ends.push((SectionKind::Block, name, n_fixed + counter.count(&text)));
        }
        text += &format!(
            "</core_memory>\n<external_context messages_in_recall=\"{}\" \
             passages_in_archive=\"{}\" messages_in_queue=\"{}\" />",
            state.n_messages,
            state.n_passages,
            state.queue.len(),
        );
        let whole = n_fixed + counter.count(&text);
        ends.push((SectionKind::External, "external context".to_owned(), whole));
        let mut sections = sizes(ends);
        let mut section = |kind, name: &str, n_tokens| {
            sections.push(Section { kind, name: name.to_owned(), n_tokens });
        };
        let n = state.tools.iter().map(|tool| counter.count_tool(tool)).sum();
        section(SectionKind::Tools, "tools", n);
        section(SectionKind::Summary, "summary", state.queue.summary_tokens());
        for (role, name) in [
            (Role::System, "events"),
            (Role::User, "user messages"),
            (Role::Assistant, "agent messages"),
            (Role::Tool, "tool results"),
        ] {
            section(SectionKind::Queue, name, state.queue.tokens_of(role));
        }
        sections.retain(|section| {
            section.n_tokens > 0
                || !matches!(section.kind, SectionKind::Summary | SectionKind::Queue)
        });
        let mut messages = vec![Message::system(&text)];
        messages.extend(state.queue.messages().cloned());
        Context {
            messages,
            tools: state.tools.to_vec(),
            sections,
            window: state.window,
            tokenizer: counter.to_string(),
            is_estimate: counter.is_estimate(),
        }
    }

    /// The messages, as the model is sent them.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The tools on offer.
    pub fn tools(&self) -> &[ToolDefinition] {
        &self.tools
    }

    /// The sections and their sizes.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The tokens of all sections.
    pub fn n_tokens(&self) -> usize {
        self.sections.iter().map(|section| section.n_tokens).sum()
    }

    /// The tokens of all sections of a kind.
    pub fn tokens_of(&self, kind: SectionKind) -> usize {
        let fitting = self.sections.iter().filter(|section| section.kind == kind);
        fitting.map(|section| section.n_tokens).sum()
    }

    /// The tokens that nothing can be evicted from: all but the summary and the queue.
    pub fn fixed_tokens(&self) -> usize {
        self.n_tokens() - self.tokens_of(SectionKind::Summary) - self.tokens_of(SectionKind::Queue)
    }

    /// The window.
    pub fn window(&self) -> WindowConfig {
        self.window
    }

    /// The encoding by which the tokens are counted, or `estimate`.
    pub fn tokenizer(&self) -> &str {
        &self.tokenizer
    }
}

/// Sections from the places where they end, in tokens. None ends behind the last one, so the sizes
/// add up to where that ends.
fn sizes(mut ends: Vec<(SectionKind, String, usize)>) -> Vec<Section> {
    let mut next = usize::MAX;
    for (_, _, end) in ends.iter_mut().rev() {
        *end = next.min(*end);
        next = *end;
    }
    let mut begin = 0;
    let sections = ends.into_iter().map(|(kind, name, end)| {
        let n_tokens = end - begin;
        begin = end;
        Section { kind, name, n_tokens }
    });
    sections.collect()
}

/// Text within the quotes of a tag: on one line, and unable to leave it.
fn attribute(text: &str) -> String {
    defused(&html::escape(text)).replace(['\n', '\r'], " ")
}

/// Several records for a model to read, one a line, as JSON objects: no record can begin another.
pub(crate) fn records(records: impl IntoIterator<Item = serde_json::Value>) -> String {
    let lines: Vec<_> = records.into_iter().map(|record| json_line(&record)).collect();
    lines.join("\n")
}

fn json_line(record: &serde_json::Value) -> String {
    json!(record).to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests;
