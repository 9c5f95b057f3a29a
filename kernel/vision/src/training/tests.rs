//! Trainings as a whole.

mod pytorch;

use super::*;
use crate::data::{Augmentation, fashion_mnist};
use crate::network::{Cnn, Mlp};
use sha2::{Digest, Sha256};
use std::path::Path;

/// SHA-256 in hex digits.
pub(crate) fn hex_digest(parts: impl IntoIterator<Item = Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hash of all tensors, running statistics too.
fn hash(network: &Network) -> String {
    hex_digest(network.tensors().into_iter().flat_map(|tensor| {
        let values = tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        [tensor.name.into_bytes(), values]
    }))
}

fn tiny_cnn() -> Network {
    let cnn = Cnn::on([1, 28, 28]).conv(4, 3).padding(1).relu().max_pool(2).conv(6, 3);
    cnn.relu().max_pool(2).hidden(16).seed(3).classes(10).unwrap()
}

/// With layers that behave otherwise while training.
fn normalised_cnn() -> Network {
    let cnn = Cnn::on([1, 28, 28]).conv(4, 3).batch_norm().relu().max_pool(4).dropout(0.25);
    cnn.hidden(16).dropout(0.5).seed(3).classes(10).unwrap()
}

fn config(learning_rate: f32) -> FitConfig {
    let interrupt = Interrupt::new();
    FitConfig { epochs: 2, batch: 50, learning_rate, seed: 5, interrupt, ..Default::default() }
}

/// Everything at once.
fn rich_config() -> FitConfig {
    FitConfig {
        epochs: 3,
        optimizer: Optimizer::ADAM_W,
        weight_decay: 0.01,
        one_cycle: Some(OneCycle::default()),
        label_smoothing: 0.1,
        clip: Some(1.0),
        augmentation: Augmentation { shift: 2, flip: true, rotation: 10.0, noise: 0.05 },
        early_stopping: Some(EarlyStopping::after(2)),
        ..config(3e-3)
    }
}

/// Trains on this many images and threads.
fn train(network: &mut Network, config: &FitConfig, n: usize, threads: usize) -> History {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let data = fashion_mnist().unwrap();
        network.fit(&data.train.first(n), &data.validation.first(100), config).unwrap()
    })
}

fn trained(network: fn() -> Network, config: &FitConfig, threads: usize) -> (String, History) {
    let mut network = network();
    let history = train(&mut network, config, 330, threads);
    (hash(&network), history)
}

#[test]
fn the_same_bits_for_1_2_and_4_threads_and_on_every_cpu() {
    let (one, history) = trained(tiny_cnn, &config(3e-3), 1);
    assert_eq!((one.clone(), history.clone()), trained(tiny_cnn, &config(3e-3), 2));
    assert_eq!((one.clone(), history.clone()), trained(tiny_cnn, &config(3e-3), 4));
    assert!(history.epochs[1].train_loss < history.epochs[0].train_loss);
    insta::assert_snapshot!(one, @"2efc4d9797ed370256c4e3ee259eb91d77164dbefe50169c8da3801c5155c83d");
}

#[test]
fn the_same_bits_with_everything_at_once() {
    let one = trained(normalised_cnn, &rich_config(), 1);
    assert_eq!(one, trained(normalised_cnn, &rich_config(), 2));
    assert_eq!(one, trained(normalised_cnn, &rich_config(), 4));
    insta::assert_snapshot!(one.0, @"c8aa75145c56b12dc79fc432adbb43593c1963a57170a4d9d3bac6c5353980b8");
}

#[test]
fn a_linear_network_learns_two_classes_by_heart() {
    let data = fashion_mnist().unwrap().train.first(40);
    for optimizer in [Optimizer::ADAM, Optimizer::SGD] {
        let mut network = Mlp::on([1, 28, 28]).seed(0).classes(10).unwrap();
        let config = FitConfig { epochs: 60, batch: 20, optimizer, ..config(1e-2) };
        let history = network.fit(&data, &data, &config).unwrap();
        assert!(history.epochs[59].train_accuracy > 0.95, "{optimizer:?} {history}");
    }
}

