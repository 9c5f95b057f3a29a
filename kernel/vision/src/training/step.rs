//! One step of gradient descent.

use super::diagnosis::{advice, origin};
use super::optimizer::{Broken, Descent};
use super::schedule::Rate;
use crate::data::Batch;
use crate::evaluation::correct;
use crate::gradient::values;
use crate::layer::LayerError;
use crate::loss::smoothed_cross_entropy;
use crate::network::Network;
use crate::random::Random;
use dfdx::tensor::{AsArray, Trace};
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

/// Learns from a batch: loss and number of right answers before it.
pub(super) fn step(
    network: &mut Network,
    descent: &mut Descent,
    batch: Batch,
    rate: Rate,
    smoothing: f32,
    random: &mut Random,
) -> Result<(f32, usize), StepError> {
    let advice = || advice(rate.learning_rate, descent.clip.is_some());
    let images = network.tensor(batch.images)?;
    let scores = network.forward_train(images.leaky_trace(), random)?;
    let n_correct = correct(&values(&scores), &batch.labels, network.n_classes());
    let loss = smoothed_cross_entropy(scores, &batch.labels, smoothing)?;
    let value = loss.array();
    if !value.is_finite() {
        let origin = origin(network, &images)?;
        let what = format!("the loss is {value}: {origin}");
        return Err(StepError::NotFinite { what, advice: advice() });
    }
    let mut gradients = loss.try_backward().map_err(LayerError::from)?;
    let advice = advice();
    if let Some(Broken { parameter, by_gradient }) =
        descent.update(network, &mut gradients, rate)?
    {
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
