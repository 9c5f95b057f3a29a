//! Running a whole notebook: its cells in order, in one fresh session, outputs into the file.

mod collect;
mod times;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::notebook::{CodeCell, Notebook, NotebookError};
use crate::output::{CellError, CellIo, InputRequest, Interpreter, Output};
use crate::provenance::{self, Environment};
use crate::toolchain::release;
use collect::Collector;

/// How a notebook is run.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// What runs the cells, for the record.
    pub environment: Environment,
    /// The folder in which the cells run: where the data that they declare lie.
    pub folder: PathBuf,
    /// Whether to go on after a cell that fails, as if all were tagged `raises-exception`.
    pub allow_errors: bool,
}

/// What happens during a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunEvent<'a> {
    /// A cell begins.
    Cell {
        /// Its place among those that will run, from 1.
        number: usize,
        /// How many will run.
        of: usize,
        /// The cell.
        cell: &'a CodeCell,
    },
    /// It shows something.
    Output(&'a Output),
    /// It has ended.
    Ended {
        /// How long it took.
        duration: Duration,
        /// Whether it failed.
        failed: bool,
    },
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// How many cells ran.
    pub cells: usize,
    /// How long they took together.
    pub duration: Duration,
    /// The cell that stopped the run, if one did.
    pub failure: Option<CellFailure>,
}

/// A cell that stopped a run.
#[derive(Debug, Clone)]
pub struct CellFailure {
    /// The cell.
    pub cell: CodeCell,
    /// Its execution count: the number that its messages carry.
    pub number: u32,
    /// What went wrong.
    pub error: CellError,
    /// What it wrote to standard error, such as the error that a `?` met.
    pub standard_error: String,
    /// The files that it declares as its data and that are not there.
    pub missing_data: Vec<String>,
}

/// Runs the cells of a notebook and writes it, in any case: up to the cell that failed.
///
/// `interpreter` must be fresh. A cell without text is not run, as in Jupyter.
///
/// # Errors
///
/// When the file cannot be written. A failing cell is no error of this function: see the report.
pub fn run(
    notebook: &mut Notebook,
    interpreter: &mut dyn Interpreter,
    config: &RunConfig,
    on_event: &mut dyn FnMut(RunEvent<'_>),
) -> Result<RunReport, NotebookError> {
    let cells = notebook.code_cells();
    let chain = provenance::notebook_chain(&cells);
    for cell in &cells {
        notebook.set_outputs(cell.index, Vec::new(), None);
        notebook.set_cell_record(cell.index, None);
    }
    let filled: Vec<_> =
        cells.iter().zip(&chain).filter(|(cell, _)| !cell.source.trim().is_empty()).collect();
    interpreter.foresee(filled.iter().map(|(cell, _)| cell.source.clone()).collect());
    let (started, mut times) = (Instant::now(), times::Times::default());
    let (mut collector, mut count, mut failure) = (Collector::default(), 0, None);
    for (cell, chain) in &filled {
        count += 1;
        on_event(RunEvent::Cell { number: count as usize, of: filled.len(), cell });
        let began = Instant::now();
        collector.begin(cell.index);
        let record = provenance::cell_record(chain, &cell.source, &config.folder);
        let mut io = Io { collector: &mut collector, on_event };
        let execution = interpreter.execute(count, &cell.source, &mut io);
        let error = execution.error.clone();
        let standard_error = collector.standard_error().to_owned();
        collector.end(execution, count);
        let missing_data = provenance::missing_data(&record);
        notebook.set_cell_record(cell.index, Some(record));
        notebook.set_outputs(cell.index, Vec::new(), Some(count));
        times.add(&cell.id, began.elapsed());
        on_event(RunEvent::Ended { duration: began.elapsed(), failed: error.is_some() });
        let expected = config.allow_errors || cell.tags.iter().any(|tag| tag == "raises-exception");
        if let Some(error) = error.filter(|_| !expected) {
            let cell = (*cell).clone();
            failure =
                Some(CellFailure { cell, number: count, error, standard_error, missing_data });
            break;
        }
    }
    for (index, count, outputs) in collector.outputs() {
        notebook.set_outputs(index, outputs, Some(count));
    }
    let record = provenance::record(&config.environment, failure.is_none());
    notebook.set_metadata("momentum", record);
    notebook.set_metadata(
        "kernelspec",
        json!({"display_name": "Rust (Momentum)", "language": "rust", "name": "momentum"}),
    );
    notebook.set_metadata("language_info", language(&config.environment.compiler));
    notebook.write()?;
    let duration = started.elapsed();
    times.write(notebook.path(), chain.last().map_or("", String::as_str), duration);
    Ok(RunReport { cells: count as usize, duration, failure })
}

/// What Jupyter keeps in a notebook about its language.
fn language(compiler: &str) -> serde_json::Value {
    json!({
        "codemirror_mode": "rust",
        "file_extension": ".rs",
        "mimetype": "text/rust",
        "name": "rust",
        "pygments_lexer": "rust",
        "version": release(compiler),
    })
}

/// Keeps what a cell shows, and tells of it.
struct Io<'a> {
    collector: &'a mut Collector,
    on_event: &'a mut dyn FnMut(RunEvent<'_>),
}

impl CellIo for Io<'_> {
    fn output(&mut self, output: Output) {
        (self.on_event)(RunEvent::Output(&output));
        self.collector.add(output);
    }

    /// No one is there to answer.
    fn input(&mut self, _: InputRequest) -> String {
        String::new()
    }
}

/// The folder in which a notebook's cells run: its own.
pub fn folder_of(notebook: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(notebook)?;
    Ok(absolute.parent().map_or_else(|| absolute.clone(), Path::to_owned))
}
