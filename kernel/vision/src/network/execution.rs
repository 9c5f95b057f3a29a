//! A whole network at once: its layers fused into few stages, on plain slices and kept buffers,
//! without a tape.
//!
//! Many networks are convolutions, each with ReLU and max pooling, and then linear layers. For those
//! [`Execution::of`] finds stages; others run layer by layer on dfdx's tape. One image goes through
//! all stages of maps while it is in cache, images in parallel; the linear layers then see the whole
//! batch. The sums are the same as those of the layers: one order, whatever the number of threads.

mod head;
mod ready;
mod stepper;
#[cfg(test)]
mod tests;
mod trunk;

pub(super) use ready::Ready;
pub(crate) use stepper::Stepper;

use super::plan::{Planned, PlannedKind};
use crate::convolution::{Convolution, Filters, Weights};
use crate::pooling::MaxPooling;
use head::LinearStage;
use trunk::{Kept, MapStage, Trunk};

/// The stages of a network.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    trunk: Trunk,
    head: Vec<LinearStage>,
}

/// Buffers of a batch, kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Memory {
    kept: Kept,
    /// What each linear stage takes (unless it takes the images), and the scores at the end.
    features: Vec<Vec<f32>>,
    /// Gradients of two neighbours among the features.
    slopes: [Vec<f32>; 2],
    /// Transposed output of a linear stage.
    transposed: Vec<f32>,
}

impl Execution {
    /// `None` for a network with other layers, or layers in another order.
    pub(super) fn of(input: [usize; 3], plan: &[Planned]) -> Option<Self> {
        let [channels, mut height, mut width] = input;
        let mut trunk = Trunk::new(channels, height * width);
        let mut head: Vec<LinearStage> = Vec::new();
        let mut flat = false;
        for planned in plan {
            match &planned.kind {
                &PlannedKind::Conv { config, bias: true } if !flat => {
                    let convolution = Convolution::new(config, height, width)?;
                    (height, width) = convolution.output_size();
                    trunk.push(MapStage::new(convolution, config.output_channels));
                }
                PlannedKind::Relu => match (head.last_mut(), trunk.last_mut()) {
                    (Some(linear), _) if !linear.relu => linear.relu = true,
                    (None, Some(maps)) if !maps.relu && !flat => maps.relu = true,
                    _ => return None,
                },
                &PlannedKind::MaxPool { side, stride } if !flat => {
                    let maps = trunk.last_mut().filter(|maps| maps.pool.is_none())?;
                    let pool = MaxPooling::new(side, stride, height, width)?;
                    maps.pool = Some(pool).filter(MaxPooling::has_few_places);
                    maps.pool.as_ref()?;
                    (height, width) = pool.output_size();
                }
                PlannedKind::Flatten if !flat => flat = true,
                &PlannedKind::Linear { inputs, outputs } if flat => {
                    head.push(LinearStage { inputs, outputs, relu: false });
                }
                _ => return None,
            }
        }
        (!head.is_empty()).then_some(Execution { trunk, head })
    }

    /// Values of one image.
    pub(super) fn image_len(&self) -> usize {
        self.trunk.image_len()
    }

    /// Arranges the convolutions' weights; `parameters` are weight and bias of each layer in turn.
    fn arrange(&self, parameters: &[Vec<f32>], backward: bool, filters: &mut Vec<Filters>) {
        filters.resize_with(self.trunk.stages().len(), Filters::default);
        let pairs = parameters.chunks_exact(2);
        for ((i, stage), (filters, pair)) in
            self.trunk.stages().iter().enumerate().zip(filters.iter_mut().zip(pairs))
        {
            let weights = Weights { weight: &pair[0], bias: &pair[1] };
            stage.convolution.arrange(weights, backward && i > 0, filters);
        }
    }

    /// Works out the scores, `[batch, classes]`, which are then the last of the memory's features, and
    /// keeps what the way back needs.
    fn forward(
        &self,
        parameters: &[Vec<f32>],
        filters: &[Filters],
        images: &[f32],
        memory: &mut Memory,
    ) {
        let batch = images.len() / self.image_len();
        let has_maps = !self.trunk.stages().is_empty();
        let Memory { kept, features, transposed, .. } = memory;
        features.resize_with(self.head.len() + 1, Vec::new);
        if has_maps {
            features[0].resize(batch * self.head[0].inputs, 0.0);
            self.trunk.forward(filters, images, kept, &mut features[0]);
        }
        let head = &parameters[2 * self.trunk.stages().len()..];
        for ((i, stage), pair) in self.head.iter().enumerate().zip(head.chunks_exact(2)) {
            let (before, after) = features.split_at_mut(i + 1);
            let x = if i == 0 && !has_maps { images } else { &before[i] };
            stage.forward(&pair[0], &pair[1], x, &mut after[0], transposed);
        }
    }

    /// Writes the gradients of all parameters, after a forward run that kept what it found.
    fn backward(
        &self,
        parameters: &[Vec<f32>],
        filters: &[Filters],
        images: &[f32],
        d_scores: &[f32],
        memory: &mut Memory,
        gradients: &mut [Vec<f32>],
    ) {
        let n_maps = self.trunk.stages().len();
        let has_maps = n_maps > 0;
        let Memory { kept, features, slopes: [dy, dx], .. } = memory;
        dy.clear();
        dy.extend_from_slice(d_scores);
        for (i, stage) in self.head.iter().enumerate().rev() {
            let x = if i == 0 && !has_maps { images } else { &features[i] };
            let [d_weight, d_bias, ..] = &mut gradients[2 * (n_maps + i)..] else { return };
            stage.weight_gradient(x, dy, d_weight, d_bias);
            if i > 0 || has_maps {
                let relu = i > 0 && self.head[i - 1].relu;
                stage.input_gradient(&parameters[2 * (n_maps + i)], x, relu, dy, dx);
                std::mem::swap(dx, dy);
            }
        }
        if has_maps {
            self.trunk.backward(filters, images, kept, dy, &mut gradients[..2 * n_maps]);
        }
    }
}
