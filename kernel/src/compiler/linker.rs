//! The linker, started without the compiler.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};

use super::CompilerConfig;
use super::crates::Crates;
use super::direct::run;
use super::waiting::Running;

/// The linker: the system's own, which Rust needs anyway, or the one that comes with Rust.
pub(super) fn linker(library_folder: &Path, path: &OsStr) -> Vec<std::ffi::OsString> {
    let system = std::env::split_paths(path).map(|folder| folder.join("ld"));
    if let Some(ld) = system.into_iter().find(|file| file.is_file()) {
        return vec![ld.into()];
    }
    let lld = library_folder.with_file_name("bin").join("rust-lld");
    vec![lld.into(), "-flavor".into(), "gnu".into()]
}

/// The runtime of the compiler itself, as an archive.
pub(super) fn compiler_builtins(library_folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(library_folder).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libcompiler_builtins-") && name.ends_with(".rlib")
    })
}

/// The compiler's own runtime, whose functions no dynamic library shows. Most cells need nothing of
/// it, and to read it takes the linker longer than all the rest.
pub(super) struct CompilerBuiltins {
    archive: Option<PathBuf>,
    /// What it defines, once that was asked.
    defined: OnceLock<HashSet<Vec<u8>>>,
}

impl CompilerBuiltins {
    pub(super) fn new(archive: Option<PathBuf>) -> CompilerBuiltins {
        CompilerBuiltins { archive, defined: OnceLock::new() }
    }

    /// Makes a dynamic library of an object file.
    ///
    /// A plain linker is enough: the worker has loaded the standard library and the helpers before,
    /// for all to see, and finds in them what the cell leaves open. The session's own crates are
    /// named in the library, and loaded with it.
    pub(super) fn link(
        &self,
        config: &CompilerConfig,
        object: &Path,
        library: &Path,
        crates: &Crates,
        running: &Running,
    ) -> io::Result<Output> {
        let mut linker = Command::new(&config.linker[0]);
        linker.args(&config.linker[1..]).args(["-shared", "--eh-frame-hdr", "-Bsymbolic", "-o"]);
        linker.arg(library).arg(object).args(crates.libraries()).env("PATH", &config.path);
        if self.is_needed_by(&fs::read(object)?) {
            linker.args(&self.archive);
        }
        run(&mut linker, running)
    }

    /// Whether an object file leaves something open that this archive defines. One that cannot be
    /// read is left to the linker to judge.
    fn is_needed_by(&self, object: &[u8]) -> bool {
        let Ok(object) = object::File::parse(object) else { return true };
        let defined = self.defined.get_or_init(|| self.read().unwrap_or_default());
        object
            .symbols()
            .filter(ObjectSymbol::is_undefined)
            .any(|symbol| symbol.name_bytes().is_ok_and(|name| defined.contains(name)))
    }

    fn read(&self) -> Option<HashSet<Vec<u8>>> {
        let bytes = fs::read(self.archive.as_ref()?).ok()?;
        let archive = ArchiveFile::parse(bytes.as_slice()).ok()?;
        let symbols = archive.symbols().ok()??;
        symbols.map(|symbol| Some(symbol.ok()?.name().to_vec())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compiles a library of one function and asks whether it needs the compiler's runtime.
    fn check(body: &str, expected: bool) {
        let toolchain = crate::toolchain::Toolchain::find().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (source, made) = (folder.path().join("a.rs"), folder.path().join("a.o"));
        fs::write(
            &source,
            format!("#[unsafe(no_mangle)] pub fn f(a: u128, b: u128) -> u128 {{ {body} }}"),
        )
        .unwrap();
        let mut rustc = Command::new(&toolchain.rustc);
        rustc.args(["--edition", "2024", "--crate-type", "lib", "--emit=obj", "-o"]).arg(&made);
        assert!(rustc.arg(&source).status().unwrap().success());
        let builtins = CompilerBuiltins::new(compiler_builtins(&toolchain.library_folder));
        assert_eq!(builtins.is_needed_by(&fs::read(&made).unwrap()), expected, "{body}");
    }

    #[test]
    fn only_what_needs_the_runtime_is_linked_with_it() {
        check("a ^ b", false);
        check("a / b", true);
    }
}
