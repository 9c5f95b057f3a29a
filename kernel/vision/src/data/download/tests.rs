//! Downloads from a server of our own, which does what real ones do wrong.

use super::*;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

/// What the server does with one request.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// The rest from the wanted byte on, or all of it.
    Good,
    /// So many bytes of it, then the connection breaks.
    Cut(usize),
    /// All of it, whatever part was wanted.
    Whole,
    /// The whole is promised, so many bytes come.
    WholeCut(usize),
    /// A part that begins elsewhere.
    WrongPart,
    /// Another file of the same size.
    Other,
    /// More bytes than the file has, without saying how many.
    Longer,
    /// Just a status.
    Status(u16),
}

/// A server that answers one request after the other as told, and writes down what was wanted.
struct Server {
    url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn content() -> Vec<u8> {
    (0..200_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect()
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Server {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file.bin", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            while let Some(answer) = answers.pop_front() {
                let Ok((stream, _)) = listener.accept() else { return };
                // A client that leaves early is no fault of the server.
                let _ = reply(stream, answer, &log);
            }
        });
        Server { url, seen }
    }

    /// The wanted ranges, `-` for a request of the whole file.
    fn wanted(&self) -> String {
        self.seen.lock().unwrap().join(" ")
    }
}

fn reply(stream: TcpStream, answer: Answer, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut range = None;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range = Some(value.trim().to_owned());
        }
        if line.trim().is_empty() {
            break;
        }
    }
    log.lock().unwrap().push(range.clone().unwrap_or_else(|| "-".into()));
    let from: usize = range.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0);
    let (all, mut stream) = (content(), stream);
    let len = all.len();
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
    let part = |from: usize| {
        let rest = len - from;
        format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{len}\r\n\
             Content-Length: {rest}\r\nConnection: close\r\n\r\n",
            len - 1
        )
    };
    let header = |from| if from == 0 { whole.clone() } else { part(from) };
    let (head, body) = match answer {
        Answer::Good => (header(from), all[from..].to_vec()),
        Answer::Cut(n) => (header(from), all[from..(from + n).min(len)].to_vec()),
        Answer::Whole => (whole, all),
        Answer::WholeCut(n) => (whole, all[..n].to_vec()),
        Answer::WrongPart => (part(1), all[1..].to_vec()),
        Answer::Other => (header(from), vec![7; len - from]),
        Answer::Longer => {
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".into(), [&all[..], b"!"].concat())
        }
        Answer::Status(code) => (
            format!("HTTP/1.1 {code} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
            Vec::new(),
        ),
    };
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    stream.flush()
}

struct Case {
    folder: tempfile::TempDir,
    download: Download,
}

impl Case {
    fn new(servers: &[&Server]) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let download = Download {
            urls: servers.iter().map(|server| server.url.clone()).collect(),
            path: folder.path().join("data/file.bin"),
            len: content().len() as u64,
            sha256: hex(&content()),
            pause: Duration::from_millis(1),
        };
        Case { folder, download }
    }

    fn fetch(&self) -> Result<(), String> {
        let fetched = self.download.fetch(&Interrupt::new(), &mut |_| ());
        fetched.map_err(|error| {
            let text =
                error.to_string().replace(&self.folder.path().display().to_string(), "FOLDER");
            let urls = self.download.urls.iter().enumerate();
            urls.fold(text, |text, (i, url)| text.replace(url, &format!("URL{i}")))
        })
    }

    /// The file is there, and nothing else.
    fn assert_whole(&self) {
        assert_eq!(std::fs::read(&self.download.path).unwrap(), content());
        let folder = std::fs::read_dir(self.folder.path().join("data")).unwrap();
        assert_eq!(folder.count(), 1);
    }
}

/// Fetches from a server that answers like this; gives what was asked of it.
fn check(answers: &[Answer], wanted: &str) {
    let server = Server::new(answers.iter().copied());
    let case = Case::new(&[&server]);
    case.fetch().unwrap();
    case.assert_whole();
    assert_eq!(server.wanted(), wanted, "{answers:?}");
}

