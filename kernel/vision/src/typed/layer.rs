//! Layers with their sizes in their types.

use super::lesson::Lesson;
use super::window::{Fits, Window};
use crate::layer::{self, Conv2d, Conv2dConfig, LayerError, Maps, Relu, Vectors};
use crate::random::Random;
use dfdx::nn::tensor_collection::{ModuleVisitor, TensorCollection, TensorOptions};
use dfdx::nn::{BuildOnDevice, Module, ModuleMut, NonMutableModule, ZeroSizedModule};
use dfdx::shapes::{Const, Dim, Dtype, HasShape, Rank1, Rank2, Rank4, Shape};
use dfdx::tensor::{Cpu, CpuError, RandomU64, Storage, Tape, Tensor};
use dfdx::tensor_ops::{Device, RealizeTo};

/// Maps of sizes that the compiler knows, `[batch, channels, height, width]`.
type Typed<B, C, H, W, T> = Tensor<(B, C, H, W), f32, Cpu, T>;

/// A convolution with bias: `IN` maps to `OUT` maps, with square kernels of `SIDE` pixels.
#[derive(Clone, Debug)]
pub struct Conv<
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
    const STRIDE: usize = 1,
    const PADDING: usize = 0,
    E: Dtype = f32,
    D: Storage<E> = Cpu,
> {
    /// `[OUT, IN, SIDE, SIDE]`.
    pub weight: Tensor<Rank4<OUT, IN, SIDE, SIDE>, E, D>,
    /// `[OUT]`.
    pub bias: Tensor<Rank1<OUT>, E, D>,
}

/// The greatest value of each window of `SIDE` pixels, every `STRIDE` pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MaxPool<const SIDE: usize, const STRIDE: usize = SIDE>;

/// The mean of each window of `SIDE` pixels, every `STRIDE` pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvgPool<const SIDE: usize, const STRIDE: usize = SIDE>;

/// The mean of each map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GlobalAvgPool;

/// Maps to one vector of `N` features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flatten<const N: usize>;

/// Drops `PERCENT` of 100 values while training ([`ModuleMut`]), drawn with the seed 0.
#[derive(Clone, Debug, Default)]
pub struct Dropout<const PERCENT: usize>(Option<layer::Dropout>);

/// `y = x · Wᵀ + b`.
#[derive(Clone, Debug)]
pub struct Linear<const IN: usize, const OUT: usize, E: Dtype = f32, D: Storage<E> = Cpu> {
    /// `[OUT, IN]`.
    pub weight: Tensor<Rank2<OUT, IN>, E, D>,
    /// `[OUT]`.
    pub bias: Tensor<Rank1<OUT>, E, D>,
}

/// A tensor of another type for the same values. dfdx gives it back when the sizes differ.
pub(super) fn realize<S: Shape, P: Shape<Concrete = S::Concrete>, T>(
    tensor: Tensor<S, f32, Cpu, T>,
) -> Result<Tensor<P, f32, Cpu, T>, LayerError>
where
    T: Tape<f32, Cpu>,
{
    tensor.try_realize::<P>().map_err(|tensor| LayerError::Shape {
        layer: "a typed layer".into(),
        expected: std::any::type_name::<P>().into(),
        got: format!("{:?}", tensor.shape()),
    })
}

/// Scores of a typed network as [`cross_entropy`](crate::loss::cross_entropy) takes them.
///
/// # Errors
/// None: every typed vector is one of a size known at run time.
pub fn scores<B: Dim, const N: usize, T: Tape<f32, Cpu>>(
    scores: Tensor<(B, Const<N>), f32, Cpu, T>,
) -> Result<Vectors<T>, LayerError> {
    realize(scores)
}

/// First weights as everywhere in this crate, with a seed that the device draws.
fn reset<S: Shape>(weight: &mut Tensor<S, f32, Cpu>) -> Result<(), CpuError> {
    let mut random = Random::new(weight.device().random_u64());
    let n_values = weight.shape().num_elements();
    let outputs = weight.shape().concrete().into_iter().next().unwrap_or(1);
    let bound = layer::bound(n_values / outputs.max(1));
    let values: Vec<f32> = (0..n_values).map(|_| random.uniform(-bound, bound)).collect();
    weight.copy_from(&values);
    Ok(())
}

impl<
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
    const STRIDE: usize,
    const PADDING: usize,
