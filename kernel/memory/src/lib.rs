//! Agents with editable memory, from a dictionary to MemGPT.
//!
//! A language model forgets everything between two requests. An *agent with memory* is a program
//! around it that keeps text, puts it into each prompt, and gives the model tools to edit it.
//! MemGPT ([arXiv 2310.08560](https://arxiv.org/abs/2310.08560)) thinks of the prompt as a
//! computer's main memory and of the agent as its operating system.
//!
//! ```
//! use momentum_memory::prelude::*;
//!
//! // Any OpenAI-compatible endpoint: `Client::connect()` reads OPENAI_API_KEY, OPENAI_BASE_URL
//! // and MOMENTUM_MODEL. With none configured, and here, it is a small rule-based program that
//! // is served over HTTP in the same format.
//! let mut agent = DictionaryAgent::new(Client::tutor()?);
//!
//! let trace = agent.say("My name is Sara, and I have a dog called Pixel.")?;
//! assert_eq!(trace.n_steps(), 3); // two edits of memory, one answer
//! assert_eq!(agent.memory()["dog_name"], "Pixel");
//!
//! // Nothing of that conversation is sent again, only the memory.
//! assert_eq!(agent.say("What is my dog called?")?.answer(), "Your dog is called Pixel.");
//! # Ok::<(), ClientError>(())
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`dictionary`] | the smallest agent: a map, a tool, instructions, a loop |
//! | [`agent`] | the same, grown: core memory blocks, queue, context compiler, function executor |
//! | [`client`] | the way to a model, over HTTP, whole or streamed |
//! | [`transcript`] | record and replay: what went to a model and came back, as a file |
//! | [`tutor`] | the rule-based tutor model, for when there is no language model |
//! | [`message`], [`wire`] | what goes to a model and comes back, as types and as JSON |
//! | [`tokens`] | what a text costs in a model's window |
//! | [`tool`] | a user's own tools from plain Rust functions |
//! | [`storage`] | recall storage, archival storage, blocks with history, facts with their time |
//! | [`sentence_model`] | an embedding model in this process, from a folder that you have |
//! | [`agent_file`] | an agent as one file, ours or Letta's |
//! | [`memory_folder`] | memory as files: a folder with its whole history |
//! | [`trace`], [`diff`] | what an agent did, for people to read |

pub mod agent;
pub mod agent_file;
pub mod client;
pub mod dictionary;
pub mod diff;
mod html;
pub mod memory_folder;
pub mod message;
pub mod prelude;
mod replacement;
mod retrieval;
pub mod runtime;
pub mod sentence_model;
pub mod storage;
pub mod tokens;
pub mod tool;
pub mod trace;
pub mod transcript;
pub mod tutor;
mod untrusted;
pub mod wire;
