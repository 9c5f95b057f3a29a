//! Step sizes over the course of a training.

use super::FitConfig;

/// One cycle (Smith and Topin 2018): the step size rises to [`FitConfig::learning_rate`] and falls to
/// almost nothing, along half cosines, while the momentum does the contrary. The numbers are those of
/// PyTorch's `OneCycleLR`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    /// Share of all steps in which the step size rises.
    pub warm_up: f32,
    /// The first step size is the greatest one divided by this.
    pub start_divisor: f32,
    /// The last step size is the first one divided by this.
    pub end_divisor: f32,
    /// Momentum (Adam: `beta1`) at the greatest and at the least step size; `None` leaves it as it is.
    pub momentum: Option<(f32, f32)>,
}

impl Default for OneCycle {
    fn default() -> Self {
        let momentum = Some((0.85, 0.95));
        OneCycle { warm_up: 0.3, start_divisor: 25.0, end_divisor: 1e4, momentum }
    }
}

/// What one step goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    pub(super) learning_rate: f32,
    /// Takes the place of the optimiser's own.
    pub(super) momentum: Option<f32>,
}

impl OneCycle {
    pub(super) fn problem(&self) -> Option<String> {
        let divisors = [self.start_divisor, self.end_divisor];
        if !(0.0..1.0).contains(&self.warm_up) {
            Some(format!("warm_up is {}: give a share from 0 to below 1", self.warm_up))
        } else if divisors.iter().any(|divisor| !divisor.is_finite() || *divisor < 1.0) {
            Some(format!("one_cycle's divisors are {divisors:?}: give numbers from 1 on"))
        } else {
            let (low, high) = self.momentum?;
            let fits = |momentum: f32| (0.0..1.0).contains(&momentum);
            let problem = format!("one_cycle's momentum is {low} to {high}: give shares below 1");
            (!fits(low) || !fits(high)).then_some(problem)
        }
    }

    /// The rate of a step, from 0, of so many.
    pub(super) fn rate(&self, greatest: f32, step: usize, n_steps: usize) -> Rate {
        let greatest = f64::from(greatest);
        let first = greatest / f64::from(self.start_divisor);
        let last = first / f64::from(self.end_divisor);
        let (step, n_steps) = (step as f64, n_steps as f64);
        let top = f64::from(self.warm_up) * n_steps - 1.0;
        let end = n_steps - 1.0;
        let (low, high) = self.momentum.map_or((0.0, 0.0), |(low, high)| (low.into(), high.into()));
        let (rate, momentum) = if step <= top {
            let share = if top > 0.0 { step / top } else { 1.0 };
            (along(first, greatest, share), along(high, low, share))
        } else {
            let share = if end > top { (step - top) / (end - top) } else { 1.0 };
            (along(greatest, last, share), along(low, high, share))
        };
        Rate { learning_rate: rate as f32, momentum: self.momentum.map(|_| momentum as f32) }
    }
}

/// A half cosine from one value to another.
fn along(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) / 2.0 * (1.0 + libm::cos(std::f64::consts::PI * share))
}

impl FitConfig {
    /// The rate of a step, from 0, of an epoch, from 1, of so many steps.
    pub(super) fn rate(&self, epoch: usize, step: usize, n_steps: usize) -> Rate {
        match &self.one_cycle {
            Some(cycle) => {
                let step = (epoch - 1) * n_steps + step;
                cycle.rate(self.learning_rate, step, self.epochs * n_steps)
            }
            None => {
                let decayed = (1..epoch).fold(self.learning_rate, |rate, _| rate * self.decay);
                Rate { learning_rate: decayed, momentum: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_greatest_and_falls() {
        let cycle = OneCycle::default();
        let rates: Vec<f32> = (0..100).map(|i| cycle.rate(1.0, i, 100).learning_rate).collect();
        assert_eq!((rates[0], rates[29]), (0.04, 1.0));
        assert!(rates[..30].is_sorted() && rates[29..].is_sorted_by(|a, b| a > b));
        assert!((rates[99] / 4e-6 - 1.0).abs() < 1e-3);
        assert_eq!(cycle.rate(1.0, 29, 100).momentum, Some(0.85));
        assert_eq!(cycle.rate(1.0, 0, 100).momentum, Some(0.95));
    }

    #[test]
    fn the_shortest_trainings_have_rates_too() {
        for n_steps in 1..9 {
            for warm_up in [0.0, 0.1, 0.25, 0.5, 0.99] {
                let cycle = OneCycle { warm_up, ..OneCycle::default() };
                let all = (0..n_steps).map(|step| cycle.rate(0.1, step, n_steps).learning_rate);
                assert!(all.clone().all(|rate| rate > 0.0 && rate <= 0.1), "{n_steps} {warm_up}");
            }
        }
    }

    #[test]
    fn without_a_cycle_each_epoch_decays() {
        let config = FitConfig { decay: 0.5, learning_rate: 0.8, ..FitConfig::default() };
        let rates = [1, 2, 3].map(|epoch| config.rate(epoch, 7, 10).learning_rate);
        assert_eq!(rates, [0.8, 0.4, 0.2]);
    }
}
