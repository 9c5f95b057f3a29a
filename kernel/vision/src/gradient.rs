//! The door to dfdx's tape: reading tensors and lending out gradients.
//!
//! dfdx hands out one gradient at a time. Taking the buffer out, working, and putting it back needs
//! neither a raw pointer nor a copy. Two rules keep it right: a gradient that was taken must be put
//! back before the next operation runs, and data is read only from contiguous tensors.

use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, Storage, Tensor};

/// dfdx's buffer of values on the CPU.
type Buffer = <Cpu as Storage<f32>>::Vec;

/// Takes a gradient out of its buffer, leaving it empty. Put it back with [`put`].
pub(crate) fn take(buffer: &mut Buffer) -> Vec<f32> {
    std::mem::take(&mut **buffer)
}

/// Puts a gradient back that [`take`] took.
pub(crate) fn put(buffer: &mut Buffer, gradient: Vec<f32>) {
    **buffer = gradient;
}

/// A copy of a contiguous tensor's values, in its shape's order.
///
/// `copy_into` ignores strides, so a permuted or broadcast tensor must be made contiguous first.
pub(crate) fn values<S: Shape, T>(tensor: &Tensor<S, f32, Cpu, T>) -> Vec<f32> {
    let mut values = vec![0.0; tensor.shape().num_elements()];
    tensor.copy_into(&mut values);
    values
}
