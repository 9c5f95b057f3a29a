//! How much a score changes with what a layer answers: the stuff of Grad-CAM and of activation
//! maximisation.

use super::Network;
use super::layer::{Activation, run, set_input_gradient};
use crate::gradient::{put, take, values};
use crate::layer::LayerError;
use dfdx::shapes::{HasShape, Rank0, Shape};
use dfdx::tensor::{
    Cpu, NoneTape, OwnedTape, PutTape, SplitTape, Tape, Tensor, TensorFromVec, Trace,
};
use dfdx::tensor_ops::Backward;

/// The number whose slopes are asked for, for each image by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// The score (logit) of a class.
    Class(usize),
    /// The mean of one map (or, behind the flattening, the value of one feature) that a layer
    /// answers.
    Channel {
        /// The layer's number, from 1.
        layer: usize,
        /// The channel or feature, from 0.
        channel: usize,
    },
}

/// What a layer answers, and how the objective changes with each of its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Slopes {
    /// The objective, for each image.
    pub objectives: Vec<f32>,
    /// What the layer answers: `[batch, channels, height, width]` or `[batch, features]`.
    pub shape: Vec<usize>,
    /// The answers, in this shape.
    pub values: Vec<f32>,
    /// The derivatives of the image's objective with respect to the answers, in this shape.
    pub slopes: Vec<f32>,
}

impl Network {
    /// The slopes of an objective with respect to what layer `at` answers, or with respect to the
    /// images when `at` is 0. The images are `[batch, channels, height, width]`.
    ///
    /// ```
    /// use momentum_vision::network::{Cnn, Objective};
    ///
    /// let cnn = Cnn::on([1, 8, 8]).conv(4, 3).relu().seed(0).classes(3)?;
    /// let slopes = cnn.slopes(vec![0.5; 64], 0, Objective::Class(2))?;
    /// assert_eq!(slopes.shape, [1, 1, 8, 8]);
    /// // A step along the slopes raises the score.
    /// let moved = slopes.values.iter().zip(&slopes.slopes).map(|(x, s)| x + 0.01 * s).collect();
    /// assert!(cnn.scores(moved)?[2] > slopes.objectives[0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`LayerError::Shape`] when the values are not a whole number of images, [`LayerError::Config`]
    /// when there is no such layer, class or channel, or `at` is not before the objective.
    pub fn slopes(
        &self,
        images: Vec<f32>,
        at: usize,
        objective: Objective,
    ) -> Result<Slopes, LayerError> {
        let (last, channel) = match objective {
            Objective::Class(class) => (self.layers.len(), class),
            Objective::Channel { layer, channel } => (layer, channel),
        };
        if at > last || last == 0 || last > self.layers.len() {
            let problem = format!(
                "the slopes of {objective:?} at layer {at} are not defined: the network has {} \
                 layers, and the layer must not come behind the objective",
                self.layers.len()
            );
            return Err(LayerError::Config { layer: self.name.clone(), problem });
        }
        let before = run(&self.layers[..at], Activation::Maps(self.tensor(images)?))?;
        let mut rest = self.layers[at..last].to_vec();
        set_input_gradient(&mut rest, true);
        let answer = run(&rest, before.traced())?;
        let n_channels = match &answer {
            Activation::Maps(maps) => maps.shape().1,
            Activation::Vectors(vectors) => vectors.shape().1,
        };
        if channel >= n_channels {
            let problem = format!("{objective:?} asks for one of {n_channels}, counted from 0");
            return Err(LayerError::Config { layer: self.name.clone(), problem });
        }
        let Means { objectives, total } = match answer {
            Activation::Maps(maps) => mean_of_channel(maps, channel, n_channels)?,
            Activation::Vectors(vectors) => mean_of_channel(vectors, channel, n_channels)?,
        };
        let gradients = total.try_backward()?;
        let (shape, values, slopes) = match &before {
            Activation::Maps(maps) => {
                let &(n, c, h, w) = maps.shape();
                (vec![n, c, h, w], values(maps), values(&gradients.get(maps)))
            }
            Activation::Vectors(vectors) => {
                let &(n, features) = vectors.shape();
                (vec![n, features], values(vectors), values(&gradients.get(vectors)))
            }
        };
        Ok(Slopes { objectives, shape, values, slopes })
    }
}

impl Activation<NoneTape> {
    /// The same tensor with a tape that records what is done with it.
    fn traced(&self) -> Activation<OwnedTape<f32, Cpu>> {
        match self {
            Activation::Maps(maps) => Activation::Maps(maps.leaky_trace()),
            Activation::Vectors(vectors) => Activation::Vectors(vectors.leaky_trace()),
        }
    }
}

/// For each image the mean of a channel, and the sum of these means on the tape.
struct Means<T: Tape<f32, Cpu>> {
    objectives: Vec<f32>,
    total: Tensor<Rank0, f32, Cpu, T>,
}

fn mean_of_channel<S: Shape, T: Tape<f32, Cpu>>(
    answer: Tensor<S, f32, Cpu, T>,
    channel: usize,
    n_channels: usize,
) -> Result<Means<T>, LayerError> {
    let (answer, mut tape) = answer.split_tape();
    let all = values(&answer);
    let batch = answer.shape().concrete()[0];
    let image_len = all.len() / batch.max(1);
    let area = image_len / n_channels;
    let place = channel * area..(channel + 1) * area;
    let objectives: Vec<f32> = all
        .chunks_exact(image_len)
        .map(|image| image[place.clone()].iter().sum::<f32>() / area as f32)
        .collect();
    let total = Cpu::default().try_tensor_from_vec(vec![objectives.iter().sum()], ())?;
    if T::OWNS_TAPE {
        let (input_ghost, output_ghost) = (answer.ghost(), total.ghost());
        tape.add_backward_op(move |gradients| {
            let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
            let share = dy.first().copied().unwrap_or(0.0) / area as f32;
            let dx = gradients.get_or_alloc_mut(&input_ghost)?;
            for image in dx.chunks_exact_mut(image_len) {
                image[place.clone()].iter_mut().for_each(|dx| *dx += share);
            }
            put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
            Ok(())
        });
    }
    Ok(Means { objectives, total: total.put_tape(tape) })
}
