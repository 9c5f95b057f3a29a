//! The whole wire path, against endpoints on loopback; and a storage whose writer is killed.

mod agents;
mod crash;
mod embeddings;
mod endpoint;
mod faults;
mod fork;
mod fuzzing;
mod logs;
mod providers;
mod recording;
mod tutor_server;