> TensorCollection<f32, Cpu> for Conv<IN, OUT, SIDE, STRIDE, PADDING>
{
    type To<E2: Dtype, D2: Device<E2>> = Conv<IN, OUT, SIDE, STRIDE, PADDING, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let (weight, bias) = (TensorOptions::reset_with(reset), TensorOptions::reset_to_zeros());
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, weight),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, bias),
            ),
            |(weight, bias)| Conv { weight, bias },
        )
    }
}

impl<
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
    const STRIDE: usize,
    const PADDING: usize,
> BuildOnDevice<Cpu, f32> for Conv<IN, OUT, SIDE, STRIDE, PADDING>
{
    type Built = Self;
}

impl<
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
    const STRIDE: usize,
    const PADDING: usize,
> NonMutableModule for Conv<IN, OUT, SIDE, STRIDE, PADDING>
{
}

impl<
    B: Dim,
    const C: usize,
    const H: usize,
    const W: usize,
    T: Tape<f32, Cpu>,
    const IN: usize,
    const OUT: usize,
    const SIDE: usize,
    const STRIDE: usize,
    const PADDING: usize,
> Module<Typed<B, Const<C>, Const<H>, Const<W>, T>> for Conv<IN, OUT, SIDE, STRIDE, PADDING>
where
    Const<C>: Fits<IN>,
    Const<H>: Window<SIDE, STRIDE, PADDING>,
    Const<W>: Window<SIDE, STRIDE, PADDING>,
{
    type Output = Typed<
        B,
        Const<OUT>,
        <Const<H> as Window<SIDE, STRIDE, PADDING>>::Out,
        <Const<W> as Window<SIDE, STRIDE, PADDING>>::Out,
        T,
    >;
    type Error = LayerError;

    fn try_forward(
        &self,
        input: Typed<B, Const<C>, Const<H>, Const<W>, T>,
    ) -> Result<Self::Output, LayerError> {
        let config =
            Conv2dConfig { stride: STRIDE, padding: PADDING, ..Conv2dConfig::new(IN, OUT, SIDE) };
        let (weight, bias) = (realize(self.weight.clone())?, realize(self.bias.clone())?);
        let input: Maps<T> = realize(input)?;
        realize(Conv2d::of(config, weight, bias).try_forward(input)?)
    }
}

impl<const IN: usize, const OUT: usize> TensorCollection<f32, Cpu> for Linear<IN, OUT> {
    type To<E2: Dtype, D2: Device<E2>> = Linear<IN, OUT, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let (weight, bias) = (TensorOptions::reset_with(reset), TensorOptions::reset_to_zeros());
        visitor.visit_fields(
            (
                Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, weight),
                Self::tensor("bias", |s| &s.bias, |s| &mut s.bias, bias),
            ),
            |(weight, bias)| Linear { weight, bias },
        )
    }
}

impl<const IN: usize, const OUT: usize> BuildOnDevice<Cpu, f32> for Linear<IN, OUT> {
    type Built = Self;
}

impl<const IN: usize, const OUT: usize> NonMutableModule for Linear<IN, OUT> {}

impl<B: Dim, T: Tape<f32, Cpu>, const N: usize, const IN: usize, const OUT: usize>
    Module<Tensor<(B, Const<N>), f32, Cpu, T>> for Linear<IN, OUT>
where
    Const<N>: Fits<IN>,
{
    type Output = Tensor<(B, Const<OUT>), f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward(
        &self,
        input: Tensor<(B, Const<N>), f32, Cpu, T>,
    ) -> Result<Self::Output, LayerError> {
        let (weight, bias) = (realize(self.weight.clone())?, realize(self.bias.clone())?);
        let linear = layer::Linear { weight, bias, input_gradient: true };
        let input: Vectors<T> = realize(input)?;
        realize(linear.try_forward(input)?)
    }
}

macro_rules! pooling {
    ($name:ident, $of:ident) => {
        impl<const SIDE: usize, const STRIDE: usize> ZeroSizedModule for $name<SIDE, STRIDE> {}

        impl<const SIDE: usize, const STRIDE: usize> NonMutableModule for $name<SIDE, STRIDE> {}

        impl<
            B: Dim,
            C: Dim,
            const H: usize,
            const W: usize,
            T: Tape<f32, Cpu>,
            const SIDE: usize,
            const STRIDE: usize,
        > Module<Typed<B, C, Const<H>, Const<W>, T>> for $name<SIDE, STRIDE>
        where
            Const<H>: Window<SIDE, STRIDE, 0>,
            Const<W>: Window<SIDE, STRIDE, 0>,
        {
            type Output = Typed<
                B,
                C,
                <Const<H> as Window<SIDE, STRIDE, 0>>::Out,
                <Const<W> as Window<SIDE, STRIDE, 0>>::Out,
                T,
            >;
            type Error = LayerError;

            fn try_forward(
                &self,
                input: Typed<B, C, Const<H>, Const<W>, T>,
            ) -> Result<Self::Output, LayerError> {
                let input: Maps<T> = realize(input)?;
                realize(layer::$of { side: SIDE, stride: STRIDE }.try_forward(input)?)
            }
        }
    };
}

