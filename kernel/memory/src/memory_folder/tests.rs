use std::collections::BTreeMap;
use std::fs;

use insta::assert_snapshot;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::message::ToolCall;

fn folder() -> (TempDir, MemoryFolder) {
    let place = tempfile::tempdir().unwrap();
    let folder = MemoryFolder::open(place.path()).unwrap().with_clock(Timestamp::default);
    folder.create("people/sara.md", "name: Sara\nhome: Paris\n").unwrap();
    folder.create("plan.md", "one\none\n").unwrap();
    (place, folder)
}

/// What the tool says to a model.
fn check(arguments: &str, expected: &str) {
    let (_place, folder) = folder();
    let (id, name) = ("1".to_owned(), "memory".to_owned());
    let call = ToolCall { id, name, arguments: arguments.to_owned() };
    let got = folder.tool().call(&call).unwrap_or_else(|error| error.to_result());
    assert_eq!(got, expected, "{arguments}");
    let refused = expected.starts_with("Error");
    let viewed = arguments.contains("view");
    assert_eq!(folder.version().unwrap(), if refused || viewed { 2 } else { 3 }, "{arguments}");
}

#[test]
fn commands_do_what_they_say() {
    check(
        r#"{"command": "view"}"#,
        "2 files (bytes, path):\n      23  people/sara.md\n       8  plan.md",
    );
    check(
        r#"{"command": "view", "path": "/memories/people/"}"#,
        "1 file (bytes, path):\n      23  people/sara.md",
    );
    check(
        r#"{"command": "view", "path": "/memories/people/sara.md"}"#,
        "     1\tname: Sara\n     2\thome: Paris",
    );
    check(
        r#"{"command": "view", "path": "people/sara.md", "view_range": [2, -1]}"#,
        "     2\thome: Paris",
    );
    check(
        r#"{"command": "create", "path": "new.md", "file_text": ""}"#,
        "Version 3: create new.md.",
    );
    check(
        r#"{"command": "str_replace", "path": "people/sara.md", "old_str": "Paris", "new_str": "Lyon"}"#,
        "Version 3: str_replace people/sara.md.",
    );
    check(
        r#"{"command": "insert", "path": "plan.md", "insert_line": 1, "insert_text": "two"}"#,
        "Version 3: insert plan.md.",
    );
    check(
        r#"{"command": "delete", "path": "/memories/people"}"#,
        "Version 3: delete people/sara.md.",
    );
    check(
        r#"{"command": "rename", "old_path": "people", "new_path": "friends"}"#,
        "Version 3: rename friends/sara.md, people/sara.md.",
    );
}

