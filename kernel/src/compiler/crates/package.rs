//! The package that has a session's crates built.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use object::read::archive::ArchiveFile;
use rustix::process::Signal;
use sha2::{Digest, Sha256};

use super::super::direct::end_with_us;
use super::super::request::dependencies;
use super::super::{CompilerConfig, PROCESS, write};
use super::{Crates, Prepared, changed, crates_folder, read};

/// What is known of a package's library, in the package's folder.
const RECORD: &str = "record.json";
/// What of it is known by whoever links it.
const FOREIGN: &str = "foreign.json";
/// How the packages are made.
const FORMAT: &str = "momentum-crates-1";
/// The package that evcxr makes to ask cargo about a crate.
const VALIDATED: &str = "name = \"evcxr_dummy_validate_dep\"";
/// Begins the names of such packages.
const PACKAGE: &str = "session_crates_";
/// The name of the linker for such a package.
pub(in super::super) const LINKER: &str = "crate-linker";
/// Tells it which linker that really is.
const REAL_LINKER: &str = "MOMENTUM_LINKER";
/// The option that names a list of the symbols that a library shows to others.
const SYMBOLS: &str = "-Wl,--version-script=";

/// Has cargo build a package that depends on what was asked for.
pub(super) fn build(
    config: &CompilerConfig,
    session: &Path,
    asked: &str,
) -> Result<Crates, Prepared> {
    let by_cargo = |_: io::Error| Prepared::ByCargo;
    let place = crates_folder().ok_or(Prepared::ByCargo)?;
    // evcxr writes the lines in any order.
    let mut lines: Vec<&str> = asked.lines().map(str::trim).collect();
    lines.sort_unstable();
    let lines = lines.join("\n");
    let hash = hash(config, &lines);
    let package = place.join(&hash);
    let record = package.join(RECORD);
    if let Some(crates) = read::<Crates>(&record).filter(Crates::is_current) {
        return Ok(crates);
    }
    fs::create_dir_all(package.join("src")).map_err(by_cargo)?;
    write(&package.join("Cargo.toml"), manifest(&hash, &lines).as_bytes()).map_err(by_cargo)?;
    if !record.is_file() {
        // Newer than what cargo may have made: it is to be made again, and written down.
        write(&package.join("src/lib.rs"), b"").map_err(by_cargo)?;
    }
    let started = SystemTime::now();
    // Who interrupts stops this process and all that it started.
    let _ = rustix::process::setpgid(None, None);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let _ = fs::write(session.join(PROCESS), std::process::id().to_string());
    let mut cargo = Command::new(&config.cargo);
    cargo.args(["build", "--message-format=json"]).current_dir(&package);
    if is_offline(Path::new(".cargo/config.toml")) {
        cargo.arg("--offline");
    }
    cargo
        .env("CARGO_TARGET_DIR", place.join("target"))
        .env("PATH", &config.path)
        .env("RUSTC", session.join("bin/rustc"));
    for name in ["CARGO_BUILD_BUILD_DIR", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    end_with_us(&mut cargo);
    let output = cargo.output().map_err(by_cargo);
    let _ = fs::remove_file(session.join(PROCESS));
    let output = output?;
    if output.status.success() {
        let mut crates: Crates = read(&record).ok_or(Prepared::ByCargo)?;
        let listing = place.join("target/debug").join(format!("lib{PACKAGE}{hash}.d"));
        let sources = sources(&fs::read_to_string(listing).unwrap_or_default());
        crates.sources = sources
            .into_iter()
            .filter(|source| !source.starts_with(&package))
            .map(|source| (changed(&source).filter(|&modified| modified < started), source))
            .map(|(modified, source)| (source, modified))
            .collect();
        write(&record, &serde_json::to_vec(&crates).unwrap_or_default()).map_err(by_cargo)?;
        for line in lines.lines() {
            let known = known(config, &place, line);
            let _ = fs::create_dir_all(place.join("known")).and_then(|()| write(&known, b""));
        }
        return Ok(crates);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains(&format!("could not compile `{PACKAGE}")) {
        return Err(Prepared::ByCargo);
    }
    let _ = io::stdout().write_all(&output.stdout);
    let _ = io::stderr().write_all(&output.stderr);
    Err(Prepared::Failed(ExitCode::from(101)))
}

/// Whether what a manifest asks for was built before. Then evcxr, which asks about each crate alone,
/// need not wait for cargo to say that there is such a crate.
pub(in super::super) fn is_known(config: &CompilerConfig, manifest: &str) -> bool {
    let asked = dependencies(manifest);
    manifest.contains(VALIDATED)
        && !asked.contains("path")
        && crates_folder().is_some_and(|place| known(config, &place, asked).is_file())
}

/// The file whose presence says that a crate was built.
fn known(config: &CompilerConfig, place: &Path, line: &str) -> PathBuf {
    place.join("known").join(hash(config, line))
}

fn hash(config: &CompilerConfig, lines: &str) -> String {
    let hash = Sha256::digest(format!("{FORMAT}\n{}\n{}\n{lines}", config.version, config.host));
    hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn manifest(hash: &str, dependencies: &str) -> String {
    format!(
        "[package]\nname = \"{PACKAGE}{hash}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[lib]\ncrate-type = [\"dylib\"]\n\n\
         [profile.dev]\ndebug = false\nstrip = \"debuginfo\"\nincremental = false\n\n\
         [profile.dev.package.\"*\"]\nopt-level = 2\n\n[dependencies]\n{dependencies}\n"
    )
}

/// Whether evcxr wrote that cargo may not use the network.
fn is_offline(config: &Path) -> bool {
    fs::read_to_string(config).is_ok_and(|text| text.contains("offline = true"))
}

/// The files that cargo lists as those that decide a library: `library: file file`.
fn sources(listing: &str) -> Vec<PathBuf> {
    let files =
        listing.lines().next().and_then(|line| line.split_once(": ")).map(|(_, files)| files);
    let marked = files.unwrap_or_default().replace("\\ ", "\0");
    marked
        .split(' ')
        .filter(|file| !file.is_empty())
        .map(|file| file.replace('\0', " ").into())
        .collect()
}

/// Whether the compiler is asked for a package of crates.
pub(in super::super) fn is_package(arguments: &[OsString]) -> bool {
    let named = |pair: &[OsString]| {
        pair[0] == "--crate-name" && pair[1].to_str().is_some_and(|name| name.starts_with(PACKAGE))
    };
    arguments.windows(2).any(named)
}

/// Compiles such a package for cargo, and writes down what it was made of.
pub(in super::super) fn compile(
    config: &CompilerConfig,
    session: &Path,
    arguments: &[OsString],
) -> io::Result<ExitCode> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let after = |option: &str| {
        let pairs = arguments.windows(2).filter(move |pair| pair[0] == option);
        pairs.filter_map(|pair| pair[1].to_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let mut crates =
        Crates { externs: after("--extern"), folders: after("-L"), ..Crates::default() };
    let names: String = crates.names().map(|name| format!("extern crate {name};\n")).collect();
    let source = package.join("src/lib.rs");
    if fs::read_to_string(&source)? != names {
        write(&source, names.as_bytes())?;
    }
    // Of a name of its own each time: a session that has loaded an older one must not take that for
    // this one.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let library = package.join(format!("{}.so", now.as_nanos()));
    let mut name = OsString::from("-Clink-arg=-Wl,-soname,");
    name.push(&library);
    let mut rustc = Command::new(&config.rustc);
    let mut linker = OsString::from("-Clinker=");
    linker.push(session.join("bin").join(LINKER));
    let codegen = |option: &str| {
        after("-C").into_iter().find_map(|given| given.strip_prefix(option).map(str::to_owned))
    };
    let chosen = codegen("linker=");
    rustc.args(arguments).arg("-Cprefer-dynamic").arg(name).arg(linker);
    let status = rustc.env(REAL_LINKER, chosen.as_deref().unwrap_or("cc")).status()?;
    if status.success() {
        let crate_name = after("--crate-name").concat();
        let folder = PathBuf::from(after("--out-dir").concat());
        let extra = codegen("extra-filename=");
        let made = folder.join(format!("lib{crate_name}{}.so", extra.unwrap_or_default()));
        fs::hard_link(&made, &library).or_else(|_| fs::copy(&made, &library).map(drop))?;
        let older = fs::read_dir(&package)?.filter_map(|entry| Some(entry.ok()?.path()));
        for file in older.filter(|file| *file != library && file.extension() == Some("so".as_ref()))
        {
            let _ = fs::remove_file(file);
        }
        crates.library = Some(library);
        let names: Vec<String> = read(&package.join(FOREIGN)).unwrap_or_default();
        let folders: Vec<&Path> = crates
            .folders
            .iter()
            .filter_map(|folder| folder.strip_prefix("dependency=").map(Path::new))
            .collect();
        let places =
            names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        crates.foreign = places.filter(|place| place.is_file()).collect();
        write(&package.join(RECORD), &serde_json::to_vec(&crates)?)?;
    }
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::from(101) })
}

/// Links such a package for the compiler.
///
/// The compiler has the library show Rust's symbols only. But what is generic in a crate is compiled
/// into the cell, and may call what the crate contains of C: so the library shows all. What the C
/// compiler was told to hide stays hidden; which crates have such code is written down.
pub(in super::super) fn link(
    config: &CompilerConfig,
    arguments: &[OsString],
) -> io::Result<ExitCode> {
    let lists = arguments.iter().filter_map(|argument| argument.to_str()?.strip_prefix(SYMBOLS));
    for list in lists {
        fs::write(list, "{ global: *; };\n")?;
    }
    let libraries = arguments.iter().map(Path::new);
    let foreign = libraries
        .filter(|file| file.extension() == Some("rlib".as_ref()) && has_foreign_code(file))
        .filter_map(|file| file.file_name()?.to_str())
        .collect::<Vec<_>>();
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    write(&package.join(FOREIGN), &serde_json::to_vec(&foreign)?)?;
    let linker = std::env::var_os(REAL_LINKER).unwrap_or_else(|| "cc".into());
    let status = Command::new(linker).args(arguments).env("PATH", &config.path).status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether a crate's library contains object files that the Rust compiler did not make.
fn has_foreign_code(library: &Path) -> bool {
    let Ok(bytes) = fs::read(library) else { return false };
    let Ok(archive) = ArchiveFile::parse(bytes.as_slice()) else { return false };
    let is_rusts = |name: &[u8]| name.ends_with(b".rmeta") || name.ends_with(b".rcgu.o");
    archive.members().filter_map(Result::ok).any(|member| !is_rusts(member.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_listing_is_read() {
        let listing = "/t/liba.so: /p/a\\ b/src/lib.rs /p/c.rs\n";
        assert_eq!(sources(listing), [PathBuf::from("/p/a b/src/lib.rs"), "/p/c.rs".into()]);
        assert!(sources("").is_empty());
    }
}