pooling!(MaxPool, MaxPool2d);
pooling!(AvgPool, AvgPool2d);

impl ZeroSizedModule for Relu {}

impl ZeroSizedModule for layer::Identity {}

impl ZeroSizedModule for GlobalAvgPool {}

impl NonMutableModule for GlobalAvgPool {}

impl<B: Dim, C: Dim, H: Dim, W: Dim, T: Tape<f32, Cpu>> Module<Typed<B, C, H, W, T>>
    for GlobalAvgPool
{
    type Output = Typed<B, C, Const<1>, Const<1>, T>;
    type Error = LayerError;

    fn try_forward(&self, input: Typed<B, C, H, W, T>) -> Result<Self::Output, LayerError> {
        let input: Maps<T> = realize(input)?;
        realize(layer::GlobalAvgPool.try_forward(input)?)
    }
}

impl<const N: usize> ZeroSizedModule for Flatten<N> {}

impl<const N: usize> NonMutableModule for Flatten<N> {}

impl<B: Dim, const C: usize, const H: usize, const W: usize, T: Tape<f32, Cpu>, const N: usize>
    Module<Typed<B, Const<C>, Const<H>, Const<W>, T>> for Flatten<N>
{
    type Output = Tensor<(B, Const<N>), f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward(
        &self,
        input: Typed<B, Const<C>, Const<H>, Const<W>, T>,
    ) -> Result<Self::Output, LayerError> {
        const {
            let message = Lesson::flatten(C, H, W, N);
            assert!(C * H * W == N, "{}", message.text());
        }
        let input: Maps<T> = realize(input)?;
        realize(layer::Flatten.try_forward(input)?)
    }
}

impl<const PERCENT: usize> ZeroSizedModule for Dropout<PERCENT> {}

impl<S: Shape, T: Tape<f32, Cpu>, const PERCENT: usize> Module<Tensor<S, f32, Cpu, T>>
    for Dropout<PERCENT>
{
    type Output = Tensor<S, f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward(&self, input: Tensor<S, f32, Cpu, T>) -> Result<Self::Output, LayerError> {
        Ok(input)
    }
}

impl<S: Shape, T: Tape<f32, Cpu>, const PERCENT: usize> ModuleMut<Tensor<S, f32, Cpu, T>>
    for Dropout<PERCENT>
{
    type Output = Tensor<S, f32, Cpu, T>;
    type Error = LayerError;

    fn try_forward_mut(
        &mut self,
        input: Tensor<S, f32, Cpu, T>,
    ) -> Result<Self::Output, LayerError> {
        const { assert!(PERCENT < 100, "dropout must leave something: give less than 100 percent") }
        let dropout = match &mut self.0 {
            Some(dropout) => dropout,
            none => none.insert(layer::Dropout::new(PERCENT as f32 / 100.0, 0)?),
        };
        dropout.try_forward_mut(input)
    }
}

impl<F: TensorCollection<f32, Cpu>, R: TensorCollection<f32, Cpu>> TensorCollection<f32, Cpu>
    for layer::Residual<F, R>
{
    type To<E2: Dtype, D2: Device<E2>> = layer::Residual<F::To<E2, D2>, R::To<E2, D2>>;

    fn iter_tensors<V: ModuleVisitor<Self, f32, Cpu>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            (
                Self::module("body", |s| &s.body, |s| &mut s.body),
                Self::module("shortcut", |s| &s.shortcut, |s| &mut s.shortcut),
            ),
            |(body, shortcut)| layer::Residual { body, shortcut },
        )
    }
}

impl<F: BuildOnDevice<Cpu, f32>, R: BuildOnDevice<Cpu, f32>> BuildOnDevice<Cpu, f32>
    for layer::Residual<F, R>
{
    type Built = layer::Residual<F::Built, R::Built>;
}
