//! Running a copy of a notebook, so that the notebook itself is written when it is whole, if at
//! all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::{IntoDiagnostic, Result};
use momentum_kernel::notebook::Notebook;
use momentum_kernel::output::{Interpreter, Interrupter};
use momentum_kernel::runner::{self, RunConfig, RunEvent, RunReport};

use crate::helpers::Workshop;
use crate::report;

/// A copy of a notebook in a folder of its own.
pub(crate) struct RunCopy {
    original: PathBuf,
    bytes: Vec<u8>,
    path: PathBuf,
    folder: tempfile::TempDir,
}

impl RunCopy {
    pub(crate) fn of(notebook: &Path) -> io::Result<RunCopy> {
        let bytes = fs::read(notebook)?;
        let folder = tempfile::Builder::new().prefix("momentum-run-").tempdir()?;
        let name = notebook.file_name().unwrap_or_default();
        let path = folder.path().join(name);
        fs::write(&path, &bytes)?;
        Ok(RunCopy { original: notebook.to_owned(), bytes, path, folder })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of the notebook when the copy was made.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Runs the copy in the notebook's own folder, with its seed. `started` is given what stops it.
    pub(crate) fn run(
        &mut self,
        workshop: &mut Workshop,
        started: &mut dyn FnMut(Box<dyn Interrupter>),
        on_event: &mut dyn FnMut(RunEvent<'_>),
    ) -> Result<RunReport> {
        let mut notebook = Notebook::read(&self.path).map_err(report::notebook)?;
        notebook.check_language().map_err(report::notebook)?;
        let folder = runner::folder_of(&self.original).into_diagnostic()?;
        let mut engine = workshop.engine(folder.clone(), false)?;
        started(engine.interrupter());
        let environment = workshop.environment.clone();
        let config = RunConfig { environment, folder, allow_errors: false };
        runner::run(&mut notebook, &mut engine, &config, on_event).into_diagnostic()
    }

    /// Takes the outputs over into the notebook, unless it was saved meanwhile. Tells whether it
    /// did.
    pub(crate) fn take_over(&self) -> io::Result<bool> {
        if fs::read(&self.original)? != self.bytes {
            return Ok(false);
        }
        let folder = self.original.parent().unwrap_or(Path::new("."));
        let new = tempfile::Builder::new().prefix(".momentum-").tempfile_in(folder)?;
        fs::copy(&self.path, new.path())?;
        fs::set_permissions(new.path(), fs::metadata(&self.original)?.permissions())?;
        new.persist(&self.original).map_err(|failure| failure.error)?;
        // Times are an extra that readers do without.
        if let Some(stem) = self.original.file_stem() {
            let name = Path::new(".momentum").join(stem).with_extension("json");
            let _ = fs::create_dir_all(folder.join(".momentum"))
                .and_then(|()| fs::copy(self.folder.path().join(&name), folder.join(&name)));
        }
        Ok(true)
    }
}
