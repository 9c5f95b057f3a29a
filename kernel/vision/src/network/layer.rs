//! The layers of a network: made from the plan, run one after the other, their tensors visited.

use super::plan::{Planned, PlannedKind};
use crate::layer::residual::fork;
use crate::layer::{
    AvgPool2d, BatchNorm, Conv2d, Dropout, Flatten, GlobalAvgPool, LayerError, Linear, Maps,
    MaxPool2d, Nonlinearity, Relu, Vectors,
};
use crate::random::Random;
use dfdx::nn::{Module, ModuleMut};
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, NoneTape, Tape, Tensor};

/// A layer of any kind.
#[derive(Clone, Debug)]
pub(super) enum Layer {
    /// Without `bias`, the bias is zero, is not learnt, and has no name.
    Conv {
        conv: Box<Conv2d>,
        bias: bool,
    },
    BatchNorm(Box<BatchNorm>),
    Relu(Relu),
    Nonlinearity(Nonlinearity),
    MaxPool(MaxPool2d),
    AvgPool(AvgPool2d),
    GlobalAvgPool(GlobalAvgPool),
    Dropout(Box<Dropout>),
    Flatten(Flatten),
    Linear(Box<Linear>),
    Residual {
        body: Vec<Layer>,
        shortcut: Vec<Layer>,
    },
}

/// What flows between layers, for a batch of images.
#[derive(Clone, Debug)]
pub enum Activation<T: Tape<f32, Cpu> = NoneTape> {
    /// Feature maps, `[batch, channels, height, width]`.
    Maps(Maps<T>),
    /// Features, `[batch, features]`.
    Vectors(Vectors<T>),
}

/// What a tensor is to its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Learnt by gradients.
    Parameter,
    /// Follows the batches: a running mean or variance.
    Statistic,
}

/// Something to do with each tensor of a network.
pub(crate) trait TensorVisitor {
    fn visit<S: Shape>(&mut self, name: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>);
}

/// Makes the layers. `learns` says whether a layer before them has weights, so that gradients must
/// reach it.
pub(super) fn make(
    plan: &[Planned],
    random: &mut Random,
    learns: &mut bool,
) -> Result<Vec<Layer>, LayerError> {
    let one = |planned: &Planned| {
        Ok(match &planned.kind {
            &PlannedKind::Conv { config, bias } => {
                let mut conv = Conv2d::new(config, random)?;
                conv.input_gradient = std::mem::replace(learns, true);
                Layer::Conv { conv: Box::new(conv), bias }
            }
            &PlannedKind::Linear { inputs, outputs } => {
                let mut linear = Linear::new(inputs, outputs, random)?;
                linear.input_gradient = std::mem::replace(learns, true);
                Layer::Linear(Box::new(linear))
            }
            &PlannedKind::BatchNorm { features } => {
                *learns = true;
                Layer::BatchNorm(Box::new(BatchNorm::new(features)?))
            }
            PlannedKind::Relu => Layer::Relu(Relu),
            PlannedKind::Nonlinearity(f) => Layer::Nonlinearity(*f),
            &PlannedKind::MaxPool { side, stride } => Layer::MaxPool(MaxPool2d { side, stride }),
            &PlannedKind::AvgPool { side, stride } => Layer::AvgPool(AvgPool2d { side, stride }),
            PlannedKind::GlobalAvgPool => Layer::GlobalAvgPool(GlobalAvgPool),
            &PlannedKind::Dropout { share } => Layer::Dropout(Box::new(Dropout::new(share, 0)?)),
            PlannedKind::Flatten => Layer::Flatten(Flatten),
            PlannedKind::Residual { body, shortcut } => {
                let mut within = *learns;
                let body = make(body, random, &mut within)?;
                let shortcut = make(shortcut, random, learns)?;
                *learns |= within;
                Layer::Residual { body, shortcut }
            }
        })
    };
    plan.iter().map(one).collect()
}

/// Runs layers as they are when nothing is learnt.
pub(super) fn run<T: Tape<f32, Cpu>>(
    layers: &[Layer],
    mut activation: Activation<T>,
) -> Result<Activation<T>, LayerError> {
    for layer in layers {
        activation = layer.forward(activation)?;
    }
    Ok(activation)
}

/// Runs layers as they are while training: batch statistics, and dropout from `random`.
pub(super) fn train<T: Tape<f32, Cpu>>(
    layers: &mut [Layer],
    mut activation: Activation<T>,
    random: &mut Random,
) -> Result<Activation<T>, LayerError> {
    for layer in layers {
        activation = layer.forward_train(activation, random)?;
    }
    Ok(activation)
}

/// Calls `f` with each tensor and its name as in PyTorch: `3.weight`, `4.body.1.running_mean`.
pub(super) fn each_tensor(layers: &mut [Layer], prefix: &str, f: &mut impl TensorVisitor) {
    use Role::{Parameter, Statistic};
    for (i, layer) in layers.iter_mut().enumerate() {
        let name = |of: &str| format!("{prefix}{i}.{of}");
        match layer {
            Layer::Conv { conv, bias } => {
                f.visit(&name("weight"), Parameter, &mut conv.weight);
                if *bias {
                    f.visit(&name("bias"), Parameter, &mut conv.bias);
                }
            }
            Layer::Linear(linear) => {
                f.visit(&name("weight"), Parameter, &mut linear.weight);
                f.visit(&name("bias"), Parameter, &mut linear.bias);
            }
            Layer::BatchNorm(norm) => {
                f.visit(&name("weight"), Parameter, &mut norm.weight);
                f.visit(&name("bias"), Parameter, &mut norm.bias);
                f.visit(&name("running_mean"), Statistic, &mut norm.running_mean);
                f.visit(&name("running_var"), Statistic, &mut norm.running_variance);
            }
            Layer::Residual { body, shortcut } => {
                each_tensor(body, &name("body."), f);
                each_tensor(shortcut, &name("shortcut."), f);
            }
            _ => {}
        }
    }
}

