//! `momentum completions`: what a shell needs to complete our commands.

use std::io::{ErrorKind, Write};

use clap_complete::Shell;
use miette::{IntoDiagnostic, Result};

/// Write what your shell needs to complete momentum's commands and options, to standard output.
///
/// bash: into ~/.local/share/bash-completion/completions/momentum. zsh: into a file `_momentum` in
/// a folder of `fpath`. fish: into ~/.config/fish/completions/momentum.fish. Then open a new shell.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  momentum completions bash\n  momentum completions fish")]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    let mut text = Vec::new();
    let mut command = crate::command();
    clap_complete::generate(arguments.shell, &mut command, "momentum", &mut text);
    match std::io::stdout().write_all(&text) {
        // Whoever reads has read enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.into_diagnostic(),
    }
}
