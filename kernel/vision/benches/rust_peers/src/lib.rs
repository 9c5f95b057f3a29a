//! What the Rust peers of `speed` share: what they are asked, what they learn from, what they answer.
//!
//! ```text
//! candle|burn train-m1|infer-m2|version --batch 64 [--data FOLDER] [--clock wall|cpu] [--seed N]
//! ```
//!
//! Each prints the figure (images per second) and the process's peak memory in kB, as `peers.py` does.

// The benchmark's own, so that all are measured alike.
#[path = "../../speed/clock.rs"]
mod clock;
mod images;

pub use images::Images;

use clock::{Clock, peak_memory};
use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

/// How many seconds a rate is measured.
const LENGTH: f64 = 3.0;
/// Steps that are not counted.
const WARM_UP: usize = 5;

/// Any error of a measurement.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Steps of training.
    Train,
    /// Answers.
    Infer,
}

/// A convolution's channels in, channels out, size of the kernel, and whether a pool follows.
pub type Convolution = (usize, usize, usize, bool);

/// One measurement, as the command line asks for it.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is measured.
    pub kind: Kind,
    /// The network's convolutions, each with ReLU.
    pub convolutions: &'static [Convolution],
    /// Sizes of its linear layers, the input's first; ReLU between them.
    pub linears: &'static [usize],
    /// Images in a batch.
    pub batch: usize,
    /// What the weights and the order of the images are drawn with.
    pub seed: u64,
    /// Training images.
    pub images: Images,
    clock: Clock,
}

impl Task {
    /// Reads the command line and the images.
    fn from_arguments() -> Result<Task> {
        let (mut name, mut folder, mut batch, mut seed) = (None, None, 64, 1);
        let mut clock = Clock::Wall(Instant::now());
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--batch" => batch = value()?.parse()?,
                "--seed" => seed = value()?.parse()?,
                "--data" => folder = Some(value()?),
                "--clock" if value()? == "cpu" => clock = Clock::Cpu,
                "--clock" => {}
                _ => name = Some(argument),
            }
        }
        let name = name.ok_or("no task, such as train-m1")?;
        let (kind, model) = name.split_once('-').ok_or("a task is such as train-m1")?;
        let kind = match kind {
            "train" => Kind::Train,
            "infer" => Kind::Infer,
            _ => return Err(format!("{kind} is measured of ours and of PyTorch only").into()),
        };
        let (convolutions, linears): (&[Convolution], &[usize]) = match model {
            "m1" => (&[(1, 6, 5, true), (6, 16, 5, true)], &[256, 120, 84, 10]),
            "m2" => (&[(1, 32, 3, false), (32, 64, 3, true)], &[9216, 128, 10]),
            "m3" => (&[], &[784, 512, 512, 10]),
            _ => return Err(format!("no network is called {model}").into()),
        };
        let images = match folder {
            Some(folder) => Images::read(folder.as_ref())?,
            None => Images::random(6400),
        };
        Ok(Task { kind, convolutions, linears, batch, seed, images, clock })
    }

    /// Images per second of `step`.
    ///
    /// # Errors
    /// What `step` fails with.
    pub fn rate(&self, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
        for _ in 0..WARM_UP {
            step()?;
        }
        let (start, mut images) = (self.clock.seconds(), 0);
        while self.clock.seconds() - start < LENGTH {
            step()?;
            images += self.batch;
        }
        Ok(images as f64 / (self.clock.seconds() - start))
    }
}

/// Runs the measurement that the command line asks for and prints what it found. `library` is the
/// crate that is measured.
pub fn answer(library: &str, measure: impl Fn(&Task) -> Result<f64>) -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("version") {
        println!("{}", version(library));
        return ExitCode::SUCCESS;
    }
    match Task::from_arguments().and_then(|task| measure(&task)) {
        Ok(figure) => {
            println!("{figure} {}", peak_memory());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A crate's name and version, as this workspace's lock file has them.
fn version(library: &str) -> String {
    let line = format!("name = \"{library}\"\nversion = \"");
    let rest = include_str!("../Cargo.lock").split_once(&line).map_or("", |(_, rest)| rest);
    format!("{library} {}", rest.split('"').next().unwrap_or_default())
}
