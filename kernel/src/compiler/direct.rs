//! The compiler, started without cargo.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::CompilerConfig;
use super::crates::Crates;
use super::waiting::{Running, set};

/// Makes the compiler print types with their paths and without abbreviation.
const FULL_PATHS: [&str; 2] = ["-Ztrim-diagnostic-paths=no", "--verbose"];

/// The name of a cell's crate, which evcxr has chosen.
const CRATE: &str = "ctx";
/// What else makes a type of a cell the same type in the next one.
const METADATA: &str = "metadata=momentum";

/// The extension of the compiler's listing of a cell.
pub(super) const LISTING: &str = "mir";

/// The optimisation level that the manifest asks for.
pub(super) fn optimisation(manifest: &str) -> &str {
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("opt-level ="))
        .map_or("0", |level| level.trim().trim_matches('"'))
}

/// The compiler with what all its uses share.
fn rustc(config: &CompilerConfig, crates: &Crates) -> Command {
    let mut rustc = Command::new(&config.rustc);
    rustc
        .args(["--crate-name", CRATE, "--edition", "2024"])
        .args(["--error-format=json", "-Cprefer-dynamic", &format!("-C{METADATA}")])
        .args(helper_flags(config))
        .args(crates.flags())
        .env("PATH", &config.path)
        .env_remove("RUSTC_WRAPPER");
    rustc
}

/// The compiler that makes an object file of a cell, and lists the types of its locals beside it.
pub(super) fn object(
    config: &CompilerConfig,
    crates: &Crates,
    source: &Path,
    object: &Path,
    level: &str,
) -> Command {
    let mut rustc = rustc(config, crates);
    let mut emit = OsString::from("--emit=obj=");
    emit.push(object);
    emit.push(",mir=");
    emit.push(object.with_extension(LISTING));
    rustc
        .args(["--crate-type", "cdylib", "-Cpanic=unwind", "-Cembed-bitcode=no"])
        .args(["-Cdebug-assertions=on", "-Coverflow-checks=on", "-Ccodegen-units=1"])
        .arg(format!("-Copt-level={level}"))
        .arg(emit)
        // What it writes on the way goes there as well, and not to where it was started.
        .arg("--out-dir")
        .arg(object.parent().unwrap_or(object))
        .arg(source);
    rustc
}

/// The compiler that tells whether a text has no errors.
pub(super) fn check(
    config: &CompilerConfig,
    crates: &Crates,
    source: &Path,
    metadata: &Path,
) -> Command {
    let mut rustc = rustc(config, crates);
    rustc.args(["--crate-type", "lib", "--emit=metadata"]).arg(source).arg("-o").arg(metadata);
    rustc
}

/// The compiler that tells the types of a cell's variables.
pub(super) fn probe(
    config: &CompilerConfig,
    crates: &Crates,
    source: &Path,
    metadata: &Path,
) -> Command {
    let mut rustc = check(config, crates, source, metadata);
    rustc.args(FULL_PATHS);
    // Full paths in messages are an unstable option of the stable compiler. Nothing of a probe is
    // ever run.
    rustc.env("RUSTC_BOOTSTRAP", "1");
    rustc
}

/// The same through cargo, for a cell with crates of its own.
pub(super) fn probe_by_cargo(
    config: &CompilerConfig,
    folder: &Path,
    arguments: &[OsString],
) -> Command {
    let mut cargo = real_cargo(config, folder, arguments, &FULL_PATHS);
    cargo.env("RUSTC_BOOTSTRAP", "1").stdin(Stdio::null());
    cargo
}

/// The compiler that also links: for a cell that names libraries to link to.
pub(super) fn library(
    config: &CompilerConfig,
    crates: &Crates,
    source: &Path,
    library: &Path,
    level: &str,
) -> Command {
    let mut rustc = rustc(config, crates);
    rustc
        .args(["--crate-type", "cdylib", "--emit=link", "-Cpanic=unwind", "-Cembed-bitcode=no"])
        .args(["-Cdebug-assertions=on", "-Coverflow-checks=on", "-Cstrip=debuginfo"])
        .args(["-Crpath=yes", &format!("-Copt-level={level}")])
        .arg(source)
        .arg("-o")
        .arg(library);
    rustc
}

/// Makes the helpers known to the compiler.
fn helper_flags(config: &CompilerConfig) -> Vec<OsString> {
    let Some(set) = &config.helpers else { return Vec::new() };
    let mut external = OsString::from(format!("{}=", set.crate_name));
    external.push(&set.library);
    let mut folder = OsString::from("dependency=");
    folder.push(&set.dependencies);
    vec!["--extern".into(), external, "-L".into(), folder]
}

/// Runs a command to its end; who interrupts finds it in `running`.
pub(super) fn run(command: &mut Command, running: &Running) -> io::Result<Output> {
    end_with_us(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.spawn()?;
    set(running, Some(process.id()));
    let output = process.wait_with_output();
    set(running, None);
    output
}

/// A compiler that waits must not wait for ever if the kernel is killed.
#[allow(unsafe_code, reason = "a process is told what to do between its birth and its program")]
pub(super) fn end_with_us(command: &mut Command) {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        let end = || {
            let signal = rustix::process::Signal::KILL;
            Ok(rustix::process::set_parent_process_death_signal(Some(signal))?)
        };
        // SAFETY: one system call, which allocates nothing.
        unsafe { command.pre_exec(end) };
    }
}

/// The real cargo, to which the helpers are known as well.
pub(super) fn real_cargo(
    config: &CompilerConfig,
    folder: &Path,
    arguments: &[OsString],
    extra_flags: &[&str],
) -> Command {
    let mut flags: Vec<String> = std::env::var("RUSTFLAGS")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    flags.extend(helper_flags(config).into_iter().map(|flag| flag.to_string_lossy().into_owned()));
    flags.extend(extra_flags.iter().map(|&flag| flag.to_owned()));
    let mut cargo = Command::new(&config.cargo);
    cargo
        .args(arguments)
        .env("PATH", &config.path)
        .env("RUSTC", folder.join("bin/rustc"))
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo
}

/// Whether the compiler is asked for a cell, and not for a crate that it uses.
pub(super) fn is_cell(arguments: &[OsString]) -> bool {
    arguments.windows(2).any(|pair| pair[0] == "--crate-name" && pair[1] == CRATE)
}

/// The compiler's arguments for a cell as cargo gives them, with our metadata: so a type of a cell that
/// was compiled without cargo stays the same type once a crate has been added.
pub(super) fn with_metadata(arguments: &[OsString]) -> Vec<OsString> {
    let changed = |argument: &OsString| match argument.to_str() {
        Some(text) if text.starts_with("metadata=") => METADATA.into(),
        _ => argument.clone(),
    };
    arguments.iter().map(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_metadata_are_ours_for_a_cell() {
        let arguments = |name| ["--crate-name", name, "-C", "metadata=ab"].map(OsString::from);
        assert!(is_cell(&arguments("ctx")) && !is_cell(&arguments("rand")));
        assert_eq!(with_metadata(&arguments("ctx"))[3], "metadata=momentum");
    }

    #[test]
    fn the_manifest_tells_the_optimisation() {
        assert_eq!(optimisation("[profile.dev]\nopt-level = 2\n\n[dependencies]\n"), "2");
        assert_eq!(optimisation("[dependencies]\n"), "0");
    }
}
