//! The fused stages against the layers one by one.

use super::*;
use crate::gradient::values;
use crate::loss::cross_entropy;
use crate::network::{Builder, Cnn, Mlp, Network, ParameterVisitor};
use crate::random::Random;
use dfdx::prelude::{Backward, Cpu, Gradients, Shape, Tensor, TensorFromVec, Trace};

fn random(n: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    (0..n).map(|_| random.uniform(-1.0, 1.0)).collect()
}

fn tape_gradients(network: &mut Network, gradients: Gradients<f32, Cpu>) -> Vec<Vec<f32>> {
    struct Collect(Gradients<f32, Cpu>, Vec<Vec<f32>>);
    impl ParameterVisitor for Collect {
        fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>) {
            self.1.push(values(&self.0.get(parameter)));
        }
    }
    let mut collect = Collect(gradients, Vec::new());
    network.each_parameter(&mut collect);
    collect.1
}

/// Scores and gradients are those of the layers one by one, bit by bit.
fn check(builder: Builder) {
    let mut network = builder.seed(1).classes(3).unwrap();
    let [channels, height, width] = network.input_shape();
    let (batch, labels) = (11, [0, 1, 2, 2, 1, 0, 0, 1, 2, 0, 1]);
    let images = random(batch * channels * height * width, 2);
    let tensor = network.tensor(images.clone()).unwrap();
    let expected = network.forward(tensor.leaky_trace()).unwrap();
    let expected_scores = values(&expected);
    let loss = cross_entropy(expected, &labels).unwrap();
    let expected_gradients = tape_gradients(&mut network, loss.backward());

    assert_eq!(network.scores(images.clone()).unwrap(), expected_scores);
    let mut stepper = Stepper::of(&network).unwrap();
    // Twice, so that what the first run left in the buffers would show.
    for _ in 0..2 {
        let scores = stepper.scores(&images).unwrap().to_vec();
        assert_eq!(scores, expected_scores);
        let scores = Cpu::default().tensor_from_vec(scores, (batch, 3));
        let gradients = cross_entropy(scores.leaky_trace(), &labels).unwrap().backward();
        stepper.backward(&images, &values(&gradients.get(&scores)));
        for ((_, got), expected) in stepper.parameters().zip(&expected_gradients) {
            assert_eq!(got, expected);
        }
    }
}

#[test]
fn fused_stages_give_the_bits_of_the_layers() {
    check(Cnn::on([1, 12, 12]).conv(6, 5).relu().max_pool(2).conv(4, 3).relu().hidden(9));
    check(Cnn::on([3, 9, 8]).conv(16, 3).relu().conv(32, 3).padding(1).max_pool(2).relu());
    check(Cnn::on([1, 8, 8]).conv(4, 3).relu().max_pool(2));
    check(Cnn::on([2, 7, 7]).conv(4, 3).stride(2).padding(1).groups(2).max_pool(3));
    check(Cnn::on([2, 7, 6]).conv(4, 3).hidden(5).hidden(6));
    check(Mlp::on([1, 5, 5]).hidden(140).hidden(7));
}

#[test]
fn other_networks_run_layer_by_layer() {
    let plain = Cnn::on([1, 8, 8]).conv(4, 3);
    let pooled_first = Cnn::on([1, 8, 8]).max_pool(2).conv(4, 3);
    let normalised = plain.clone().batch_norm();
    for builder in [pooled_first, normalised, Cnn::on([1, 8, 8]).relu()] {
        let network = builder.seed(1).classes(2).unwrap();
        assert!(Stepper::of(&network).is_none());
        let images = random(128, 1);
        let tensor = network.tensor(images.clone()).unwrap();
        let expected = values(&network.forward(tensor).unwrap());
        assert_eq!(network.scores(images).unwrap(), expected);
    }
    assert!(Stepper::of(&plain.classes(2).unwrap()).is_some());
}

#[test]
fn threads_do_not_change_scores() {
    let network = Cnn::on([1, 12, 12]).conv(6, 5).relu().max_pool(2).hidden(20).classes(3).unwrap();
    // Batches below, at and above what a thread takes at a time, and one image after the other.
    for batch in [1, 7, 36, 100] {
        let images = random(batch * 144, 3);
        let singly = images.chunks(144).flat_map(|image| network.scores(image.to_vec()).unwrap());
        let expected: Vec<f32> = singly.collect();
        for threads in [1, 2, 4] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let scores = pool.install(|| network.scores(images.clone()).unwrap());
            assert_eq!(scores, expected, "{batch} images, {threads} threads");
        }
    }
}

#[test]
fn scores_follow_the_weights() {
    let mut network = Mlp::on([1, 2, 2]).seed(1).classes(2).unwrap();
    assert_ne!(network.scores(vec![1.0; 4]).unwrap(), [5.0, 6.0]);
    let mut tensors = network.tensors();
    tensors[0].values.fill(0.0);
    tensors[1].values = vec![5.0, 6.0];
    network.set_tensors(tensors).unwrap();
    assert_eq!(network.scores(vec![1.0; 4]).unwrap(), [5.0, 6.0]);
    let mut stepper = Stepper::of(&network).unwrap();
    for (parameter, _) in stepper.parameters() {
        parameter.fill(0.0);
    }
    stepper.give_back(&mut network);
    assert_eq!(network.scores(vec![1.0; 4]).unwrap(), [0.0, 0.0]);
}

#[test]
fn values_that_are_no_whole_images_are_refused() {
    let network = Mlp::on([1, 2, 2]).seed(1).classes(2).unwrap();
    let mut stepper = Stepper::of(&network).unwrap();
    insta::assert_snapshot!(stepper.scores(&[0.0; 5]).unwrap_err(), @"the network: expected images of 1 x 2 x 2 values, got 5 values");
}
