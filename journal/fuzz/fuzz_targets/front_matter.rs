//! Any text as the front matter of an entry.
#![no_main]

use libfuzzer_sys::fuzz_target;
use momentum_journal::Entry;

fuzz_target!(|yaml: &str| {
    let text = format!("---\n{yaml}\n---\n");
    let (entry, problems) = Entry::parse("entries/x.md", text.into());
    for problem in problems {
        assert!(problem.span.end <= entry.text.len() && problem.line > 0);
    }
});
