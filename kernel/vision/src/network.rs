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
mod plan;
mod preset;
mod probe;
mod summary;

pub use builder::{Builder, Cnn, Mlp};
pub use plan::{NetworkError, Size};
pub use preset::{lenet5, mlp, mnist_cnn};
pub use summary::{LayerSummary, Summary};

use crate::data::{Dataset, Image};
use crate::layer::{Conv2d, Flatten, LayerError, Linear, Maps, MaxPool2d, Relu, Vectors};
use crate::loss::softmax;
use crate::random::Random;
use dfdx::nn::Module;
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Tape, Tensor, TensorFromVec};
use plan::{Planned, PlannedKind};

/// Images that go through the network together when nothing is learnt.
pub(crate) const EVALUATION_BATCH: usize = 100;

/// A network from images to one score (logit) for each class.
#[derive(Clone, Debug)]
pub struct Network {
    name: String,
    input: [usize; 3],
    plan: Vec<Planned>,
    layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
enum Layer {
    Conv(Box<Conv2d>),
    Relu(Relu),
    MaxPool(MaxPool2d),
    Flatten(Flatten),
    Linear(Box<Linear>),
}

/// What flows between layers.
enum Activation<T: Tape<f32, Cpu>> {
    Maps(Maps<T>),
    Vectors(Vectors<T>),
}

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
        let mut random = Random::stream(seed, 1);
        let mut layers = Vec::with_capacity(plan.len());
        let mut first = true;
        for planned in &plan {
            layers.push(match planned.kind {
                PlannedKind::Conv(config) => {
                    let mut conv = Conv2d::new(config, &mut random)?;
                    conv.input_gradient = !std::mem::take(&mut first);
                    Layer::Conv(Box::new(conv))
                }
                PlannedKind::Linear { inputs, outputs } => {
                    let mut linear = Linear::new(inputs, outputs, &mut random)?;
                    linear.input_gradient = !std::mem::take(&mut first);
                    Layer::Linear(Box::new(linear))
                }
                PlannedKind::Relu => Layer::Relu(Relu),
                PlannedKind::MaxPool { side, stride } => Layer::MaxPool(MaxPool2d { side, stride }),
                PlannedKind::Flatten => Layer::Flatten(Flatten),
            });
        }
        Ok(Network { name, input, plan, layers })
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

    /// Scores of a batch, `[batch, classes]`, recording on the tape that comes with the images,
    /// `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when the images do not have the network's input shape.
    pub fn forward<T: Tape<f32, Cpu>>(&self, images: Maps<T>) -> Result<Vectors<T>, LayerError> {
        let mut activation = Activation::Maps(images);
        for layer in &self.layers {
            activation = layer.forward(activation)?;
        }
        match activation {
            Activation::Vectors(scores) => Ok(scores),
            Activation::Maps(_) => Err(LayerError::Config {
                layer: self.name.clone(),
                problem: "the network ends in maps, not in one score for each class".into(),
            }),
        }
    }

    /// Scores of images given as plain values, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`LayerError`] when the values are not a whole number of images.
    pub fn scores(&self, values: Vec<f32>) -> Result<Vec<f32>, LayerError> {
        Ok(crate::gradient::values(&self.forward(self.tensor(values)?)?))
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
        for (i, (layer, planned)) in self.layers.iter().zip(&self.plan).enumerate() {
            activation = layer.forward(activation)?;
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
            Layer::Conv(conv) => Some((i, conv)),
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

    /// All weights and biases with their names (`3.weight`), in order of the layers.
    pub fn parameters(&self) -> Vec<(String, Vec<f32>)> {
        let mut all = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let (weight, bias) = match layer {
                Layer::Conv(conv) => (crate::gradient::values(&conv.weight), &conv.bias),
                Layer::Linear(linear) => (crate::gradient::values(&linear.weight), &linear.bias),
                _ => continue,
            };
            all.push((format!("{i}.weight"), weight));
            all.push((format!("{i}.bias"), crate::gradient::values(bias)));
        }
        all
    }

    /// The `i`-th parameter in words, in the order of [`Network::parameters`].
    pub(crate) fn parameter_name(&self, i: usize) -> String {
        let with_weights =
            self.plan.iter().enumerate().filter(|(_, p)| {
                matches!(p.kind, PlannedKind::Conv(_) | PlannedKind::Linear { .. })
            });
        let kind = if i.is_multiple_of(2) { "weight" } else { "bias" };
        match with_weights.skip(i / 2).map(|(number, p)| (number + 1, &p.name)).next() {
            Some((number, name)) => format!("a {kind} of layer {number}, {name},"),
            None => format!("parameter {i}"),
        }
    }

    /// Calls `f` with each weight and bias.
    pub(crate) fn each_parameter(&mut self, f: &mut impl ParameterVisitor) {
        for layer in &mut self.layers {
            match layer {
                Layer::Conv(conv) => {
                    f.visit(&mut conv.weight);
                    f.visit(&mut conv.bias);
                }
                Layer::Linear(linear) => {
                    f.visit(&mut linear.weight);
                    f.visit(&mut linear.bias);
                }
                Layer::Relu(_) | Layer::MaxPool(_) | Layer::Flatten(_) => {}
            }
        }
    }

    /// Images given as plain values as a tensor, `[batch, channels, height, width]`.
    pub(crate) fn tensor(&self, values: Vec<f32>) -> Result<Maps, LayerError> {
        let [channels, height, width] = self.input;
        let image_len = channels * height * width;
        if values.is_empty() || !values.len().is_multiple_of(image_len) {
            return Err(LayerError::Shape {
                layer: self.name.clone(),
                expected: format!("images of {channels} x {height} x {width} values"),
                got: format!("{} values", values.len()),
            });
        }
        let shape = (values.len() / image_len, channels, height, width);
        Ok(Cpu::default().try_tensor_from_vec(values, shape)?)
    }
}

/// Something to do with each parameter of a network.
pub(crate) trait ParameterVisitor {
    fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>);
}

impl Layer {
    fn forward<T: Tape<f32, Cpu>>(
        &self,
        input: Activation<T>,
    ) -> Result<Activation<T>, LayerError> {
        use Activation::{Maps, Vectors};
        Ok(match (self, input) {
            (Layer::Conv(conv), Maps(x)) => Maps(conv.try_forward(x)?),
            (Layer::Relu(relu), Maps(x)) => Maps(relu.try_forward(x)?),
            (Layer::Relu(relu), Vectors(x)) => Vectors(relu.try_forward(x)?),
            (Layer::MaxPool(pool), Maps(x)) => Maps(pool.try_forward(x)?),
            (Layer::Flatten(flatten), Maps(x)) => Vectors(flatten.try_forward(x)?),
            (Layer::Linear(linear), Vectors(x)) => Vectors(linear.try_forward(x)?),
            (layer, _) => {
                return Err(LayerError::Shape {
                    layer: format!("{layer:?}"),
                    expected: "the other of maps and vectors".into(),
                    got: "an activation that the plan did not foresee".into(),
                });
            }
        })
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