#[test]
fn a_loss_that_is_no_number_is_found_at_its_step_and_layer() {
    let data = fashion_mnist().unwrap().train.first(200);
    let error = tiny_cnn().fit(&data, &data, &config(1e30)).unwrap_err();
    insta::assert_snapshot!(error, @"epoch 1, step 2: the loss is NaN: it began in layer 4, conv(6, 3), which made inf of values up to 8.380373e30. Lower learning_rate (it is 1e30), ten times at first, or set `clip` to 1");
    let sgd = FitConfig { optimizer: Optimizer::SGD, ..config(1e38) };
    let error = tiny_cnn().fit(&data, &data, &sgd).unwrap_err();
    insta::assert_snapshot!(error, @"epoch 1, step 2: the loss is NaN: it began in layer 4, conv(6, 3), which made inf of values up to 1.4966637e37. Lower learning_rate (it is 1e38), ten times at first, or set `clip` to 1");
}

#[test]
fn an_interrupt_keeps_what_was_learnt() {
    let data = fashion_mnist().unwrap().train.first(200);
    let config = config(1e-3);
    let (mut network, before) = (tiny_cnn(), hash(&tiny_cnn()));
    let mut steps = 0;
    let history = network.fit_with(&data, &data, &config, &mut |progress| {
        if let Progress::Step { .. } = progress {
            steps += 1;
            config.interrupt.raise();
        }
    });
    let history = history.unwrap();
    assert_eq!((steps, history.ending, history.epochs.len()), (1, Ending::Interrupted, 0));
    assert_ne!(hash(&network), before);
}

#[test]
fn training_ends_early_and_goes_back_to_the_best_epoch() {
    let data = fashion_mnist().unwrap();
    let (train, validation) = (data.train.first(40), data.validation.first(60));
    let early_stopping = Some(EarlyStopping::after(2));
    let config = FitConfig { epochs: 50, early_stopping, ..config(3e-2) };
    let mut network = tiny_cnn();
    let history = network.fit(&train, &validation, &config).unwrap();
    let losses: Vec<f64> = history.epochs.iter().map(|epoch| epoch.validation_loss).collect();
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!((history.ending, history.kept), (Ending::Early, Some(losses.len() - 2)));
    assert_eq!(losses[losses.len() - 3], best);
    let now = crate::evaluation::evaluate(&network, &validation).unwrap().loss;
    assert_eq!(now, best);
    assert!(history.table().caption.contains(", stopped early, back to epoch"), "{history}");
}

/// Interrupts after so many steps in all, then goes on in a new network.
fn interrupted(
    make: fn() -> Network,
    config: &FitConfig,
    after: usize,
    n: usize,
) -> (String, History) {
    let data = fashion_mnist().unwrap();
    let (train, validation) = (data.train.first(n), data.validation.first(100));
    let mut left = after;
    let first = make().fit_with(&train, &validation, config, &mut |progress| {
        if let Progress::Step { .. } = progress {
            left = left.saturating_sub(1);
            if left == 0 {
                config.interrupt.raise();
            }
        }
    });
    assert_eq!(first.unwrap().ending, Ending::Interrupted);
    let mut network = make();
    let history = network.fit(&train, &validation, config).unwrap();
    (hash(&network), history)
}

#[test]
fn a_resumed_training_ends_in_the_bits_of_one_that_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    for (make, config) in [
        (tiny_cnn as fn() -> Network, config(3e-3)),
        (normalised_cnn, rich_config()),
        (tiny_cnn, FitConfig { optimizer: Optimizer::SGD, decay: 0.5, ..config(1e-2) }),
    ] {
        let whole = trained(make, &config, 1);
        // In the middle of an epoch, at its last step (before validation), in a later epoch.
        for after in [3, 7, 9] {
            let _ = std::fs::remove_file(&path);
            let checkpoint = Some(Checkpoint::at(&path).resume());
            let config = FitConfig { checkpoint, ..config.clone() };
            assert_eq!(interrupted(make, &config, after, 330), whole, "after {after} steps");
        }
        // What is done is not done again.
        let checkpoint = Some(Checkpoint::at(&path).resume());
        let mut network = make();
        let history = train(&mut network, &FitConfig { checkpoint, ..config }, 330, 1);
        assert_eq!((hash(&network), history), whole);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written");
}

