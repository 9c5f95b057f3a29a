//! What an observer makes of a training's [`Progress`]: curves so far, speed, time left.

use super::{Epoch, Progress};
use std::collections::VecDeque;
use std::time::Duration;

/// Points that a curve of steps has at most in the end.
const MAX_POINTS: usize = 240;
/// Steps over which speed is measured.
const WINDOW: usize = 40;

/// Follows a training. It is told the time, so it has no clock of its own.
///
/// ```
/// use momentum_vision::{data::fashion_mnist, network::Mlp, training::{FitConfig, Monitor}};
/// use std::time::Instant;
///
/// let data = fashion_mnist()?;
/// let config = FitConfig { epochs: 2, seed: 0, ..FitConfig::default() };
/// let (start, mut monitor) = (Instant::now(), Monitor::default());
/// let mut network = Mlp::on([1, 28, 28]).seed(0).classes(10)?;
/// network.fit_with(&data.train.first(200), &data.test.first(50), &config, &mut |progress| {
///     monitor.observe(&progress, start.elapsed());
/// })?;
/// assert_eq!((monitor.epochs().len(), monitor.share()), (2, 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Monitor {
    network: String,
    n_epochs: usize,
    n_steps: usize,
    n_images: usize,
    epochs: Vec<Epoch>,
    points: Vec<Point>,
    /// Steps that the next point is made of, so far.
    gathered: Gathered,
    /// Epoch and step that were done last.
    at: (usize, usize),
    /// Images that this run has learnt from, and those left when it began.
    images: usize,
    images_left_at_start: usize,
    started: Duration,
    now: Duration,
    /// When a step ended, and how many images had been learnt from.
    recent: VecDeque<(Duration, usize)>,
}

/// The mean of some steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Where it lies, in epochs from 0.
    pub epochs: f64,
    /// Mean loss of the steps, in nats.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Gathered {
    steps: usize,
    images: usize,
    loss_sum: f64,
    n_correct: usize,
}

/// How fast a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Images learnt from in a second.
    pub images_per_second: f64,
    /// Until all epochs are done, if it goes on like that.
    pub left: Duration,
}

impl Monitor {
    /// Takes in what has happened by a time, counted from any moment.
    pub fn observe(&mut self, progress: &Progress, now: Duration) {
        self.now = now;
        match progress {
            Progress::Begin { network, n_epochs, n_steps, n_images, done } => {
                let left = n_epochs.saturating_sub(done.len()) * n_images;
                *self = Monitor {
                    network: network.clone(),
                    n_epochs: *n_epochs,
                    n_steps: *n_steps,
                    n_images: *n_images,
                    epochs: done.clone(),
                    at: (done.len(), if done.is_empty() { 0 } else { *n_steps }),
                    images_left_at_start: left,
                    started: now,
                    now,
                    recent: VecDeque::from([(now, 0)]),
                    ..Monitor::default()
                };
            }
            Progress::Step { epoch, step, loss, n_correct, n_images, .. } => {
                if self.images == 0 {
                    // A resumed training may begin in the middle of an epoch.
                    let done = (step - 1) * self.n_images / self.n_steps.max(1);
                    self.images_left_at_start = self.images_left_at_start.saturating_sub(done);
                }
                self.at = (*epoch, *step);
                self.images += n_images;
                self.recent.push_back((now, self.images));
                if self.recent.len() > WINDOW {
                    self.recent.pop_front();
                }
                self.gather(*loss, *n_correct, *n_images);
            }
            Progress::Epoch(epoch) => {
                self.epochs.push(epoch.clone());
                // Looking at the validation images is no learning.
                self.recent = VecDeque::from([(now, self.images)]);
            }
        }
    }

    fn gather(&mut self, loss: f32, n_correct: usize, n_images: usize) {
        self.gathered.steps += 1;
        self.gathered.images += n_images;
        self.gathered.loss_sum += f64::from(loss) * n_images as f64;
        self.gathered.n_correct += n_correct;
        let steps = (self.n_epochs * self.n_steps).div_ceil(MAX_POINTS).max(1);
        if self.gathered.steps >= steps {
            let Gathered { steps, images, loss_sum, n_correct } =
                std::mem::take(&mut self.gathered);
            let n = images.max(1) as f64;
            let (epoch, step) = self.at;
            let end = (epoch - 1) as f64 + step as f64 / self.n_steps.max(1) as f64;
            let middle = end - steps as f64 / (2 * self.n_steps.max(1)) as f64;
            let accuracy = n_correct as f64 / n;
            self.points.push(Point { epochs: middle, loss: loss_sum / n, accuracy });
        }
    }

    /// The network's name.
    pub fn network(&self) -> &str {
        &self.network
    }

    /// Epochs in all.
    pub fn n_epochs(&self) -> usize {
        self.n_epochs
    }

    /// Epochs that are done.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// What steps of this run gave, several of them to a point if there are many.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The epoch that is being learnt from, from 1.
    pub fn epoch(&self) -> usize {
        self.at.0.max(1)
    }

