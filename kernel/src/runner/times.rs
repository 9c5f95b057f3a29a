//! How long a run took: kept beside the notebook, since it differs from run to run.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

/// Times of the cells of a run.
#[derive(Debug, Default)]
pub(super) struct Times {
    cells: Map<String, Value>,
}

impl Times {
    pub(super) fn add(&mut self, id: &str, duration: Duration) {
        self.cells.insert(id.to_owned(), json!(duration.as_millis() as u64));
    }

    /// Writes `.momentum/<stem>.json` beside the notebook. Readers must do without it, so a folder
    /// that cannot be written is no failure of the run.
    pub(super) fn write(self, notebook: &Path, chain: &str, duration: Duration) {
        let (Some(folder), Some(stem)) = (notebook.parent(), notebook.file_stem()) else { return };
        let folder = folder.join(".momentum");
        let started = SystemTime::now() - duration;
        let times = json!({
            "chain": chain,
            "started": humantime::format_rfc3339_seconds(started).to_string(),
            "duration_ms": duration.as_millis() as u64,
            "cells": self.cells,
        });
        let _ = fs::create_dir_all(&folder).and_then(|()| {
            let partial = folder.join(format!(".{}.partial", stem.to_string_lossy()));
            fs::write(&partial, format!("{times:#}\n"))?;
            fs::rename(partial, folder.join(stem).with_extension("json"))
        });
    }
}
