//! The Jupyter wire: five ZeroMQ sockets around a [`Session`](crate::session::Session).
//!
//! This file and its children alone know of sockets. One thread owns the interpreter and runs the
//! cells; the sockets live on two others, so interrupt, shutdown and heartbeat work during a long
//! cell. Everything that goes out passes one queue, so that what a cell printed is sent before
//! the reply which ends it.

mod connection;
mod heartbeat;
mod outgoing;
mod publisher;
mod questions;
mod receive;
mod shutdown;
mod worker;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jupyter_protocol::Status;
use jupyter_zmq_client::RuntimeError;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::output::Interpreter;
use crate::session::{ControlAction, KernelInfo, announcement, answer_control};
use connection::Sockets;
use outgoing::{Collected, Outgoing};
use publisher::Publisher;
use receive::Incoming;
use worker::{Shared, Work};

/// The source of an error whose type is the interpreter's own.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// How long a stopped cell has to come to its end at shutdown.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// How long the last messages have to reach their clients.
const LINGER: Duration = Duration::from_millis(150);
/// How many messages may wait for the sockets before a running cell has to wait.
const QUEUE_LENGTH: usize = 1024;

/// The kernel cannot serve its clients.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The connection file cannot be read.
    #[error("cannot read the connection file {path}; Jupyter writes it and passes its path")]
    ReadConnection {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The connection file does not hold what Jupyter writes.
    #[error("{path}:{line}:{column}: not a Jupyter connection file: {source}")]
    ParseConnection {
        /// The file.
        path: PathBuf,
        /// Its line, counted from 1.
        line: usize,
        /// The column in it, counted from 1.
        column: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// The messages are to be signed in an unknown way.
    #[error("{path}: unknown signature_scheme {scheme:?}; this kernel signs with hmac-sha256 only")]
    SignatureScheme {
        /// The file.
        path: PathBuf,
        /// The scheme that it asks for.
        scheme: String,
    },
    /// A socket cannot be opened.
    #[error("cannot open the {channel} socket at {endpoint}; another program may use the port")]
    Bind {
        /// The Jupyter channel.
        channel: &'static str,
        /// Where it should have been.
        endpoint: String,
        /// Why not.
        source: Box<RuntimeError>,
    },
    /// The threads that serve the sockets cannot be started.
    #[error("cannot start the kernel's threads")]
    Threads {
        /// Why not.
        source: std::io::Error,
    },
    /// The interpreter did not start; clients were told so at each cell.
    #[error("the interpreter did not start")]
    Interpreter {
        /// Why not.
        source: BoxError,
    },
    /// The thread that runs the cells came to an unexpected end.
    #[error("the thread that runs the cells has panicked; this is an error of the kernel itself")]
    WorkerPanicked,
}

/// Serves Jupyter clients until one of them, a signal or the end of the parent process stops it.
///
/// `make` builds the interpreter on the thread that will own it. While it does, `kernel_info` is
/// answered already. When it fails, every cell is answered with its error, so that the user sees
/// it, and `serve` returns that error after shutdown.
///
/// # Errors
/// [`WireError`] when the connection file is not usable, a socket cannot be opened, or the
/// interpreter failed.
pub fn serve(
    connection_file: &Path,
    info: KernelInfo,
    make: impl FnOnce() -> Result<Box<dyn Interpreter>, BoxError> + Send + 'static,
) -> Result<(), WireError> {
    let connection = connection::read(connection_file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("jupyter")
        .enable_all()
        .build()
        .map_err(|source| WireError::Threads { source })?;
    let result = runtime.block_on(run(connection, info, make));
    runtime.shutdown_timeout(LINGER);
    result
}

async fn run(
    connection: jupyter_protocol::ConnectionInfo,
    info: KernelInfo,
    make: impl FnOnce() -> Result<Box<dyn Interpreter>, BoxError> + Send + 'static,
) -> Result<(), WireError> {
    let sockets = Sockets::bind(&connection).await?;
    let (shell_out, shell_in) = sockets.shell.split();
    let (control_out, control_in) = sockets.control.split();
    let (stdin_out, stdin_in) = sockets.stdin.split();

    let (answers, answers_in) = std::sync::mpsc::channel();
    let (work, work_in) = std::sync::mpsc::channel();
    let (queue, queue_in) = mpsc::channel(QUEUE_LENGTH);
    let (ended_out, ended) = oneshot::channel();
    let (stop, mut stopped) = mpsc::channel::<()>(1);
    let (questions, questions_in) = std::sync::mpsc::channel();
    let shared = Arc::new(Shared::new(info, answers, work.clone()));

    let sender = tokio::spawn(outgoing::send(
        queue_in,
        outgoing::Channels {
            iopub: Publisher::new(sockets.iopub),
            shell: shell_out,
            control: control_out,
            stdin: stdin_out,
        },
        Arc::clone(&shared),
    ));
    let _ = queue.send(Outgoing::Broadcast(announcement(Status::starting()))).await;
    let tasks = [
        tokio::spawn(heartbeat::echo(sockets.heartbeat)),
        tokio::spawn(shell(shell_in, work.clone(), questions, queue.clone(), Arc::clone(&shared))),
        tokio::spawn(control(control_in, queue.clone(), Arc::clone(&shared), stop.clone())),
        tokio::spawn(stdin(stdin_in, Arc::clone(&shared))),
    ];
    let requests = worker::Requests { work: work_in, questions: questions_in };
    let outputs = queue.clone();
    worker::spawn(make, Arc::clone(&shared), requests, outputs, answers_in, stop, ended_out)?;

    let mut ended = std::pin::pin!(ended);
    let mut outcome = None;
    tokio::select! {
        _ = stopped.recv() => {}
        () = shutdown::asked_by_system(Arc::clone(&shared)) => {}
        end = &mut ended => outcome = Some(end),
    }

    // Ask the worker to end: stop the running cell, then let it see that there is no more work.
    shared.stop();
    let _ = work.send(Work::Stop);
    let end = match outcome {
        Some(end) => Some(end),
        None => tokio::time::timeout(STOP_PATIENCE, ended).await.ok(),
    };
    for task in &tasks {
        task.abort();
    }
    drop(queue);
    let _ = tokio::time::timeout(LINGER, sender).await;
    tokio::time::sleep(LINGER).await;
    match end {
        Some(Ok(result)) => result.map_err(|source| WireError::Interpreter { source }),
        Some(Err(_)) => Err(WireError::WorkerPanicked),
        // The cell did not stop in time: the process's end will stop it.
        None => Ok(()),
    }
}

/// Passes requests to the worker, and questions about code to the thread that answers them;
/// answers `kernel_info` itself until the interpreter is there.
async fn shell(
    mut socket: receive::Receiver,
    work: std::sync::mpsc::Sender<Work>,
    questions: std::sync::mpsc::Sender<Box<Incoming>>,
    queue: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
) {
    while let Some(incoming) = shared.verifier.next(&mut socket).await {
        if incoming.is_kernel_info() && !shared.is_ready() {
            let mut said = Collected::shell();
            crate::session::answer_kernel_info(&shared.info, &incoming.message, &mut said);
            said.send(&queue).await;
        } else if incoming.is_question() {
            if questions.send(Box::new(incoming)).is_err() {
                return;
            }
        } else if work.send(Work::Request(Box::new(incoming))).is_err() {
            return;
        }
    }
}

/// Answers the control channel, whether or not a cell runs.
async fn control(
    mut socket: receive::Receiver,
    queue: mpsc::Sender<Outgoing>,
    shared: Arc<Shared>,
    stop: mpsc::Sender<()>,
) {
    while let Some(Incoming { message, .. }) = shared.verifier.next(&mut socket).await {
        let shared = Arc::clone(&shared);
        // An interrupter may take its time to stop a process: not on the sockets' threads.
        let answered = tokio::task::spawn_blocking(move || {
            let mut said = Collected::control();
            let action = answer_control(&shared.info, &message, &mut said, &mut |action| {
                if action == ControlAction::Interrupt {
                    shared.interrupt();
                }
            });
            (said, action)
        });
        let Ok((said, action)) = answered.await else { continue };
        said.send(&queue).await;
        if action == ControlAction::Shutdown {
            let _ = stop.send(()).await;
        }
    }
}

/// Passes users' answers to the cell that asked.
async fn stdin(mut socket: receive::Receiver, shared: Arc<Shared>) {
    while let Some(Incoming { message, .. }) = shared.verifier.next(&mut socket).await {
        if let jupyter_protocol::JupyterMessageContent::InputReply(reply) = message.content {
            shared.answer(reply.value);
        }
    }
}
