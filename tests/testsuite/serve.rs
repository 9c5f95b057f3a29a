//! `momentum serve`: the server, its events, its end. The page is looked at in tests/browser.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cli::printed;

/// A server that ends with the test.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(folder: &Path) -> Serving {
        let mut child = Command::new(env!("CARGO_BIN_EXE_momentum"))
            .args(["serve", "--no-run", "--port", "0"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.trim().trim_start_matches("The journal is at http://");
        let address = address.trim_end_matches('/').to_owned();
        // The pipe stays open until the server has written what it has to say.
        said.read_line(&mut line).unwrap();
        Serving { child, address }
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let address = &self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream
    }

    fn get(&self, path: &str) -> String {
        let mut text = String::new();
        self.ask(path).read_to_string(&mut text).unwrap();
        text
    }

    /// Waits for an event of that kind.
    fn hear(events: &mut impl BufRead, kind: &str) -> serde_json::Value {
        loop {
            let mut line = String::new();
            assert!(events.read_line(&mut line).unwrap() > 0, "the events have ended");
            if let Some(json) = line.trim_end().strip_prefix("data: ") {
                let json: serde_json::Value = serde_json::from_str(json).unwrap();
                if json["kind"] == kind {
                    return json;
                }
            }
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A series without embedded outputs, so that nothing has to run.
fn series() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    printed(folder.path(), &["init"]);
    let entry = folder.path().join("entries/day-01.md");
    let text = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, text.replace("![", "[")).unwrap();
    folder
}

#[test]
fn a_saved_entry_is_served_and_a_broken_one_leaves_the_last_good_page() {
    let folder = series();
    let mut serving = Serving::start(folder.path());
    assert!(serving.address.starts_with("127.0.0.1:"), "{}", serving.address);
    assert!(serving.get("/entries/day-01.html").contains("What did you want to know"));
    let mut events = BufReader::new(serving.ask("/_momentum/events"));
    Serving::hear(&mut events, "hello");

    let entry = folder.path().join("entries/day-01.md");
    let good = std::fs::read_to_string(&entry).unwrap();
    std::fs::write(&entry, good.replace("What did you want", "Who wanted")).unwrap();
    let built = Serving::hear(&mut events, "built");
    assert!(built["changed"].to_string().contains("entries/day-01.html"), "{built}");
    assert!(serving.get("/entries/day-01.html").contains("Who wanted to know"));

    std::fs::write(&entry, good.replace("day: 1", "day: one")).unwrap();
    let problems = Serving::hear(&mut events, "problems");
    assert_eq!(problems["problems"][0]["place"], "entries/day-01.md:2:6");
    assert!(serving.get("/entries/day-01.html").contains("Who wanted to know"));

    // Saved by renaming, as many editors do.
    let aside = folder.path().join("entries/.day-01.md.tmp");
    std::fs::write(&aside, &good).unwrap();
    std::fs::rename(&aside, &entry).unwrap();
    Serving::hear(&mut events, "built");
    assert!(serving.get("/entries/day-01.html").contains("What did you want to know"));

    let pid = serving.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(serving.child.wait().unwrap().success());
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = series();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    crate::cli::check_fails(
        folder.path(),
        &["serve", "--no-run", "--port", &port],
        &[&format!("port {port} of this machine cannot be used"), "--port"],
    );
}
