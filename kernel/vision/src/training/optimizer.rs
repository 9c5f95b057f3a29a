//! Gradient descent in three kinds, with every element updated by the same plain operations, in the
//! order in which PyTorch's optimisers do them.

use super::schedule::Rate;
use crate::gradient::{take, values};
use crate::layer::LayerError;
use crate::network::{Network, ParameterVisitor, Stepper};
use crate::simd::{self, Kernel, Lanes};
use crate::threads;
use dfdx::shapes::Shape;
use dfdx::tensor::{Cpu, Gradients, Tensor};
use rayon::prelude::*;

/// Parameters given to one task.
const TASK_LEN: usize = 1 << 14;

/// How weights move along their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent, with momentum if it is not 0.
    Sgd {
        /// How much of the last step each step keeps.
        momentum: f32,
        /// Whether the gradient looks ahead (Nesterov 1983, as Sutskever and others 2013).
        nesterov: bool,
    },
    /// Adam (Kingma and Ba 2015).
    Adam {
        /// How much of the mean gradient each step keeps.
        beta1: f32,
        /// How much of the mean squared gradient each step keeps.
        beta2: f32,
        /// Added to the root of the mean squared gradient.
        epsilon: f32,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW {
        /// As in Adam.
        beta1: f32,
        /// As in Adam.
        beta2: f32,
        /// As in Adam.
        epsilon: f32,
    },
}

impl Optimizer {
    /// SGD with momentum 0.9.
    pub const SGD: Optimizer = Optimizer::Sgd { momentum: 0.9, nesterov: false };
    /// Adam with its authors' numbers.
    pub const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    /// AdamW with Adam's numbers.
    pub const ADAM_W: Optimizer = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    pub(super) fn problem(&self) -> Option<String> {
        let share = |x: f32| (0.0..1.0).contains(&x);
        match *self {
            Optimizer::Sgd { momentum, .. } if !share(momentum) => {
                Some(format!("momentum is {momentum}: give a share from 0 to below 1, such as 0.9"))
            }
            Optimizer::Adam { beta1, beta2, epsilon }
            | Optimizer::AdamW { beta1, beta2, epsilon }
                if !share(beta1) || !share(beta2) || epsilon.is_nan() || epsilon <= 0.0 =>
            {
                Some(format!(
                    "Adam's numbers are {beta1}, {beta2} and {epsilon}: give 0.9, 0.999 and 1e-8, \
                     or numbers near them"
                ))
            }
            _ => None,
        }
    }
}

/// An optimiser at work: what it remembers of earlier steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Descent {
    pub(super) optimizer: Optimizer,
    pub(super) weight_decay: f32,
    pub(super) clip: Option<f32>,
    /// Steps done.
    pub(super) steps: u64,
    /// For each parameter the mean gradient and the mean squared gradient (empty where there is none).
    pub(super) moments: Vec<(Vec<f32>, Vec<f32>)>,
}

/// A parameter that ceased to be finite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Its place among the network's parameters.
    pub(super) parameter: usize,
    /// Whether its gradient was so already.
    pub(super) by_gradient: bool,
}

/// The numbers of one step.
#[derive(Clone, Copy)]
struct Numbers {
    /// What gradients are multiplied with.
    scale: f32,
    /// What is added to a gradient, times the weight.
    pull: f32,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// `keeps` is false where nothing of earlier steps is kept.
    Sgd {
        rate: f32,
        momentum: f32,
        nesterov: bool,
        keeps: bool,
        first: bool,
    },
    Adam {
        step_size: f32,
        root_correction: f32,
        shrink: f32,
        beta1: f32,
        beta2: f32,
        epsilon: f32,
    },
}

impl Descent {
    pub(super) fn new(optimizer: Optimizer, weight_decay: f32, clip: Option<f32>) -> Self {
        Descent { optimizer, weight_decay, clip, steps: 0, moments: Vec::new() }
    }

