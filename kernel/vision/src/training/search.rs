//! Looking for a step size before a training (Smith 2017).

use super::optimizer::Descent;
use super::schedule::Rate;
use super::step::{StepError, step};
use super::{FitConfig, FitError};
use crate::data::{BatchPlan, Dataset};
use crate::network::{Network, Stepper};
use crate::random::Random;
use crate::table::Table;

/// How much of the smoothed loss each step keeps.
const SMOOTHING: f64 = 0.9;
/// The search ends when the smoothed loss is so many times the least one.
const DIVERGED: f64 = 4.0;
/// The random stream of the order of the images.
const STREAM: u64 = 5;

/// Which step sizes are tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSearchConfig {
    /// The first step size.
    pub low: f32,
    /// The last step size, if the loss does not grow before.
    pub high: f32,
    /// Steps from the one to the other, each greater than the last by the same factor.
    pub steps: usize,
}

impl Default for RateSearchConfig {
    /// 100 steps from 0.000001 to 1.
    fn default() -> Self {
        RateSearchConfig { low: 1e-6, high: 1.0, steps: 100 }
    }
}

/// A step of the search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateTrial {
    /// Its step size.
    pub learning_rate: f32,
    /// Loss of its batch before the step, in nats.
    pub loss: f64,
    /// Mean of this and earlier losses, which fade.
    pub smoothed: f64,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq)]
pub struct RateSearch {
    /// The network's name.
    pub network: String,
    /// Step by step, until the loss grew.
    pub trials: Vec<RateTrial>,
}

impl RateSearch {
    /// A step size to train with: a tenth of the one at which the loss was least. `None` when the
    /// loss never fell.
    pub fn suggestion(&self) -> Option<f32> {
        let least = self.least()?;
        (least > 0).then(|| self.trials[least].learning_rate / 10.0)
    }

    /// The step size at which the loss fell fastest.
    pub fn steepest(&self) -> Option<f32> {
        let falls = |i: &usize| self.trials[*i].smoothed - self.trials[i - 1].smoothed;
        let steepest = (1..=self.least()?).min_by(|a, b| falls(a).total_cmp(&falls(b)))?;
        (falls(&steepest) < 0.0).then(|| self.trials[steepest].learning_rate)
    }

    /// The place of the least smoothed loss.
    fn least(&self) -> Option<usize> {
        let smoothed = |i: &usize| self.trials[*i].smoothed;
        (0..self.trials.len()).min_by(|a, b| smoothed(a).total_cmp(&smoothed(b)))
    }

    /// The search as a table.
    pub fn table(&self) -> Table {
        let caption = format!("Search of a learning rate for the {}", self.network);
        let mut table = Table::new(caption, ["learning rate", "loss", "smoothed loss"]);
        for RateTrial { learning_rate, loss, smoothed } in &self.trials {
            let numbers = [format!("{loss:.3}"), format!("{smoothed:.3}")];
            table.push(std::iter::once(format!("{learning_rate:.2e}")).chain(numbers));
        }
        table
    }
}

