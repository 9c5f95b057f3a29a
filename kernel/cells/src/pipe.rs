//! The pipe by which the kernel gives comms' messages to the session's process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use serde::Deserialize;
use serde_json::Value;

/// One line of the pipe.
#[derive(Debug, Deserialize)]
pub(crate) struct Heard {
    /// Goes back in band when the message has been dealt with.
    pub(crate) number: u64,
    /// The message; none tells a cell that waits that nothing will come.
    #[serde(rename = "comm")]
    pub(crate) message: Option<Value>,
}

fn path() -> Option<&'static PathBuf> {
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    PATH.get_or_init(|| std::env::var_os("MOMENTUM_COMM").map(Into::into)).as_ref()
}

/// Whether a kernel may say something.
pub(crate) fn is_there() -> bool {
    path().is_some()
}

/// The reader, opened at first use.
fn open() -> MutexGuard<'static, Option<BufReader<File>>> {
    static READER: Mutex<Option<BufReader<File>>> = Mutex::new(None);
    let mut reader = READER.lock().unwrap_or_else(PoisonError::into_inner);
    if reader.is_none() {
        // Open for both, so that it never ends.
        let file = path().and_then(|path| File::options().read(true).write(true).open(path).ok());
        *reader = file.map(BufReader::new);
    }
    reader
}

/// Takes in what has come; called only when something has, since it would wait otherwise.
pub(crate) fn fill() {
    if let Some(reader) = open().as_mut().filter(|reader| reader.buffer().is_empty()) {
        let _ = reader.fill_buf();
    }
}

/// The next line. Waits for it; without `wait`, only if it has begun to come.
pub(crate) fn read(wait: bool) -> Option<Heard> {
    let mut reader = open();
    next(reader.as_mut()?, wait)
}

/// Reads on until a line is one. Blank and broken lines come from a process that was killed.
fn next<R: std::io::Read>(reader: &mut BufReader<R>, wait: bool) -> Option<Heard> {
    let mut line = Vec::new();
    while wait || !reader.buffer().is_empty() {
        line.clear();
        if reader.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        if let Ok(heard) = serde_json::from_slice(&line) {
            return Some(heard);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_are_passed_over() {
        let text = "r\":{}}\n\n{\"number\":1,\"comm\":{\"id\":\"a\"}}\n\n{\"number\":2}\n";
        let mut reader = BufReader::new(text.as_bytes());
        assert!(next(&mut reader, false).is_none(), "nothing has been taken in yet");
        reader.fill_buf().unwrap();
        let first = next(&mut reader, false).unwrap();
        assert_eq!((first.number, first.message.unwrap()["id"].as_str()), (1, Some("a")));
        assert!(next(&mut reader, false).unwrap().message.is_none());
        assert!(next(&mut reader, false).is_none());
    }
}