#[test]
fn a_file_is_fetched_once() {
    let server = Server::new([Answer::Good]);
    let case = Case::new(&[&server]);
    let mut told = Vec::new();
    case.download.fetch(&Interrupt::new(), &mut |transfer| told.push(transfer.clone())).unwrap();
    case.assert_whole();
    let (first, last) = (told.first().unwrap(), told.last().unwrap());
    assert_eq!(
        (first.file.as_str(), first.done, last.done, last.len),
        ("file.bin", 0, 200_000, 200_000)
    );
    assert!(told.is_sorted_by_key(|transfer| transfer.done));
    // The server answers no more.
    case.fetch().unwrap();
    assert_eq!(server.wanted(), "-");
}

#[test]
fn a_broken_connection_is_resumed() {
    check(&[Answer::Cut(70_000), Answer::Cut(70_000), Answer::Good], "- 70000- 140000-");
    check(&[Answer::Cut(0), Answer::Status(503), Answer::Good], "- - -");
}

#[test]
fn a_server_without_parts_is_asked_for_the_whole() {
    check(&[Answer::Cut(70_000), Answer::Whole], "- 70000-");
    check(&[Answer::Cut(70_000), Answer::WholeCut(100_000), Answer::Whole], "- 70000- 100000-");
    check(&[Answer::Cut(70_000), Answer::WrongPart, Answer::Good], "- 70000- -");
    check(&[Answer::Cut(70_000), Answer::Status(416), Answer::Good], "- 70000- -");
}

#[test]
fn two_halves_of_different_files_are_fetched_again_in_one_piece() {
    check(&[Answer::Cut(70_000), Answer::Other, Answer::Good], "- 70000- -");
}

#[test]
fn the_next_address_is_tried() {
    let servers = [
        Server::new([Answer::Status(404)]),
        Server::new([Answer::Other]),
        Server::new([Answer::Good]),
    ];
    let case = Case::new(&[&servers[0], &servers[1], &servers[2]]);
    case.fetch().unwrap();
    case.assert_whole();
}

#[test]
fn errors_say_what_each_address_did() {
    let servers = [Server::new([Answer::Status(404)]), Server::new([Answer::Other])];
    let case = Case::new(&[&servers[0], &servers[1]]);
    let expected = hex(&content());
    let got = hex(&vec![7; 200_000]);
    assert_eq!(
        case.fetch().unwrap_err(),
        format!(
            "could not download FOLDER/data/file.bin: URL0: the server answers 404 Not Found; URL1: \
             its SHA-256 is {got}, expected {expected}. Check the connection and try again (what has \
             come is kept), or put the file there by hand"
        )
    );
    assert!(!case.download.path.exists());
    let longer = Server::new([Answer::Longer]);
    let text = Case::new(&[&longer]).fetch().unwrap_err();
    assert!(text.contains("URL0: it is longer than the expected 200000 bytes"), "{text}");
    let never = Server::new([
        Answer::Cut(10),
        Answer::Cut(0),
        Answer::Cut(0),
        Answer::Cut(0),
        Answer::Cut(0),
    ]);
    let case = Case::new(&[&never]);
    let text = case.fetch().unwrap_err();
    assert!(text.contains("(4 attempts in vain)"), "{text}");
    assert_eq!(never.wanted(), "- 10- 10- 10- 10-");
}

#[test]
fn what_has_come_is_kept_for_the_next_run() {
    let server = Server::new([Answer::Cut(150_000), Answer::Status(404), Answer::Good]);
    let case = Case::new(&[&server]);
    case.fetch().unwrap_err();
    case.fetch().unwrap();
    case.assert_whole();
    assert_eq!(server.wanted(), "- 150000- 150000-");
}

#[test]
fn an_interrupt_ends_it_and_keeps_what_has_come() {
    let server = Server::new([Answer::Good, Answer::Good]);
    let case = Case::new(&[&server]);
    let interrupt = Interrupt::new();
    let stop = case.download.fetch(&interrupt, &mut |transfer| {
        if transfer.done > 0 {
            interrupt.raise();
        }
    });
    assert!(matches!(stop, Err(DownloadError::Interrupted { .. })), "{stop:?}");
    case.fetch().unwrap();
    case.assert_whole();
    assert!(server.wanted().starts_with("- ") && !server.wanted().ends_with("- -"));
}

#[test]
fn two_at_once_download_it_once() {
    let server = Server::new([Answer::Good]);
    let case = Case::new(&[&server]);
    std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| case.fetch()));
        both.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    });
    assert_eq!(server.wanted(), "-");
}
