"""Submissions to a lesson, made up: right, wrong, endless, hostile, corrupt; and what each should give."""

import json
from dataclasses import dataclass, field

TRIPLE = "//| exercise: triple\nfn triple(n: i64) -> i64 { n * 3 }"
LONGEST = (
    "//| exercise: longest\n"
    "fn longest(words: &[&str]) -> String {\n"
    "    let mut best = String::new();\n"
    "    for word in words { if word.len() > best.len() { best = word.to_string(); } }\n"
    "    best\n"
    "}"
)
CHECK = "//| check: triple\nassert_eq!(triple(2), 6);"
SETUP = "let factor: i64 = 3;"


@dataclass
class Submission:
    """A notebook's code cells, or the bytes of its file; the outcomes of its two exercises, or what is said of the file."""

    cells: list[str] = field(default_factory=list)
    outcomes: tuple[str, str] | None = None
    raw: bytes | None = None
    problem: str = ""

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        cells = [{**code, "id": f"c{n}", "source": source} for n, source in enumerate(self.cells)]
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
        return json.dumps(notebook).encode()


def triple(body: str, before: str = "") -> list[str]:
    """A submission whose first exercise has this body."""
    cell = f"//| exercise: triple\n{before}fn triple(n: i64) -> i64 {{ {body} }}"
    return [SETUP, cell, LONGEST]


def sabotage(statement: str, outcome: str, second: str = "passed") -> Submission:
    return Submission(triple(f"{statement}; n * 3"), (outcome, second))


BOTH = ("passed", "passed")

SUBMISSIONS = {
    # Right.
    "as-expected": Submission([SETUP, TRIPLE, CHECK, LONGEST], BOTH),
    "check-deleted": Submission([SETUP, TRIPLE, LONGEST], BOTH),
    "other-order": Submission([SETUP, LONGEST, TRIPLE], BOTH),
    "own-helper": Submission([SETUP, "fn add(a: i64, b: i64) -> i64 { a + b }", *triple("add(n, add(n, n))")[1:]], BOTH),
    "second-try-counts": Submission([SETUP, *triple("n")[1:2], TRIPLE, LONGEST], BOTH),
    "prints-much": Submission([SETUP, 'for n in 0..1000 { println!("{n}"); }', TRIPLE, LONGEST], BOTH),
    "broken-cell-elsewhere": Submission([SETUP, "let x: u8 = 300;", TRIPLE, LONGEST], BOTH),
    # Wrong or not there.
    "untouched": Submission(
        [SETUP, '//| exercise: triple\nfn triple(n: i64) -> i64 {\n    let _ = n;\n    todo!("what is three times n?")\n}', LONGEST],
        ("not-started", "passed"),
    ),
    "wrong": Submission(triple("n + n"), ("failed", "passed")),
    "half-right": Submission(triple("if n > 0 { 3 * n } else { 0 }"), ("failed", "passed")),
    "weak-check-of-their-own": Submission([SETUP, *triple("0")[1:2], "//| check: triple\nassert!(true);", LONGEST], ("failed", "passed")),
    "does-not-compile": Submission(triple("n * three"), ("does-not-compile", "passed")),
    "other-signature": Submission([SETUP, "//| exercise: triple\nfn triple(n: u8) -> u8 { n }", LONGEST], ("does-not-compile", "passed")),
    "cell-deleted": Submission([SETUP, LONGEST], ("missing", "passed")),
    "setup-deleted": Submission([TRIPLE, LONGEST], ("does-not-compile", "passed")),
    "panics": Submission(triple('panic!("I do not know")'), ("failed", "passed")),
    # Endless.
    "endless-loop": Submission(triple("loop { std::hint::spin_loop(); }"), ("broken", "passed")),
    "sleeps": Submission(triple("std::thread::sleep(std::time::Duration::from_secs(9999)); n"), ("broken", "passed")),
    "endless-recursion": Submission(triple("std::hint::black_box(triple(n + 1)) + 1"), ("broken", "passed")),
    # Hostile.
    "exits": sabotage("std::process::exit(0)", "broken"),
    "aborts": sabotage("std::process::abort()", "broken"),
    "all-memory": sabotage("std::hint::black_box(vec![1_u8; 1 << 40])", "broken"),
    "floods": sabotage('loop { println!("{}", "x".repeat(1000)); }', "broken"),
    "own-assert": Submission([SETUP, "macro_rules! assert_eq { ($($t:tt)*) => {} }", *triple("0")[1:]], ("failed", "passed")),
    "asks-for-a-crate": Submission([SETUP, '//| exercise: triple\n:dep rand = "0.9"\nfn triple(n: i64) -> i64 { n * 3 }', LONGEST], ("refused", "passed")),
    "writes-outside": sabotage('std::fs::write(concat!("/va", "r/tmp/momentum-escaped"), "x").unwrap()', "failed"),
    "calls-out": sabotage('std::net::TcpStream::connect("10.255.255.1:80").unwrap()', "failed"),
    "kills-its-neighbours": sabotage('std::process::Command::new("kill").args(["-9", &std::os::unix::process::parent_id().to_string()]).status().unwrap().success().then_some(()).unwrap()', "failed"),
    # Corrupt.
    "empty": Submission(raw=b"", problem="this is not JSON"),
    "cut": Submission(raw=Submission([SETUP, TRIPLE]).content()[:-40], problem="this is not JSON"),
    "no-notebook": Submission(raw=b'{"a": 1}', problem="this is no notebook"),
    "old-format": Submission(raw=b'{"nbformat": 3, "worksheets": []}', problem="expected nbformat 4"),
    "bytes": Submission(raw=bytes(range(256)), problem="this is not JSON"),
}
