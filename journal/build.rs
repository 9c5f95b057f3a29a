//! Names the renderer by its sources, so that nothing rendered by another one is taken from a
//! cache.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

fn main() {
    let mut hasher = DefaultHasher::new();
    for folder in ["src", "theme"] {
        println!("cargo::rerun-if-changed={folder}");
        let mut folders = vec![PathBuf::from(folder)];
        let mut files = BTreeSet::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("the package's own folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path);
                }
            }
        }
        for file in files {
            file.hash(&mut hasher);
            std::fs::read(&file).expect("the package's own file").hash(&mut hasher);
        }
    }
    println!("cargo::rustc-env=MOMENTUM_JOURNAL_RENDERER={:016x}", hasher.finish());
}