    /// Moves every parameter against its gradient. Returns the first one that ceased to be finite.
    pub(super) fn update(
        &mut self,
        network: &mut Network,
        gradients: &mut Gradients<f32, Cpu>,
        rate: Rate,
    ) -> Result<Option<Broken>, LayerError> {
        self.steps += 1;
        let scale = match self.clip {
            Some(clip) => scale(clip, norm(network, gradients)?),
            None => 1.0,
        };
        let numbers = self.numbers(rate, scale);
        let moments = &mut self.moments;
        let mut update = Update { moments, numbers, gradients, next: 0, broken: None, error: None };
        network.each_parameter(&mut update);
        let Update { broken, error, .. } = update;
        error.map_or(Ok(broken), Err)
    }

    /// [`Descent::update`] of parameters that are plain numbers.
    pub(super) fn update_stepper(&mut self, stepper: &mut Stepper, rate: Rate) -> Option<Broken> {
        self.steps += 1;
        let scale = match self.clip {
            Some(clip) => {
                let sum: f64 = stepper.parameters().map(|(_, gradient)| squares(gradient)).sum();
                scale(clip, sum.sqrt())
            }
            None => 1.0,
        };
        let numbers = self.numbers(rate, scale);
        let mut broken = None;
        for (i, (weights, gradient)) in stepper.parameters().enumerate() {
            let this = move_parameter(&mut self.moments, numbers, i, weights, gradient);
            broken = broken.or(this);
        }
        broken
    }

    fn numbers(&self, rate: Rate, scale: f32) -> Numbers {
        let learning_rate = f64::from(rate.learning_rate);
        match self.optimizer {
            Optimizer::Sgd { momentum, nesterov } => Numbers {
                scale,
                pull: self.weight_decay,
                kind: Kind::Sgd {
                    rate: rate.learning_rate,
                    momentum: rate.momentum.unwrap_or(momentum),
                    nesterov,
                    keeps: momentum > 0.0 || rate.momentum.is_some(),
                    first: self.steps == 1,
                },
            },
            Optimizer::Adam { beta1, beta2, epsilon }
            | Optimizer::AdamW { beta1, beta2, epsilon } => {
                let decoupled = matches!(self.optimizer, Optimizer::AdamW { .. });
                let beta1 = rate.momentum.unwrap_or(beta1);
                let correction = |beta: f32| 1.0 - libm::pow(f64::from(beta), self.steps as f64);
                let shrink = 1.0 - learning_rate * f64::from(self.weight_decay);
                Numbers {
                    scale,
                    pull: if decoupled { 0.0 } else { self.weight_decay },
                    kind: Kind::Adam {
                        step_size: (learning_rate / correction(beta1)) as f32,
                        root_correction: correction(beta2).sqrt() as f32,
                        shrink: if decoupled { shrink as f32 } else { 1.0 },
                        beta1,
                        beta2,
                        epsilon,
                    },
                }
            }
        }
    }
}

/// What a gradient of some length is multiplied with to be no longer than `clip`. PyTorch's
/// `clip_grad_norm_` adds the 1e-6.
fn scale(clip: f32, length: f64) -> f32 {
    (f64::from(clip) / (length + 1e-6)).min(1.0) as f32
}

/// One update on its way through the network's parameters.
struct Update<'a> {
    moments: &'a mut Vec<(Vec<f32>, Vec<f32>)>,
    numbers: Numbers,
    gradients: &'a mut Gradients<f32, Cpu>,
    next: usize,
    broken: Option<Broken>,
    error: Option<LayerError>,
}

impl ParameterVisitor for Update<'_> {
    fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>) {
        let gradient = match self.gradients.get_or_alloc_mut(parameter) {
            Ok(buffer) => take(buffer),
            Err(error) => return self.error = Some(error.into()),
        };
        let mut weights = values(parameter);
        let this = move_parameter(self.moments, self.numbers, self.next, &mut weights, &gradient);
        self.broken = self.broken.or(this);
        parameter.copy_from(&weights);
        self.next += 1;
    }
}

