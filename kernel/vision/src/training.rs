//! Training: one loop, monomorphic, the same bits for every number of threads.
//!
//! ```
//! use momentum_vision::{data::fashion_mnist, network::Mlp, training::FitConfig};
//!
//! let data = fashion_mnist()?;
//! let mut network = Mlp::on([1, 28, 28]).seed(0).classes(10)?;
//! let config = FitConfig { epochs: 2, seed: 0, ..FitConfig::default() };
//! let history = network.fit(&data.train.first(500), &data.validation.first(100), &config)?;
//! assert!(history.epochs[1].train_loss < history.epochs[0].train_loss);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`FitConfig`] holds every number that matters: the [`Optimizer`], the [`OneCycle`] schedule,
//! augmentation, [`EarlyStopping`], the [`Checkpoint`] from which a training goes on with the same
//! bits. [`Network::find_learning_rate`] looks for the step size. [`Progress`] tells an observer
//! what happens; a [`Monitor`] makes of it what a notebook or a [`TerminalBar`] shows.

mod checkpoint;
mod config;
mod course;
mod diagnosis;
mod early_stopping;
mod history;
mod interrupt;
mod monitor;
mod optimizer;
mod schedule;
mod search;
mod step;
mod terminal;
#[cfg(test)]
pub(crate) mod tests;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::FitConfig;
pub use early_stopping::EarlyStopping;
pub use history::{Ending, Epoch, History};
pub use interrupt::Interrupt;
pub use monitor::{Monitor, Pace, Point};
pub use optimizer::Optimizer;
pub use schedule::OneCycle;
pub use search::{RateSearch, RateSearchConfig, RateTrial};
pub use terminal::TerminalBar;

use crate::data::Dataset;
use crate::layer::LayerError;
use crate::network::Network;
use course::Course;

/// What [`Network::fit_with`] tells while it runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// Training begins, or goes on from a checkpoint.
    Begin {
        /// The network's name.
        network: String,
        /// Epochs in all.
        n_epochs: usize,
        /// Steps in an epoch.
        n_steps: usize,
        /// Training images of an epoch.
        n_images: usize,
        /// Epochs that were done before, from a checkpoint.
        done: Vec<Epoch>,
    },
    /// A step is done.
    Step {
        /// Epoch, from 1.
        epoch: usize,
        /// Step within the epoch, from 1.
        step: usize,
        /// Steps in an epoch.
        n_steps: usize,
        /// What the step lessened, of the batch before the step, in nats.
        loss: f32,
        /// Right answers in the batch, before the step.
        n_correct: usize,
        /// Images in the batch.
        n_images: usize,
        /// Step size of the optimiser.
        learning_rate: f32,
    },
    /// An epoch is done.
    Epoch(Epoch),
}

/// Why training stopped short.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// A number left the range of `f32`.
    #[error("epoch {epoch}, step {step}: {what}. {advice}")]
    NotFinite {
        /// Epoch, from 1.
        epoch: usize,
        /// Step within the epoch, from 1.
        step: usize,
        /// Which number, where it began, and what it was before.
        what: String,
        /// What to change.
        advice: String,
    },
    /// Numbers that training cannot start with.
    #[error("{0}")]
    Config(String),
    /// Images and network do not fit each other.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The checkpoint could not be written, or not be gone on from.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl Network {
    /// Trains on `train` and looks at `validation` after each epoch.
    ///
    /// # Errors
    /// As [`Network::fit_with`].
    pub fn fit(
        &mut self,
        train: &Dataset,
        validation: &Dataset,
        config: &FitConfig,
    ) -> Result<History, FitError> {
        self.fit_with(train, validation, config, &mut |_| ())
    }

    /// [`Network::fit`] that tells of its progress. What was learnt is kept when it is interrupted.
    ///
    /// # Errors
    /// [`FitError::NotFinite`] at the step at which a loss or a weight ceases to be a number,
    /// [`FitError::Config`] for settings that make no sense, [`FitError::Layer`] when images and
    /// network do not fit, [`FitError::Checkpoint`] when its file cannot be used.
    pub fn fit_with(
        &mut self,
        train: &Dataset,
        validation: &Dataset,
        config: &FitConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<History, FitError> {
        config.check(self, train, validation)?;
        let _listening = config.interrupt.listen();
        let mut course = Course::begin(self, train, validation, config)?;
        course.run(progress)?;
        Ok(course.end())
    }
}
