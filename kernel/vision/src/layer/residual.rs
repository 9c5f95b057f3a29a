//! The residual connection as a dfdx module.

use super::LayerError;
use crate::gradient::{put, take, values};
use dfdx::nn::{Module, ModuleMut};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;

/// `body(x) + shortcut(x)` (He, Zhang, Ren and Sun, "Deep Residual Learning", 2015). The shortcut is
/// the input itself, unless another is given: a pointwise convolution where the size changes.
#[derive(Clone, Debug, Default)]
pub struct Residual<F, R = Identity> {
    /// What is learnt in addition to the shortcut.
    pub body: F,
    /// The way around the body.
    pub shortcut: R,
}

/// The input itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity;

impl<F> Residual<F> {
    /// With the input itself as the shortcut.
    pub fn around(body: F) -> Self {
        Residual { body, shortcut: Identity }
    }
}

impl<X> Module<X> for Identity {
    type Output = X;
    type Error = LayerError;

    fn try_forward(&self, input: X) -> Result<X, LayerError> {
        Ok(input)
    }
}

impl dfdx::nn::NonMutableModule for Identity {}

impl<S, P, T, F, R> Module<Tensor<S, f32, Cpu, T>> for Residual<F, R>
where
    S: Shape,
    P: Shape,
    T: Tape<f32, Cpu>,
    F: Module<Tensor<S, f32, Cpu, T>, Output = Tensor<P, f32, Cpu, T>, Error = LayerError>,
    R: Module<Tensor<S, f32, Cpu, T>, Output = Tensor<P, f32, Cpu, T>, Error = LayerError>,
{
    type Output = F::Output;
    type Error = LayerError;

    fn try_forward(&self, input: Tensor<S, f32, Cpu, T>) -> Result<F::Output, LayerError> {
        fork(input, |x| self.body.try_forward(x), |x| self.shortcut.try_forward(x))
    }
}

impl<S, P, T, F, R> ModuleMut<Tensor<S, f32, Cpu, T>> for Residual<F, R>
where
    S: Shape,
    P: Shape,
    T: Tape<f32, Cpu>,
    F: ModuleMut<Tensor<S, f32, Cpu, T>, Output = Tensor<P, f32, Cpu, T>, Error = LayerError>,
    R: ModuleMut<Tensor<S, f32, Cpu, T>, Output = Tensor<P, f32, Cpu, T>, Error = LayerError>,
{
    type Output = F::Output;
    type Error = LayerError;

    fn try_forward_mut(&mut self, input: Tensor<S, f32, Cpu, T>) -> Result<F::Output, LayerError> {
        let Residual { body, shortcut } = self;
        fork(input, |x| body.try_forward_mut(x), |x| shortcut.try_forward_mut(x))
    }
}

/// Sends the input down two ways, one after the other on the same tape, and adds what comes out.
pub(crate) fn fork<S: Shape, P: Shape, T: Tape<f32, Cpu>>(
    input: Tensor<S, f32, Cpu, T>,
    body: impl FnOnce(Tensor<S, f32, Cpu, T>) -> Result<Tensor<P, f32, Cpu, T>, LayerError>,
    shortcut: impl FnOnce(Tensor<S, f32, Cpu, T>) -> Result<Tensor<P, f32, Cpu, T>, LayerError>,
) -> Result<Tensor<P, f32, Cpu, T>, LayerError> {
    let (input, tape) = input.split_tape();
    let (of_body, tape) = body(input.clone().put_tape(tape))?.split_tape();
    let (of_shortcut, tape) = shortcut(input.put_tape(tape))?.split_tape();
    add(of_body, of_shortcut, tape)
}

fn add<P: Shape, T: Tape<f32, Cpu>>(
    a: Tensor<P, f32, Cpu>,
    b: Tensor<P, f32, Cpu>,
    tape: T,
) -> Result<Tensor<P, f32, Cpu, T>, LayerError> {
    if a.shape() != b.shape() {
        return Err(LayerError::Shape {
            layer: "residual connection".into(),
            expected: format!("a body that gives what the shortcut gives, {:?}", b.shape()),
            got: format!("{:?}", a.shape()),
        });
    }
    // On the tape, for a tensor that has to be copied is another tensor.
    let (a, tape) = a.put_tape(tape).try_contiguous()?.split_tape();
    let (b, mut tape) = b.put_tape(tape).try_contiguous()?.split_tape();
    let mut y = values(&a);
    crate::convolution::add(&mut y, &values(&b));
    let output = Cpu::default().try_tensor_from_vec(y, *a.shape())?;
    if T::OWNS_TAPE {
        let (ghosts, output_ghost) = ([a.ghost(), b.ghost()], output.ghost());
        tape.add_backward_op(move |gradients| {
            let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
            for ghost in &ghosts {
                crate::convolution::add(gradients.get_or_alloc_mut(ghost)?, &dy);
            }
            put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
            Ok(())
        });
    }
    Ok(output.put_tape(tape))
}
