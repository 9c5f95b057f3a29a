//! What layers that work value by value have in common.

use super::LayerError;
use crate::gradient::{put, take};
use crate::threads;
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, PutTape, Tape, Tensor, TensorFromVec};
use rayon::prelude::*;

/// Values given to one task; below it, sharing out costs more than it saves.
pub(super) const TASK_LEN: usize = 1 << 12;

/// The output `y` of a layer whose every value has depended on the input's value at the same place,
/// with this slope.
pub(super) fn recorded<S: Shape, T: Tape<f32, Cpu>>(
    input: Tensor<S, f32, Cpu>,
    mut tape: T,
    y: Vec<f32>,
    slopes: Vec<f32>,
) -> Result<Tensor<S, f32, Cpu, T>, LayerError> {
    let output = Cpu::default().try_tensor_from_vec(y, *input.shape())?;
    if T::OWNS_TAPE {
        let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
        tape.add_backward_op(move |gradients| {
            let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
            let dx = &mut **gradients.get_or_alloc_mut(&input_ghost)?;
            let one = |(dx, (dy, slopes)): (&mut [f32], (&[f32], &[f32]))| {
                for (dx, (dy, slope)) in dx.iter_mut().zip(dy.iter().zip(slopes)) {
                    *dx += dy * slope;
                }
            };
            threads::install(|| {
                dx.par_chunks_mut(TASK_LEN)
                    .zip(dy.par_chunks(TASK_LEN).zip(slopes.par_chunks(TASK_LEN)))
                    .for_each(one);
            });
            put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
            Ok(())
        });
    }
    Ok(output.put_tape(tape))
}
