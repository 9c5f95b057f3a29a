//! Compiling the helper crate and putting it into the cache.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::{HelperCrate, HelperError, HelperProgress, HelperSet, RECORD};
use crate::toolchain::Toolchain;

/// One line of what cargo prints with `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

pub(super) fn build(
    helpers: &HelperCrate,
    toolchain: &Toolchain,
    root: &Path,
    folder: &Path,
    version: String,
    progress: &mut dyn FnMut(HelperProgress, Duration),
) -> Result<HelperSet, HelperError> {
    let files = compile(helpers, toolchain, &root.join("target"), progress)?;
    let crate_name = helpers.crate_name();
    let library_name =
        format!("{}{crate_name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    // Filled under another name, then renamed: another process never sees half a set.
    let partial = folder.with_extension("partial");
    let _ = fs::remove_dir_all(&partial);
    let dependencies = partial.join("dependencies");
    fs::create_dir_all(&dependencies).map_err(|e| HelperError::file("create", &dependencies, e))?;
    for file in files.iter().filter(|file| is_library(file)) {
        let Some(name) = file.file_name() else { continue };
        if name == library_name.as_str() {
            // A copy of its own: the next build may write the original in place.
            let to = partial.join(name);
            fs::copy(file, &to).map_err(|e| HelperError::file("write", &to, e))?;
        } else {
            link(file, &dependencies.join(name))?;
        }
    }
    let set = HelperSet {
        library: folder.join(&library_name),
        dependencies: folder.join("dependencies"),
        crate_name,
        version,
        sources: Vec::new(),
    };
    if !partial.join(&library_name).is_file() {
        let report = "cargo reported no dynamic library".to_owned();
        return Err(HelperError::Build { package: helpers.package.clone(), report });
    }
    let record = serde_json::to_string_pretty(&set).unwrap_or_default();
    let record_path = partial.join(RECORD);
    fs::write(&record_path, record).map_err(|e| HelperError::file("write", &record_path, e))?;
    let _ = fs::remove_dir_all(folder);
    fs::rename(&partial, folder).map_err(|e| HelperError::file("rename", &partial, e))?;
    Ok(set)
}

/// Whether the compiler may need the file; cargo also reports build scripts, all of one name.
fn is_library(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("rlib" | "rmeta" | "so" | "dylib"))
}

/// A hard link where the file system has them, else a copy.
///
/// Never writes into a file that is there already: it may be a link to one of cargo's own.
fn link(from: &Path, to: &Path) -> Result<(), HelperError> {
    if !to.exists() && fs::hard_link(from, to).is_err() {
        fs::copy(from, to).map_err(|e| HelperError::file("write", to, e))?;
    }
    Ok(())
}

/// Runs cargo; gives the files of the crate and of all that it depends on.
fn compile(
    helpers: &HelperCrate,
    toolchain: &Toolchain,
    target: &Path,
    progress: &mut dyn FnMut(HelperProgress, Duration),
) -> Result<Vec<PathBuf>, HelperError> {
    let started = Instant::now();
    let mut cargo = Command::new(&toolchain.cargo)
        .current_dir(&helpers.workspace)
        .args(["rustc", "--release", "--locked", "--lib", "--crate-type", "dylib"])
        .args(["--package", &helpers.package, "--message-format=json-diagnostic-rendered-ansi"])
        .arg("--target-dir")
        .arg(target)
        .env("RUSTC", &toolchain.rustc)
        // The cells and the helpers share one standard library, and so one standard output.
        .env("RUSTFLAGS", "-Cprefer-dynamic")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_TARGET_DIR")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| HelperError::Cargo { cargo: toolchain.cargo.clone(), source })?;
    let stderr = cargo.stderr.take();
    let tail = std::thread::spawn(move || tail(stderr));
    let of = super::sources::count(helpers)?;
    let (mut done, mut files, mut report) = (0, Vec::new(), String::new());
    for line in cargo.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let Ok(message) =
            line.map_err(drop).and_then(|l| serde_json::from_str::<Message>(&l).map_err(drop))
        else {
            continue;
        };
        match (message.reason.as_str(), message.target, message.message) {
            ("compiler-artifact", Some(target), _) => {
                done += 1;
                files.extend(message.filenames);
                progress(
                    HelperProgress::Compiling { done, of: of.max(done), name: target.name },
                    started.elapsed(),
                );
            }
            ("compiler-message", _, Some(diagnostic)) if diagnostic.level == "error" => {
                report.push_str(diagnostic.rendered.as_deref().unwrap_or_default());
            }
            _ => {}
        }
    }
    let status = cargo
        .wait()
        .map_err(|source| HelperError::Cargo { cargo: toolchain.cargo.clone(), source })?;
    let tail = tail.join().unwrap_or_default();
    if status.success() {
        return Ok(files);
    }
    report.push_str(&tail);
    Err(HelperError::Build { package: helpers.package.clone(), report })
}

/// The last lines of what cargo says in words.
fn tail(stderr: Option<impl Read>) -> String {
    const LINES: usize = 20;
    let mut last = VecDeque::new();
    for line in stderr.into_iter().flat_map(|out| BufReader::new(out).lines()).map_while(Result::ok)
    {
        if last.len() == LINES {
            last.pop_front();
        }
        last.push_back(line);
    }
    Vec::from(last).join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_own_files_are_never_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("first"), "1").unwrap();
        fs::write(path("second"), "2").unwrap();
        link(&path("first"), &path("linked")).unwrap();
        link(&path("second"), &path("linked")).unwrap();
        assert_eq!(fs::read_to_string(path("first")).unwrap(), "1");
        assert_eq!(fs::read_to_string(path("linked")).unwrap(), "1");
    }

    #[test]
    fn build_scripts_are_no_libraries() {
        assert!(is_library(Path::new("deps/libserde-1f.rlib")));
        assert!(!is_library(Path::new("build/serde-1f/build-script-build")));
        assert!(!is_library(Path::new("deps/serde-1f.d")));
    }
}
