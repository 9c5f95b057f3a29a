//! `momentum serve`: write with the page beside you.

mod runs;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use miette::{IntoDiagnostic, Result};
use momentum_journal::{BuildConfig, JournalError, LiveEvent, Series, Server, Site, Watch};

use crate::exercise::progress_file;
use crate::helpers::Workshop;
use crate::report;
use runs::Runs;

/// Serve the journal on this machine: what you save is built, run and reloaded at once.
///
/// An entry that is saved is on the page a moment later. A notebook that is saved is run, unless
/// its outputs still hold. What is wrong is shown here and on the page; the last good page stays.
/// End it with Ctrl-C.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  momentum serve --port 4000\n  momentum serve --no-run my-log")]
pub(crate) struct Arguments {
    /// The series: the folder with momentum.yaml, or with journal/momentum.yaml
    #[arg(default_value = ".", value_name = "FOLDER")]
    folder: PathBuf,
    /// The port on 127.0.0.1; 0 for any that is free
    #[arg(long, default_value_t = 4000, value_name = "NUMBER")]
    port: u16,
    /// Where the site goes [default: _site in FOLDER]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Run no notebook
    #[arg(long)]
    no_run: bool,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let series = Series::open(&arguments.folder).map_err(report::journal)?;
    let out = match &arguments.out {
        Some(out) => std::path::absolute(out).into_diagnostic()?,
        None => series.root().join(&series.config().out),
    };
    // Without a compiler, nothing is known of what made the outputs.
    let environment = Workshop::open(0).ok().map(|workshop| workshop.run_environment());
    let config = BuildConfig {
        out: arguments.out.clone(),
        environment,
        progress: progress_file().ok(),
        ..BuildConfig::default()
    };
    let site = Site::open(&arguments.folder, config).map_err(report::journal)?;
    let server = Arc::new(Server::start(out.clone(), arguments.port).into_diagnostic()?);
    let mut watch = Watch::start(&series, &out).into_diagnostic()?;
    let stop = Arc::new(AtomicBool::new(false));
    let (wake, stopping) = (watch.waker(), Arc::clone(&stop));
    server.on_interrupt(move || {
        stopping.store(true, Ordering::SeqCst);
        wake();
    });
    let runs =
        (!arguments.no_run).then(|| Runs::start(Arc::clone(&server), series.root().to_owned()));
    let mut serving = Serving { site, server, shown: String::new() };
    serving.build();
    watch.follow(serving.site.sources()).into_diagnostic()?;
    if let Some(runs) = &runs {
        series.notebooks().map_err(report::journal)?.into_iter().for_each(|path| runs.ask(path));
    }
    println!("The journal is at http://{}/", serving.server.address());
    println!("Save an entry or a notebook, and the page follows. Ctrl-C ends it.");
    while !stop.load(Ordering::SeqCst) {
        let changes = watch.wait();
        if stop.load(Ordering::SeqCst) {
            break;
        }
        if let Some(runs) = &runs {
            changes.notebooks.iter().for_each(|path| runs.ask(path.clone()));
        }
        if !changes.is_empty() {
            serving.build();
            let is_data = |path: &PathBuf| serving.site.sources().data().any(|data| data == path);
            // A notebook whose data have changed is to be run, whichever it is.
            if let Some(runs) = &runs
                && changes.others.iter().any(is_data)
            {
                // A wrong configuration has been said already.
                let notebooks = serving.site.notebooks().unwrap_or_default();
                notebooks.into_iter().for_each(|path| runs.ask(path));
            }
            watch.follow(serving.site.sources()).into_diagnostic()?;
        }
    }
    eprintln!("Ending");
    if let Some(runs) = runs {
        runs.end();
    }
    Ok(())
}

/// The site that is built again and again, and those who hear of it.
struct Serving {
    site: Site,
    server: Arc<Server>,
    /// What was said last, so that the terminal says nothing twice.
    shown: String,
}

impl Serving {
    fn build(&mut self) {
        let started = Instant::now();
        match self.site.build() {
            Ok(built) => {
                let milliseconds = started.elapsed().as_millis();
                let pages = built.changed.iter().filter(|file| file.ends_with(".html")).count();
                if !built.changed.is_empty() || !self.shown.is_empty() {
                    let s = if pages == 1 { "" } else { "s" };
                    eprintln!("Built in {milliseconds} ms: {pages} page{s} changed");
                }
                self.shown.clear();
                self.server.publish(LiveEvent::Built { changed: built.changed });
            }
            Err(error) => {
                let event = match &error {
                    JournalError::Problems(problems) => LiveEvent::Problems(problems.0.clone()),
                    error => LiveEvent::Failed(with_sources(error)),
                };
                self.server.publish(event);
                let failure = report::journal(error);
                let said = format!("{failure:?}");
                if said != self.shown {
                    report::print(&failure);
                }
                self.shown = said;
            }
        }
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// A notebook's name as pages and the terminal say it.
fn name_in(root: &Path, notebook: &Path) -> String {
    notebook.strip_prefix(root).unwrap_or(notebook).display().to_string()
}
