//! Which helpers the cells of our notebooks have, and what runs the cells.

use std::path::PathBuf;

use miette::{IntoDiagnostic, Result, miette};
use momentum_kernel::engine::{Engine, EngineConfig};
use momentum_kernel::helpers::{HelperCrate, HelperSet, helper_version, prepare};
use momentum_kernel::provenance::Environment;
use momentum_kernel::toolchain::Toolchain;

use crate::progress::HelperLine;

/// The toolchain, the helpers' sources, and what both mean for the record of a run.
pub(crate) struct Workshop {
    toolchain: Toolchain,
    sources: HelperCrate,
    set: Option<HelperSet>,
    pub(crate) environment: Environment,
}

impl Workshop {
    /// Finds toolchain and sources; compiles nothing yet.
    pub(crate) fn open(seed: u64) -> Result<Workshop> {
        let toolchain = Toolchain::find().into_diagnostic()?;
        let sources = sources()?;
        let environment = Environment {
            kernel: format!("momentum-kernel {}", env!("CARGO_PKG_VERSION")),
            compiler: toolchain.version.clone(),
            helpers: helper_version(&sources).into_diagnostic()?,
            seed,
        };
        Ok(Workshop { toolchain, sources, set: None, environment })
    }

    /// The helper set, built now if it has to be.
    pub(crate) fn helpers(&mut self) -> Result<HelperSet> {
        if let Some(set) = &self.set {
            return Ok(set.clone());
        }
        let mut line = HelperLine::default();
        let set = prepare(&self.sources, &self.toolchain, &mut |progress, elapsed| {
            line.show(&progress, elapsed)
        });
        line.end();
        let set = set.into_diagnostic()?;
        self.set = Some(set.clone());
        Ok(set)
    }

    /// A fresh session in a folder; `interactive` if someone answers questions of its cells.
    pub(crate) fn engine(&mut self, folder: PathBuf, interactive: bool) -> Result<Engine> {
        let config = EngineConfig {
            toolchain: self.toolchain.clone(),
            helpers: Some(self.helpers()?),
            folder,
            seed: self.environment.seed,
            interactive,
        };
        Engine::start(config).into_diagnostic()
    }
}

/// The helper crate in the checkout from which this program was built.
fn sources() -> Result<HelperCrate> {
    let built_from = concat!(env!("CARGO_MANIFEST_DIR"));
    let workspace =
        std::env::var_os("MOMENTUM_SOURCE").map_or_else(|| built_from.into(), PathBuf::from);
    if !workspace.join("kernel/cells/Cargo.toml").is_file() {
        return Err(miette!(
            help = "set MOMENTUM_SOURCE to the folder of your clone of Momentum",
            "the sources of the notebook helpers are not at `{}`",
            workspace.display()
        ));
    }
    Ok(HelperCrate {
        workspace,
        package: "momentum-cells".into(),
        folders: ["kernel/cells", "kernel/memory", "kernel/vision"].map(PathBuf::from).into(),
        version: env!("CARGO_PKG_VERSION").into(),
    })
}
