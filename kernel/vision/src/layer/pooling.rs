//! Max pooling as a dfdx module.

use super::{LayerError, Maps};
use crate::gradient::{put, take, values};
use crate::pooling::MaxPooling;
use dfdx::nn::{Module, NonMutableModule};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;

/// The greatest value of each window: `[batch, channels, height, width]` to `[batch, channels,
/// height', width']`. Rows and columns that do not fill a window are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Side of the square window, in pixels.
    pub side: usize,
    /// Step between neighbouring windows, in pixels.
    pub stride: usize,
}

impl NonMutableModule for MaxPool2d {}

impl<T: Tape<f32, Cpu>> Module<Maps<T>> for MaxPool2d {
    type Output = Maps<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Maps<T>) -> Result<Self::Output, LayerError> {
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let &(batch, channels, height, width) = input.shape();
        let pooling = MaxPooling::new(self.side, self.stride, height, width).ok_or_else(|| {
            LayerError::Shape {
                layer: format!("max pooling of side {} and stride {}", self.side, self.stride),
                expected: "a window of at least 1 pixel that fits into the map".into(),
                got: format!("maps of {height} x {width} pixels"),
            }
        })?;
        let (y, places) = pooling.forward(&values(&input));
        let (height, width) = pooling.output_size();
        let output = Cpu::default().try_tensor_from_vec(y, (batch, channels, height, width))?;
        if T::OWNS_TAPE {
            let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
            tape.add_backward_op(move |gradients| {
                let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
                pooling.backward(&places, &dy, gradients.get_or_alloc_mut(&input_ghost)?);
                put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
                Ok(())
            });
        }
        Ok(output.put_tape(tape))
    }
}
