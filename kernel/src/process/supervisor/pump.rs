//! Takes apart what the worker writes: the user's text, messages in band, evcxr's own lines.

use std::io::Read;

use serde::Deserialize;

use crate::process::frame::Frame;

/// One piece of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    /// Text that the cell printed.
    Text(String),
    /// A message of the display protocol.
    Frame(Frame),
    /// A line that evcxr's generated code printed for evcxr.
    Protocol(String),
    /// The cell has ended.
    End,
    /// The worker has left a copy of itself, this process.
    Snapshot(i32),
    /// The copy has become the worker.
    Revived {
        /// Threads that it does not have.
        lost_threads: Vec<String>,
    },
}

/// What the worker says itself, in band.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    End(serde::de::IgnoredAny),
    Snapshot(i32),
    Revived { lost_threads: Vec<String> },
}

/// Begins a message in band.
const RECORD_SEPARATOR: u8 = 0x1e;
/// How each of evcxr's own lines begins.
const EVCXR: &[u8] = b"EVCXR_";
/// The lines between which evcxr's generated code writes content.
const BEGIN_CONTENT: &str = "EVCXR_BEGIN_CONTENT ";
const END_CONTENT: &str = "EVCXR_END_CONTENT";
/// evcxr's other lines.
const LINES: [&str; 4] = [
    "EVCXR_PANIC_NOTIFICATION",
    "EVCXR_ERROR_OCCURRED",
    "EVCXR_VARIABLE_CHANGED_TYPE:",
    "EVCXR_INPUT_REQUEST",
];

pub(super) struct Pump<R> {
    reader: R,
    /// Whether evcxr's lines are looked for: they come on standard output only.
    protocol: bool,
    buffer: Vec<u8>,
    /// Within a block of content.
    content: bool,
}

impl<R: Read> Pump<R> {
    pub(super) fn new(reader: R, protocol: bool) -> Pump<R> {
        Pump { reader, protocol, buffer: Vec::new(), content: false }
    }

    /// Reads to the end, giving each piece as soon as it is known to be one.
    pub(super) fn run(&mut self, mut give: impl FnMut(Piece)) {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = self.reader.read(&mut chunk) {
            self.buffer.extend_from_slice(&chunk[..length]);
            self.take(false, &mut give);
        }
        self.take(true, &mut give);
    }

    /// Gives what the buffer holds, keeping back at its end what may be half of something.
    fn take(&mut self, last: bool, give: &mut impl FnMut(Piece)) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        loop {
            let special = self.special(rest);
            if special > 0 {
                let keep =
                    if last || special < rest.len() { 0 } else { incomplete(&rest[..special]) };
                text(&rest[..special - keep], give);
                rest = &rest[special - keep..];
                if keep > 0 {
                    break;
                }
            }
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else { break };
            // The one who wrote the beginning died over it: another message begins within the line.
            if let Some(next) = rest[1..end].iter().position(|&byte| byte == RECORD_SEPARATOR) {
                text(&rest[..=next], give);
                rest = &rest[next + 1..];
                self.content = false;
                continue;
            }
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end + 1..];
            self.line(line, give);
        }
        if last {
            text(rest, give);
        } else {
            self.buffer = rest.to_vec();
        }
    }

    /// Where in the bytes something other than text begins, or may begin.
    fn special(&self, bytes: &[u8]) -> usize {
        if self.content {
            return 0;
        }
        let mut at = 0;
        while at < bytes.len() {
            let Some(next) = bytes[at..]
                .iter()
                .position(|&b| b == RECORD_SEPARATOR || (self.protocol && b == b'E'))
            else {
                break;
            };
            at += next;
            let tail = &bytes[at..];
            if tail[0] == RECORD_SEPARATOR
                || tail.starts_with(EVCXR)
                || (tail.len() < EVCXR.len() && EVCXR.starts_with(tail))
            {
                return at;
            }
            at += 1;
        }
        bytes.len()
    }

    /// A whole line that is not, or may not be, text.
    fn line(&mut self, line: String, give: &mut impl FnMut(Piece)) {
        if self.content {
            self.content = line != END_CONTENT;
            give(Piece::Protocol(line));
        } else if let Some(json) = line.strip_prefix(RECORD_SEPARATOR as char) {
            give(match (serde_json::from_str(json), serde_json::from_str(json)) {
                (Ok(frame), _) => Piece::Frame(frame),
                (_, Ok(Word::End(_))) => Piece::End,
                (_, Ok(Word::Snapshot(process))) => Piece::Snapshot(process),
                (_, Ok(Word::Revived { lost_threads })) => Piece::Revived { lost_threads },
                _ => Piece::Text(line + "\n"),
            });
        } else if line.starts_with(BEGIN_CONTENT) {
            self.content = true;
            give(Piece::Protocol(line));
        } else if LINES.iter().any(|known| line.starts_with(known)) {
            give(Piece::Protocol(line));
        } else {
            give(Piece::Text(line + "\n"));
        }
    }
}

