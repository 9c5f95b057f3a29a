//! How fast networks learn and answer, and how well, beside other libraries on the same cores.
//!
//! ```text
//! cargo bench -p momentum-vision --bench speed
//! cargo bench -p momentum-vision --bench speed -- --install-peers FOLDER --data FOLDER --threads 2
//! cargo bench -p momentum-vision --bench speed -- --peers FOLDER --data FOLDER --accuracy
//! ```
//!
//! Peers: `--install-peers` puts PyTorch and JAX (a virtual environment, `requirements.txt`) and burn
//! and candle (`rust_peers`) into a folder, or only what is not there yet, and goes on to measure;
//! `--peers` takes such a folder as it is, or names a Python that has PyTorch, and JAX if that is to be
//! measured. `--with pytorch,candle` takes (and installs) only some of pytorch, pytorch-last
//! (channels last), jax, burn and candle.
//!
//! Speed: images per second of training and of answering, and seconds until 90 % of Fashion-MNIST's
//! test images are recognised, the gathering of batches and the look at the test images after each
//! epoch included. `--data` names a folder with Fashion-MNIST's four files as its authors publish them;
//! without it images are random and there is no time to 90 %. `--rounds` says how often everything is
//! measured, `--only train,fit` or `--only m2` what. Each measurement is a process of its own. In each
//! round ours and the peers take turns, so that whatever else the machine does hits all alike; the
//! table shows medians, and their ratio to the best peer. The round is the seed.
//!
//! Accuracy: `--accuracy` trains ours and PyTorch's with the same optimiser, batch and number of
//! epochs, once for each of `--seeds`, and compares the shares of test images that they recognise.
//! `--epochs` and `--images` say how long and on how many of the training images; without `--data`
//! they learn from the subset in this repository.
//!
//! On a machine that others keep busy, wall time says little, and least of all with several threads
//! that wait for each other. `--threads 1 --clock cpu` counts the processor time of the process
//! instead.

mod accuracy;
mod clock;
mod ours;
mod peers;
mod table;

use peers::Peer;
use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use table::{Measured, Row};

/// What the command line says.
#[derive(Clone, Debug)]
struct Options {
    peers: Option<PathBuf>,
    install: bool,
    with: Option<String>,
    data: Option<String>,
    threads: usize,
    rounds: u64,
    batch: usize,
    clock: String,
    only: Option<String>,
    accuracy: bool,
    seeds: u64,
    epochs: usize,
    images: usize,
    /// The seed of the one measurement of this process.
    seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            peers: None,
            install: false,
            with: None,
            data: None,
            threads: 2,
            rounds: 3,
            batch: 64,
            clock: "wall".into(),
            only: None,
            accuracy: false,
            seeds: 5,
            epochs: 3,
            images: usize::MAX,
            seed: 1,
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut options = Options::default();
    let mut task = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => {}
            "--peers" => options.peers = Some(value()?.into()),
            "--install-peers" => {
                (options.peers, options.install) = (Some(value()?.into()), true);
            }
            "--with" => options.with = Some(value()?),
            "--data" => options.data = Some(value()?),
            "--threads" => options.threads = value()?.parse()?,
            "--rounds" => options.rounds = value()?.parse()?,
            "--batch" => options.batch = value()?.parse()?,
            "--clock" => options.clock = value()?,
            "--only" => options.only = Some(value()?),
            "--accuracy" => options.accuracy = true,
            "--seeds" => options.seeds = value()?.parse()?,
            "--epochs" => options.epochs = value()?.parse()?,
            "--images" => options.images = value()?.parse()?,
            "--seed" => options.seed = value()?.parse()?,
            "--measure" => task = Some(value()?),
            other => {
                return Err(format!("unknown argument {other}; see benches/speed/main.rs").into());
            }
        }
    }
    if let Some(task) = task {
        return ours::measure(&task, &options);
    }
    let mut peers = vec![Peer::ours()?];
    if let Some(folder) = &options.peers {
        let wanted = |name: &str| chosen(options.with.as_deref(), |with| with == name);
        if options.install {
            peers::install(folder, wanted)?;
        }
        peers.extend(peers::found(folder, wanted)?);
    }
    println!("{}\n", peers::versions(&peers, options.threads));
    match options.accuracy {
        true => accuracy::compare(&peers, &options)?,
        false => compare(&peers, &options)?,
    }
    println!("\nLoad at the end: {}", peers::load());
    Ok(())
}

/// Whether one of the parts of a list such as `train,m2` fits; without a list everything does.
fn chosen(list: Option<&str>, fits: impl Fn(&str) -> bool) -> bool {
    list.is_none_or(|list| list.split(',').any(fits))
}

/// Measures everything in turns and prints the table.
fn compare(peers: &[Peer], options: &Options) -> Result<(), Box<dyn Error>> {
    let mut tasks: Vec<String> = Vec::new();
    for kind in ["train", "infer"] {
        tasks.extend(["m1", "m2", "m3"].map(|model| format!("{kind}-{model}")));
    }
    if options.data.is_some() {
        tasks.push("fit-m2".into());
    }
    tasks.retain(|task| chosen(options.only.as_deref(), |only| task.contains(only)));
    let mut rows: Vec<Row> = tasks.iter().map(|task| Row::new(task)).collect();
    for round in 1..=options.rounds {
        for (row, task) in rows.iter_mut().zip(&tasks) {
            for peer in peers.iter().filter(|peer| peer.takes(task)) {
                match measure(peer, task, round, options) {
                    Ok(measured) => row.add(peer.name, measured),
                    Err(problem) => eprintln!("{}, {task}: {problem}", peer.name),
                }
            }
            eprintln!("round {round}: {row}");
        }
    }
    println!("{}", table::markdown(&rows));
    Ok(())
}

/// Runs one measurement in a process of its own, which prints `figure, peak memory in kB`.
fn measure(peer: &Peer, task: &str, seed: u64, options: &Options) -> Result<Measured, String> {
    let mut process = peer.command();
    process.arg(task).args(["--batch", &options.batch.to_string()]);
    process.args(["--clock", &options.clock, "--seed", &seed.to_string()]);
    if options.accuracy {
        process.args(["--epochs", &options.epochs.to_string()]);
        if options.images < usize::MAX {
            process.args(["--images", &options.images.to_string()]);
        }
    }
    if let Some(data) = &options.data {
        process.args(["--data", data]);
    }
    let output = with_threads(&mut process, options.threads).stderr(Stdio::piped()).output();
    let output = output.map_err(|error| format!("{}: {error}", peer.command[0]))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().rev().take(2).map(str::parse::<f64>);
    match (output.status.success(), numbers.next(), numbers.next()) {
        (true, Some(Ok(memory)), Some(Ok(figure))) => {
            Ok(Measured { figure, megabytes: memory / 1000.0 })
        }
        _ => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.trim().lines().last().unwrap_or_default();
            Err(format!("it printed {:?} and ended with {}: {last}", text.trim(), output.status))
        }
    }
}

/// Gives a process its number of threads, in each library's own words.
fn with_threads(process: &mut Command, threads: usize) -> &mut Command {
    for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
        process.env(variable, threads.to_string());
    }
    process
}