#[test]
fn refusals_say_what_to_do() {
    check(
        r#"{"command": "create", "path": "plan.md", "file_text": "x"}"#,
        "Error: `plan.md` is there already; change it with `str_replace` or `insert`, or choose \
         another path",
    );
    check(
        r#"{"command": "create", "path": "plan.md/x", "file_text": "x"}"#,
        "Error: `plan.md` is a file, so it cannot hold `plan.md/x`; choose another path",
    );
    check(r#"{"command": "create", "path": "x"}"#, "Error: the command `create` needs `file_text`");
    check(
        r#"{"command": "view", "path": "nobody.md"}"#,
        "Error: there is no file `nobody.md`; `view` without a path lists the files",
    );
    check(
        r#"{"command": "view", "path": "plan.md", "view_range": [3, 4]}"#,
        "Error: `plan.md` has 2 lines, and line 3 was asked for; the lines are 1 to 2, and 0 is \
         before the first",
    );
    check(
        r#"{"command": "str_replace", "path": "people/sara.md", "old_str": "Rome", "new_str": ""}"#,
        "Error: `people/sara.md` does not hold this text: \"Rome\"; view the file and copy the \
         text exactly",
    );
    check(
        r#"{"command": "str_replace", "path": "plan.md", "old_str": "one", "new_str": "two"}"#,
        "Error: `plan.md` holds this text in the lines 1, 2: \"one\"; give more of it",
    );
    check(
        r#"{"command": "str_replace", "path": "plan.md", "old_str": "e\none", "new_str": "e\none"}"#,
        "Error: this changes nothing: the files are so already",
    );
    check(
        r#"{"command": "insert", "path": "plan.md", "insert_line": 9, "insert_text": "x"}"#,
        "Error: `plan.md` has 2 lines, and line 9 was asked for; the lines are 1 to 2, and 0 is \
         before the first",
    );
    check(
        r#"{"command": "rename", "old_path": "people", "new_path": "people/old"}"#,
        "Error: `people/old` is there already; change it with `str_replace` or `insert`, or \
         choose another path",
    );
    check(
        &format!(
            r#"{{"command": "create", "path": "big", "file_text": "{}"}}"#,
            "x".repeat(LARGEST_FILE + 1)
        ),
        "Error: `big` would pass the limit of 262144 bytes; write less, or use another file",
    );
}

#[test]
fn no_path_leads_out() {
    let (place, folder) = folder();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let long = "x".repeat(300);
    let refused = [
        "..",
        "../x",
        "a/../../x",
        "a/..",
        "./x",
        "/x",
        "//x",
        "/etc/passwd",
        "a//b",
        ".history",
        ".history/log.jsonl",
        ".x",
        "a/.x",
        "~/x/..",
        "a\\..\\x",
        "C:x",
        "a\0b",
        "a\nb",
        "x.",
        "a/ b",
        "",
        "/memories",
        "/memories/../x",
        "/memories/.history/log.jsonl",
        "/memoriesx",
        &long,
    ];
    for path in refused {
        for error in [
            folder.create(path, "x").unwrap_err(),
            folder.text(path).unwrap_err(),
            folder.delete(path).unwrap_err(),
            folder.rename("plan.md", path).unwrap_err(),
        ] {
            assert!(matches!(error, MemoryFolderError::Path { .. }), "{path:?}: {error}");
        }
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(outside.path(), place.path().join("link")).unwrap();
        let file = place.path().join("file");
        std::os::unix::fs::symlink(outside.path().join("secret"), file).unwrap();
        let refused = |error| matches!(error, MemoryFolderError::Path { .. });
        assert!(refused(folder.create("link/x", "x").unwrap_err()));
        assert!(refused(folder.create("file", "x").unwrap_err()));
        assert!(refused(folder.delete("link").unwrap_err()));
        assert!(refused(folder.rename("plan.md", "link/x").unwrap_err()));
        assert!(refused(folder.view("link", None).unwrap_err()));
        assert!(matches!(folder.text("file"), Err(MemoryFolderError::NoFile { .. })));
    }
    assert_eq!(folder.version().unwrap(), 2);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(outside.path().join("secret")).unwrap(), "secret");
}

