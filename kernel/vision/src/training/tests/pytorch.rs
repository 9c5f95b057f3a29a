//! Whole trainings against PyTorch's: `tests/pytorch/training.py` made the file.

use crate::data::Dataset;
use crate::network::{Cnn, Network};
use crate::training::{FitConfig, Interrupt, OneCycle, Optimizer, Progress};
use crate::weights::{self, NamedTensor};

const STEPS: usize = 6;

struct Stored(Vec<NamedTensor>);

impl Stored {
    fn new() -> Self {
        let bytes = include_bytes!("../../../tests/pytorch/training.safetensors");
        Stored(weights::parse(bytes, "training.safetensors").unwrap())
    }

    fn get(&self, name: &str) -> &NamedTensor {
        self.0.iter().find(|tensor| tensor.name == name).unwrap()
    }

    fn network(&self, prefix: &str) -> Vec<NamedTensor> {
        let named = |name: &str| {
            let tensor = self.get(&format!("{prefix}.{name}"));
            NamedTensor { name: name.into(), ..tensor.clone() }
        };
        ["0.weight", "0.bias", "4.weight", "4.bias"].map(named).to_vec()
    }

    fn data(&self) -> Dataset {
        let bytes = |name: &str| self.get(name).values.iter().map(|&x| x as u8).collect();
        let classes = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        Dataset::from_pixels([1, 6, 6], bytes("pixels"), bytes("labels"), classes).unwrap()
    }
}

fn start(stored: &Stored) -> Network {
    let cnn = Cnn::on([1, 6, 6]).conv(3, 3).relu().max_pool(2).seed(0);
    let mut network = cnn.classes(4).unwrap();
    network.set_tensors(stored.network("start")).unwrap();
    network
}

/// Losses before each step, learning rates, and final weights must be PyTorch's.
fn check(name: &str, optimizer: Optimizer, learning_rate: f32, change: FitConfig) {
    let stored = Stored::new();
    let data = stored.data();
    let mut network = start(&stored);
    // Each epoch is one step with all images, so that their order does not matter.
    let config =
        FitConfig { epochs: STEPS, batch: 10, learning_rate, optimizer, seed: 0, ..change };
    let (mut losses, mut rates) = (Vec::new(), Vec::new());
    let observe = &mut |progress| {
        if let Progress::Step { loss, learning_rate, .. } = progress {
            losses.push(loss);
            rates.push(learning_rate);
        }
    };
    network.fit_with(&data, &data, &config, observe).unwrap();
    let near = |what: &str, expected: &[f32], got: &[f32], tolerance: f32| {
        assert_eq!(expected.len(), got.len(), "{name} {what}");
        for (i, (x, y)) in expected.iter().zip(got).enumerate() {
            let allowed = tolerance * x.abs().max(1e-3);
            assert!((x - y).abs() <= allowed, "{name} {what} {i}: PyTorch {x}, ours {y}");
        }
    };
    near("rates", &stored.get(&format!("{name}.rates")).values, &rates, 1e-6);
    near("losses", &stored.get(&format!("{name}.losses")).values, &losses, 1e-5);
    for (expected, got) in stored.network(name).iter().zip(network.tensors()) {
        near(&expected.name, &expected.values, &got.values, 1e-3);
    }
}

fn config() -> FitConfig {
    FitConfig { interrupt: Interrupt::new(), ..FitConfig::default() }
}

const PLAIN: Optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };

#[test]
fn optimisers_and_weight_decay_agree_with_pytorch() {
    let decay = || FitConfig { weight_decay: 0.1, ..config() };
    check("sgd", PLAIN, 0.05, config());
    check("sgd_momentum", Optimizer::SGD, 0.05, config());
    check("sgd_nesterov", Optimizer::Sgd { momentum: 0.9, nesterov: true }, 0.05, config());
    check("sgd_decay", Optimizer::SGD, 0.05, decay());
    check("adam", Optimizer::ADAM, 0.01, config());
    check("adam_decay", Optimizer::ADAM, 0.01, decay());
    check("adamw", Optimizer::ADAM_W, 0.01, decay());
    let other = Optimizer::AdamW { beta1: 0.8, beta2: 0.95, epsilon: 1e-6 };
    check("adamw_betas", other, 0.01, config());
}

#[test]
fn smoothing_clipping_and_one_cycle_agree_with_pytorch() {
    let one_cycle = Some(OneCycle::default());
    check("smoothing", PLAIN, 0.05, FitConfig { label_smoothing: 0.1, ..config() });
    check("clip", Optimizer::SGD, 0.05, FitConfig { clip: Some(0.05), ..config() });
    check("one_cycle_sgd", Optimizer::SGD, 0.05, FitConfig { one_cycle, ..config() });
    let decay = FitConfig { weight_decay: 0.1, one_cycle, ..config() };
    check("one_cycle_adamw", Optimizer::ADAM_W, 0.01, decay);
    let cycle = OneCycle { warm_up: 0.5, start_divisor: 10.0, end_divisor: 100.0, momentum: None };
    let all = FitConfig {
        weight_decay: 0.1,
        label_smoothing: 0.1,
        clip: Some(0.05),
        one_cycle: Some(cycle),
        ..config()
    };
    check("all", Optimizer::ADAM_W, 0.01, all);
}
