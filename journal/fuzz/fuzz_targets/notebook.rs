//! Any bytes as a notebook.
#![no_main]

use libfuzzer_sys::fuzz_target;
use momentum_journal::read_notebook;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(notebook) = read_notebook("n.ipynb", bytes) {
        let _ = notebook.title();
        for cell in &notebook.cells {
            assert!(cell.source.ends_with(cell.code()));
            let _ = notebook.cell(&cell.anchor());
        }
    }
});
