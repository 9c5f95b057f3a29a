//! Networks built layer by layer at run time, with nothing generic left to the caller.
//!
//! ```
//! use momentum_vision::network::Cnn;
//!
//! let cnn = Cnn::on([1, 28, 28]).conv(8, 3).relu().max_pool(2).classes(10)?;
//! assert_eq!(cnn.summary().n_parameters, 8 * 9 + 8 + (8 * 13 * 13) * 10 + 10);
//! # Ok::<(), momentum_vision::network::NetworkError>(())
//! ```

mod builder;
mod execution;
mod layer;
mod plan;
mod preset;
mod probe;
mod slope;
mod summary;
mod tensors;
mod written;

pub use builder::{Builder, Cnn, Mlp};
pub(crate) use execution::Stepper;
pub use layer::Activation;
pub use plan::{NetworkError, Size};
pub use preset::{lenet5, mini_resnet, mini_vgg, mlp, mnist_cnn};
pub use slope::{Objective, Slopes};
pub use summary::{LayerSummary, Summary};
pub use tensors::Naming;
pub(crate) use tensors::ParameterVisitor;

use crate::data::{Dataset, Image};
use crate::layer::{LayerError, Maps, Vectors};
use crate::loss::softmax;
use crate::random::Random;
use dfdx::tensor::{Cpu, Tape, TensorFromVec};
use execution::{Execution, Ready};
use layer::Layer;
use plan::Planned;
use std::sync::{Arc, OnceLock};

/// Images that go through the network together when nothing is learnt.
pub(crate) const EVALUATION_BATCH: usize = 100;

/// A network from images to one score (logit) for each class.
#[derive(Clone, Debug)]
pub struct Network {
    name: String,
    input: [usize; 3],
    plan: Vec<Planned>,
    layers: Vec<Layer>,
    aliases: Aliases,
    /// Set when it is first asked for scores and its layers can be fused.
    ready: OnceLock<Option<Arc<Ready>>>,
}

/// Where a preset's tensors are in the PyTorch class that it stands for: the beginning of our name,
/// and of theirs.
type Aliases = &'static [(&'static str, &'static str)];

/// What one layer answers to one image.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureMaps {
    /// The layer as written: `conv(32, 3)`.
    pub layer: String,
    /// The layer's number, from 1.
    pub number: usize,
    /// Number of maps.
    pub channels: usize,
    /// Rows of each map.
    pub height: usize,
    /// Columns of each map.
    pub width: usize,
    /// `[channels, height, width]`.
    pub values: Vec<f32>,
}

impl FeatureMaps {
    /// One map, row after row.
    ///
    /// # Panics
    /// If there is no such map.
    pub fn map(&self, channel: usize) -> &[f32] {
        let len = self.height * self.width;
        &self.values[channel * len..(channel + 1) * len]
    }
}

impl Network {
    fn new(
        name: String,
        input: [usize; 3],
        plan: Vec<Planned>,
        seed: u64,
    ) -> Result<Self, LayerError> {
        let layers = layer::make(&plan, &mut Random::stream(seed, 1), &mut false)?;
        Ok(Network { name, input, plan, layers, aliases: &[], ready: OnceLock::new() })
    }

    /// A short name for captions and legends.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `[channels, height, width]` of the images it takes.
    pub fn input_shape(&self) -> [usize; 3] {
        self.input
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        match self.plan.last().map(|planned| planned.size) {
            Some(Size::Vector(n)) => n,
            _ => 0,
        }
    }

