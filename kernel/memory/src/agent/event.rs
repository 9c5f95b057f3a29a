//! What wakes an agent.

use std::fmt;

use crate::message::Message;
use crate::untrusted::{defused, escaped};

/// What wakes an agent (MemGPT, section 2.4): a person, the program around it, a timer, or another
/// agent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The person says something.
    User(String),
    /// The program tells something, such as "the upload is complete". Programs are trusted: do not
    /// put a stranger's text here.
    System(String),
    /// A timer went off.
    Timer {
        /// Its name.
        name: String,
        /// What it was set for.
        text: String,
    },
    /// Another agent says something. That is data, as what a person says.
    Agent {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
}

impl Event {
    /// The message by which the model learns of the event.
    pub fn message(&self) -> Message {
        match self {
            Event::User(text) => Message::user(&defused(text)),
            Event::System(text) => Message::system(&format!("[event] {text}")),
            Event::Timer { name, text } => Message::system(&format!("[timer {name}] {text}")),
            Event::Agent { from, text } => Message::user(&format!(
                "<message from=\"{}\">\n{}\n</message>",
                defused(&crate::html::escape(from)),
                defused(&escaped(text)),
            )),
        }
    }
}

impl From<&str> for Event {
    fn from(text: &str) -> Self {
        Event::User(text.to_owned())
    }
}

/// The event in one line.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::User(text) => f.write_str(text),
            Event::System(text) => write!(f, "[event] {text}"),
            Event::Timer { name, text } => write!(f, "[timer {name}] {text}"),
            Event::Agent { from, text } => write!(f, "[{from}] {text}"),
        }
    }
}
