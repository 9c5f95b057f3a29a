//! Day N entries with executed notebook outputs linked in.
//!
//! An **entry** is markdown with YAML front matter. Where it writes
//! `![caption](../../notebooks/day-02.ipynb#label)`, the output of the cell with that label is
//! linked in, which makes the entry **resolved**; the resolved entry becomes a **page**. The crate
//! reads notebooks from their files. It never executes anything, and it knows no kernel.
//!
//! Every embedded output says what made it (kernel, compiler, helpers, a hash of all code up to
//! its cell) and whether that still holds: see [`CellState`].
//!
//! ```
//! use momentum_journal::{BuildConfig, Series};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let root = tempfile::tempdir()?;
//! std::fs::create_dir(root.path().join("entries"))?;
//! std::fs::write(root.path().join("momentum.yaml"), "title: My log\n")?;
//! std::fs::write(
//!     root.path().join("entries/day-01.md"),
//!     "---\nday: 1\ntitle: Hello\ndate: 2026-11-21\n---\nThe first *day*.\n",
//! )?;
//!
//! let report = Series::open(root.path())?.build(&BuildConfig::default())?;
//! let page = std::fs::read_to_string(&report.entries[0].page)?;
//! assert!(page.contains("The first <em>day</em>."));
//! # Ok(())
//! # }
//! ```
//!
//! What it does not do yet: search, a JSON feed, PDF, live reload, incremental builds.

mod ansi;
mod asset;
mod clean;
mod config;
mod embed;
mod entry;
mod feed;
mod front_matter;
mod highlight;
mod link;
mod markdown;
mod math;
mod notebook;
mod output;
mod page;
mod problem;
mod root;
mod series;
mod site;
mod suggest;

pub use config::SeriesConfig;
pub use entry::{Entry, FrontMatter, Source};
pub use notebook::chain::{CHAIN_SEED, chain_next, chain_start};
pub use notebook::read::read_notebook;
pub use notebook::{Cell, CellKind, CellState, MimeBundle, Notebook, Output, RunRecord, Timing};
pub use problem::{JournalError, Problem, Problems};
pub use series::Series;
pub use site::{BuildConfig, BuildReport, BuiltEntry, UnprovenOutput};
