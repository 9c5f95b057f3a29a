//! Adam (Kingma and Ba 2015), with every element updated by the same plain operations.

use crate::gradient::{take, values};
use crate::layer::LayerError;
use crate::network::{Network, ParameterVisitor, Stepper};
use crate::simd::{self, Kernel, Lanes};
use crate::threads;
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Gradients, Tensor};
use rayon::prelude::*;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// Parameters given to one task.
const TASK_LEN: usize = 1 << 14;

/// The optimiser's state. Powers and square roots follow PyTorch's `torch.optim.Adam`.
#[derive(Debug)]
pub(super) struct Adam {
    pub(super) learning_rate: f32,
    beta1_power: f64,
    beta2_power: f64,
    moments: Vec<(Vec<f32>, Vec<f32>)>,
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Numbers {
    step_size: f32,
    root_correction: f32,
}

/// One update on its way through the network's parameters.
struct Update<'a> {
    adam: &'a mut Adam,
    gradients: &'a mut Gradients<f32, Cpu>,
    numbers: Numbers,
    next: usize,
    broken: Option<usize>,
    error: Option<LayerError>,
}

impl Adam {
    pub(super) fn new(learning_rate: f32) -> Self {
        Adam { learning_rate, beta1_power: 1.0, beta2_power: 1.0, moments: Vec::new() }
    }

    /// Moves every parameter against its gradient. Returns the first one that ceased to be finite.
    pub(super) fn update(
        &mut self,
        network: &mut Network,
        gradients: &mut Gradients<f32, Cpu>,
    ) -> Result<Option<usize>, LayerError> {
        let numbers = self.next_step();
        let mut update =
            Update { adam: self, numbers, gradients, next: 0, broken: None, error: None };
        network.each_parameter(&mut update);
        let Update { broken, error, .. } = update;
        error.map_or(Ok(broken), Err)
    }

    /// [`Adam::update`] of parameters that are plain numbers.
    pub(super) fn update_stepper(&mut self, stepper: &mut Stepper) -> Option<usize> {
        let numbers = self.next_step();
        let mut broken = None;
        for (i, (weights, gradient)) in stepper.parameters().enumerate() {
            if !self.move_parameter(numbers, i, weights, gradient) && broken.is_none() {
                broken = Some(i);
            }
        }
        broken
    }

    fn next_step(&mut self) -> Numbers {
        self.beta1_power *= f64::from(BETA1);
        self.beta2_power *= f64::from(BETA2);
        Numbers {
            step_size: (f64::from(self.learning_rate) / (1.0 - self.beta1_power)) as f32,
            root_correction: (1.0 - self.beta2_power).sqrt() as f32,
        }
    }

    /// Moves the `i`-th parameter. Returns whether all of it is finite afterwards.
    fn move_parameter(
        &mut self,
        numbers: Numbers,
        i: usize,
        weights: &mut [f32],
        gradient: &[f32],
    ) -> bool {
        if self.moments.len() == i {
            self.moments.push((vec![0.0; weights.len()], vec![0.0; weights.len()]));
        }
        let (first, second) = &mut self.moments[i];
        let parts = weights
            .par_chunks_mut(TASK_LEN)
            .zip(gradient.par_chunks(TASK_LEN))
            .zip(first.par_chunks_mut(TASK_LEN).zip(second.par_chunks_mut(TASK_LEN)));
        let one = |((weights, gradient), (first, second))| {
            simd::run(Move { numbers, weights, gradient, first, second })
        };
        threads::install(|| parts.map(one).reduce(|| true, |a, b| a & b))
    }

    /// What to do when numbers leave their range.
    pub(super) fn advice(&self) -> String {
        format!(
            "Lower learning_rate (it is {}), ten times at first; if that does not help, look for \
             broken images",
            self.learning_rate
        )
    }
}

impl ParameterVisitor for Update<'_> {
    fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>) {
        let gradient = match self.gradients.get_or_alloc_mut(parameter) {
            Ok(buffer) => take(buffer),
            Err(error) => return self.error = Some(error.into()),
        };
        let mut weights = values(parameter);
        if !self.adam.move_parameter(self.numbers, self.next, &mut weights, &gradient)
            && self.broken.is_none()
        {
            self.broken = Some(self.next);
        }
        parameter.copy_from(&weights);
        self.next += 1;
    }
}

/// One part of a parameter on its way.
struct Move<'a> {
    numbers: Numbers,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Move<'_> {
    /// Whether all weights are finite afterwards.
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> bool {
        let Numbers { step_size, root_correction } = self.numbers;
        let mut finite = true;
        let moments = self.first.iter_mut().zip(self.second);
        for ((w, g), (m, v)) in self.weights.iter_mut().zip(self.gradient).zip(moments) {
            *m = BETA1 * *m + (1.0 - BETA1) * g;
            *v = BETA2 * *v + (1.0 - BETA2) * g * g;
            *w -= step_size * *m / (v.sqrt() / root_correction + EPSILON);
            finite &= w.is_finite();
        }
        finite
    }
}