#[test]
fn the_history_is_readable_and_revertible() {
    let (place, folder) = folder();
    let sara = folder.by(Author::Person("Sara".into()));
    sara.str_replace("people/sara.md", "Paris", "Lyon").unwrap();
    sara.rename("plan.md", "done/plan.md").unwrap();
    fs::write(place.path().join("people/sara.md"), "home: Rome\n").unwrap();
    folder.delete("done").unwrap();
    folder.undo().unwrap();
    folder.undo().unwrap();
    folder.revert(2).unwrap();
    let history: Vec<_> = folder.history().unwrap().iter().map(Change::to_string).collect();
    assert_snapshot!(history.join("\n"), @r"
    1. create by program momentum: added people/sara.md
    2. create by program momentum: added plan.md
    3. str_replace by Sara: changed people/sara.md
    4. rename by Sara: added done/plan.md, removed plan.md
    5. edit from outside by somebody: changed people/sara.md
    6. delete by program momentum: removed done/plan.md
    7. undo by program momentum: added done/plan.md
    8. undo by program momentum: changed people/sara.md
    9. revert to version 2 by program momentum: removed done/plan.md, changed people/sara.md, added plan.md
    ");
    assert_snapshot!(folder.diff(3, 5).unwrap(), @r"
    --- nothing
    +++ done/plan.md (version 5)
    @@ -0,0 +1,2 @@
    +one
    +one
    --- people/sara.md (version 3)
    +++ people/sara.md (version 5)
    @@ -1,2 +1 @@
    -name: Sara
    -home: Lyon
    +home: Rome
    --- plan.md (version 3)
    +++ nothing
    @@ -1,2 +0,0 @@
    -one
    -one
    ");
    assert_eq!(folder.text("people/sara.md").unwrap(), "name: Sara\nhome: Paris\n");
    assert_eq!(folder.text_at("people/sara.md", 4).unwrap().unwrap(), "name: Sara\nhome: Lyon\n");
    assert_eq!(folder.text_at("done/plan.md", 9).unwrap(), None);
    assert_eq!(folder.history_of("plan.md").unwrap().len(), 3);
    assert!(matches!(folder.revert(99), Err(MemoryFolderError::NoVersion { newest: 9, .. })));
    assert!(!place.path().join("done").exists(), "an empty folder goes with its last file");
    // Everything is there for whoever opens it next.
    let again = MemoryFolder::open(place.path()).unwrap();
    assert_eq!(again.history().unwrap(), folder.history().unwrap());
}

#[test]
fn undo_goes_back_to_the_beginning() {
    let (_place, folder) = folder();
    folder.undo().unwrap();
    folder.undo().unwrap();
    assert_eq!(folder.files().unwrap(), [""; 0]);
    assert!(matches!(folder.undo(), Err(MemoryFolderError::NothingToUndo)));
}

/// Copies a folder with everything in it.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, to) = (entry.as_ref().unwrap(), to.join(entry.as_ref().unwrap().file_name()));
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
fn an_interrupted_change_happens_as_a_whole_or_not_at_all() {
    let (place, folder) = folder();
    let before = tempfile::tempdir().unwrap();
    copy(place.path(), before.path());
    folder.rename("people", "friends").unwrap();
    let log = fs::read(place.path().join(".history/log.jsonl")).unwrap();
    let old_length = fs::read(before.path().join(".history/log.jsonl")).unwrap().len();
    // Killed while the line of the log was written, at several lengths of it, with the files as
    // before; and killed behind that, with none, one or all of the files replaced.
    let lengths = (old_length..log.len()).step_by(41).chain([log.len() - 1, log.len()]);
    for length in lengths {
        let files_done = if length == log.len() { 3 } else { 1 };
        for n_done in 0..files_done {
            let place = tempfile::tempdir().unwrap();
            copy(before.path(), place.path());
            fs::write(place.path().join(".history/log.jsonl"), &log[..length]).unwrap();
            fs::write(place.path().join(".history/pending"), "3").unwrap();
            if n_done > 0 {
                fs::remove_file(place.path().join("people/sara.md")).unwrap();
            }
            if n_done > 1 {
                fs::create_dir(place.path().join("friends")).unwrap();
                let text = "name: Sara\nhome: Paris\n";
                fs::write(place.path().join("friends/sara.md"), text).unwrap();
            }
            let folder = MemoryFolder::open(place.path()).unwrap();
            let files = folder.files().unwrap();
            let happened = length == log.len();
            let expected = if happened { "friends/sara.md" } else { "people/sara.md" };
            assert_eq!(files, [expected, "plan.md"], "{length} bytes, {n_done} files");
            assert_eq!(folder.version().unwrap(), if happened { 3 } else { 2 });
            folder.create("next.md", "x").unwrap();
        }
    }
}

#[test]
fn a_damaged_history_is_told() {
    let (place, folder) = folder();
    let log = place.path().join(".history/log.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    let open = |text: String| {
        fs::write(&log, text).unwrap();
        MemoryFolder::open(place.path()).unwrap_err().to_string()
    };
    let error = open(text.replace("\"version\":2", "\"version\":7"));
    assert!(
        error.starts_with(
            ".history/log.jsonl:2: the history is damaged: version 2 was expected, and version 7 \
             stands there."
        ),
        "{error}"
    );
    let error = open(text.replace("plan.md", "../plan.md"));
    assert!(error.contains("log.jsonl:2") && error.contains("begin with a dot"), "{error}");
    let error = open(text.replacen('{', "[", 1));
    assert!(error.contains("log.jsonl:1"), "{error}");
    fs::write(&log, text).unwrap();
    for object in fs::read_dir(place.path().join(".history/objects")).unwrap() {
        fs::write(object.unwrap().path(), "forged").unwrap();
    }
    let error = folder.text_at("plan.md", 2).unwrap_err();
    assert!(error.to_string().contains("is not the one that it is named after"), "{error}");
}

#[test]
fn several_hands_lose_nothing() {
    let place = tempfile::tempdir().unwrap();
    MemoryFolder::open(place.path()).unwrap().create("list.md", "").unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            // Each opens the folder for itself, as another process would.
            let folder = MemoryFolder::open(place.path()).unwrap();
            scope.spawn(move || {
                for n in 0..3 {
                    folder.insert("list.md", 0, &format!("{writer}.{n}\n")).unwrap();
                }
            });
        }
    });
    let folder = MemoryFolder::open(place.path()).unwrap();
    assert_eq!(folder.text("list.md").unwrap().lines().count(), 12);
    assert_eq!(folder.version().unwrap(), 13);
}

