//! burn's side of `speed`, on its backend for processors, flex.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};
use momentum_rust_peers::{Kind, Result, Task, answer};
use std::process::ExitCode;

#[derive(Module, Debug)]
struct Network {
    convolutions: Vec<Conv2d>,
    /// The pool after each convolution.
    pools: Vec<Option<MaxPool2d>>,
    linears: Vec<Linear>,
}

impl Network {
    fn new(task: &Task, device: &Device) -> Network {
        let convolution = |&(from, to, size, _): &(usize, usize, usize, bool)| {
            Conv2dConfig::new([from, to], [size, size]).init(device)
        };
        let pool =
            |pool: bool| pool.then(|| MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init());
        Network {
            convolutions: task.convolutions.iter().map(convolution).collect(),
            pools: task.convolutions.iter().map(|layer| pool(layer.3)).collect(),
            linears: task
                .linears
                .windows(2)
                .map(|sizes| LinearConfig::new(sizes[0], sizes[1]).init(device))
                .collect(),
        }
    }

    /// Scores `[batch, 10]` of images `[batch, 1, 28, 28]`.
    fn scores(&self, images: Tensor<4>) -> Tensor<2> {
        let mut maps = images;
        for (layer, pool) in self.convolutions.iter().zip(&self.pools) {
            maps = relu(layer.forward(maps));
            if let Some(pool) = pool {
                maps = pool.forward(maps);
            }
        }
        let mut x: Tensor<2> = maps.flatten(1, 3);
        for (i, layer) in self.linears.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < self.linears.len() {
                x = relu(x);
            }
        }
        x
    }
}

fn measure(task: &Task) -> Result<f64> {
    let plain = Device::flex();
    plain.seed(task.seed);
    let images = |values: Vec<f32>, device: &Device| {
        Tensor::<4>::from_data(TensorData::new(values, [task.batch, 1, 28, 28]), device)
    };
    if task.kind == Kind::Infer {
        let network = Network::new(task, &plain);
        let first: Vec<usize> = (0..task.batch).collect();
        let images = images(task.images.batch(&first).0, &plain);
        return task.rate(|| {
            let scores = network.scores(images.clone());
            plain.sync()?;
            drop(scores);
            Ok(())
        });
    }
    let device = plain.autodiff();
    let mut network = Some(Network::new(task, &device));
    let loss_of = CrossEntropyLossConfig::new().init(&device);
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let mut batches = task.images.batches(task.batch, task.seed);
    task.rate(|| {
        let (values, labels) = task.images.batch(&batches());
        let labels: Vec<i64> = labels.into_iter().map(i64::from).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [task.batch]), &device);
        let learner = network.take().ok_or("a step before took the network and failed")?;
        let loss = loss_of.forward(learner.scores(images(values, &device)), labels);
        let gradients = GradientsParams::from_grads(loss.backward(), &learner);
        network = Some(adam.step(1e-3, learner, gradients));
        match loss.into_scalar::<f32>().is_finite() {
            true => Ok(()),
            false => Err("the loss is no number".into()),
        }
    })
}

fn main() -> ExitCode {
    answer("burn", measure)
}
