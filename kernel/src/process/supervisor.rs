//! The process between the kernel and the worker.

mod pump;

use std::fs::File;
use std::io::{BufRead, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::frame::{Crash, Frame};
use super::{COMMANDS, FRAMES, NO_INPUT, ROLE, inherited};
use pump::{Piece, Pump};

/// How evcxr begins the order to run a cell.
const RUN: &str = "LOAD_AND_RUN ";
/// What evcxr waits for.
const DONE: &str = "EVCXR_EXECUTION_COMPLETE";
/// How long to wait for the last words of a worker that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

pub(super) fn run() -> ExitCode {
    match supervise() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("momentum: the supervisor of the notebook's process failed: {error}");
            ExitCode::from(99)
        }
    }
}

fn supervise() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let frames = File::options().write(true).open(inherited(FRAMES).ok_or("no frames")?)?;
    let listener = Arc::new(Mutex::new(Listener { frames, ended: [0, 0] }));
    let (mut worker, commands) = start_worker()?;
    let stdin = worker.stdin.take();
    std::thread::spawn(move || obey(commands, stdin));
    let stdout = worker.stdout.take().ok_or("no stdout")?;
    let stderr = worker.stderr.take().ok_or("no stderr")?;
    let pumps = [
        std::thread::spawn({
            let listener = Arc::clone(&listener);
            move || Pump::new(stdout, true).run(|piece| listen(&listener, 0, piece))
        }),
        std::thread::spawn({
            let listener = Arc::clone(&listener);
            move || Pump::new(stderr, false).run(|piece| listen(&listener, 1, piece))
        }),
    ];
    let status = worker.wait()?;
    // A process that the cell left behind may hold the pipes open: do not wait for it for ever.
    let deadline = Instant::now() + LAST_WORDS;
    while pumps.iter().any(|pump| !pump.is_finished()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    let crash = Crash { code: status.code(), signal: status.signal() };
    listener.lock().unwrap_or_else(PoisonError::into_inner).send(&Frame::Crash(crash));
    Ok(ExitCode::from(98))
}

/// Starts the worker; gives the pipe by which it is told what to run.
fn start_worker() -> std::io::Result<(Child, PipeWriter)> {
    let (reader, writer) = std::io::pipe()?;
    rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
    let no_input = std::env::var_os(NO_INPUT).is_some();
    let worker = Command::new(std::env::current_exe()?)
        .env(ROLE, "worker")
        .env(COMMANDS, reader.as_raw_fd().to_string())
        .env_remove("EVCXR_IS_RUNTIME")
        .stdin(if no_input { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok((worker, writer))
}

/// Passes on what evcxr says: orders to the worker's commands, all else to the cell's input.
fn obey(mut commands: PipeWriter, mut stdin: Option<ChildStdin>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let sent = match (line.strip_prefix(RUN), &mut stdin) {
            (Some(order), _) => writeln!(commands, "{order}"),
            (None, Some(stdin)) => writeln!(stdin, "{line}").and_then(|()| stdin.flush()),
            (None, None) => Ok(()),
        };
        if sent.is_err() {
            break;
        }
    }
    // evcxr has closed its end: the session is over, and with us the worker ends.
    std::process::exit(0);
}

/// Where everything that the worker says ends up.
struct Listener {
    frames: File,
    /// Cells whose end was seen on standard output and on standard error.
    ended: [usize; 2],
}

impl Listener {
    /// Errors mean that the kernel is gone; then this process is about to end as well.
    fn send(&mut self, frame: &Frame) {
        let line = serde_json::to_string(frame).unwrap_or_default() + "\n";
        let _ = self.frames.write_all(line.as_bytes());
    }

    fn tell_evcxr(text: &str) {
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    }
}

fn listen(listener: &Mutex<Listener>, stream: usize, piece: Piece) {
    let mut listener = listener.lock().unwrap_or_else(PoisonError::into_inner);
    match piece {
        Piece::Text(text) if stream == 0 => listener.send(&Frame::Stdout(text)),
        Piece::Text(text) => listener.send(&Frame::Stderr(text)),
        Piece::Frame(frame) => listener.send(&frame),
        Piece::Protocol(line) => {
            match line.as_str() {
                "EVCXR_PANIC_NOTIFICATION" => listener.send(&Frame::Unwound),
                "EVCXR_ERROR_OCCURRED" => listener.send(&Frame::UserError),
                _ => {}
            }
            Listener::tell_evcxr(&line);
        }
        Piece::End => {
            let before = listener.ended.into_iter().min();
            listener.ended[stream] += 1;
            if listener.ended.into_iter().min() > before {
                Listener::tell_evcxr(DONE);
            }
        }
    }
}