    /// Layer by layer: output, parameters, multiply-adds, receptive field.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.name, self.input, &self.plan)
    }

    /// The layers as written, each with the size of its output for one image. A layer's number is its
    /// place in this list, counted from 1.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = (&str, Size)> {
        self.plan.iter().map(|planned| (planned.name.as_str(), planned.size))
    }

    /// Scores of a batch, `[batch, classes]`, recording on the tape that comes with the images,
    /// `[batch, channels, height, width]`. Nothing is dropped, and batch normalisation uses its
    /// running mean and variance.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when the images do not have the network's input shape.
    pub fn forward<T: Tape<f32, Cpu>>(&self, images: Maps<T>) -> Result<Vectors<T>, LayerError> {
        self.forward_from(Activation::Maps(images), 0)
    }

    /// [`Network::forward`] as it is while training: values are dropped, drawn from `random`, and
    /// batch normalisation uses the batch's own mean and variance, which the running ones follow.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when the images do not have the network's input shape, or when a batch
    /// of one image has no variance.
    pub fn forward_train<T: Tape<f32, Cpu>>(
        &mut self,
        images: Maps<T>,
        random: &mut Random,
    ) -> Result<Vectors<T>, LayerError> {
        layer::train(&mut self.layers, Activation::Maps(images), random)?.vectors()
    }

    /// What the first `n` layers make of a batch; the images themselves when `n` is 0, all layers
    /// when there are fewer.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when the images do not have the network's input shape.
    pub fn forward_until<T: Tape<f32, Cpu>>(
        &self,
        images: Maps<T>,
        n: usize,
    ) -> Result<Activation<T>, LayerError> {
        layer::run(&self.layers[..n.min(self.layers.len())], Activation::Maps(images))
    }

    /// The scores that the layers behind the first `n` make of what those answered.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when it does not have the size that layer `n` gives.
    pub fn forward_from<T: Tape<f32, Cpu>>(
        &self,
        activation: Activation<T>,
        n: usize,
    ) -> Result<Vectors<T>, LayerError> {
        layer::run(&self.layers[n.min(self.layers.len())..], activation)?.vectors()
    }

    /// Scores of images given as plain values, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`LayerError`] when the values are not a whole number of images.
    pub fn scores(&self, values: Vec<f32>) -> Result<Vec<f32>, LayerError> {
        self.check_images(&values)?;
        let ready = self.ready.get_or_init(|| {
            let execution = Execution::of(self.input, &self.plan)?;
            let parameters: Vec<Vec<f32>> =
                self.parameters().into_iter().map(|(_, values)| values).collect();
            Some(Arc::new(Ready::new(execution, &parameters)))
        });
        Ok(match ready {
            Some(ready) => ready.scores(&values),
            None => crate::gradient::values(&self.forward(self.tensor(values)?)?),
        })
    }

    /// Probabilities of the classes for one image.
    ///
    /// # Errors
    /// [`LayerError`] when the image does not have the network's input shape.
    pub fn probabilities(&self, image: &Image) -> Result<Vec<f32>, LayerError> {
        let mut scores = self.scores(image.values())?;
        softmax(&mut scores);
        Ok(scores)
    }

    /// The class with the highest score, for each image in order. Of equal scores the first wins.
    ///
    /// # Errors
    /// [`LayerError`] when the images do not have the network's input shape.
    pub fn predict(&self, data: &Dataset) -> Result<Vec<u8>, LayerError> {
        let places: Vec<usize> = (0..data.len()).collect();
        let mut classes = Vec::with_capacity(data.len());
        for places in places.chunks(EVALUATION_BATCH) {
            let scores = self.scores(data.batch(places).0)?;
            classes.extend(scores.chunks_exact(self.n_classes()).map(|row| best(row) as u8));
        }
        Ok(classes)
    }

    /// What every layer that keeps maps answers to one image, in order.
    ///
    /// # Errors
    /// [`LayerError`] when the image does not have the network's input shape.
    pub fn feature_maps(&self, image: &Image) -> Result<Vec<FeatureMaps>, LayerError> {
        let mut activation = Activation::Maps(self.tensor(image.values())?);
        let mut all = Vec::new();
        for (i, planned) in self.plan.iter().enumerate() {
            activation = layer::run(&self.layers[i..=i], activation)?;
            let (Activation::Maps(maps), Size::Maps { channels, height, width }) =
                (&activation, planned.size)
            else {
                break;
            };
            all.push(FeatureMaps {
                layer: planned.name.clone(),
                number: i + 1,
                channels,
                height,
                width,
                values: crate::gradient::values(maps),
            });
        }
        Ok(all)
    }

    /// The kernels of the first convolution, `[channels, side, side]` averaged over input channels,
    /// or `None` when there is no convolution.
    pub fn first_kernels(&self) -> Option<FeatureMaps> {
        let (i, conv) = self.layers.iter().enumerate().find_map(|(i, layer)| match layer {
            Layer::Conv { conv, .. } => Some((i, conv)),
            _ => None,
        })?;
        let weights = crate::gradient::values(&conv.weight);
        let config = conv.config();
        let (channels, area) = (config.output_channels, config.side * config.side);
        let inputs = config.input_channels / config.groups;
        let mut values = vec![0.0; channels * area];
        for (kernel, weights) in
            values.chunks_exact_mut(area).zip(weights.chunks_exact(inputs * area))
        {
            for (i, weight) in weights.iter().enumerate() {
                kernel[i % area] += weight / inputs as f32;
            }
        }
        Some(FeatureMaps {
            layer: self.plan[i].name.clone(),
            number: i + 1,
            channels,
            height: config.side,
            width: config.side,
            values,
        })
    }

    /// Images given as plain values as a tensor, `[batch, channels, height, width]`.
    pub(crate) fn tensor(&self, values: Vec<f32>) -> Result<Maps, LayerError> {
        let n_images = self.check_images(&values)?;
        let [channels, height, width] = self.input;
        Ok(Cpu::default().try_tensor_from_vec(values, (n_images, channels, height, width))?)
    }

    /// How many images these are.
    fn check_images(&self, values: &[f32]) -> Result<usize, LayerError> {
        let [channels, height, width] = self.input;
        let image_len = channels * height * width;
        if values.is_empty() || !values.len().is_multiple_of(image_len) {
            return Err(LayerError::Shape {
                layer: self.name.clone(),
                expected: format!("images of {channels} x {height} x {width} values"),
                got: format!("{} values", values.len()),
            });
        }
        Ok(values.len() / image_len)
    }
}

/// The place of the greatest value; of equal ones the first.
pub(crate) fn best(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}
