//! Adam (Kingma and Ba 2015), with every element updated by the same plain operations.

use crate::gradient::{take, values};
use crate::layer::LayerError;
use crate::network::{Network, ParameterVisitor};
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

/// One update on its way through the network's parameters.
struct Update<'a> {
    adam: &'a mut Adam,
    gradients: &'a mut Gradients<f32, Cpu>,
    next: usize,
    step_size: f32,
    root_correction: f32,
    broken: Option<usize>,
    error: Option<LayerError>,
}

impl Adam {
    pub(super) fn new(learning_rate: f32) -> Self {
        Adam { learning_rate, beta1_power: 1.0, beta2_power: 1.0, moments: Vec::new() }
    }

    /// Moves every parameter against its gradient. Returns the first one, in words, that ceased to
    /// be finite.
    pub(super) fn update(
        &mut self,
        network: &mut Network,
        gradients: &mut Gradients<f32, Cpu>,
    ) -> Result<Option<String>, LayerError> {
        self.beta1_power *= f64::from(BETA1);
        self.beta2_power *= f64::from(BETA2);
        let step_size = (f64::from(self.learning_rate) / (1.0 - self.beta1_power)) as f32;
        let root_correction = (1.0 - self.beta2_power).sqrt() as f32;
        let mut update = Update {
            adam: self,
            gradients,
            next: 0,
            step_size,
            root_correction,
            broken: None,
            error: None,
        };
        network.each_parameter(&mut update);
        let Update { broken, error, .. } = update;
        match error {
            Some(error) => Err(error),
            None => Ok(broken.map(|i| network.parameter_name(i))),
        }
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
        if self.adam.moments.len() == self.next {
            self.adam.moments.push((vec![0.0; weights.len()], vec![0.0; weights.len()]));
        }
        let (first, second) = &mut self.adam.moments[self.next];
        let (step_size, root_correction) = (self.step_size, self.root_correction);
        let update = || {
            weights
                .par_chunks_mut(TASK_LEN)
                .zip(gradient.par_chunks(TASK_LEN))
                .zip(first.par_chunks_mut(TASK_LEN).zip(second.par_chunks_mut(TASK_LEN)))
                .map(|((weights, gradient), (first, second))| {
                    let mut finite = true;
                    for ((w, g), (m, v)) in
                        weights.iter_mut().zip(gradient).zip(first.iter_mut().zip(second))
                    {
                        *m = BETA1 * *m + (1.0 - BETA1) * g;
                        *v = BETA2 * *v + (1.0 - BETA2) * g * g;
                        *w -= step_size * *m / (v.sqrt() / root_correction + EPSILON);
                        finite &= w.is_finite();
                    }
                    finite
                })
                .reduce(|| true, |a, b| a & b)
        };
        let finite = threads::install(update);
        if !finite && self.broken.is_none() {
            self.broken = Some(self.next);
        }
        parameter.copy_from(&weights);
        self.next += 1;
    }
}
