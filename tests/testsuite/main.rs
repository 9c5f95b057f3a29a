//! What crosses packages, in Rust: the shape of the repository.

mod check;
mod cli;
mod init;
mod manual;
mod mistakes;
mod new;
mod pdf;
mod post;
mod serve;
mod tidy;
mod tour;
