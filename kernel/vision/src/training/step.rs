//! One step of gradient descent.

use super::diagnosis::{advice, origin};
use super::optimizer::{Broken, Descent};
use super::schedule::Rate;
use crate::data::Batch;
use crate::evaluation::correct;
use crate::gradient::values;
use crate::layer::LayerError;
use crate::loss::smoothed_cross_entropy;
use crate::network::{Network, Stepper};
use crate::random::Random;
use dfdx::tensor::{AsArray, Cpu, TensorFromVec, Trace};
use dfdx::tensor_ops::Backward;

/// Why one step failed; the loop adds where.
#[derive(Debug)]
pub(super) enum StepError {
    Layer(LayerError),
    NotFinite { what: String, advice: String },
}

impl From<LayerError> for StepError {
    fn from(error: LayerError) -> Self {
        StepError::Layer(error)
    }
}

/// Learns from a batch: loss and number of right answers before it. The parameters are in the stepper
/// if there is one, else in the network.
pub(super) fn step(
    network: &mut Network,
    stepper: &mut Option<Stepper>,
    descent: &mut Descent,
    batch: Batch,
    rate: Rate,
    smoothing: f32,
    random: &mut Random,
) -> Result<(f32, usize), StepError> {
    let advice = || advice(rate.learning_rate, descent.clip.is_some());
    let (scores, fused) = match stepper {
        Some(stepper) => {
            let scores = stepper.scores(&batch.images)?.to_vec();
            let shape = (scores.len() / network.n_classes(), network.n_classes());
            let scores =
                Cpu::default().try_tensor_from_vec(scores, shape).map_err(LayerError::from)?;
            (scores.leaky_trace(), Some((scores, stepper)))
        }
        None => {
            let images = network.tensor(batch.images.clone())?;
            (network.forward_train(images.leaky_traced(), random)?, None)
        }
    };
    let n_correct = correct(&values(&scores), &batch.labels, network.n_classes());
    let loss = smoothed_cross_entropy(scores, &batch.labels, smoothing)?;
    let value = loss.array();
    if !value.is_finite() {
        if let Some((_, stepper)) = fused {
            stepper.give_back(network);
        }
        let images = network.tensor(batch.images)?;
        let origin = origin(network, &images)?;
        let what = format!("the loss is {value}: {origin}");
        return Err(StepError::NotFinite { what, advice: advice() });
    }
    let mut gradients = loss.try_backward().map_err(LayerError::from)?;
    let advice = advice();
    let broken = match fused {
        Some((scores, stepper)) => {
            stepper.backward(&batch.images, &values(&gradients.get(&scores)));
            descent.update_stepper(stepper, rate)
        }
        None => descent.update(network, &mut gradients, rate)?,
    };
    if let Some(Broken { parameter, by_gradient }) = broken {
        let name = network.parameter_name(parameter);
        let why = match by_gradient {
            true => "its gradient left the range of f32",
            false => "the step was too large",
        };
        let what = format!("{name} is no longer finite, because {why}; the loss was {value}");
        return Err(StepError::NotFinite { what, advice });
    }
    Ok((value, n_correct))
}
