//! The process between the kernel and the worker.

mod listener;
mod pump;

use std::fs::File;
use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use super::frame::{Crash, Frame};
use super::{
    COMMANDS, CONTROL, END, FRAMES, INTERRUPT, NO_INPUT, REVIVAL, ROLE, SESSION_FOLDER, SUPERVISOR,
    inherited,
};
pub(super) use listener::DONE;
use listener::Listener;
use pump::Pump;

/// How evcxr begins the order to run a cell.
pub(super) const RUN: &str = "LOAD_AND_RUN ";
/// How long to wait for the last words of a worker that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long a cell that was asked to stop may take before it is stopped.
const GRACE: Duration = Duration::from_millis(400);

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
    // The copies that workers leave behind become our children.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    let frames = File::options().write(true).open(inherited(FRAMES).ok_or("no frames")?)?;
    let (mut worker, commands, revival) = start_worker()?;
    let process = Pid::from_child(&worker);
    let listener = Arc::new(Mutex::new(Listener::new(frames, commands, revival, process)));
    let stdin = worker.stdin.take();
    let stdout = worker.stdout.take().ok_or("no stdout")?;
    let stderr = worker.stderr.take().ok_or("no stderr")?;
    let start = |work: Box<dyn FnOnce(Arc<Mutex<Listener>>) + Send>| {
        let listener = Arc::clone(&listener);
        std::thread::spawn(move || work(listener))
    };
    start(Box::new(move |listener| obey(&listener, stdin)));
    start(Box::new(move |listener| control(&listener)));
    let pumps = [
        start(Box::new(move |listener| {
            Pump::new(stdout, true).run(|piece| lock(&listener).hear(0, piece));
        })),
        start(Box::new(move |listener| {
            Pump::new(stderr, false).run(|piece| lock(&listener).hear(1, piece));
        })),
    ];
    loop {
        let Some((process, status)) = rustix::process::wait(WaitOptions::empty())? else {
            continue;
        };
        let crash = Crash { code: status.exit_status(), signal: status.terminating_signal() };
        if process != lock(&listener).worker || revive(&listener, crash) {
            continue;
        }
        // A process that the cell left behind may hold the pipes open: do not wait for it for ever.
        let deadline = Instant::now() + LAST_WORDS;
        while pumps.iter().any(|pump| !pump.is_finished()) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        lock(&listener).send(&Frame::Crash(crash));
        return Ok(ExitCode::from(98));
    }
}

/// Brings the copy to life that the dead worker left; gives whether there is one.
fn revive(listener: &Mutex<Listener>, crash: Crash) -> bool {
    // That there is one was said before the cell ran, but may not have been read yet.
    let deadline = Instant::now() + LAST_WORDS;
    loop {
        let mut listener = lock(listener);
        if listener.snapshot.is_some() || !listener.runs() || Instant::now() > deadline {
            return listener.revive(crash);
        }
        drop(listener);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Starts the worker; gives the pipes by which it is told what to run, and its copies to live.
fn start_worker() -> std::io::Result<(Child, PipeWriter, PipeWriter)> {
    let (commands, tell) = std::io::pipe()?;
    let (revival, revive) = std::io::pipe()?;
    for inherited in [&commands, &revival] {
        rustix::io::fcntl_setfd(inherited, rustix::io::FdFlags::empty())?;
    }
    let no_input = std::env::var_os(NO_INPUT).is_some();
    let worker = Command::new(std::env::current_exe()?)
        .env(ROLE, "worker")
        .env(COMMANDS, commands.as_raw_fd().to_string())
        .env(REVIVAL, revival.as_raw_fd().to_string())
        .env(SUPERVISOR, std::process::id().to_string())
        .env_remove("EVCXR_IS_RUNTIME")
        .env_remove(SESSION_FOLDER)
        .stdin(if no_input { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok((worker, tell, revive))
}

/// Passes on what evcxr says: orders to the worker's commands, all else to the cell's input.
fn obey(listener: &Mutex<Listener>, mut stdin: Option<ChildStdin>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let sent = match (line.strip_prefix(RUN), &mut stdin) {
            (Some(order), _) => lock(listener).order(order),
            (None, Some(stdin)) => writeln!(stdin, "{line}").and_then(|()| stdin.flush()),
            (None, None) => Ok(()),
        };
        if sent.is_err() {
            break;
        }
    }
    // evcxr has closed its end: the session is over, and with us all that it has started ends.
    if !lock(listener).orderly {
        std::thread::sleep(Duration::from_millis(30));
    }
    if !lock(listener).orderly
        && let Some(folder) = std::env::var_os(SESSION_FOLDER)
    {
        // The kernel was killed, and nobody else is left to clean up.
        crate::compiler::interrupt(Path::new(&folder));
        let _ = std::fs::remove_dir_all(folder);
    }
    end_descendants();
    std::process::exit(0);
}

/// Does what the kernel says besides evcxr.
fn control(listener: &Arc<Mutex<Listener>>) {
    let Some(control) = inherited(CONTROL).and_then(|path| File::open(path).ok()) else { return };
    for line in BufReader::new(control).lines().map_while(Result::ok) {
        match line.as_str() {
            INTERRUPT => interrupt(listener),
            END => lock(listener).orderly = true,
            _ => {}
        }
    }
}

/// Asks the cell to stop; stops it if it does not.
fn interrupt(listener: &Arc<Mutex<Listener>>) {
    let guard = lock(listener);
    let (worker, cell) = (guard.worker, guard.cell);
    if !guard.runs() || rustix::process::kill_process(worker, Signal::INT).is_err() {
        return;
    }
    drop(guard);
    let listener = Arc::clone(listener);
    std::thread::spawn(move || {
        std::thread::sleep(GRACE);
        let listener = lock(&listener);
        if listener.runs() && (listener.worker, listener.cell) == (worker, cell) {
            let _ = rustix::process::kill_process(worker, Signal::KILL);
        }
    });
}

/// Ends the worker, its copies, and what cells have started.
fn end_descendants() {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let parent = |process: i32| -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name in brackets may hold spaces.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let all: Vec<(i32, i32)> =
        numbers.filter_map(|number| Some((number, parent(number)?))).collect();
    let mut ending = vec![rustix::process::getpid().as_raw_nonzero().get()];
    while let Some(process) = ending.pop() {
        for &(child, _) in all.iter().filter(|(_, parent)| *parent == process) {
            ending.push(child);
            let _ = Pid::from_raw(child).map(|it| rustix::process::kill_process(it, Signal::KILL));
        }
    }
}

fn lock(listener: &Mutex<Listener>) -> MutexGuard<'_, Listener> {
    listener.lock().unwrap_or_else(PoisonError::into_inner)
}
