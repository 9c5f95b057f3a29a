//! candle's side of `speed`.

use candle_core::{DType, Device, Module, Tensor};
use candle_nn::{AdamW, Conv2d, Linear, Optimizer, ParamsAdamW, VarBuilder, VarMap};
use momentum_rust_peers::{Kind, Result, Task, answer};
use std::process::ExitCode;

struct Network {
    convolutions: Vec<(Conv2d, bool)>,
    linears: Vec<Linear>,
}

impl Network {
    fn new(task: &Task, weights: &VarBuilder) -> Result<Network> {
        let mut network = Network { convolutions: Vec::new(), linears: Vec::new() };
        for (i, &(from, to, size, pool)) in task.convolutions.iter().enumerate() {
            let weights = weights.pp(format!("conv{i}"));
            let layer = candle_nn::conv2d(from, to, size, Default::default(), weights)?;
            network.convolutions.push((layer, pool));
        }
        for (i, sizes) in task.linears.windows(2).enumerate() {
            let weights = weights.pp(format!("linear{i}"));
            network.linears.push(candle_nn::linear(sizes[0], sizes[1], weights)?);
        }
        Ok(network)
    }

    /// Scores `[batch, 10]` of images `[batch, 1, 28, 28]`.
    fn scores(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = images.clone();
        for (layer, pool) in &self.convolutions {
            x = layer.forward(&x)?.relu()?;
            if *pool {
                x = x.max_pool2d(2)?;
            }
        }
        x = x.flatten_from(1)?;
        for (i, layer) in self.linears.iter().enumerate() {
            x = layer.forward(&x)?;
            if i + 1 < self.linears.len() {
                x = x.relu()?;
            }
        }
        Ok(x)
    }
}

fn measure(task: &Task) -> Result<f64> {
    let device = Device::Cpu;
    let variables = VarMap::new();
    let weights = VarBuilder::from_varmap(&variables, DType::F32, &device);
    let network = Network::new(task, &weights)?;
    let images = |values| Tensor::from_vec(values, (task.batch, 1, 28, 28), &device);
    if task.kind == Kind::Infer {
        let first: Vec<usize> = (0..task.batch).collect();
        let images = images(task.images.batch(&first).0)?;
        return task.rate(|| network.scores(&images).map(drop));
    }
    // Adam is AdamW without decay.
    let config = ParamsAdamW { lr: 1e-3, weight_decay: 0.0, ..ParamsAdamW::default() };
    let mut adam = AdamW::new(variables.all_vars(), config)?;
    let mut batches = task.images.batches(task.batch, task.seed);
    task.rate(|| {
        let (values, labels) = task.images.batch(&batches());
        let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
        let labels = Tensor::from_vec(labels, task.batch, &device)?;
        let loss = candle_nn::loss::cross_entropy(&network.scores(&images(values)?)?, &labels)?;
        adam.backward_step(&loss)?;
        match loss.to_scalar::<f32>()?.is_finite() {
            true => Ok(()),
            false => Err("the loss is no number".into()),
        }
    })
}

fn main() -> ExitCode {
    answer("candle-core", measure)
}
