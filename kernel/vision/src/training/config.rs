//! How to train.

use super::{Checkpoint, EarlyStopping, FitError, Interrupt, OneCycle, Optimizer};
use crate::data::{Augmentation, Dataset};
use crate::network::Network;
use crate::random::seed;

/// How to train. Every number that matters is here.
///
/// ```
/// use momentum_vision::data::Augmentation;
/// use momentum_vision::training::{EarlyStopping, FitConfig, OneCycle, Optimizer};
///
/// let config = FitConfig {
///     epochs: 30,
///     optimizer: Optimizer::ADAM_W,
///     weight_decay: 0.01,
///     one_cycle: Some(OneCycle::default()),
///     augmentation: Augmentation { shift: 2, flip: true, ..Augmentation::default() },
///     early_stopping: Some(EarlyStopping::after(5)),
///     ..FitConfig::default()
/// };
/// assert_eq!(config.batch, 64);
/// ```
#[derive(Clone, Debug)]
pub struct FitConfig {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images that one step learns from.
    pub batch: usize,
    /// The optimiser's step size in the first epoch; the greatest one with [`FitConfig::one_cycle`].
    pub learning_rate: f32,
    /// What the step size is multiplied with after each epoch; 1 leaves it as it is.
    pub decay: f32,
    /// Seed of the order of the images, of augmentation and of dropout.
    pub seed: u64,
    /// Asked between batches whether to stop.
    pub interrupt: Interrupt,
    /// How weights move along their gradients.
    pub optimizer: Optimizer,
    /// Pull of all parameters towards zero: added to the gradient as `weight_decay * weight`, or with
    /// [`Optimizer::AdamW`] taken off the weight itself.
    pub weight_decay: f32,
    /// Step size that rises and falls over the whole training, instead of [`FitConfig::decay`].
    pub one_cycle: Option<OneCycle>,
    /// Share of each image's label that is spread evenly over all classes (Szegedy and others 2016),
    /// such as 0.1.
    pub label_smoothing: f32,
    /// Greatest length of the gradient of all parameters together; a longer one is shortened
    /// (Pascanu, Mikolov and Bengio 2013).
    pub clip: Option<f32>,
    /// Changes of the training images, drawn anew in each epoch.
    pub augmentation: Augmentation,
    /// Ends the training when it gets no better.
    pub early_stopping: Option<EarlyStopping>,
    /// File from which an interrupted training goes on.
    pub checkpoint: Option<Checkpoint>,
}

impl Default for FitConfig {
    /// 10 epochs, batches of 64, Adam with learning rate 0.001, [`seed()`](crate::random::seed()), the
    /// process's [`Interrupt`]; nothing else.
    fn default() -> Self {
        FitConfig {
            epochs: 10,
            batch: 64,
            learning_rate: 1e-3,
            decay: 1.0,
            seed: seed(),
            interrupt: Interrupt::of_process(),
            optimizer: Optimizer::ADAM,
            weight_decay: 0.0,
            one_cycle: None,
            label_smoothing: 0.0,
            clip: None,
            augmentation: Augmentation::default(),
            early_stopping: None,
            checkpoint: None,
        }
    }
}

impl FitConfig {
    /// Refuses numbers that training cannot start with.
    pub(super) fn check(
        &self,
        network: &Network,
        train: &Dataset,
        validation: &Dataset,
    ) -> Result<(), FitError> {
        let problem = self.problem().or_else(|| mismatch(network, train, validation));
        problem.map_or(Ok(()), |problem| Err(FitError::Config(problem)))
    }

    fn problem(&self) -> Option<String> {
        if self.batch == 0 {
            Some("batch is 0: give the number of images of one step, such as 64".into())
        } else if !self.learning_rate.is_finite() || self.learning_rate <= 0.0 {
            let rate = self.learning_rate;
            Some(format!("learning_rate is {rate}: give a small positive number, such as 0.001"))
        } else if !self.decay.is_finite() || self.decay <= 0.0 {
            Some(format!("decay is {}: give a number above 0, 1 for none", self.decay))
        } else if self.one_cycle.is_some() && self.decay != 1.0 {
            let decay = self.decay;
            Some(format!(
                "one_cycle sets the step size by itself: leave decay at 1 (it is {decay})"
            ))
        } else if !self.weight_decay.is_finite() || self.weight_decay < 0.0 {
            let decay = self.weight_decay;
            Some(format!("weight_decay is {decay}: give a number from 0 on, such as 0.01"))
        } else if !(0.0..1.0).contains(&self.label_smoothing) {
            let smoothing = self.label_smoothing;
            Some(format!("label_smoothing is {smoothing}: give a share from 0 to below 1"))
        } else if let Some(clip) = self.clip.filter(|clip| clip.is_nan() || *clip <= 0.0) {
            Some(format!("clip is {clip}: give the greatest length of the gradient, such as 1"))
        } else {
            self.optimizer
                .problem()
                .or_else(|| self.one_cycle.as_ref().and_then(OneCycle::problem))
                .or_else(|| self.augmentation.problem())
                .or_else(|| self.early_stopping.as_ref().and_then(EarlyStopping::problem))
                .or_else(|| self.checkpoint.as_ref().and_then(Checkpoint::problem))
        }
    }
}

fn mismatch(network: &Network, train: &Dataset, validation: &Dataset) -> Option<String> {
    let expected = network.input_shape();
    let other = [train, validation].into_iter().find(|data| data.image_shape() != expected);
    let (classes, n) = (train.classes().len().max(validation.classes().len()), network.n_classes());
    if train.is_empty() || validation.is_empty() {
        Some(format!("{} images to train and {} to validate with", train.len(), validation.len()))
    } else if let Some(data) = other {
        let got = data.image_shape();
        Some(format!("the images are {got:?}, but the network was built on {expected:?}"))
    } else if classes > n {
        Some(format!(
            "the data has {classes} classes, but the network ends in {n}: use .classes({classes})"
        ))
    } else {
        None
    }
}
