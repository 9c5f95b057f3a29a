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

mod adam;
mod history;
mod interrupt;

pub use history::{Epoch, History};
pub use interrupt::Interrupt;

use crate::data::Dataset;
use crate::evaluation::{correct, evaluate};
use crate::gradient::values;
use crate::layer::{LayerError, Vectors};
use crate::loss::cross_entropy;
use crate::network::{Network, Stepper};
use crate::random::{Random, seed};
use adam::Adam;
use dfdx::shapes::Rank0;
use dfdx::tensor::{AsArray, Cpu, Tape, Tensor, TensorFromVec, Trace};
use dfdx::tensor_ops::Backward;

/// How to train. Every number that matters is here.
#[derive(Clone, Debug)]
pub struct FitConfig {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images that one step learns from.
    pub batch: usize,
    /// Adam's step size in the first epoch.
    pub learning_rate: f32,
    /// What the step size is multiplied with after each epoch; 1 leaves it as it is.
    pub decay: f32,
    /// Seed of the order of the images.
    pub seed: u64,
    /// Asked between batches whether to stop.
    pub interrupt: Interrupt,
}

impl Default for FitConfig {
    /// 10 epochs, batches of 64, learning rate 0.001 without decay, [`seed()`](crate::random::seed()),
    /// the process's [`Interrupt`].
    fn default() -> Self {
        FitConfig {
            epochs: 10,
            batch: 64,
            learning_rate: 1e-3,
            decay: 1.0,
            seed: seed(),
            interrupt: Interrupt::of_process(),
        }
    }
}

