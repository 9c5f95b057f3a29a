//! Looking into a network: what each layer answers, and what an answer depends on.
//!
//! Layers are counted from 1, as in the summary; 0 is the image. Nothing is learnt here.

use super::plan::PlannedKind;
use super::{Activation, Layer, Network, Size};
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
        self.plan[..layer].iter().try_fold(Field::PIXEL, |field, planned| match planned.kind {
            PlannedKind::Conv(c) => Some(field.after(c.extent(), c.stride, c.padding)),
            PlannedKind::MaxPool { side, stride } => Some(field.after(side, stride, 0)),
            PlannedKind::Relu | PlannedKind::Flatten => Some(field),
            PlannedKind::Linear { .. } => None,
        })
    }

    /// The layer, or the ReLU right behind it if there is one.
    pub(crate) fn after_relu(&self, layer: usize) -> usize {
        let behind =
            self.plan.get(layer).is_some_and(|next| matches!(next.kind, PlannedKind::Relu));
        layer + usize::from(behind)
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
        for (layer, planned) in self.layers.iter().zip(&self.plan).take(last) {
            activation = layer.forward(activation)?;
            let values = match &activation {
                Activation::Maps(maps) => values(maps),
                Activation::Vectors(vectors) => values(vectors),
            };
            all.push(Answer { size: planned.size, values });
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
        mut activation: Activation<OwnedTape<f32, Cpu>>,
        from: usize,
        of: usize,
        direction: &[f32],
    ) -> Result<Gradients<f32, Cpu>, LayerError> {
        for layer in &self.layers[from..of] {
            let mut layer = layer.clone();
            match &mut layer {
                Layer::Conv(conv) => conv.input_gradient = true,
                Layer::Linear(linear) => linear.input_gradient = true,
                Layer::Relu(_) | Layer::MaxPool(_) | Layer::Flatten(_) => {}
            }
            activation = layer.forward(activation)?;
        }
        match activation {
            Activation::Maps(maps) => along(maps, direction),
            Activation::Vectors(vectors) => along(vectors, direction),
        }
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
