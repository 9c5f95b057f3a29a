//! Layers without weights: ReLU and flatten.

use super::{LayerError, Maps, Vectors};
use crate::gradient::{put, take, values};
use crate::threads;
use dfdx::nn::{Module, NonMutableModule};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;
use rayon::prelude::*;

/// Values given to one task; below it, sharing out costs more than it saves.
const TASK_LEN: usize = 1 << 14;

/// `max(x, 0)`, for tensors of any shape. NaN stays NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relu;

impl NonMutableModule for Relu {}

impl<S: Shape, T: Tape<f32, Cpu>> Module<Tensor<S, f32, Cpu, T>> for Relu {
    type Output = Tensor<S, f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward(&self, input: Tensor<S, f32, Cpu, T>) -> Result<Self::Output, LayerError> {
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let mut y = values(&input);
        let mut active = vec![false; y.len()];
        let one = |(y, active): (&mut [f32], &mut [bool])| {
            for (y, active) in y.iter_mut().zip(active) {
                *active = *y > 0.0;
                *y = if *y < 0.0 { 0.0 } else { *y };
            }
        };
        threads::install(|| {
            y.par_chunks_mut(TASK_LEN).zip(active.par_chunks_mut(TASK_LEN)).for_each(one);
        });
        let output = Cpu::default().try_tensor_from_vec(y, *input.shape())?;
        if T::OWNS_TAPE {
            let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
            tape.add_backward_op(move |gradients| {
                let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
                let dx = &mut **gradients.get_or_alloc_mut(&input_ghost)?;
                let one = |(dx, (dy, active)): (&mut [f32], (&[f32], &[bool]))| {
                    for (dx, (dy, active)) in dx.iter_mut().zip(dy.iter().zip(active)) {
                        *dx += if *active { *dy } else { 0.0 };
                    }
                };
                threads::install(|| {
                    dx.par_chunks_mut(TASK_LEN)
                        .zip(dy.par_chunks(TASK_LEN).zip(active.par_chunks(TASK_LEN)))
                        .for_each(one);
                });
                put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
                Ok(())
            });
        }
        Ok(output.put_tape(tape))
    }
}

/// `[batch, channels, height, width]` to `[batch, channels * height * width]`. Nothing is copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flatten;

impl NonMutableModule for Flatten {}

impl<T: Tape<f32, Cpu>> Module<Maps<T>> for Flatten {
    type Output = Vectors<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Maps<T>) -> Result<Self::Output, LayerError> {
        let &(batch, channels, height, width) = input.shape();
        Ok(input.try_reshape_like(&(batch, channels * height * width))?)
    }
}
