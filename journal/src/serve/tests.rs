use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use super::*;
use crate::problem::Problem;
use crate::series::Series;

fn ask(server: &Server, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "{request}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn get(server: &Server, path: &str) -> (String, String) {
    ask(server, &format!("GET {path} HTTP/1.1\r\nHost: localhost:{}", server.address().port()))
}

fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("site");
    std::fs::create_dir_all(root.join("entries")).unwrap();
    std::fs::write(root.join("index.html"), "<body>Index</body>").unwrap();
    std::fs::write(root.join("entries/a b.html"), "<body>A</body>").unwrap();
    std::fs::write(root.join("x.svg"), "<svg/>").unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    folder
}

#[test]
fn files_of_the_site_are_served_and_no_others() {
    let folder = site();
    let server = Server::start(folder.path().join("site"), 0).unwrap();
    let (head, body) = get(&server, "/");
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/html"), "{head}");
    assert!(body.contains("Index<script src=\"/_momentum/live.js\" data-build=\"0\""), "{body}");
    assert!(get(&server, "/entries/a%20b.html").1.contains("A<script"));
    assert_eq!(get(&server, "/x.svg").1, "<svg/>");
    assert!(get(&server, "/_momentum/live.js").1.contains("EventSource"));
    let others =
        ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "//etc/passwd", "/no"];
    for path in others {
        let (head, body) = get(&server, path);
        assert!(head.starts_with("HTTP/1.1 404") && !body.contains("secret"), "{path}: {head}");
    }
    let link = folder.path().join("site/way-out.txt");
    std::os::unix::fs::symlink(folder.path().join("secret.txt"), link).unwrap();
    assert!(get(&server, "/way-out.txt").0.starts_with("HTTP/1.1 404"));
    // A page that is not there yet waits for it.
    assert!(get(&server, "/new.html").1.contains("No page yet"));
}

#[test]
fn strangers_names_and_methods_are_refused() {
    let folder = site();
    let server = Server::start(folder.path().join("site"), 0).unwrap();
    let host = |host: &str| ask(&server, &format!("GET / HTTP/1.1\r\nHost: {host}")).0;
    assert!(host("evil.example:80").starts_with("HTTP/1.1 403"));
    assert!(host("127.0.0.1").starts_with("HTTP/1.1 200"));
    assert!(ask(&server, "POST / HTTP/1.1\r\nHost: localhost").0.starts_with("HTTP/1.1 405"));
}

/// Reads one event of the stream.
fn event(reader: &mut impl BufRead) -> serde_json::Value {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the stream has ended");
        if let Some(json) = line.trim_end().strip_prefix("data: ") {
            return serde_json::from_str(json).unwrap();
        }
    }
}

fn listen(server: &Server) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET /_momentum/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    BufReader::new(stream)
}

