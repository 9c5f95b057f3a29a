//! A notebook with what lies beside it: the times of its run, the record of a second run, the data
//! that its cells declare.

use std::path::Path;

use super::read::read_notebook;
use super::state::{Evidence, Rerun, RunEnvironment};
use super::{Notebook, Timing};
use crate::key::Key;
use crate::problem::Problem;
use crate::root::{Root, folder_of, resolve, stem_of};

/// The most bytes of a record beside a notebook.
pub(crate) const MAX_BESIDE: u64 = 4 * 1024 * 1024;

/// Reads a notebook of the series and judges its outputs by all that is at hand. `hash` gives the
/// key of a file of the series.
///
/// # Errors
/// As [`read_notebook`].
pub(crate) fn read_whole(
    root: &Root,
    file: &str,
    bytes: &[u8],
    environment: Option<&RunEnvironment>,
    hash: &dyn Fn(&str) -> Option<Key>,
) -> Result<Notebook, Box<Problem>> {
    let mut notebook = read_notebook(file, bytes)?;
    notebook.timing = timing(root, file).filter(|timing| {
        let last = notebook.cells.iter().rev().find_map(|cell| cell.recorded_chain.as_ref());
        last == Some(&timing.chain)
    });
    let rerun = read_beside::<Rerun>(root, &rerun_place(file))
        .filter(|rerun| rerun.notebook == Key::of(bytes).hex());
    let now = |name: &&str| hash(&resolve(folder_of(file), name)?);
    let data = notebook.data_files().iter().map(|name| ((*name).to_owned(), now(name))).collect();
    notebook.weigh(&Evidence { environment, data, rerun });
    Ok(notebook)
}

/// Where the times of the last run are.
pub(crate) fn timing_place(file: &str) -> String {
    place(file, "json")
}

/// Where the record of a second run is.
pub(crate) fn rerun_place(file: &str) -> String {
    place(file, "rerun.json")
}

fn place(file: &str, ending: &str) -> String {
    let folder = folder_of(file);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}.momentum/{}.{ending}", stem_of(file))
}

/// The times of a run. They are an extra: anything wrong with them means there are none.
fn timing(root: &Root, file: &str) -> Option<Timing> {
    read_beside(root, &timing_place(file))
}

fn read_beside<T: serde::de::DeserializeOwned>(root: &Root, place: &str) -> Option<T> {
    serde_json::from_slice(&root.read(place, MAX_BESIDE).ok()?).ok()
}

/// Keeps what a second run of a notebook gave. It is an extra too: where it cannot be written,
/// pages do without it.
pub(crate) fn keep_rerun(notebook: &Path, rerun: &Rerun) {
    let (Some(folder), Some(stem)) = (notebook.parent(), notebook.file_stem()) else { return };
    let folder = folder.join(".momentum");
    let name = format!("{}.rerun.json", stem.to_string_lossy());
    let _ = std::fs::create_dir_all(&folder).and_then(|()| {
        let file = tempfile::NamedTempFile::new_in(&folder)?;
        serde_json::to_writer(&file, rerun)?;
        file.persist(folder.join(name)).map_err(|failure| failure.error)
    });
}
