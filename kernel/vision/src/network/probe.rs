//! Looking into a network: what each layer answers, and what an answer depends on.
//!
//! Layers are counted from 1, as in the summary; 0 is the image. Nothing is learnt here.

use super::layer::{Activation, run, set_input_gradient};
use super::plan::{Planned, PlannedKind};
use super::{Network, Size};
use crate::gradient::{put, take, values};
use crate::inspection::Field;
use crate::layer::LayerError;
use dfdx::shapes::Shape;
use dfdx::tensor::{
    Cpu, Gradients, OwnedTape, PutTape, SplitTape, Tape, Tensor, TensorFromVec, Trace,
};
use dfdx::tensor_ops::Backward;

/// What one layer answers to a batch of images.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The size for one image.
    pub(crate) size: Size,
    /// `[batch, size]`.
    pub(crate) values: Vec<f32>,
}

impl Network {
    /// The layers as written, in order.
    pub(crate) fn layer_names(&self) -> impl Iterator<Item = &str> {
        self.plan.iter().map(|planned| planned.name.as_str())
    }

    /// The size of what a layer answers to one image; 0 is the image itself.
    pub(crate) fn size_after(&self, layer: usize) -> Option<Size> {
        let [channels, height, width] = self.input;
        match layer {
            0 => Some(Size::Maps { channels, height, width }),
            _ => self.plan.get(layer - 1).map(|planned| planned.size),
        }
    }

    /// The receptive field of a layer's units, or `None` where they see all.
    pub(crate) fn field(&self, layer: usize) -> Option<Field> {
        field_after(&self.plan[..layer], Field::PIXEL)
    }

    /// The numbers of the layers, from 1, that are convolutions, or residuals with some within.
    pub(crate) fn convolutions(&self) -> Vec<usize> {
        let layers = self.plan.iter().enumerate().filter(|(_, planned)| convolves(planned));
        layers.map(|(i, _)| i + 1).collect()
    }

    /// The layer with the normalisation and the activation function that stand right behind it.
    pub(crate) fn with_activation(&self, layer: usize) -> usize {
        let is = |layer: usize, f: fn(&PlannedKind) -> bool| {
            self.plan.get(layer).is_some_and(|next| f(&next.kind))
        };
        let layer = layer + usize::from(is(layer, |k| matches!(k, PlannedKind::BatchNorm { .. })));
        let active =
            |k: &PlannedKind| matches!(k, PlannedKind::Relu | PlannedKind::Nonlinearity(_));
        layer + usize::from(is(layer, active))
    }

    /// The same layers with other, random weights.
    pub(crate) fn untrained(&self, seed: u64) -> Result<Network, LayerError> {
        Network::new(self.name.clone(), self.input, self.plan.clone(), seed)
    }

    /// What the layers up to `last` answer to images, `[batch, channels, height, width]`, in order;
    /// the first is the images themselves.
    pub(crate) fn answers(&self, images: Vec<f32>, last: usize) -> Result<Vec<Answer>, LayerError> {
        let [channels, height, width] = self.input;
        let size = Size::Maps { channels, height, width };
        let mut all = vec![Answer { size, values: images.clone() }];
        let mut activation = Activation::Maps(self.tensor(images)?);
        for (layer, planned) in self.layers.chunks(1).zip(&self.plan).take(last) {
            activation = run(layer, activation)?;
            all.push(Answer { size: planned.size, values: activation.values() });
        }
        Ok(all)
    }

    /// What one layer answers to images, `[batch, channels, height, width]`.
    pub(crate) fn answer(&self, images: Vec<f32>, layer: usize) -> Result<Answer, LayerError> {
        let mut all = self.answers(images, layer)?;
        Ok(all.swap_remove(layer))
    }

    /// The gradient of the sum of `direction` × (what layer `of` answers) with respect to the images,
    /// `[batch, channels, height, width]`. `direction` is `[batch, size of layer]`.
    pub(crate) fn image_gradient(
        &self,
        images: Vec<f32>,
        of: usize,
        direction: &[f32],
    ) -> Result<Vec<f32>, LayerError> {
        let [channels, height, width] = self.input;
        let start = Answer { size: Size::Maps { channels, height, width }, values: images };
        self.gradient(start, 0, of, direction)
    }

