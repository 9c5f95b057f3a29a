//! Convolution as a dfdx module.

use super::{LayerError, Maps, biases, weights};
use crate::convolution::{Conv2dConfig, Convolution, Weights};
use crate::gradient::{put, take, values};
use crate::random::Random;
use dfdx::nn::{Module, NonMutableModule};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;

/// A convolution with bias: `[batch, input channels, height, width]` to `[batch, output channels,
/// height', width']`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    config: Conv2dConfig,
    /// `[output channels, input channels / groups, side, side]`.
    pub weight: Maps,
    /// `[output channels]`.
    pub bias: Tensor<(usize,), f32, Cpu>,
    /// Whether the gradient of the input is worked out. A network's first layer needs none.
    pub input_gradient: bool,
}

impl Conv2d {
    /// A convolution with random weights.
    ///
    /// # Errors
    /// [`LayerError::Config`] for numbers that no convolution can have.
    pub fn new(config: Conv2dConfig, random: &mut Random) -> Result<Self, LayerError> {
        if !config.is_valid() {
            let problem = format!(
                "channels, kernel, stride, dilation and groups must be at least 1, and groups must \
                 divide both numbers of channels: {config:?}"
            );
            return Err(LayerError::Config { layer: "convolution".into(), problem });
        }
        let shape = (
            config.output_channels,
            config.input_channels / config.groups,
            config.side,
            config.side,
        );
        let weight = weights(shape, config.taps(), random)?;
        let bias = biases(config.output_channels)?;
        Ok(Conv2d { config, weight, bias, input_gradient: true })
    }

    /// A convolution with these tensors.
    pub(crate) fn of(config: Conv2dConfig, weight: Maps, bias: Tensor<(usize,), f32, Cpu>) -> Self {
        Conv2d { config, weight, bias, input_gradient: true }
    }

    /// Side, stride, padding and the like.
    pub fn config(&self) -> &Conv2dConfig {
        &self.config
    }
}

impl NonMutableModule for Conv2d {}

impl<T: Tape<f32, Cpu>> Module<Maps<T>> for Conv2d {
    type Output = Maps<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Maps<T>) -> Result<Self::Output, LayerError> {
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let &(batch, channels, height, width) = input.shape();
        let convolution = Convolution::new(self.config, height, width)
            .filter(|_| channels == self.config.input_channels)
            .ok_or_else(|| LayerError::Shape {
                layer: format!("convolution with a kernel of side {}", self.config.side),
                expected: format!(
                    "{} channels of at least {1} x {1} pixels",
                    self.config.input_channels,
                    self.config.extent().saturating_sub(2 * self.config.padding).max(1)
                ),
                got: format!("{channels} channels of {height} x {width} pixels"),
            })?;
        let (x, weight, bias) = (values(&input), values(&self.weight), values(&self.bias));
        let y = convolution.forward(&x, Weights { weight: &weight, bias: &bias });
        let (height, width) = convolution.output_size();
        let shape = (batch, self.config.output_channels, height, width);
        let output = Cpu::default().try_tensor_from_vec(y, shape)?;
        if T::OWNS_TAPE {
            let (weight_ghost, bias_ghost) = (self.weight.ghost(), self.bias.ghost());
            let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
            let input_gradient = self.input_gradient;
            tape.add_backward_op(move |gradients| {
                let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
                let mut d_weight = take(gradients.get_or_alloc_mut(&weight_ghost)?);
                let mut d_bias = take(gradients.get_or_alloc_mut(&bias_ghost)?);
                let mut dx = match input_gradient {
                    true => Some(take(gradients.get_or_alloc_mut(&input_ghost)?)),
                    false => None,
                };
                convolution.backward(
                    &x,
                    Weights { weight: &weight, bias: &bias },
                    &dy,
                    &mut d_weight,
                    &mut d_bias,
                    dx.as_deref_mut(),
                );
                put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
                put(gradients.get_or_alloc_mut(&weight_ghost)?, d_weight);
                put(gradients.get_or_alloc_mut(&bias_ghost)?, d_bias);
                if let Some(dx) = dx {
                    put(gradients.get_or_alloc_mut(&input_ghost)?, dx);
                }
                Ok(())
            });
        }
        Ok(output.put_tape(tape))
    }
}
