//! Batch normalisation with the number of channels in its type.

use crate::layer::{self, LayerError};
use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::nn::{BuildOnDevice, Module, ModuleMut};
use dfdx::shapes::{Const, Dim, Dtype, Rank1};
use dfdx::tensor::{Cpu, Storage, Tape, Tensor};
use dfdx::tensor_ops::{Device, RealizeTo};

/// Batch normalisation of `C` channels: see [`layer::BatchNorm`].
#[derive(Clone, Debug)]
pub struct BatchNorm<const C: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// `[C]`.
    pub weight: Tensor<Rank1<C>, E, D>,
    /// `[C]`.
    pub bias: Tensor<Rank1<C>, E, D>,
    /// `[C]`. Not learnt by gradients.
    pub running_mean: Tensor<Rank1<C>, E, D>,
    /// `[C]`. Not learnt by gradients.
    pub running_var: Tensor<Rank1<C>, E, D>,
}

impl<const C: usize> TensorCollection<f32, Cpu> for BatchNorm<C> {
    type To<E2: Dtype, D2: Device<E2>> = BatchNorm<C, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let (weight, bias) = (TensorOptions::reset_to_ones(), TensorOptions::reset_to_zeros());
        let mean = TensorOptions::detached(|t| t.try_fill_with_zeros());
        let var = TensorOptions::detached(|t| t.try_fill_with_ones());
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, weight),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, bias),
                Self::tensor("running_mean", |s| &s.running_mean, |s| &mut s.running_mean, mean),
                Self::tensor("running_var", |s| &s.running_var, |s| &mut s.running_var, var),
            ),
            |(weight, bias, running_mean, running_var)| BatchNorm {
                weight,
                bias,
                running_mean,
                running_var,
            },
        )
    }
}

impl<const C: usize> BuildOnDevice<Cpu, f32> for BatchNorm<C> {
    type Built = Self;
}

impl<const C: usize> BatchNorm<C> {
    /// The same tensors with sizes known at run time.
    fn untyped(&self) -> layer::BatchNorm {
        layer::BatchNorm {
            weight: self.weight.clone().realize(),
            bias: self.bias.clone().realize(),
            running_mean: self.running_mean.clone().realize(),
            running_variance: self.running_var.clone().realize(),
            momentum: 0.1,
            epsilon: 1e-5,
        }
    }
}

type Typed<B, const C: usize, H, W, T> = Tensor<(B, Const<C>, H, W), f32, Cpu, T>;

impl<B: Dim, H: Dim, W: Dim, T: Tape<f32, Cpu>, const C: usize> Module<Typed<B, C, H, W, T>>
    for BatchNorm<C>
{
    type Output = Typed<B, C, H, W, T>;
    type Error = LayerError;

    fn try_forward(&self, input: Typed<B, C, H, W, T>) -> Result<Self::Output, LayerError> {
        let input: layer::Maps<T> = super::layer::realize(input)?;
        super::layer::realize(self.untyped().try_forward(input)?)
    }
}

impl<B: Dim, H: Dim, W: Dim, T: Tape<f32, Cpu>, const C: usize> ModuleMut<Typed<B, C, H, W, T>>
    for BatchNorm<C>
{
    type Output = Typed<B, C, H, W, T>;
    type Error = LayerError;

    fn try_forward_mut(&mut self, input: Typed<B, C, H, W, T>) -> Result<Self::Output, LayerError> {
        let mut untyped = self.untyped();
        let input: layer::Maps<T> = super::layer::realize(input)?;
        let output = untyped.try_forward_mut(input)?;
        self.running_mean = super::layer::realize(untyped.running_mean)?;
        self.running_var = super::layer::realize(untyped.running_variance)?;
        super::layer::realize(output)
    }
}
