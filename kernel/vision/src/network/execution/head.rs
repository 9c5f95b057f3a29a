//! Linear layers with their ReLUs, on a whole batch.

use crate::convolution::add;
use crate::gemm::{Matrix, Start, multiply_parallel};
use crate::threads;
use rayon::prelude::*;

/// Values below which sharing out costs more than it saves.
const SERIAL_LEN: usize = 1 << 14;

/// A linear layer, and the ReLU behind it if there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinearStage {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) relu: bool,
}

impl LinearStage {
    /// `y = relu(x · Wᵀ + b)`. It is worked out as `W · xᵀ`, because the weights are the larger matrix
    /// and are then read once, in order, where they lie.
    pub(super) fn forward(
        &self,
        weight: &[f32],
        bias: &[f32],
        x: &[f32],
        y: &mut Vec<f32>,
        transposed: &mut Vec<f32>,
    ) {
        let batch = x.len() / self.inputs;
        y.resize(batch * self.outputs, 0.0);
        transposed.resize(batch * self.outputs, 0.0);
        for (row, bias) in transposed.chunks_exact_mut(batch).zip(bias) {
            row.fill(*bias);
        }
        let x = Matrix::row_major(x, batch, self.inputs);
        let weight = Matrix::row_major(weight, self.outputs, self.inputs);
        multiply_parallel(weight, x.transposed(), Start::Held, transposed);
        let row = |(image, y): (usize, &mut [f32])| {
            for (y, value) in y.iter_mut().zip(transposed[image..].iter().step_by(batch)) {
                *y = if self.relu && *value < 0.0 { 0.0 } else { *value };
            }
        };
        let rows = y.par_chunks_exact_mut(self.outputs).enumerate();
        let least = SERIAL_LEN.div_ceil(self.outputs);
        threads::install(|| rows.with_min_len(least).for_each(row));
    }

    /// `dW = dyᵀ · x`, `db = Σ dy`.
    pub(super) fn weight_gradient(
        &self,
        x: &[f32],
        dy: &[f32],
        d_weight: &mut [f32],
        d_bias: &mut [f32],
    ) {
        let batch = x.len() / self.inputs;
        let slopes = Matrix::row_major(dy, batch, self.outputs);
        let x = Matrix::row_major(x, batch, self.inputs);
        multiply_parallel(slopes.transposed(), x, Start::Zero, d_weight);
        d_bias.fill(0.0);
        dy.chunks_exact(self.outputs).for_each(|dy| add(d_bias, dy));
    }

    /// `dx = dy · W`, and nothing where the ReLU before (if there is one) answered nothing.
    pub(super) fn input_gradient(
        &self,
        weight: &[f32],
        x: &[f32],
        relu: bool,
        dy: &[f32],
        dx: &mut Vec<f32>,
    ) {
        let batch = x.len() / self.inputs;
        dx.resize(batch * self.inputs, 0.0);
        let slopes = Matrix::row_major(dy, batch, self.outputs);
        let weight = Matrix::row_major(weight, self.outputs, self.inputs);
        multiply_parallel(slopes, weight, Start::Zero, dx);
        if relu {
            let mask = |(dx, x): (&mut [f32], &[f32])| {
                for (dx, x) in dx.iter_mut().zip(x) {
                    *dx = if *x > 0.0 { *dx } else { 0.0 };
                }
            };
            let parts = dx.par_chunks_mut(SERIAL_LEN).zip(x.par_chunks(SERIAL_LEN));
            threads::install(|| parts.for_each(mask));
        }
    }
}