    /// How much of all steps is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        let (epoch, step) = self.at;
        let all = (self.n_epochs * self.n_steps).max(1) as f64;
        ((epoch.saturating_sub(1) * self.n_steps + step) as f64 / all).min(1.0)
    }

    /// Speed and time left; `None` before there is something to measure. The time left counts the
    /// looks at the validation images as those so far.
    pub fn pace(&self) -> Option<Pace> {
        let (&(from, images_from), &(to, images_to)) = (self.recent.front()?, self.recent.back()?);
        let seconds = (to.checked_sub(from)?).as_secs_f64();
        let elapsed = self.now.checked_sub(self.started)?.as_secs_f64();
        if self.images == 0 || elapsed <= 0.0 {
            return None;
        }
        let images_per_second = match seconds > 0.0 && images_to > images_from {
            true => (images_to - images_from) as f64 / seconds,
            false => self.images as f64 / elapsed,
        };
        let left = self.images_left_at_start.saturating_sub(self.images) as f64;
        let left = Duration::try_from_secs_f64(elapsed * left / self.images as f64).ok()?;
        Some(Pace { images_per_second, left })
    }

    /// The state in a line: `epoch 3 of 10, loss 0.412, validation 84.3 %, 12,300 images/s, 0:42 left`.
    pub fn line(&self) -> String {
        let mut line = format!("epoch {} of {}", self.epoch().min(self.n_epochs), self.n_epochs);
        if let Some(point) = self.points.last() {
            line += &format!(", loss {:.3}", point.loss);
        }
        if let Some(epoch) = self.epochs.last() {
            let accuracy = crate::table::percent(epoch.validation_accuracy);
            line += &format!(", validation {accuracy}");
        }
        if let Some(pace) = self.pace() {
            line += &format!(", {pace}");
        }
        line
    }
}

impl std::fmt::Display for Pace {
    /// `12,300 images/s, 0:42 left`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rate = self.images_per_second;
        // Three digits are all that the measurement is good for.
        let unit = 10f64.powi((rate.max(1.0).log10() as i32 - 2).max(0));
        let rate = crate::table::grouped(((rate / unit).round() * unit) as usize);
        let seconds = self.left.as_secs_f64().round() as u64;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match hours {
            0 => write!(f, "{rate} images/s, {minutes}:{seconds:02} left"),
            hours => write!(f, "{rate} images/s, {hours}:{minutes:02}:{seconds:02} left"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn begin(done: Vec<Epoch>) -> Monitor {
        let mut monitor = Monitor::default();
        let network = "CNN".into();
        let begin = Progress::Begin { network, n_epochs: 4, n_steps: 10, n_images: 1000, done };
        monitor.observe(&begin, SECOND);
        monitor
    }

    fn step(epoch: usize, step: usize) -> Progress {
        let (loss, learning_rate) = (2.0 / epoch as f32, 1e-3);
        Progress::Step {
            epoch,
            step,
            n_steps: 10,
            loss,
            n_correct: 50,
            n_images: 100,
            learning_rate,
        }
    }

    fn epoch(epoch: usize) -> Epoch {
        Epoch {
            epoch,
            train_loss: 1.0,
            train_accuracy: 0.5,
            validation_loss: 0.9,
            validation_accuracy: 0.6125,
        }
    }

    #[test]
    fn it_tells_speed_and_time_left() {
        let mut monitor = begin(Vec::new());
        assert_eq!((monitor.pace(), monitor.share()), (None, 0.0));
        // A step takes half a second.
        for n in 1..=10 {
            monitor.observe(&step(1, n), SECOND + SECOND * n as u32 / 2);
        }
        let pace = monitor.pace().unwrap();
        assert_eq!((pace.images_per_second, pace.left), (200.0, SECOND * 15));
        // Validation takes another five seconds, so an epoch takes ten.
        monitor.observe(&Progress::Epoch(epoch(1)), SECOND * 11);
        assert_eq!(monitor.pace().unwrap().left, SECOND * 30);
        monitor.observe(&step(2, 1), SECOND * 11 + SECOND / 2);
        assert_eq!(monitor.pace().unwrap().images_per_second, 200.0);
        insta::assert_snapshot!(monitor.line(), @"epoch 2 of 4, loss 1.000, validation 61.3 %, 200 images/s, 0:28 left");
    }

    #[test]
    fn a_resumed_training_is_timed_from_where_it_goes_on() {
        let mut monitor = begin(vec![epoch(1), epoch(2)]);
        assert_eq!(monitor.share(), 0.5);
        monitor.observe(&step(3, 6), SECOND * 2);
        assert_eq!(monitor.pace().unwrap().left, SECOND * 14);
        assert!((monitor.points()[0].epochs - 2.55).abs() < 1e-9);
    }

    #[test]
    fn a_pace_has_three_digits() {
        let pace = |images_per_second, seconds| {
            Pace { images_per_second, left: Duration::from_secs(seconds) }.to_string()
        };
        assert_eq!(pace(12_345.6, 42), "12,300 images/s, 0:42 left");
        assert_eq!(pace(7.4, 3_725), "7 images/s, 1:02:05 left");
    }
}