/// Says whether the layers that read the input work out its gradient.
pub(super) fn set_input_gradient(layers: &mut [Layer], on: bool) {
    for layer in layers {
        match layer {
            Layer::Conv { conv, .. } => return conv.input_gradient = on,
            Layer::Linear(linear) => return linear.input_gradient = on,
            Layer::Residual { body, shortcut } => {
                set_input_gradient(body, on);
                return set_input_gradient(shortcut, on);
            }
            _ => {}
        }
    }
}

impl Layer {
    fn forward<T: Tape<f32, Cpu>>(
        &self,
        input: Activation<T>,
    ) -> Result<Activation<T>, LayerError> {
        use Activation::{Maps, Vectors};
        Ok(match (self, input) {
            (Layer::Conv { conv, .. }, Maps(x)) => Maps(conv.try_forward(x)?),
            (Layer::BatchNorm(norm), Maps(x)) => Maps(norm.try_forward(x)?),
            (Layer::BatchNorm(norm), Vectors(x)) => Vectors(norm.try_forward(x)?),
            (Layer::Relu(relu), Maps(x)) => Maps(relu.try_forward(x)?),
            (Layer::Relu(relu), Vectors(x)) => Vectors(relu.try_forward(x)?),
            (Layer::Nonlinearity(f), Maps(x)) => Maps(f.try_forward(x)?),
            (Layer::Nonlinearity(f), Vectors(x)) => Vectors(f.try_forward(x)?),
            (Layer::MaxPool(pool), Maps(x)) => Maps(pool.try_forward(x)?),
            (Layer::AvgPool(pool), Maps(x)) => Maps(pool.try_forward(x)?),
            (Layer::GlobalAvgPool(pool), Maps(x)) => Maps(pool.try_forward(x)?),
            (Layer::Dropout(_), x) => x,
            (Layer::Flatten(flatten), Maps(x)) => Vectors(flatten.try_forward(x)?),
            (Layer::Linear(linear), Vectors(x)) => Vectors(linear.try_forward(x)?),
            (Layer::Residual { body, shortcut }, Maps(x)) => {
                Maps(fork(x, |x| run(body, Maps(x))?.maps(), |x| run(shortcut, Maps(x))?.maps())?)
            }
            (Layer::Residual { body, shortcut }, Vectors(x)) => Vectors(fork(
                x,
                |x| run(body, Vectors(x))?.vectors(),
                |x| run(shortcut, Vectors(x))?.vectors(),
            )?),
            (layer, input) => return Err(input.unforeseen(format!("{layer:?}"))),
        })
    }

    fn forward_train<T: Tape<f32, Cpu>>(
        &mut self,
        input: Activation<T>,
        random: &mut Random,
    ) -> Result<Activation<T>, LayerError> {
        use Activation::{Maps, Vectors};
        Ok(match (self, input) {
            (Layer::BatchNorm(norm), Maps(x)) => Maps(norm.try_forward_mut(x)?),
            (Layer::BatchNorm(norm), Vectors(x)) => Vectors(norm.try_forward_mut(x)?),
            (Layer::Dropout(dropout), Maps(x)) => Maps(dropout.drop_values(x, random)?),
            (Layer::Dropout(dropout), Vectors(x)) => Vectors(dropout.drop_values(x, random)?),
            (Layer::Residual { body, shortcut }, x) => {
                // Both ways draw from the same random numbers, the body first.
                let random = std::cell::RefCell::new(random);
                let way = |layers: &mut [Layer], x| train(layers, x, *random.borrow_mut());
                match x {
                    Maps(x) => Maps(fork(
                        x,
                        |x| way(body, Maps(x))?.maps(),
                        |x| way(shortcut, Maps(x))?.maps(),
                    )?),
                    Vectors(x) => Vectors(fork(
                        x,
                        |x| way(body, Vectors(x))?.vectors(),
                        |x| way(shortcut, Vectors(x))?.vectors(),
                    )?),
                }
            }
            (layer, input) => layer.forward(input)?,
        })
    }
}

impl<T: Tape<f32, Cpu>> Activation<T> {
    /// The values, image after image.
    pub fn values(&self) -> Vec<f32> {
        match self {
            Activation::Maps(maps) => crate::gradient::values(maps),
            Activation::Vectors(vectors) => crate::gradient::values(vectors),
        }
    }

    /// The maps.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when it is vectors.
    pub fn maps(self) -> Result<Maps<T>, LayerError> {
        match self {
            Activation::Maps(maps) => Ok(maps),
            other => Err(other.unforeseen("what takes maps".into())),
        }
    }

    /// The vectors.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when it is maps.
    pub fn vectors(self) -> Result<Vectors<T>, LayerError> {
        match self {
            Activation::Vectors(vectors) => Ok(vectors),
            other => Err(other.unforeseen("what takes vectors".into())),
        }
    }

    fn unforeseen(&self, layer: String) -> LayerError {
        let (expected, got) = match self {
            Activation::Maps(_) => ("vectors of features", "maps"),
            Activation::Vectors(_) => ("maps", "vectors of features"),
        };
        LayerError::Shape { layer, expected: expected.into(), got: got.into() }
    }
}
