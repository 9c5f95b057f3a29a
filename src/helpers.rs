//! Which helpers the cells of our notebooks have, and what runs the cells.

use std::path::PathBuf;
use std::time::Duration;

use miette::{IntoDiagnostic, Result, miette};
use momentum_journal::RunEnvironment;
use momentum_kernel::engine::{Engine, EngineConfig};
use momentum_kernel::helpers::{HelperCrate, HelperSet, helper_version, prepare};
use momentum_kernel::provenance::Environment;
use momentum_kernel::sandbox::Sandbox;
use momentum_kernel::toolchain::Toolchain;

use crate::progress::HelperLine;

/// What cells may use at most.
#[derive(clap::Args, Debug, Clone, Default)]
pub(crate) struct Limits {
    /// Memory that the cells of a notebook may ask for, such as 4G; no limit by default
    #[arg(long = "memory-limit", value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory: Option<u64>,
    /// What one cell may show, such as 500M; 128M by default
    #[arg(long = "output-limit", value_name = "BYTES", value_parser = bytes)]
    pub(crate) output: Option<u64>,
    /// How long one cell may run, such as 90s or 10m (the time to compile it does not count); no limit
    /// by default
    #[arg(long = "time-limit", value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) time: Option<Duration>,
}

impl Limits {
    /// The limits as options of a command.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let memory = self.memory.map(|bytes| format!("--memory-limit={bytes}"));
        let output = self.output.map(|bytes| format!("--output-limit={bytes}"));
        let time = self.time.map(|time| format!("--time-limit={}ms", time.as_millis()));
        memory.into_iter().chain(output).chain(time).collect()
    }
}

/// A number of bytes with a unit: `500M`, `4G`.
fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim_end_matches(['b', 'B']).trim_end_matches('i');
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        "t" | "T" => 40,
        unit => return Err(format!("`{unit}` is no unit of memory; use K, M, G or T")),
    };
    let number: u64 =
        digits.trim().parse().map_err(|_| format!("`{digits}` is no number of bytes"))?;
    number.checked_shl(shift).filter(|b| b >> shift == number).ok_or("too much".to_owned())
}

/// The toolchain, the helpers' sources, and what both mean for the record of a run.
pub(crate) struct Workshop {
    toolchain: Toolchain,
    sources: HelperCrate,
    set: Option<HelperSet>,
    pub(crate) environment: Environment,
    pub(crate) limits: Limits,
    pub(crate) sandbox: Option<Sandbox>,
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
        Ok(Workshop {
            toolchain,
            sources,
            set: None,
            environment,
            limits: Limits::default(),
            sandbox: None,
        })
    }

    /// The environment in the journal's words.
    pub(crate) fn run_environment(&self) -> RunEnvironment {
        let Environment { kernel, compiler, helpers, .. } = self.environment.clone();
        RunEnvironment { kernel, compiler, helpers }
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
            memory_limit: self.limits.memory,
            output_limit: self.limits.output,
            time_limit: self.limits.time,
            sandbox: self.sandbox.clone(),
        };
        Engine::start(config).into_diagnostic()
    }
}

/// The helper crate in the checkout from which this program was built.
pub(crate) fn sources() -> Result<HelperCrate> {
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
