//! Average pooling and global average pooling as dfdx modules.

use super::{LayerError, Maps};
use crate::gradient::{put, take, values};
use crate::threads;
use dfdx::nn::{Module, NonMutableModule};
use dfdx::shapes::HasShape;
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;
use rayon::prelude::*;

/// The mean of each window: `[batch, channels, height, width]` to `[batch, channels, height',
/// width']`. Rows and columns that do not fill a window are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Side of the square window, in pixels.
    pub side: usize,
    /// Step between neighbouring windows, in pixels.
    pub stride: usize,
}

/// The mean of each map: `[batch, channels, height, width]` to `[batch, channels, 1, 1]` (Lin, Chen
/// and Yan, "Network In Network", 2013).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalAvgPool;

/// Windows on maps of one size.
#[derive(Clone, Copy, Debug)]
struct Windows {
    /// Rows and columns of the map.
    map: (usize, usize),
    /// Rows and columns of a window.
    window: (usize, usize),
    stride: usize,
    /// Rows and columns of windows.
    output: (usize, usize),
}

impl Windows {
    /// `None` when a window does not fit, or is empty.
    fn new(map: (usize, usize), window: (usize, usize), stride: usize) -> Option<Self> {
        if window.0 == 0 || window.1 == 0 || stride == 0 {
            return None;
        }
        let rows = map.0.checked_sub(window.0)? / stride + 1;
        let columns = map.1.checked_sub(window.1)? / stride + 1;
        Some(Windows { map, window, stride, output: (rows, columns) })
    }

    fn map_len(&self) -> usize {
        self.map.0 * self.map.1
    }

    fn output_len(&self) -> usize {
        self.output.0 * self.output.1
    }

    /// Calls `f(window, place)` with each window's number and the first place of each of its rows.
    fn each_row(&self, mut f: impl FnMut(usize, usize)) {
        for oy in 0..self.output.0 {
            for ky in 0..self.window.0 {
                let row = (oy * self.stride + ky) * self.map.1;
                for ox in 0..self.output.1 {
                    f(oy * self.output.1 + ox, row + ox * self.stride);
                }
            }
        }
    }

    fn share(&self) -> f32 {
        1.0 / (self.window.0 * self.window.1) as f32
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len() / self.map_len() * self.output_len()];
        let one = |(y, x): (&mut [f32], &[f32])| {
            self.each_row(|window, place| {
                y[window] += x[place..place + self.window.1].iter().sum::<f32>();
            });
            y.iter_mut().for_each(|y| *y *= self.share());
        };
        threads::install(|| {
            y.par_chunks_mut(self.output_len())
                .zip(x.par_chunks(self.map_len()))
                .with_min_len(16)
                .for_each(one);
        });
        y
    }

    fn backward(&self, dy: &[f32], dx: &mut [f32]) {
        let one = |(dx, dy): (&mut [f32], &[f32])| {
            self.each_row(|window, place| {
                let share = dy[window] * self.share();
                dx[place..place + self.window.1].iter_mut().for_each(|dx| *dx += share);
            });
        };
        threads::install(|| {
            dx.par_chunks_mut(self.map_len())
                .zip(dy.par_chunks(self.output_len()))
                .with_min_len(16)
                .for_each(one);
        });
    }

    fn run<T: Tape<f32, Cpu>>(self, input: Maps<T>) -> Result<Maps<T>, LayerError> {
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let &(batch, channels, ..) = input.shape();
        let shape = (batch, channels, self.output.0, self.output.1);
        let output = Cpu::default().try_tensor_from_vec(self.forward(&values(&input)), shape)?;
        if T::OWNS_TAPE {
            let (input_ghost, output_ghost) = (input.ghost(), output.ghost());
            tape.add_backward_op(move |gradients| {
                let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
                self.backward(&dy, gradients.get_or_alloc_mut(&input_ghost)?);
                put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
                Ok(())
            });
        }
        Ok(output.put_tape(tape))
    }
}

impl NonMutableModule for AvgPool2d {}

impl<T: Tape<f32, Cpu>> Module<Maps<T>> for AvgPool2d {
    type Output = Maps<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Maps<T>) -> Result<Self::Output, LayerError> {
        let &(_, _, height, width) = input.shape();
        let windows = Windows::new((height, width), (self.side, self.side), self.stride);
        let windows = windows.ok_or_else(|| LayerError::Shape {
            layer: format!("average pooling of side {} and stride {}", self.side, self.stride),
            expected: "a window of at least 1 pixel that fits into the map".into(),
            got: format!("maps of {height} x {width} pixels"),
        })?;
        windows.run(input)
    }
}

impl NonMutableModule for GlobalAvgPool {}

impl<T: Tape<f32, Cpu>> Module<Maps<T>> for GlobalAvgPool {
    type Output = Maps<T>;
    type Error = LayerError;

    fn try_forward(&self, input: Maps<T>) -> Result<Self::Output, LayerError> {
        let &(_, _, height, width) = input.shape();
        let windows = Windows::new((height, width), (height, width), 1);
        let windows = windows.ok_or_else(|| LayerError::Shape {
            layer: "global average pooling".into(),
            expected: "maps of at least 1 pixel".into(),
            got: format!("maps of {height} x {width} pixels"),
        })?;
        windows.run(input)
    }
}
