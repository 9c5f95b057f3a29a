//! A training on its way: where it is, and what it goes on with.

use super::checkpoint::Kept;
use super::optimizer::Descent;
use super::step::{StepError, step};
use super::{Checkpoint, Ending, Epoch, FitConfig, FitError, History, Progress};
use crate::data::{Batch, BatchPlan, Dataset};
use crate::evaluation::evaluate_while;
use crate::network::{Network, Stepper};
use crate::random::Random;

/// Sets the random numbers of steps (dropout) apart from all others of the same seed.
const STEP_STREAMS: u64 = 1 << 62;
/// The random stream of the order of the images.
const ORDER_STREAM: u64 = 2;

/// Where a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Position {
    /// Epoch, from 1; one more than there are when all are done.
    pub(super) epoch: usize,
    /// Steps done in it.
    pub(super) step: usize,
    /// Losses of its images so far.
    pub(super) loss_sum: f64,
    /// Right answers among its images so far.
    pub(super) n_correct: usize,
}

impl Position {
    const fn start(epoch: usize) -> Self {
        Position { epoch, step: 0, loss_sum: 0.0, n_correct: 0 }
    }
}

/// All that a training goes on with.
#[derive(Debug)]
pub(super) struct Course<'a> {
    network: &'a mut Network,
    /// Has the parameters while the course runs, if the network can learn that way. The network has
    /// them as they were after the last epoch.
    stepper: Option<Stepper>,
    train: &'a Dataset,
    validation: &'a Dataset,
    config: &'a FitConfig,
    /// What a checkpoint must have been made with, for one that is written or gone on from.
    settings: Option<String>,
    descent: Descent,
    position: Position,
    history: History,
    /// The network after its best epoch.
    best: Option<Network>,
}

impl<'a> Course<'a> {
    /// At the start, or where the checkpoint left it.
    pub(super) fn begin(
        network: &'a mut Network,
        train: &'a Dataset,
        validation: &'a Dataset,
        config: &'a FitConfig,
    ) -> Result<Self, FitError> {
        let settings = config.checkpoint.as_ref().map(|_| config.settings(train, validation));
        let history = History { network: network.name().into(), ..History::default() };
        let descent = Descent::new(config.optimizer, config.weight_decay, config.clip);
        let position = Position::start(1);
        let mut course = Course {
            network,
            stepper: None,
            train,
            validation,
            config,
            settings,
            descent,
            position,
            history,
            best: None,
        };
        if let (Some(checkpoint), Some(settings)) = (&config.checkpoint, &course.settings)
            && checkpoint.is_resumed()
        {
            let kept = checkpoint.load(settings, course.network)?;
            course.go_on_with(kept);
        }
        course.stepper = Stepper::of(course.network);
        Ok(course)
    }

    fn go_on_with(&mut self, kept: Kept) {
        *self.network = kept.network;
        self.best = kept.best;
        self.position = kept.position;
        (self.descent.steps, self.descent.moments) = (kept.steps, kept.moments);
        self.history.epochs = kept.epochs;
    }