#[test]
fn open_pages_hear_what_happens_and_late_ones_how_things_stand() {
    let folder = site();
    let server = Server::start(folder.path().join("site"), 0).unwrap();
    let mut early = listen(&server);
    assert_eq!(event(&mut early)["kind"], "hello");
    server.publish(LiveEvent::Built { changed: vec!["index.html".into()] });
    let built = event(&mut early);
    assert_eq!((&built["kind"], &built["build"]), (&"built".into(), &1.into()));
    let text: Arc<str> = "one\ntwo three\n".into();
    let problem = Problem::at("entries/a.md", &text, 8..13, "there is no three").with_help("two");
    server.publish(LiveEvent::Problems(vec![problem]));
    let failed = LiveEvent::CellFailed {
        notebook: "n.ipynb".into(),
        cell: "sum".into(),
        report: "\u{1b}[31merror\u{1b}[0m".into(),
    };
    server.publish(failed);
    insta::assert_snapshot!(event(&mut early), @r#"{"kind":"problems","problems":[{"place":"entries/a.md:2:5","message":"there is no three","help":"two","excerpt":"   2 | two three"}],"build":1}"#);
    insta::assert_snapshot!(event(&mut early), @r#"{"kind":"cell","place":"n.ipynb, cell sum","message":"error","notebook":"n.ipynb","build":1}"#);
    let mut late = listen(&server);
    assert_eq!(event(&mut late)["build"], 1);
    assert_eq!(event(&mut late)["problems"][0]["place"], "entries/a.md:2:5");
    assert_eq!(event(&mut late)["message"], "error");
    // All is well again: a page that opens now hears of nothing wrong.
    server.publish(LiveEvent::Built { changed: Vec::new() });
    server.publish(LiveEvent::Ran { notebook: "n.ipynb".into() });
    assert_eq!(event(&mut late)["kind"], "built");
    assert_eq!(event(&mut late)["kind"], "ran");
    let mut last = listen(&server);
    assert_eq!(event(&mut last)["kind"], "hello");
    server.publish(LiveEvent::Ran { notebook: "end".into() });
    assert_eq!(event(&mut last)["notebook"], "end");
}

fn series(root: &Path) -> Series {
    for folder in ["entries", "notebooks/deep", "_site", "pictures"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::write(root.join("momentum.yaml"), "title: T\n").unwrap();
    let entry = "---\nday: 1\ntitle: T\ndate: 2026-11-22\n---\n![p](../pictures/p.png)\n";
    std::fs::write(root.join("entries/day-01.md"), entry).unwrap();
    Series::open(root).unwrap()
}

/// Waits until a change names the file.
fn until(watch: &mut Watch, name: &str) {
    loop {
        let changes = watch.wait();
        let mut all = changes.notebooks.iter().chain(&changes.others);
        if all.any(|path| path.ends_with(name)) {
            return;
        }
    }
}

#[test]
fn saved_files_are_noticed_however_they_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let series = series(&root);
    let mut watch = Watch::start(&series, &root.join("_site")).unwrap();
    // Written in place.
    std::fs::write(root.join("entries/day-01.md"), "x").unwrap();
    until(&mut watch, "entries/day-01.md");
    // Written aside, then renamed, as vim and Jupyter do.
    std::fs::write(root.join("notebooks/deep/.~n.ipynb"), "x").unwrap();
    std::fs::rename(root.join("notebooks/deep/.~n.ipynb"), root.join("notebooks/deep/n.ipynb"))
        .unwrap();
    until(&mut watch, "notebooks/deep/n.ipynb");
    std::fs::write(root.join("pictures/p.png"), "x").unwrap();
    until(&mut watch, "pictures/p.png");
    std::fs::remove_file(root.join("entries/day-01.md")).unwrap();
    until(&mut watch, "entries/day-01.md");
    std::fs::write(root.join("momentum.yaml"), "title: U\n").unwrap();
    until(&mut watch, "momentum.yaml");
}

#[test]
fn what_is_not_of_the_series_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let series = series(&root);
    let mut watch = Watch::start(&series, &root.join("_site")).unwrap();
    std::fs::write(root.join("_site/index.md"), "x").unwrap();
    std::fs::write(root.join("entries/.hidden.md"), "x").unwrap();
    std::fs::write(root.join("entries/day-01.md~"), "x").unwrap();
    std::fs::create_dir(root.join("notebooks/.momentum")).unwrap();
    std::fs::write(root.join("notebooks/.momentum/n.ipynb"), "x").unwrap();
    std::fs::read(root.join("entries/day-01.md")).unwrap();
    std::fs::write(root.join("entries/day-02.md"), "x").unwrap();
    let changes = watch.wait();
    assert_eq!(changes.others, [root.join("entries/day-02.md")]);
    assert_eq!(changes.notebooks, Vec::<PathBuf>::new());
    watch.waker()();
    assert!(watch.wait().is_empty());
}

#[test]
fn a_folder_that_is_made_again_is_watched_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let series = series(&root);
    let mut watch = Watch::start(&series, &root.join("_site")).unwrap();
    let sources = crate::site::Sources::of_series(&series);
    std::fs::remove_dir_all(root.join("entries")).unwrap();
    until(&mut watch, "entries");
    std::fs::create_dir(root.join("entries")).unwrap();
    watch.follow(&sources).unwrap();
    std::fs::write(root.join("entries/day-03.md"), "x").unwrap();
    until(&mut watch, "entries/day-03.md");
}
