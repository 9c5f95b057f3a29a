//! Typed networks give the same as built ones.

use dfdx::optim::{Adam, AdamConfig};
use dfdx::prelude::*;
use momentum_vision::layer::Maps;
use momentum_vision::loss::cross_entropy;
use momentum_vision::network::{Cnn, Network};
use momentum_vision::random::Random;
use momentum_vision::typed::{self, Conv, Flatten, MaxPool, Relu, scores};
use momentum_vision::weights::NamedTensor;

type Net = (
    (Conv<1, 4, 3, 1, 1>, typed::BatchNorm<4>, Relu, MaxPool<2>),
    typed::Residual<(Conv<4, 4, 3, 1, 1>, typed::BatchNorm<4>)>,
    (typed::AvgPool<2>, typed::GlobalAvgPool, Flatten<4>, typed::Dropout<0>, typed::Linear<4, 3>),
);

fn typed_net() -> Net {
    Cpu::seed_from_u64(3).build_module::<Net, f32>()
}

/// The same layers by the builder.
fn built_net() -> Network {
    Cnn::on([1, 8, 8])
        .conv(4, 3)
        .padding(1)
        .batch_norm()
        .relu()
        .max_pool(2)
        .residual(|b| b.conv(4, 3).padding(1).batch_norm())
        .avg_pool(2)
        .global_avg_pool()
        .dropout(0.0)
        .classes(3)
        .unwrap()
}

/// The weights of the typed network under the names of the built one.
fn weights_of(net: &Net) -> Vec<NamedTensor> {
    let mut all = built_net().tensors();
    let norm = |norm: &typed::BatchNorm<4>| {
        [&norm.weight, &norm.bias, &norm.running_mean, &norm.running_var].map(Tensor::as_vec)
    };
    let mut values = vec![net.0.0.weight.as_vec(), net.0.0.bias.as_vec()];
    values.extend(norm(&net.0.1));
    values.extend([net.1.body.0.weight.as_vec(), net.1.body.0.bias.as_vec()]);
    values.extend(norm(&net.1.body.1));
    values.extend([net.2.4.weight.as_vec(), net.2.4.bias.as_vec()]);
    assert_eq!(all.len(), values.len());
    all.iter_mut().zip(values).for_each(|(tensor, values)| tensor.values = values);
    all
}

fn pixels() -> Vec<f32> {
    let mut random = Random::new(9);
    (0..5 * 64).map(|_| random.uniform(0.0, 1.0)).collect()
}

type Images = Tensor<(usize, Const<1>, Const<8>, Const<8>), f32, Cpu>;

#[test]
fn a_typed_network_gives_the_scores_of_the_built_one() {
    let (mut net, mut built) = (typed_net(), built_net());
    built.set_tensors(weights_of(&net)).unwrap();
    let images: Images = Cpu::default().tensor_from_vec(pixels(), (5, Const, Const, Const));
    let maps: Maps = Cpu::default().tensor_from_vec(pixels(), (5, 1, 8, 8));
    let trained = net.try_forward_mut(images.clone()).unwrap();
    let expected = built.forward_train(maps.clone(), &mut Random::new(0)).unwrap();
    assert_eq!(trained.as_vec(), expected.as_vec());
    let evaluated = net.try_forward(images).unwrap();
    assert_eq!(evaluated.as_vec(), built.forward(maps).unwrap().as_vec());
    assert_eq!(weights_of(&net), built.tensors());
}

#[test]
fn dfdx_trains_it_and_leaves_the_running_statistics_alone() {
    let mut net = typed_net();
    let mut adam = Adam::new(&net, AdamConfig { lr: 1e-2, ..Default::default() });
    let images: Images = Cpu::default().tensor_from_vec(pixels(), (5, Const, Const, Const));
    let mut losses = Vec::new();
    for _ in 0..30 {
        let logits = net.try_forward_mut(images.leaky_trace()).unwrap();
        let loss = cross_entropy(scores(logits).unwrap(), &[0, 1, 2, 0, 1]).unwrap();
        losses.push(loss.array());
        adam.update(&mut net, &loss.backward()).unwrap();
    }
    assert!(losses[29] < losses[0] / 2.0, "{losses:?}");
    assert!(net.0.1.running_var.as_vec().iter().all(|variance| *variance > 0.0));
}

#[test]
fn the_seed_of_the_device_decides_the_weights() {
    assert_eq!(weights_of(&typed_net()), weights_of(&typed_net()));
    let other = Cpu::seed_from_u64(4).build_module::<Net, f32>();
    assert_ne!(weights_of(&typed_net()), weights_of(&other));
    let bound = (3.0f32 / 9.0).sqrt();
    assert!(other.0.0.weight.as_vec().iter().all(|weight| weight.abs() <= bound));
}
