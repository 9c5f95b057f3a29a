//! Our own measurements: each prints a figure and the process's peak memory in kB.

use crate::Options;
use crate::clock::{Clock, peak_memory};
use momentum_vision::data::{Dataset, FASHION_CLASSES, Idx};
use momentum_vision::network::{Cnn, Mlp, Network};
use momentum_vision::random::Random;
use momentum_vision::training::{FitConfig, Progress};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// How many seconds a rate is measured.
const LENGTH: f64 = 3.0;
/// Steps that are not counted.
const WARM_UP: usize = 5;
/// The committed subset of Fashion-MNIST, in files as its authors publish them.
const SUBSET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/fashion");

/// Measures `train-m1`, `infer-m3`, `fit-m2`, `accuracy-m2` and the like.
pub(crate) fn measure(task: &str, options: &Options) -> Result<(), Box<dyn Error>> {
    let clock = match options.clock.as_str() {
        "wall" => Clock::Wall(Instant::now()),
        "cpu" => Clock::Cpu,
        other => return Err(format!("{other} is no clock: wall or cpu").into()),
    };
    let (kind, model) = task.split_once('-').ok_or("a task is such as train-m1")?;
    let network = network(model, options.seed)?;
    let data = options.data.as_deref();
    let figure = match kind {
        "train" => train(network, &images(data, "train")?, options, clock)?,
        "infer" => infer(&network, &images(data, "train")?, options.batch, clock)?,
        "fit" => fit(network, &images(data, "train")?, &images(data, "t10k")?, options, clock)?,
        "accuracy" => {
            let data = Some(data.unwrap_or(SUBSET));
            accuracy(network, &images(data, "train")?, &images(data, "t10k")?, options)?
        }
        _ => return Err(format!("no measurement is called {kind}").into()),
    };
    println!("{figure} {}", peak_memory());
    Ok(())
}

fn network(model: &str, seed: u64) -> Result<Network, Box<dyn Error>> {
    let cnn = Cnn::on([1, 28, 28]).seed(seed);
    Ok(match model {
        "m1" => {
            let maps = cnn.conv(6, 5).relu().max_pool(2).conv(16, 5).relu().max_pool(2);
            maps.hidden(120).hidden(84).classes(10)?
        }
        "m2" => cnn.conv(32, 3).relu().conv(64, 3).relu().max_pool(2).hidden(128).classes(10)?,
        "m3" => Mlp::on([1, 28, 28]).seed(seed).hidden(512).hidden(512).classes(10)?,
        _ => return Err(format!("no network is called {model}").into()),
    })
}

/// Fashion-MNIST's own files, or random images.
fn images(folder: Option<&str>, part: &str) -> Result<Dataset, Box<dyn Error>> {
    let Some(folder) = folder else {
        let mut random = Random::new(1);
        let mut bytes =
            |n: usize, below| -> Vec<u8> { (0..n).map(|_| random.below(below) as u8).collect() };
        let mut idx = |shape: Vec<usize>, below| {
            let values = bytes(shape.iter().product(), below);
            Idx::from_values(shape, values).ok_or("as many values as the shape says")
        };
        let (images, labels) = (idx(vec![6400, 28, 28], 256)?, idx(vec![6400], 10)?);
        return Ok(Dataset::new(images, labels, &FASHION_CLASSES)?);
    };
    let read = |name: String| Idx::read(&Path::new(folder).join(name));
    let images = read(format!("{part}-images-idx3-ubyte.gz"))?;
    Ok(Dataset::new(images, read(format!("{part}-labels-idx1-ubyte.gz"))?, &FASHION_CLASSES)?)
}

/// Images per second of `fit`, its loop included.
fn train(
    mut network: Network,
    data: &Dataset,
    options: &Options,
    clock: Clock,
) -> Result<f64, Box<dyn Error>> {
    let Options { batch, seed, .. } = *options;
    let config = FitConfig { epochs: 1000, batch, seed, ..FitConfig::default() };
    let (mut steps, mut start, mut rate) = (0, 0.0, 0.0);
    let interrupt = config.interrupt.clone();
    network.fit_with(data, &data.first(batch), &config, &mut |progress| {
        let Progress::Step { .. } = progress else { return };
        steps += 1;
        if steps <= WARM_UP {
            start = clock.seconds();
        } else if clock.seconds() - start >= LENGTH {
            rate = ((steps - WARM_UP) * batch) as f64 / (clock.seconds() - start);
            interrupt.raise();
        }
    })?;
    Ok(rate)
}

/// Images per second of `scores`.
fn infer(
    network: &Network,
    data: &Dataset,
    batch: usize,
    clock: Clock,
) -> Result<f64, Box<dyn Error>> {
    let places: Vec<usize> = (0..batch).collect();
    let (values, _) = data.batch(&places);
    for _ in 0..WARM_UP {
        network.scores(values.clone())?;
    }
    let (start, mut images) = (clock.seconds(), 0);
    while clock.seconds() - start < LENGTH {
        network.scores(values.clone())?;
        images += batch;
    }
    Ok(images as f64 / (clock.seconds() - start))
}

/// Seconds until 90 % of the test images are recognised, looked at after each epoch.
fn fit(
    mut network: Network,
    train: &Dataset,
    test: &Dataset,
    options: &Options,
    clock: Clock,
) -> Result<f64, Box<dyn Error>> {
    let Options { batch, seed, .. } = *options;
    let config = FitConfig { epochs: 20, batch, seed, ..FitConfig::default() };
    let (start, interrupt) = (clock.seconds(), config.interrupt.clone());
    let mut seconds = None;
    network.fit_with(train, test, &config, &mut |progress| {
        if let Progress::Epoch(epoch) = progress
            && epoch.validation_accuracy >= 0.9
            && seconds.is_none()
        {
            seconds = Some(clock.seconds() - start);
            interrupt.raise();
        }
    })?;
    Ok(seconds.ok_or("20 epochs did not reach 90 %")?)
}

/// Share of the test images, in %, that are recognised after the last epoch.
fn accuracy(
    mut network: Network,
    train: &Dataset,
    test: &Dataset,
    options: &Options,
) -> Result<f64, Box<dyn Error>> {
    let Options { batch, seed, epochs, .. } = *options;
    let train = train.first(options.images);
    let config = FitConfig { epochs, batch, seed, ..FitConfig::default() };
    let history = network.fit(&train, test, &config)?;
    let last = history.epochs.last().ok_or("there is nothing to measure without an epoch")?;
    Ok(last.validation_accuracy * 100.0)
}