    /// The gradient of the sum of `direction` × (what layer `of` answers) with respect to what layer
    /// `from` answered.
    pub(crate) fn gradient(
        &self,
        start: Answer,
        from: usize,
        of: usize,
        direction: &[f32],
    ) -> Result<Vec<f32>, LayerError> {
        match start.size {
            Size::Maps { channels, height, width } => {
                let batch = start.values.len() / (channels * height * width).max(1);
                let shape = (batch, channels, height, width);
                let leaf = Cpu::default().try_tensor_from_vec(start.values, shape)?;
                let traced = Activation::Maps(leaf.leaky_trace());
                gradient_of(&leaf, &self.backward(traced, from, of, direction)?)
            }
            Size::Vector(n) => {
                let batch = start.values.len() / n.max(1);
                let leaf = Cpu::default().try_tensor_from_vec(start.values, (batch, n))?;
                let traced = Activation::Vectors(leaf.leaky_trace());
                gradient_of(&leaf, &self.backward(traced, from, of, direction)?)
            }
        }
    }

    fn backward(
        &self,
        start: Activation<OwnedTape<f32, Cpu>>,
        from: usize,
        of: usize,
        direction: &[f32],
    ) -> Result<Gradients<f32, Cpu>, LayerError> {
        let mut layers = self.layers[from..of].to_vec();
        set_input_gradient(&mut layers, true);
        match run(&layers, start)? {
            Activation::Maps(maps) => along(maps, direction),
            Activation::Vectors(vectors) => along(vectors, direction),
        }
    }
}

/// The field of the units behind layers that stand on units with a field.
fn field_after(plan: &[Planned], start: Field) -> Option<Field> {
    plan.iter().try_fold(start, |field, planned| match &planned.kind {
        PlannedKind::Conv { config, .. } => {
            Some(field.after(config.extent(), config.stride, config.padding))
        }
        PlannedKind::MaxPool { side, stride } | PlannedKind::AvgPool { side, stride } => {
            Some(field.after(*side, *stride, 0))
        }
        PlannedKind::Residual { body, shortcut } => {
            Some(field_after(body, field)?.union(field_after(shortcut, field)?))
        }
        PlannedKind::BatchNorm { .. }
        | PlannedKind::Relu
        | PlannedKind::Nonlinearity(_)
        | PlannedKind::Dropout { .. }
        | PlannedKind::Flatten => Some(field),
        PlannedKind::GlobalAvgPool | PlannedKind::Linear { .. } => None,
    })
}

fn convolves(planned: &Planned) -> bool {
    match &planned.kind {
        PlannedKind::Conv { .. } => true,
        PlannedKind::Residual { body, shortcut } => body.iter().chain(shortcut).any(convolves),
        _ => false,
    }
}

/// Walks the tape back from an answer whose gradient is `direction`.
fn along<S: Shape>(
    answer: Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>,
    direction: &[f32],
) -> Result<Gradients<f32, Cpu>, LayerError> {
    let (answer, mut tape) = answer.split_tape();
    let (from, direction) = (answer.ghost(), direction.to_vec());
    let sum = Cpu::default().try_tensor_from_vec(vec![0.0], ())?;
    tape.add_backward_op(move |gradients| {
        let mut gradient = take(gradients.get_or_alloc_mut(&from)?);
        gradient.iter_mut().zip(&direction).for_each(|(g, d)| *g += d);
        put(gradients.get_or_alloc_mut(&from)?, gradient);
        Ok(())
    });
    Ok(sum.put_tape(tape).try_backward()?)
}

fn gradient_of<S: Shape>(
    leaf: &Tensor<S, f32, Cpu>,
    gradients: &Gradients<f32, Cpu>,
) -> Result<Vec<f32>, LayerError> {
    Ok(values(&gradients.get(leaf)))
}
