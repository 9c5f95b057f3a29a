//! A network while it learns: its parameters as plain numbers, with their gradients.

use super::{Execution, Memory};
use crate::convolution::Filters;
use crate::layer::LayerError;
use crate::network::{Network, ParameterVisitor};
use crate::threads;
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Tensor};

/// Takes the place of a network's tensors from [`Stepper::of`] to [`Stepper::give_back`].
#[derive(Debug)]
pub(crate) struct Stepper {
    execution: Execution,
    input: [usize; 3],
    parameters: Vec<Vec<f32>>,
    gradients: Vec<Vec<f32>>,
    filters: Vec<Filters>,
    memory: Memory,
}

impl Stepper {
    /// `None` for a network whose layers must be run one by one.
    pub(crate) fn of(network: &Network) -> Option<Self> {
        let execution = Execution::of(network.input, &network.plan)?;
        let parameters: Vec<Vec<f32>> =
            network.parameters().into_iter().map(|(_, values)| values).collect();
        let gradients = parameters.iter().map(|values| vec![0.0; values.len()]).collect();
        let (filters, memory) = (Vec::new(), Memory::default());
        Some(Stepper { execution, input: network.input, parameters, gradients, filters, memory })
    }

    /// Scores, `[batch, classes]`, of images, `[batch, channels, height, width]`.
    ///
    /// # Errors
    /// [`LayerError::Shape`] when the values are not a whole number of images.
    pub(crate) fn scores(&mut self, images: &[f32]) -> Result<&[f32], LayerError> {
        let image_len = self.execution.image_len();
        if images.is_empty() || !images.len().is_multiple_of(image_len) {
            let [channels, height, width] = self.input;
            return Err(LayerError::Shape {
                layer: "the network".into(),
                expected: format!("images of {channels} x {height} x {width} values"),
                got: format!("{} values", images.len()),
            });
        }
        let Stepper { execution, parameters, filters, memory, .. } = self;
        threads::install(|| {
            execution.arrange(parameters, true, filters);
            execution.forward(parameters, filters, images, memory);
        });
        Ok(self.memory.features.last().map_or(&[], Vec::as_slice))
    }

    /// Works out the gradients, given those of the scores that [`Stepper::scores`] answered for the
    /// same images.
    pub(crate) fn backward(&mut self, images: &[f32], d_scores: &[f32]) {
        let Stepper { execution, parameters, filters, memory, gradients, .. } = self;
        threads::install(|| {
            execution.backward(parameters, filters, images, d_scores, memory, gradients);
        });
    }

    /// Each parameter with its gradient, in the order of [`Network::parameters`].
    pub(crate) fn parameters(&mut self) -> impl Iterator<Item = (&mut [f32], &[f32])> {
        let gradients = self.gradients.iter().map(Vec::as_slice);
        self.parameters.iter_mut().map(Vec::as_mut_slice).zip(gradients)
    }

    /// Gives the network the parameters as they are now.
    pub(crate) fn give_back(&self, network: &mut Network) {
        struct Give<'a>(std::slice::Iter<'a, Vec<f32>>);
        impl ParameterVisitor for Give<'_> {
            fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>) {
                if let Some(values) = self.0.next() {
                    parameter.copy_from(values);
                }
            }
        }
        network.each_parameter(&mut Give(self.parameters.iter()));
    }
}