impl Network {
    /// Learns for some steps with a step size that grows from step to step, on a copy of the network,
    /// and tells what the loss did. `config` gives batch, optimiser, augmentation and the like.
    ///
    /// ```
    /// use momentum_vision::{data::fashion_mnist, network::Mlp};
    /// use momentum_vision::training::{FitConfig, RateSearchConfig};
    ///
    /// let data = fashion_mnist()?;
    /// let network = Mlp::on([1, 28, 28]).seed(0).classes(10)?;
    /// let config = FitConfig { seed: 0, ..FitConfig::default() };
    /// let search = network.find_learning_rate(&data.train, &config, &RateSearchConfig::default())?;
    /// let rate = search.suggestion().ok_or("the loss never fell")?;
    /// assert!((1e-4..1e-1).contains(&rate), "{rate}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Network::fit_with`]; but a loss that is no number ends the search, and is no error.
    pub fn find_learning_rate(
        &self,
        train: &Dataset,
        config: &FitConfig,
        search: &RateSearchConfig,
    ) -> Result<RateSearch, FitError> {
        config.check(self, train, train)?;
        let RateSearchConfig { low, high, steps } = *search;
        if !(low > 0.0 && low < high && high.is_finite()) || steps < 2 {
            let problem = format!(
                "{steps} steps from {low} to {high}: give two or more, from a small number above 0 to \
                 a greater one"
            );
            return Err(FitError::Config(problem));
        }
        let _listening = config.interrupt.listen();
        let mut random = Random::stream(config.seed, STREAM);
        let mut order: Vec<usize> = (0..train.len()).collect();
        random.shuffle(&mut order);
        // As often round as it takes.
        let n = steps.saturating_mul(config.batch);
        let order: Vec<usize> = order.into_iter().cycle().take(n).collect();
        let augmentation = config.augmentation;
        let plan = BatchPlan {
            order: &order,
            batch: config.batch,
            augmentation,
            seed: config.seed,
            epoch: 1,
        };
        let mut network = self.clone();
        let mut stepper = Stepper::of(&network);
        let mut descent = Descent::new(config.optimizer, config.weight_decay, config.clip);
        let factor = libm::pow(f64::from(high) / f64::from(low), 1.0 / (steps - 1) as f64);
        let mut found = RateSearch { network: self.name().into(), trials: Vec::new() };
        let (mut mean, mut least) = (0.0, f64::INFINITY);
        train.batches(&plan, |batches| {
            for (i, batch) in batches.enumerate() {
                if config.interrupt.take() {
                    break;
                }
                let learning_rate = (f64::from(low) * libm::pow(factor, i as f64)) as f32;
                let rate = Rate { learning_rate, momentum: None };
                let smoothing = config.label_smoothing;
                let (loss, _) = match step(
                    &mut network,
                    &mut stepper,
                    &mut descent,
                    batch,
                    rate,
                    smoothing,
                    &mut random,
                ) {
                    Ok(seen) => seen,
                    Err(StepError::NotFinite { .. }) => break,
                    Err(StepError::Layer(error)) => return Err(FitError::Layer(error)),
                };
                let loss = f64::from(loss);
                mean = SMOOTHING * mean + (1.0 - SMOOTHING) * loss;
                // The mean began at 0: what that took away is put back (as Adam does).
                let smoothed = mean / (1.0 - libm::pow(SMOOTHING, (i + 1) as f64));
                least = least.min(smoothed);
                if smoothed > DIVERGED * least {
                    break;
                }
                found.trials.push(RateTrial { learning_rate, loss, smoothed });
            }
            Ok(())
        })?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::Mlp;
    use crate::training::Interrupt;

    fn config() -> FitConfig {
        FitConfig { batch: 50, seed: 5, interrupt: Interrupt::new(), ..FitConfig::default() }
    }

    #[test]
    fn the_loss_falls_and_then_the_search_ends_and_nothing_was_learnt() {
        let data = fashion_mnist().unwrap().train.first(300);
        let network = Mlp::on([1, 28, 28]).hidden(16).seed(0).classes(10).unwrap();
        let before = network.parameters();
        let wide = RateSearchConfig { low: 1e-5, high: 100.0, steps: 60 };
        let search = network.find_learning_rate(&data, &config(), &wide).unwrap();
        assert_eq!(network.parameters(), before);
        assert!(search.trials.len() < 60, "it ended early");
        let (steepest, suggested) = (search.steepest().unwrap(), search.suggestion().unwrap());
        assert!((1e-4..1.0).contains(&steepest) && (1e-4..0.3).contains(&suggested));
        assert_eq!(search, network.find_learning_rate(&data, &config(), &wide).unwrap());
        assert_eq!(search.table().rows.len(), search.trials.len());
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let data = fashion_mnist().unwrap().train.first(20);
        let network = Mlp::on([1, 28, 28]).classes(10).unwrap();
        let search = RateSearchConfig { low: 0.1, high: 0.01, steps: 10 };
        let error = network.find_learning_rate(&data, &config(), &search).unwrap_err();
        insta::assert_snapshot!(error, @"10 steps from 0.1 to 0.01: give two or more, from a small number above 0 to a greater one");
    }
}
