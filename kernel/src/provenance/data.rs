//! The data that a cell reads: files that it declares by `//| data: path`, hashed before it runs.

use std::fs::File;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::cell::options;

/// The files that a cell declares, relative to its notebook: `//| data: a.csv, b.csv`, several
/// lines too.
fn data_files(source: &str) -> impl Iterator<Item = &str> {
    options(source, "data")
        .flat_map(|files| files.split(','))
        .map(|file| file.trim().trim_matches(['"', '\'']))
        .filter(|file| !file.is_empty())
}

/// The SHA-256 of each file that a cell declares, as hex digits; null where the file cannot be
/// read. `None` where the cell declares nothing.
pub(super) fn data_hashes(source: &str, folder: &Path) -> Option<Value> {
    let hashes: Map<String, Value> = data_files(source)
        .map(|file| (file.to_owned(), hash(&folder.join(file)).map_or(Value::Null, Value::from)))
        .collect();
    (!hashes.is_empty()).then_some(Value::Object(hashes))
}

fn hash(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    io::copy(&mut file, &mut hasher)?;
    Ok(format!("{:x}", hasher.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_files_are_hashed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a b.csv"), "abc").unwrap();
        let of = |source: &str| data_hashes(source, folder.path());
        assert_eq!(of("let x = 1;\n//| data: a b.csv"), None);
        let found = of("//| label: x\n//| data: a b.csv, \"none.csv\"\n//| data:\nread()").unwrap();
        insta::assert_snapshot!(found, @r#"{"a b.csv":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","none.csv":null}"#);
    }
}