/// What [`Network::fit_with`] tells while it runs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// A step is done.
    Step {
        /// Epoch, from 1.
        epoch: usize,
        /// Step within the epoch, from 1.
        step: usize,
        /// Steps in an epoch.
        n_steps: usize,
        /// Cross-entropy of the batch before the step, in nats.
        loss: f32,
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
        /// Which number, and what it was before.
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
    /// network do not fit.
    pub fn fit_with(
        &mut self,
        train: &Dataset,
        validation: &Dataset,
        config: &FitConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<History, FitError> {
        check(self, train, validation, config)?;
        let mut random = Random::stream(config.seed, 2);
        let mut adam = Adam::new(config.learning_rate);
        let mut order: Vec<usize> = (0..train.len()).collect();
        let n_steps = order.len().div_ceil(config.batch);
        let mut history = History::new(self.name());
        for epoch in 1..=config.epochs {
            random.shuffle(&mut order);
            let mut stepper = Stepper::of(self);
            let learnt = self.learn(&mut stepper, &mut adam, train, &order, config, &mut |place| {
                let (step, loss) = place;
                progress(Progress::Step { epoch, step, n_steps, loss });
            });
            if let Some(stepper) = &stepper {
                stepper.give_back(self);
            }
            let Some((loss_sum, n_correct)) = learnt.map_err(|(step, error)| match error {
                StepError::Layer(error) => FitError::Layer(error),
                StepError::NotFinite { what, advice } => {
                    FitError::NotFinite { epoch, step, what, advice }
                }
            })?
            else {
                history.interrupted = true;
                return Ok(history);
            };
            let seen = evaluate(self, validation)?;
            let done = Epoch {
                epoch,
                train_loss: loss_sum / train.len() as f64,
                train_accuracy: n_correct as f64 / train.len() as f64,
                validation_loss: seen.loss,
                validation_accuracy: seen.accuracy,
            };
            history.epochs.push(done.clone());
            progress(Progress::Epoch(done));
            adam.learning_rate *= config.decay;
        }
        Ok(history)
    }

    /// One epoch: the sum of the losses and the number of right answers; none if interrupted. Tells
    /// of each step (from 1) and its loss.
    fn learn(
        &mut self,
        stepper: &mut Option<Stepper>,
        adam: &mut Adam,
        train: &Dataset,
        order: &[usize],
        config: &FitConfig,
        progress: &mut dyn FnMut((usize, f32)),
    ) -> Result<Option<(f64, usize)>, (usize, StepError)> {
        let (mut loss_sum, mut n_correct) = (0.0, 0);
        let mut random = Random::stream(config.seed, 3);
        for (step, places) in order.chunks(config.batch).enumerate() {
            if config.interrupt.take() {
                return Ok(None);
            }
            let (loss, right) = self
                .step(stepper.as_mut(), adam, train, places, &mut random)
                .map_err(|error| (step + 1, error))?;
            loss_sum += f64::from(loss) * places.len() as f64;
            n_correct += right;
            progress((step + 1, loss));
        }
        Ok(Some((loss_sum, n_correct)))
    }

    /// One step of gradient descent: loss and number of right answers of the batch before it.
    fn step(
        &mut self,
        stepper: Option<&mut Stepper>,
        adam: &mut Adam,
        train: &Dataset,
        places: &[usize],
        random: &mut Random,
    ) -> Result<(f32, usize), StepError> {
        let (images, labels) = train.batch(places);
        let (loss, n_correct, broken) = match stepper {
            Some(stepper) => {
                let scores = self.score_tensor(stepper.scores(&images)?)?;
                let (loss, n_correct) = self.loss(scores.leaky_trace(), &labels, adam)?;
                let value = loss.array();
                let gradients = loss.try_backward().map_err(LayerError::from)?;
                stepper.backward(&images, &values(&gradients.get(&scores)));
                (value, n_correct, adam.update_stepper(stepper))
            }
            None => {
                let scores = self.forward_train(self.tensor(images)?.leaky_traced(), random)?;
                let (loss, n_correct) = self.loss(scores, &labels, adam)?;
                let value = loss.array();
                let mut gradients = loss.try_backward().map_err(LayerError::from)?;
                (value, n_correct, adam.update(self, &mut gradients)?)
            }
        };
        if let Some(parameter) = broken {
            let name = self.parameter_name(parameter);
            return Err(StepError::NotFinite {
                what: format!("{name} is no longer finite; the loss was {loss} before this step"),
                advice: adam.advice(),
            });
        }
        Ok((loss, n_correct))
    }

    fn loss<T: Tape<f32, Cpu>>(
        &self,
        scores: Vectors<T>,
        labels: &[u8],
        adam: &Adam,
    ) -> Result<(Tensor<Rank0, f32, Cpu, T>, usize), StepError> {
        let n_correct = correct(&values(&scores), labels, self.n_classes());
        let loss = cross_entropy(scores, labels)?;
        let value = loss.array();
        if !value.is_finite() {
            return Err(StepError::NotFinite {
                what: format!("the loss is {value}, because the scores outgrew the range of f32"),
                advice: adam.advice(),
            });
        }
        Ok((loss, n_correct))
    }

    fn score_tensor(&self, scores: &[f32]) -> Result<Vectors, LayerError> {
        let shape = (scores.len() / self.n_classes(), self.n_classes());
        Ok(Cpu::default().try_tensor_from_vec(scores.to_vec(), shape)?)
    }
}

/// Why one step failed; the loop adds where.
enum StepError {
    Layer(LayerError),
    NotFinite { what: String, advice: String },
}

impl From<LayerError> for StepError {
    fn from(error: LayerError) -> Self {
        StepError::Layer(error)
    }
}

fn check(
    network: &Network,
    train: &Dataset,
    validation: &Dataset,
    config: &FitConfig,
) -> Result<(), FitError> {
    let problem = if config.batch == 0 {
        "batch is 0: give the number of images of one step, such as 64".to_owned()
    } else if config.learning_rate.is_nan() || config.learning_rate <= 0.0 {
        format!(
            "learning_rate is {}: give a small positive number, such as 0.001",
            config.learning_rate
        )
    } else if !config.decay.is_finite() || config.decay <= 0.0 {
        format!("decay is {}: give a number above 0, 1 for none", config.decay)
    } else if train.is_empty() || validation.is_empty() {
        format!("{} images to train and {} to validate with", train.len(), validation.len())
    } else if train.image_shape() != network.input_shape() {
        let (got, expected) = (train.image_shape(), network.input_shape());
        format!("the images are {got:?}, but the network was built on {expected:?}")
    } else if train.classes().len() > network.n_classes() {
        let (classes, n) = (train.classes().len(), network.n_classes());
        format!(
            "the data has {classes} classes, but the network ends in {n}: use .classes({classes})"
        )
    } else {
        return Ok(());
    };
    Err(FitError::Config(problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::{Cnn, Mlp};
    use sha2::{Digest, Sha256};

    fn tiny_cnn() -> Network {
        let cnn = Cnn::on([1, 28, 28]).conv(4, 3).padding(1).relu().max_pool(2).conv(6, 3);
        cnn.relu().max_pool(2).hidden(16).seed(3).classes(10).unwrap()
    }

    fn config(learning_rate: f32) -> FitConfig {
        let interrupt = Interrupt::new();
        FitConfig { epochs: 2, batch: 50, learning_rate, seed: 5, interrupt, ..Default::default() }
    }

    fn hash(network: &Network) -> String {
        let mut hash = Sha256::new();
        for (name, values) in network.parameters() {
            hash.update(name);
            values.iter().for_each(|value| hash.update(value.to_le_bytes()));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn train_with_threads(threads: usize) -> (String, History) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let data = fashion_mnist().unwrap();
            let mut network = tiny_cnn();
            let (train, validation) = (data.train.first(330), data.validation.first(100));
            let history = network.fit(&train, &validation, &config(3e-3)).unwrap();
            (hash(&network), history)
        })
    }

    #[test]
    fn the_same_bits_for_1_2_and_4_threads_and_on_every_cpu() {
        let (one, history) = train_with_threads(1);
        assert_eq!((one.clone(), history.clone()), train_with_threads(2));
        assert_eq!((one.clone(), history.clone()), train_with_threads(4));
        assert!(history.epochs[1].train_loss < history.epochs[0].train_loss);
        insta::assert_snapshot!(one, @"c75fef5c42066a5c0aa7514def3c6dd41ddaea61c6027b67c72856bb53f7a60f");
    }

    #[test]
    fn a_linear_network_learns_two_classes_by_heart() {
        let data = fashion_mnist().unwrap().train.first(40);
        let mut network = Mlp::on([1, 28, 28]).seed(0).classes(10).unwrap();
        let config = FitConfig { epochs: 60, batch: 20, ..config(1e-2) };
        let history = network.fit(&data, &data, &config).unwrap();
        assert!(history.epochs[59].train_accuracy > 0.99, "{history}");
    }

    #[test]
    fn a_loss_that_is_no_number_is_found_at_its_step() {
        let data = fashion_mnist().unwrap().train.first(200);
        let error = tiny_cnn().fit(&data, &data, &config(1e30)).unwrap_err();
        insta::assert_snapshot!(error, @"epoch 1, step 2: the loss is NaN, because the scores outgrew the range of f32. Lower learning_rate (it is 1000000000000000000000000000000), ten times at first; if that does not help, look for broken images");
    }

    #[test]
    fn an_interrupt_keeps_what_was_learnt() {
        let data = fashion_mnist().unwrap().train.first(200);
        let config = config(1e-3);
        let (mut network, before) = (tiny_cnn(), hash(&tiny_cnn()));
        let mut steps = 0;
        let history = network.fit_with(&data, &data, &config, &mut |_| {
            steps += 1;
            config.interrupt.raise();
        });
        let history = history.unwrap();
        assert_eq!((steps, history.interrupted, history.epochs.len()), (1, true, 0));
        assert_ne!(hash(&network), before);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let data = fashion_mnist().unwrap().train.first(20);
        let error = Mlp::on([1, 8, 8]).classes(10).unwrap().fit(&data, &data, &config(1e-3));
        insta::assert_snapshot!(error.unwrap_err(), @"the images are [1, 28, 28], but the network was built on [1, 8, 8]");
        let error = Mlp::on([1, 28, 28]).classes(3).unwrap().fit(&data, &data, &config(1e-3));
        insta::assert_snapshot!(error.unwrap_err(), @"the data has 10 classes, but the network ends in 3: use .classes(10)");
        let zero = FitConfig { batch: 0, ..config(1e-3) };
        let error = tiny_cnn().fit(&data, &data, &zero).unwrap_err();
        insta::assert_snapshot!(error, @"batch is 0: give the number of images of one step, such as 64");
    }
}