#[test]
fn a_long_file_is_shown_in_parts() {
    let (_place, folder) = folder();
    let text: String = (1..=3_000).map(|n| format!("line {n}\n")).collect();
    folder.create("long.md", &text).unwrap();
    let first = folder.view("long.md", None).unwrap();
    let (_, hint) = first.rsplit_once('\n').unwrap();
    assert_eq!(hint, "(lines 1 to 1006 of 3000; go on with view_range [1007, 3000])");
    let next = folder.view("long.md", Some((1_007, 3_000))).unwrap();
    assert!(next.starts_with("  1007\tline 1007\n"), "{next}");
}

/// The same commands on a plain map, to compare with.
type Model = BTreeMap<String, String>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_commands_can_all_be_read_again(
        steps in prop::collection::vec(
            (0..6u8, "[ab](/[ab])?", "[ab](/[ab])?", "[xy\n]{0,4}", 0..3u64), 1..10,
        ),
    ) {
        let place = tempfile::tempdir().unwrap();
        let folder = MemoryFolder::open(place.path()).unwrap().with_clock(Timestamp::default);
        let mut versions = vec![Model::new()];
        for (command, path, other, text, line) in steps {
            let changed = match command {
                0 => folder.create(&path, &text),
                1 => folder.str_replace(&path, "x", &text),
                2 => folder.insert(&path, line, &text),
                3 => folder.delete(&path),
                4 => folder.rename(&path, &other),
                _ => folder.revert(line),
            };
            let now: Model = folder.files().unwrap().into_iter()
                .map(|path| { let text = folder.text(&path).unwrap(); (path, text) }).collect();
            match changed {
                Ok(change) => {
                    versions.push(now);
                    prop_assert_eq!(change.version as usize, versions.len() - 1);
                }
                Err(_) => prop_assert_eq!(&now, versions.last().unwrap(), "a refusal changes nothing"),
            }
        }
        for (version, files) in versions.iter().enumerate() {
            for path in ["a", "b", "a/a", "a/b", "b/a", "b/b"] {
                let text = folder.text_at(path, version as u64).unwrap();
                prop_assert_eq!(text.as_ref(), files.get(path));
            }
        }
    }
}
