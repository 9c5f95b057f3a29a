//! The compiler started without cargo.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use super::{CompilerConfig, replace};

/// The file with the number of the process that compiles now.
pub(super) const PROCESS: &str = "compiler.pid";

/// Where evcxr wants to be told the path of the library that was built.
const LIBRARY_PATH: &str = "EVCXR_EXECUTION_SO_PATH";

/// Whether the manifest that evcxr wrote asks for no crate.
pub(super) fn has_no_dependencies(manifest: &str) -> bool {
    manifest
        .split_once("[dependencies]")
        .is_none_or(|(_, dependencies)| dependencies.trim().is_empty())
}

/// The optimisation level that the manifest asks for.
fn optimisation(manifest: &str) -> &str {
    manifest
        .lines()
        .find_map(|line| line.strip_prefix("opt-level ="))
        .map_or("0", |level| level.trim().trim_matches('"'))
}

/// The compiler with what all its uses share.
pub(super) fn rustc(config: &CompilerConfig) -> Command {
    let mut rustc = Command::new(&config.rustc);
    rustc
        .args(["--crate-name", "ctx", "--edition", "2024"])
        .args(["--error-format=json", "-Cprefer-dynamic", "-Cmetadata=momentum"])
        .args(helper_flags(config))
        .env("PATH", &config.path)
        .env_remove("RUSTC_WRAPPER");
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

/// Compiles the cell: `src/lib.rs` into a dynamic library, whose path evcxr finds in a file.
pub(super) fn build(config: &CompilerConfig, folder: &Path, manifest: &str) -> ExitCode {
    let output = Path::new("target").join("cell");
    if let Err(error) = fs::create_dir_all(&output) {
        eprintln!("error: cannot create `{}`: {error}", output.display());
        return ExitCode::from(101);
    }
    let library = output.join("libctx.so");
    // Both files are read only if this process, which becomes the compiler, ends well.
    let absolute = std::path::absolute(&library).unwrap_or(library);
    if let Some(place) = std::env::var_os(LIBRARY_PATH) {
        let _ = fs::write(place, absolute.as_os_str().as_encoded_bytes());
    }
    let _ = fs::write(folder.join(PROCESS), std::process::id().to_string());
    replace(
        rustc(config)
            .args(["--crate-type", "cdylib", "--emit=link", "-Cpanic=unwind"])
            .args(["-Cdebug-assertions=on", "-Coverflow-checks=on", "-Cstrip=debuginfo"])
            .args(["-Crpath=yes", "-Cembed-bitcode=no", "src/lib.rs", "-o"])
            .arg(absolute)
            .arg(format!("-Copt-level={}", optimisation(manifest))),
    )
}

/// The real cargo, to which the helpers are known as well.
pub(super) fn real_cargo(
    config: &CompilerConfig,
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
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_tells_dependencies_and_optimisation() {
        let manifest = "[profile.dev]\nopt-level = 2\n\n[dependencies]\n\n";
        assert!(has_no_dependencies(manifest));
        assert_eq!(optimisation(manifest), "2");
        assert!(!has_no_dependencies(&format!("{manifest}rand = \"0.9\"\n")));
    }
}
