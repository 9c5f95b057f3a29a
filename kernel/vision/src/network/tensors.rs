//! A network's tensors by name: what is learnt, and what else must be kept.

use super::Network;
use super::layer::{Role, TensorVisitor, each_tensor};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, Tensor};

/// Something to do with each parameter of a network.
pub(crate) trait ParameterVisitor {
    fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>);
}

/// A tensor of a network with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// As PyTorch names it in an `nn.Sequential` of the same layers: `3.weight`, `4.running_mean`,
    /// `5.body.0.bias`, `5.shortcut.0.weight`.
    pub name: String,
    /// As PyTorch shapes it: `[output channels, input channels / groups, side, side]` for a
    /// convolution, `[outputs, inputs]` for a linear layer, `[channels]` for the others.
    pub shape: Vec<usize>,
    /// The values, in this shape.
    pub values: Vec<f32>,
}

impl Network {
    /// All tensors that decide what the network answers: weights, biases and running statistics, in
    /// order of the layers.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        self.collect(|_| true)
    }

    /// All that is learnt by gradients, with names (`3.weight`), in order of the layers: without
    /// running statistics.
    pub fn parameters(&self) -> Vec<(String, Vec<f32>)> {
        let learnt = self.collect(|role| role == Role::Parameter);
        learnt.into_iter().map(|tensor| (tensor.name, tensor.values)).collect()
    }

    fn collect(&self, wanted: fn(Role) -> bool) -> Vec<NamedTensor> {
        struct Collect(fn(Role) -> bool, Vec<NamedTensor>);
        impl TensorVisitor for Collect {
            fn visit<S: Shape>(
                &mut self,
                name: &str,
                role: Role,
                tensor: &mut Tensor<S, f32, Cpu>,
            ) {
                if self.0(role) {
                    let shape = tensor.shape().concrete().into_iter().collect();
                    let values = crate::gradient::values(tensor);
                    self.1.push(NamedTensor { name: name.into(), shape, values });
                }
            }
        }
        let mut collect = Collect(wanted, Vec::new());
        // Tensors are shared by their clones, so this copies no weights.
        each_tensor(&mut self.layers.clone(), "", &mut collect);
        collect.1
    }

    /// Calls `f` with each parameter, in the order of [`Network::parameters`].
    pub(crate) fn each_parameter(&mut self, f: &mut impl ParameterVisitor) {
        struct Parameters<'a, F>(&'a mut F);
        impl<F: ParameterVisitor> TensorVisitor for Parameters<'_, F> {
            fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) {
                if role == Role::Parameter {
                    self.0.visit(tensor);
                }
            }
        }
        each_tensor(&mut self.layers, "", &mut Parameters(f));
    }

    /// The `i`-th parameter in words, in the order of [`Network::parameters`].
    pub(crate) fn parameter_name(&self, i: usize) -> String {
        let parameters = self.collect(|role| role == Role::Parameter);
        let Some(name) = parameters.get(i).map(|tensor| tensor.name.as_str()) else {
            return format!("parameter {i}");
        };
        let place = name.split('.').next().and_then(|place| place.parse().ok()).unwrap_or(0);
        let layer = self.plan.get(place).map_or("", |planned| planned.name.as_str());
        let kind = if name.ends_with("weight") { "weight" } else { "bias" };
        format!("a {kind} of layer {}, {layer},", place + 1)
    }
}
