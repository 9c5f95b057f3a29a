//! Whether ours learns as well as PyTorch on the same schedule.

use super::{Options, chosen, measure};
use crate::peers::Peer;
use std::error::Error;

/// Trains with each seed in turns and prints means, standard deviations and the difference.
pub(crate) fn compare(peers: &[Peer], options: &Options) -> Result<(), Box<dyn Error>> {
    let models = ["m1", "m2", "m3"].map(|model| format!("accuracy-{model}"));
    // Without a wish, the network with most convolution.
    let only = Some(options.only.as_deref().unwrap_or("m2"));
    let mut text = format!(
        "Test accuracy in % after {} epochs of {}, Adam 0.001, batch {}, seeds 1 to {}.\n\n\
         | network | library | mean | standard deviation | each seed | peak MB |\n|---|---|---|---|---|---|",
        options.epochs,
        data(options),
        options.batch,
        options.seeds
    );
    let mut differences = String::new();
    for task in models.iter().filter(|task| chosen(only, |only| task.contains(only))) {
        let takers: Vec<&Peer> = peers.iter().filter(|peer| peer.takes(task)).collect();
        let mut shares = vec![Vec::new(); takers.len()];
        let mut megabytes = vec![0.0f64; takers.len()];
        for seed in 1..=options.seeds {
            for (i, peer) in takers.iter().enumerate() {
                let measured = measure(peer, task, seed, options)
                    .map_err(|problem| format!("{}, {task}: {problem}", peer.name))?;
                eprintln!("{}, {task}, seed {seed}: {:.2} %", peer.name, measured.figure);
                shares[i].push(measured.figure);
                megabytes[i] = megabytes[i].max(measured.megabytes);
            }
        }
        let model = task.trim_start_matches("accuracy-");
        for (i, peer) in takers.iter().enumerate() {
            let each: Vec<String> = shares[i].iter().map(|share| format!("{share:.2}")).collect();
            let (mean, deviation) = (mean(&shares[i]), variance(&shares[i]).sqrt());
            text += &format!(
                "\n| {model} | {} | {mean:.2} | {deviation:.2} | {} | {:.0} |",
                peer.name,
                each.join(" "),
                megabytes[i]
            );
        }
        if let [ours, theirs] = shares.as_slice() {
            differences += &format!("\n\n{model}: {}", difference(ours, theirs));
        }
    }
    println!("{text}{differences}");
    Ok(())
}

fn data(options: &Options) -> String {
    let which = match &options.data {
        Some(_) => "Fashion-MNIST",
        None => "the subset of Fashion-MNIST",
    };
    match options.images {
        usize::MAX => format!("all training images of {which}"),
        n => format!("the first {n} training images of {which}"),
    }
}

/// The difference of two means beside what seeds alone would make of it (Welch's standard error).
fn difference(ours: &[f64], theirs: &[f64]) -> String {
    let points = mean(ours) - mean(theirs);
    let error = variance(ours) / ours.len() as f64 + variance(theirs) / theirs.len() as f64;
    format!(
        "ours less PyTorch's is {points:+.2} points; the standard error of that difference, from the \
         seeds alone, is {:.2} points ({:.1} of them).",
        error.sqrt(),
        points.abs() / error.sqrt()
    )
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Of the population that the values are a sample of.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    squares / (values.len() as f64 - 1.0)
}