    /// Trains to the end, or until someone asks to stop.
    pub(super) fn run(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<(), FitError> {
        let n_steps = self.train.len().div_ceil(self.config.batch);
        progress(Progress::Begin {
            network: self.network.name().into(),
            n_epochs: self.config.epochs,
            n_steps,
            n_images: self.train.len(),
            done: self.history.epochs.clone(),
        });
        let mut random = Random::stream(self.config.seed, ORDER_STREAM);
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        for _ in 1..self.position.epoch {
            random.shuffle(&mut order);
        }
        while self.position.epoch <= self.config.epochs {
            if self.has_waited_enough() {
                self.history.ending = Ending::Early;
                return self.save();
            }
            random.shuffle(&mut order);
            let went_on = self.learn(&order, n_steps, progress)?;
            let Some(epoch) = (if went_on { self.look()? } else { None }) else {
                self.history.ending = Ending::Interrupted;
                return self.save();
            };
            self.history.epochs.push(epoch.clone());
            if let Some(stopping) = &self.config.early_stopping
                && stopping.keep_best
                && self.best_epoch() == Some(epoch.epoch)
            {
                self.best = Some(self.network.clone());
            }
            progress(Progress::Epoch(epoch));
            self.position = Position::start(self.position.epoch + 1);
            if self.history.epochs.len().is_multiple_of(self.every()) {
                self.save()?;
            }
        }
        match self.history.epochs.len().is_multiple_of(self.every()) {
            true => Ok(()),
            false => self.save(),
        }
    }

    /// Epochs between two writings of the checkpoint.
    fn every(&self) -> usize {
        self.config.checkpoint.as_ref().map_or(1, |checkpoint| checkpoint.every)
    }

    /// The history, after the network went back to its best epoch if it should.
    pub(super) fn end(mut self) -> History {
        let best_epoch = self.best_epoch();
        if let Some(best) = self.best.take()
            && (self.position.step > 0 || best_epoch < Some(self.history.epochs.len()))
        {
            *self.network = best;
            self.history.kept = best_epoch;
        }
        self.history
    }

    /// Learns from what is left of an epoch. Whether it came to its end.
    fn learn(
        &mut self,
        order: &[usize],
        n_steps: usize,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<bool, FitError> {
        let (train, config) = (self.train, self.config);
        let plan = BatchPlan {
            order: &order[(self.position.step * config.batch).min(order.len())..],
            batch: config.batch,
            augmentation: config.augmentation,
            seed: config.seed,
            epoch: self.position.epoch,
        };
        let went_on = train.batches(&plan, |batches| {
            for batch in batches {
                if config.interrupt.take() {
                    return Ok(false);
                }
                progress(self.learn_from(batch, n_steps)?);
            }
            Ok(true)
        });
        if let Some(stepper) = &self.stepper {
            stepper.give_back(self.network);
        }
        went_on
    }

    fn learn_from(&mut self, batch: Batch, n_steps: usize) -> Result<Progress, FitError> {
        let Position { epoch, step: done, .. } = self.position;
        let rate = self.config.rate(epoch, done, n_steps);
        let stream =
            STEP_STREAMS | (epoch as u64 & 0x3fff_ffff) << 32 | (done as u64 & 0xffff_ffff);
        let mut random = Random::stream(self.config.seed, stream);
        let n_images = batch.labels.len();
        let smoothing = self.config.label_smoothing;
        let Course { network, stepper, descent, .. } = self;
        let step = step(network, stepper, descent, batch, rate, smoothing, &mut random);
        let (loss, n_correct) = step.map_err(|error| match error {
            StepError::Layer(error) => FitError::Layer(error),
            StepError::NotFinite { what, advice } => {
                FitError::NotFinite { epoch, step: done + 1, what, advice }
            }
        })?;
        self.position.step += 1;
        self.position.loss_sum += f64::from(loss) * n_images as f64;
        self.position.n_correct += n_correct;
        Ok(Progress::Step {
            epoch,
            step: done + 1,
            n_steps,
            loss,
            n_correct,
            n_images,
            learning_rate: rate.learning_rate,
        })
    }

    /// Looks at the validation images; `None` if someone asks to stop meanwhile.
    fn look(&mut self) -> Result<Option<Epoch>, FitError> {
        let Course { network, stepper, validation, config, .. } = self;
        let keep_going = &mut || !config.interrupt.take();
        let seen = evaluate_while(network, stepper.as_mut(), validation, config.batch, keep_going)?;
        let Position { epoch, loss_sum, n_correct, .. } = self.position;
        let n = self.train.len() as f64;
        Ok(seen.map(|seen| Epoch {
            epoch,
            train_loss: loss_sum / n,
            train_accuracy: n_correct as f64 / n,
            validation_loss: seen.loss,
            validation_accuracy: seen.accuracy,
        }))
    }

    /// The epoch after which the loss on the validation images was least.
    fn best_epoch(&self) -> Option<usize> {
        let min_change = self.config.early_stopping.map_or(0.0, |stopping| stopping.min_change);
        let mut best: Option<&Epoch> = None;
        for epoch in &self.history.epochs {
            if best.is_none_or(|best| epoch.validation_loss < best.validation_loss - min_change) {
                best = Some(epoch);
            }
        }
        best.map(|best| best.epoch)
    }

    fn has_waited_enough(&self) -> bool {
        self.config.early_stopping.is_some_and(|stopping| {
            let waited = self.history.epochs.len() - self.best_epoch().unwrap_or(0);
            waited >= stopping.patience && !self.history.epochs.is_empty()
        })
    }

    /// Writes the checkpoint, if there is one.
    fn save(&self) -> Result<(), FitError> {
        let (Some(checkpoint), Some(settings)) = (&self.config.checkpoint, &self.settings) else {
            return Ok(());
        };
        let Course { network, descent, position, history, best, .. } = self;
        checkpoint.save(
            &Checkpoint::tensors(network, best.as_ref(), descent, position, &history.epochs),
            settings,
        )?;
        Ok(())
    }
}