fn text(bytes: &[u8], give: &mut impl FnMut(Piece)) {
    if !bytes.is_empty() {
        give(Piece::Text(String::from_utf8_lossy(bytes).into_owned()));
    }
}

/// How many bytes at the end are the beginning of a character whose rest is still to come.
fn incomplete(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives the chunks one by one, as a pipe would.
    struct Chunks(std::vec::IntoIter<Vec<u8>>);

    impl Read for Chunks {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let chunk = self.0.next().unwrap_or_default();
            buffer[..chunk.len()].copy_from_slice(&chunk);
            Ok(chunk.len())
        }
    }

    fn pieces(chunks: Vec<Vec<u8>>) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        Pump::new(Chunks(chunks.into_iter()), true).run(|piece| match (pieces.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(&text),
            (_, piece) => pieces.push(piece),
        });
        pieces
    }

    fn check(written: &str, expected: &[Piece]) {
        assert_eq!(pieces(vec![written.as_bytes().to_vec()]), expected);
    }

    fn text(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    #[test]
    fn text_without_a_line_end_comes_before_the_end_of_its_cell() {
        check("abc\u{1e}{\"end\":0}\n", &[text("abc"), Piece::End]);
    }

    #[test]
    fn a_message_stands_where_it_was_written() {
        check(
            "a\n\u{1e}{\"clear\":{\"wait\":false}}\nb",
            &[text("a\n"), Piece::Frame(Frame::Clear { wait: false }), text("b")],
        );
    }

    #[test]
    fn evcxrs_lines_go_to_evcxr_and_likely_ones_do_not() {
        check(
            "xEVCXR_PANIC_NOTIFICATION\nEVCXR_OTHER\nEnd",
            &[
                text("x"),
                Piece::Protocol("EVCXR_PANIC_NOTIFICATION".into()),
                text("EVCXR_OTHER\nEnd"),
            ],
        );
        check(
            "EVCXR_BEGIN_CONTENT text/plain\nE\n\u{1e}\nEVCXR_END_CONTENT\n",
            &[
                Piece::Protocol("EVCXR_BEGIN_CONTENT text/plain".into()),
                Piece::Protocol("E".into()),
                Piece::Protocol("\u{1e}".into()),
                Piece::Protocol("EVCXR_END_CONTENT".into()),
            ],
        );
    }

    proptest! {
        /// However the pipe cuts the bytes, the pieces are the same.
        #[test]
        fn chunks_do_not_matter(parts in prop::collection::vec("é|E|EVCXR_|\n|\u{1e}|\\{\"end\":1\\}|[a-z]{0,3}", 0..12), cut in 1_usize..5) {
            let whole = parts.concat().into_bytes();
            let chunks = whole.chunks(cut).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(pieces(vec![whole.clone()]), pieces(chunks));
        }
    }
}
