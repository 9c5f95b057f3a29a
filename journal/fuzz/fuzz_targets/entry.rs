//! Any text as an entry: what it refers to, its anchors.
#![no_main]

use libfuzzer_sys::fuzz_target;
use momentum_journal::Entry;

fuzz_target!(|body: &str| {
    let text = format!("---\nday: 1\ntitle: T\ndate: 2026-11-22\n---\n{body}");
    let (entry, _) = Entry::parse("entries/x.md", text.into());
    for reference in entry.references() {
        assert!(entry.text.get(reference.span).is_some());
    }
    let _ = entry.anchors();
});
