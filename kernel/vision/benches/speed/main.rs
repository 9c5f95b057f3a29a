//! How fast networks learn and answer, beside other libraries on the same cores.
//!
//! ```text
//! cargo bench -p momentum-vision --bench speed
//! cargo bench -p momentum-vision --bench speed -- --peers PYTHON --data FOLDER --threads 2
//! ```
//!
//! `--peers` names a Python that has PyTorch, and JAX if that is to be measured (`benches/peers.py`);
//! `--data` a folder with Fashion-MNIST's four files as its authors
//! publish them, without which images are random; `--rounds` how often everything is measured. Each
//! measurement is a process of its own. In each round ours and the peers take turns, so that whatever
//! else the machine does hits all alike; the table shows medians, and their ratio to the best peer.
//!
//! On a machine that others keep busy, wall time says little, and least of all with several threads
//! that wait for each other. `--threads 1 --clock cpu` counts the processor time of the process
//! instead.

mod ours;
mod table;

use std::process::{Command, ExitCode, Stdio};
use table::{Measured, Row};

/// What the command line says.
#[derive(Clone, Debug)]
struct Options {
    python: Option<String>,
    data: Option<String>,
    threads: usize,
    rounds: usize,
    batch: usize,
    clock: String,
    only: Option<String>,
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

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options {
        python: None,
        data: None,
        threads: 2,
        rounds: 3,
        batch: 64,
        clock: "wall".into(),
        only: None,
    };
    let mut task = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => {}
            "--peers" => options.python = Some(value()?),
            "--data" => options.data = Some(value()?),
            "--threads" => options.threads = value()?.parse()?,
            "--rounds" => options.rounds = value()?.parse()?,
            "--batch" => options.batch = value()?.parse()?,
            "--clock" => options.clock = value()?,
            "--only" => options.only = Some(value()?),
            "--measure" => task = Some(value()?),
            other => {
                return Err(format!("unknown argument {other}; see benches/speed/main.rs").into());
            }
        }
    }
    match task {
        Some(task) => ours::measure(&task, options.batch, options.data.as_deref(), &options.clock),
        None => compare(&options),
    }
}

/// Measures everything in turns and prints the table.
fn compare(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut tasks: Vec<String> = Vec::new();
    for kind in ["train", "infer"] {
        tasks.extend(["m1", "m2", "m3"].map(|model| format!("{kind}-{model}")));
    }
    if options.data.is_some() {
        tasks.push("fit-m2".into());
    }
    tasks.retain(|task| options.only.as_ref().is_none_or(|only| task.contains(only.as_str())));
    let mut peers: Vec<(&str, Vec<String>)> =
        vec![("ours", vec![std::env::current_exe()?.display().to_string(), "--measure".into()])];
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers.py");
    if let Some(python) = &options.python {
        for name in ["pytorch", "pytorch-last", "jax"] {
            peers.push((name, vec![python.clone(), script.into(), name.into()]));
        }
    }
    let mut rows: Vec<Row> = tasks.iter().map(|task| Row::new(task)).collect();
    for round in 1..=options.rounds {
        for row in &mut rows {
            for (name, command) in &peers {
                match measure(command, &row.task, options) {
                    Ok(measured) => row.add(name, measured),
                    Err(problem) => eprintln!("{name}, {}: {problem}", row.task),
                }
            }
            eprintln!("round {round}: {row}");
        }
    }
    println!("{}", table::markdown(&rows));
    Ok(())
}

/// Runs one measurement in a process of its own, which prints `figure, peak memory in kB`.
fn measure(command: &[String], task: &str, options: &Options) -> Result<Measured, String> {
    let threads = options.threads.to_string();
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).arg(task).args(["--batch", &options.batch.to_string()]);
    process.args(["--clock", &options.clock]);
    if let Some(data) = &options.data {
        process.args(["--data", data]);
    }
    for variable in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
        process.env(variable, &threads);
    }
    process.stderr(Stdio::null());
    let output = process.output().map_err(|error| format!("{}: {error}", command[0]))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().rev().take(2).map(str::parse::<f64>);
    match (output.status.success(), numbers.next(), numbers.next()) {
        (true, Some(Ok(memory)), Some(Ok(figure))) => {
            Ok(Measured { figure, megabytes: memory / 1000.0 })
        }
        _ => Err(format!("it printed {:?} and ended with {}", text.trim(), output.status)),
    }
}
