//! Whole networks: training and evaluation, parts of the way, slopes, and threads.

use dfdx::prelude::*;
use momentum_vision::layer::Maps;
use momentum_vision::network::{Activation, Cnn, Network, Objective};
use momentum_vision::random::Random;

fn values(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..n).map(|_| random.uniform(0.0, 1.0)).collect()
}

fn images(n: usize, [channels, height, width]: [usize; 3]) -> Maps {
    let shape = (n, channels, height, width);
    Cpu::default().tensor_from_vec(values(n * channels * height * width, 3), shape)
}

/// Smooth, so that finite differences hold everywhere.
fn smooth() -> Network {
    Cnn::on([2, 6, 6])
        .conv(4, 3)
        .batch_norm()
        .gelu()
        .residual(|b| b.conv(6, 3).padding(1).stride(2).tanh())
        .avg_pool(2)
        .dropout(0.5)
        .seed(4)
        .classes(3)
        .unwrap()
}

#[test]
fn the_way_can_be_gone_in_parts() {
    let network = smooth();
    let whole = network.forward(images(2, [2, 6, 6])).unwrap().as_vec();
    for n in 0..=network.layers().len() {
        let first = network.forward_until(images(2, [2, 6, 6]), n).unwrap();
        let rest = network.forward_from(first, n).unwrap();
        assert_eq!(rest.as_vec(), whole, "cut behind layer {n}");
    }
    let until = network.forward_until(images(2, [2, 6, 6]), 4).unwrap();
    let (_, size) = network.layers().nth(3).unwrap();
    assert_eq!(until.values().len(), 2 * size.len());
    let vectors = Activation::Vectors(Cpu::default().tensor_from_vec(vec![0.0; 5], (1, 5)));
    assert!(network.forward_from(vectors, 0).is_err());
}

#[test]
fn dropout_and_batch_statistics_are_for_training() {
    let mut network = smooth();
    let x = images(4, [2, 6, 6]);
    let evaluated = network.forward(x.clone()).unwrap().as_vec();
    let train = |network: &mut Network, seed| {
        network.forward_train(x.clone(), &mut Random::new(seed)).unwrap().as_vec()
    };
    let trained = train(&mut network.clone(), 1);
    assert_ne!(trained, evaluated);
    assert_eq!(trained, train(&mut network.clone(), 1));
    assert_ne!(trained, train(&mut network.clone(), 2));
    // The running statistics follow the batches, and with them what is said in evaluation.
    for seed in 0..50 {
        train(&mut network, seed);
    }
    assert_ne!(network.forward(x.clone()).unwrap().as_vec(), evaluated);
    let learnt = network.parameters().len();
    assert_eq!(network.tensors().len(), learnt + 2);
}

#[test]
fn a_batch_of_one_image_has_no_variance() {
    let mut network = Cnn::on([1, 4, 4]).global_avg_pool().batch_norm().classes(2).unwrap();
    let error = network.forward_train(images(1, [1, 4, 4]), &mut Random::new(0)).err().unwrap();
    insta::assert_snapshot!(error, @"batch normalisation while training: expected at least 2 values of each channel, to have a variance, got 1: a batch of one image");
}

/// Compares each slope with a finite difference of the objective.
fn check_slopes(network: &Network, at: usize, objective: Objective) {
    let x = values(72, 5);
    let got = network.slopes(x.clone(), at, objective).unwrap();
    assert_eq!(got.values.len(), got.slopes.len());
    assert_eq!(got.shape.iter().product::<usize>(), got.values.len());
    let step = 1e-2;
    for i in (0..got.values.len()).step_by(3) {
        let objective_of = |by: f32| {
            let mut moved = got.values.clone();
            moved[i] += by;
            let shape = (got.shape[0], got.shape[1], got.shape[2], got.shape[3]);
            let maps: Maps = Cpu::default().tensor_from_vec(moved, shape);
            match objective {
                Objective::Class(class) => {
                    network.forward_from(Activation::Maps(maps), at).unwrap().as_vec()[class]
                }
                Objective::Channel { .. } => {
                    let values = maps.as_vec();
                    network.slopes(values, 0, objective).unwrap().objectives[0]
                }
            }
        };
        let slope = (objective_of(step) - objective_of(-step)) / (2.0 * step);
        assert!((slope - got.slopes[i]).abs() < 5e-3, "{i}: {slope} but {}", got.slopes[i]);
    }
}

#[test]
fn slopes_agree_with_finite_differences() {
    let network = smooth();
    for at in 0..=5 {
        check_slopes(&network, at, Objective::Class(1));
    }
    check_slopes(&network, 0, Objective::Channel { layer: 4, channel: 5 });
    check_slopes(&network, 0, Objective::Channel { layer: 8, channel: 2 });
}

#[test]
fn slopes_that_are_not_defined_are_refused() {
    let network = smooth();
    let refuse =
        |at, objective| network.slopes(values(72, 5), at, objective).unwrap_err().to_string();
    insta::assert_snapshot!(refuse(5, Objective::Channel { layer: 4, channel: 0 }), @"CNN: the slopes of Channel { layer: 4, channel: 0 } at layer 5 are not defined: the network has 8 layers, and the layer must not come behind the objective");
    insta::assert_snapshot!(refuse(0, Objective::Class(3)), @"CNN: Class(3) asks for one of 3, counted from 0");
}