/// Moves the `i`-th parameter. Returns it if it ceased to be finite.
fn move_parameter(
    moments: &mut Vec<(Vec<f32>, Vec<f32>)>,
    numbers: Numbers,
    i: usize,
    weights: &mut [f32],
    gradient: &[f32],
) -> Option<Broken> {
    let n = weights.len();
    let (n_first, n_second) = match numbers.kind {
        Kind::Sgd { keeps, .. } => (if keeps { n } else { 0 }, 0),
        Kind::Adam { .. } => (n, n),
    };
    if moments.len() == i {
        moments.push((vec![0.0; n_first], vec![0.0; n_second]));
    }
    let (first, second) = &mut moments[i];
    (!step(numbers, weights, gradient, first, second)).then(|| {
        let by_gradient = gradient.iter().any(|g| !g.is_finite());
        Broken { parameter: i, by_gradient }
    })
}

/// Moves one parameter. Returns whether all of it is finite afterwards.
fn step(
    numbers: Numbers,
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) -> bool {
    let Numbers { scale, pull, kind } = numbers;
    let both = |a: bool, b: bool| a & b;
    let tasks = weights.par_chunks_mut(TASK_LEN).zip(gradient.par_chunks(TASK_LEN));
    threads::install(|| match kind {
        Kind::Adam { .. } => tasks
            .zip(first.par_chunks_mut(TASK_LEN).zip(second.par_chunks_mut(TASK_LEN)))
            .map(|((weights, gradient), (first, second))| {
                simd::run(Adam { numbers, weights, gradient, first, second })
            })
            .reduce(|| true, both),
        Kind::Sgd { rate, keeps: false, .. } => tasks
            .map(|(weights, gradient)| {
                let mut finite = true;
                for (w, g) in weights.iter_mut().zip(gradient) {
                    *w -= rate * (g * scale + pull * *w);
                    finite &= w.is_finite();
                }
                finite
            })
            .reduce(|| true, both),
        Kind::Sgd { rate, momentum, nesterov, keeps: true, first: is_first } => tasks
            .zip(first.par_chunks_mut(TASK_LEN))
            .map(|((weights, gradient), first)| {
                let mut finite = true;
                for ((w, g), m) in weights.iter_mut().zip(gradient).zip(first) {
                    let g = g * scale + pull * *w;
                    *m = if is_first { g } else { momentum * *m + g };
                    *w -= rate * if nesterov { g + momentum * *m } else { *m };
                    finite &= w.is_finite();
                }
                finite
            })
            .reduce(|| true, both),
    })
}

/// One part of a parameter on Adam's way, compiled for wide vectors: roots and divisions take most of
/// the time.
struct Adam<'a> {
    numbers: Numbers,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
}

impl Kernel for Adam<'_> {
    /// Whether all weights are finite afterwards.
    type Output = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> bool {
        let Adam { numbers: Numbers { scale, pull, kind }, weights, gradient, first, second } =
            self;
        let Kind::Adam { step_size, root_correction, shrink, beta1, beta2, epsilon } = kind else {
            return true;
        };
        let mut finite = true;
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(first.iter_mut().zip(second)) {
            let g = g * scale + pull * *w;
            *w *= shrink;
            *m = beta1 * *m + (1.0 - beta1) * g;
            *v = beta2 * *v + (1.0 - beta2) * g * g;
            *w -= step_size * *m / (v.sqrt() / root_correction + epsilon);
            finite &= w.is_finite();
        }
        finite
    }
}

/// The sum of the squares, in one fixed order.
fn squares(gradient: &[f32]) -> f64 {
    let square = |chunk: &[f32]| chunk.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>();
    let all = gradient.par_chunks(TASK_LEN).map(square);
    let sums: Vec<f64> = threads::install(|| all.collect());
    sums.iter().sum()
}

/// Length of the gradient of all parameters together, summed in one fixed order.
fn norm(network: &mut Network, gradients: &mut Gradients<f32, Cpu>) -> Result<f64, LayerError> {
    struct Squares<'a>(&'a mut Gradients<f32, Cpu>, f64, Option<LayerError>);
    impl ParameterVisitor for Squares<'_> {
        fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>) {
            match self.0.get_or_alloc_mut(parameter) {
                Ok(gradient) => self.1 += squares(gradient),
                Err(error) => self.2 = Some(error.into()),
            }
        }
    }
    let mut squares = Squares(gradients, 0.0, None);
    network.each_parameter(&mut squares);
    let Squares(_, sum, error) = squares;
    error.map_or(Ok(sum.sqrt()), Err)
}