fn refusal(path: &Path, config: FitConfig, network: &mut Network) -> String {
    let checkpoint = Some(Checkpoint::at(path).resume());
    let data = fashion_mnist().unwrap();
    let before = hash(network);
    let error = network
        .fit(&data.train.first(60), &data.validation.first(20), &FitConfig { checkpoint, ..config })
        .unwrap_err();
    assert_eq!(hash(network), before, "a refused checkpoint changes nothing");
    error.to_string().replace(&path.display().to_string(), "FILE")
}

#[test]
fn a_checkpoint_of_another_training_or_a_broken_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.safetensors");
    let checkpoint = Some(Checkpoint::at(&path));
    let config = FitConfig { epochs: 1, ..config(1e-3) };
    train(&mut tiny_cnn(), &FitConfig { checkpoint, ..config.clone() }, 60, 1);
    let bytes = std::fs::read(&path).unwrap();
    let other = FitConfig { batch: 20, ..config.clone() };
    insta::assert_snapshot!(refusal(&path, other, &mut tiny_cnn()), @"FILE was written with `batch 50`, but now it is `batch 20`: a training goes on only with what it began with. Delete the file to start anew");
    let network = &mut normalised_cnn();
    let text = refusal(&path, config.clone(), network);
    // The same settings, but the validation images of `train` are others than those of `refusal`.
    insta::assert_snapshot!(text.split(" of SHA").next().unwrap(), @"FILE was written with `validation images 100");
    std::fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
    insta::assert_snapshot!(refusal(&path, config.clone(), &mut tiny_cnn()), @"FILE is no whole checkpoint: its 49351 bytes are no safetensors file (incomplete metadata, file not fully covered). Delete it to start anew");
    std::fs::write(&path, "a text").unwrap();
    insta::assert_snapshot!(refusal(&path, config, &mut tiny_cnn()), @"FILE is no whole checkpoint: its 6 bytes are no safetensors file (header too small). Delete it to start anew");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let data = fashion_mnist().unwrap().train.first(20);
    let error = Mlp::on([1, 8, 8]).classes(10).unwrap().fit(&data, &data, &config(1e-3));
    insta::assert_snapshot!(error.unwrap_err(), @"the images are [1, 28, 28], but the network was built on [1, 8, 8]");
    let error = Mlp::on([1, 28, 28]).classes(3).unwrap().fit(&data, &data, &config(1e-3));
    insta::assert_snapshot!(error.unwrap_err(), @"the data has 10 classes, but the network ends in 3: use .classes(10)");
    let check = |config: FitConfig| tiny_cnn().fit(&data, &data, &config).unwrap_err().to_string();
    insta::assert_snapshot!(check(FitConfig { batch: 0, ..config(1e-3) }), @"batch is 0: give the number of images of one step, such as 64");
    insta::assert_snapshot!(check(FitConfig { label_smoothing: 1.0, ..config(1e-3) }), @"label_smoothing is 1: give a share from 0 to below 1");
    insta::assert_snapshot!(check(FitConfig { clip: Some(0.0), ..config(1e-3) }), @"clip is 0: give the greatest length of the gradient, such as 1");
    insta::assert_snapshot!(check(FitConfig { one_cycle: Some(OneCycle::default()), decay: 0.9, ..config(1e-3) }), @"one_cycle sets the step size by itself: leave decay at 1 (it is 0.9)");
    insta::assert_snapshot!(check(FitConfig { optimizer: Optimizer::Sgd { momentum: 1.0, nesterov: false }, ..config(1e-3) }), @"momentum is 1: give a share from 0 to below 1, such as 0.9");
    insta::assert_snapshot!(check(FitConfig { early_stopping: Some(EarlyStopping::after(0)), ..config(1e-3) }), @"patience is 0: give the number of epochs to wait for a better one");
}
