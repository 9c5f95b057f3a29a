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
//! What is built again is rendered only where something changed: see [`Site`].
//! Beside the site it makes posts for social networks ([`Series::post`]) and a document for typst
//! ([`Series::paper`]), looks for what is wrong ([`Series::check`]), and serves pages that reload
//! themselves ([`Server`], [`Watch`]).

mod ansi;
mod asset;
mod calendar;
mod card;
mod check;
mod clean;
mod comparison;
mod config;
mod diagram;
mod embed;
mod entry;
mod feed;
mod front_matter;
mod highlight;
mod key;
mod link;
mod linked;
mod markdown;
mod math;
mod notebook;
mod output;
mod page;
mod paper;
mod post;
mod problem;
mod progress;
mod question;
mod raster;
mod record;
mod reference;
mod root;
mod scaffold;
mod search;
mod series;
mod serve;
mod site;
mod suggest;
mod written;

pub use card::{CARD_SIZE, Card};
pub use check::{CheckFormat, CheckReport, Finding, Rule};
pub use comparison::ComparisonConfig;
pub use config::{Comments, SeriesConfig, ShownProgress};
pub use entry::{Entry, FrontMatter, Source};
pub use notebook::chain::{CHAIN_SEED, chain_next, chain_start};
pub use notebook::read::read_notebook;
pub use notebook::{
    Cell, CellKind, CellState, MimeBundle, Notebook, Output, RunEnvironment, RunRecord, Timing,
};
pub use paper::{Paper, UnsetText};
pub use post::{Platform, Post, PostError, PostPart, PostPicture};
pub use problem::{JournalError, Problem, Problems};
pub use question::Question;
pub use raster::RasterError;
pub use reference::{Reference, ReferenceTarget};
pub use scaffold::{InitConfig, Scaffold, ScaffoldError, TemplateError, init};
pub use series::Series;
pub use serve::{Changes, LiveEvent, ServeError, Server, Watch, WatchError};
pub use site::{BuildConfig, BuildReport, BuiltEntry, Site, Sources, UnprovenOutput};
