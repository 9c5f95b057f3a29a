//! The fully connected layer as a dfdx module.

use super::{LayerError, Vectors, biases, weights};
use crate::convolution::add;
use crate::gemm::{Matrix, multiply_add_parallel};
use crate::gradient::{put, take, values};
use crate::random::Random;
use dfdx::nn::{Module, NonMutableModule};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;

/// `y = x · Wᵀ + b`: `[batch, inputs]` to `[batch, outputs]`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[outputs, inputs]`, as PyTorch stores it.
    pub weight: Vectors,
    /// `[outputs]`.
    pub bias: Tensor<(usize,), f32, Cpu>,
    /// Whether the gradient of the input is worked out. A network's first layer needs none.
    pub input_gradient: bool,
}

impl Linear {
    /// A linear layer with random weights.
    ///
    /// # Errors
    /// [`LayerError::Config`] when `inputs` or `outputs` is 0.
    pub fn new(inputs: usize, outputs: usize, random: &mut Random) -> Result<Self, LayerError> {
        if inputs == 0 || outputs == 0 {
            let problem =
                format!("needs at least 1 input and 1 output, got {inputs} and {outputs}");
            return Err(LayerError::Config { layer: "linear".into(), problem });
        }
        let weight = weights((outputs, inputs), inputs, random)?;
        let bias = biases(outputs)?;
        Ok(Linear { weight, bias, input_gradient: true })
    }
}

impl NonMutableModule for Linear {}

impl<T: Tape<f32, Cpu>> Module<Vectors<T>> for Linear {
    type Output = Vectors<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Vectors<T>) -> Result<Self::Output, LayerError> {
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let (&(batch, got), &(outputs, inputs)) = (input.shape(), self.weight.shape());
        if got != inputs {
            return Err(LayerError::Shape {
                layer: format!("linear layer with {outputs} outputs"),
                expected: format!("vectors of {inputs} values"),
                got: format!("vectors of {got} values"),
            });
        }
        let (x, weight, bias) = (values(&input), values(&self.weight), values(&self.bias));
        let mut y = bias.repeat(batch);
        let x_matrix = Matrix::row_major(&x, batch, inputs);
        let weight_matrix = Matrix::row_major(&weight, outputs, inputs);
        multiply_add_parallel(x_matrix, weight_matrix.transposed(), &mut y);
        let output = Cpu::default().try_tensor_from_vec(y, (batch, outputs))?;
        if T::OWNS_TAPE {
            let (weight_ghost, bias_ghost) = (self.weight.ghost(), self.bias.ghost());
            let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
            let input_gradient = self.input_gradient;
            tape.add_backward_op(move |gradients| {
                let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
                let dy_matrix = Matrix::row_major(&dy, batch, outputs);
                let x_matrix = Matrix::row_major(&x, batch, inputs);
                let d_weight = &mut **gradients.get_or_alloc_mut(&weight_ghost)?;
                multiply_add_parallel(dy_matrix.transposed(), x_matrix, d_weight);
                let d_bias = &mut **gradients.get_or_alloc_mut(&bias_ghost)?;
                dy.chunks_exact(outputs).for_each(|dy| add(d_bias, dy));
                if input_gradient {
                    let weight_matrix = Matrix::row_major(&weight, outputs, inputs);
                    let dx = &mut **gradients.get_or_alloc_mut(&input_ghost)?;
                    multiply_add_parallel(dy_matrix, weight_matrix, dx);
                }
                put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
                Ok(())
            });
        }
        Ok(output.put_tape(tape))
    }
}
