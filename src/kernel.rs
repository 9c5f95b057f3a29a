//! `momentum kernel`: the Jupyter kernel itself.

use std::path::PathBuf;

use miette::{IntoDiagnostic, Result};
use momentum_kernel::kernelspec::{self, Location};
use momentum_kernel::output::Interpreter;
use momentum_kernel::session::KernelInfo;
use momentum_kernel::toolchain::Toolchain;
use momentum_kernel::wire;

use crate::helpers::{Limits, Workshop};

/// Make the kernel known to Jupyter, or serve it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  momentum kernel install\n  momentum kernel install --memory-limit 4G --time-limit 10m"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make the kernel known to Jupyter, and compile the helpers that its cells have
    #[command(
        after_help = "Examples:\n  momentum kernel install\n  momentum kernel install --prefix ~/jupyter --memory-limit 4G"
    )]
    Install(Installation),
    /// Undo `install`
    #[command(after_help = "Examples:\n  momentum kernel uninstall")]
    Uninstall(Place),
    /// Serve a Jupyter client (Jupyter calls this)
    #[command(after_help = "Examples:\n  momentum kernel serve connection.json")]
    Serve {
        /// The connection file that Jupyter wrote
        connection_file: PathBuf,
        #[command(flatten)]
        limits: Limits,
    },
}

#[derive(clap::Args)]
struct Place {
    /// Install below this folder (a Python environment's) instead of for the user
    #[arg(long, value_name = "FOLDER")]
    prefix: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Installation {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    limits: Limits,
}

impl Place {
    fn location(&self) -> Location {
        self.prefix.clone().map_or(Location::User, Location::Prefix)
    }
}

pub(crate) fn execute(arguments: &Arguments) -> Result<()> {
    match &arguments.action {
        Action::Install(Installation { place, limits }) => {
            let folder = install(&place.location(), limits)?;
            println!("Installed the kernel \"Rust (Momentum)\" at {}", folder.display());
            println!("Choose it in JupyterLab, or run: jupyter console --kernel momentum");
            Ok(())
        }
        Action::Uninstall(place) => {
            let folder = kernelspec::uninstall(&place.location()).into_diagnostic()?;
            println!("Removed {}", folder.display());
            Ok(())
        }
        Action::Serve { connection_file, limits } => {
            let limits = limits.clone();
            let version = env!("CARGO_PKG_VERSION").to_owned();
            // Without a toolchain the kernel starts all the same, and says at each cell what to do.
            let language_version = Toolchain::find()
                .map_or_else(|_| String::new(), |toolchain| toolchain.release().to_owned());
            let info = KernelInfo { version, language_version };
            wire::serve(connection_file, info, move || {
                let folder = std::env::current_dir()?;
                let mut workshop = Workshop::open(0)?;
                workshop.limits = limits.clone();
                Ok(Box::new(workshop.engine(folder, true)?) as Box<dyn Interpreter>)
            })
            .into_diagnostic()
        }
    }
}

/// Compiles the helpers, and makes the kernel known to Jupyter.
pub(crate) fn install(location: &Location, limits: &Limits) -> Result<PathBuf> {
    Workshop::open(0)?.helpers()?;
    let program = std::env::current_exe().into_diagnostic()?;
    kernelspec::install(&program, &limits.arguments(), location).into_diagnostic()
}
