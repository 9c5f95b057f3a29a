//! Builders: layers in the order in which an image meets them.

use super::plan::{NetworkError, plan};
use super::written::Written;
use super::{Network, Size};
use crate::layer::{Conv2dConfig, Nonlinearity};
use crate::random::seed;

/// The layer that most modifiers belong to.
const CONV: &str = "conv(32, 3)";

/// Starts a convolutional network.
#[derive(Debug)]
pub struct Cnn;

/// Starts a multilayer perceptron: fully connected layers only.
#[derive(Debug)]
pub struct Mlp;

impl Cnn {
    /// For images of `[channels, height, width]`.
    pub fn on(input: [usize; 3]) -> Builder {
        Builder::new("CNN", input)
    }
}

impl Mlp {
    /// For images of `[channels, height, width]`, which are flattened at once.
    pub fn on(input: [usize; 3]) -> Builder {
        Builder::new("MLP", input).flatten()
    }
}

/// A network in the making. Mistakes are reported when it is built, by [`Builder::classes`].
#[derive(Clone, Debug)]
#[must_use = "end with .classes(n) to get the network"]
pub struct Builder {
    name: String,
    input: [usize; 3],
    written: Vec<Written>,
    seed: Option<u64>,
}

impl Builder {
    fn new(name: &str, input: [usize; 3]) -> Self {
        Builder { name: name.into(), input, written: Vec::new(), seed: None }
    }

    /// The name for captions and legends.
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The seed of the first weights; without it [`seed()`](crate::random::seed()).
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// A convolution with `kernels` square kernels of `side` by `side` pixels: one map each.
    pub fn conv(self, kernels: usize, side: usize) -> Self {
        self.with(Written::Conv { config: Conv2dConfig::new(0, kernels, side), bias: true })
    }

    /// Zeros around the image for the convolution just written.
    pub fn padding(self, pixels: usize) -> Self {
        self.modify("padding", pixels, |config| config.padding = pixels)
    }

    /// Step between outputs for the convolution or pooling just written.
    pub fn stride(mut self, pixels: usize) -> Self {
        match self.written.last_mut() {
            Some(Written::MaxPool { stride, .. } | Written::AvgPool { stride, .. }) => {
                *stride = pixels;
                self
            }
            _ => self.modify("stride", pixels, |config| config.stride = pixels),
        }
    }

    /// Distance between taps for the convolution just written.
    pub fn dilation(self, pixels: usize) -> Self {
        self.modify("dilation", pixels, |config| config.dilation = pixels)
    }

    /// Groups of channels for the convolution just written.
    pub fn groups(self, groups: usize) -> Self {
        self.modify("groups", groups, |config| config.groups = groups)
    }

    /// No bias for the convolution just written: batch normalisation behind it would take it away
    /// again, and has one of its own.
    pub fn no_bias(mut self) -> Self {
        match self.written.last_mut() {
            Some(Written::Conv { bias, .. }) => *bias = false,
            _ => self.written.push(Written::Stray { modifier: "no_bias", value: None, of: CONV }),
        }
        self
    }

    /// Batch normalisation of each channel, or of each feature behind the flattening.
    pub fn batch_norm(self) -> Self {
        self.with(Written::BatchNorm)
    }

    /// `max(x, 0)`.
    pub fn relu(self) -> Self {
        self.with(Written::Relu)
    }

    /// `x` if it is positive, else `x` times `slope`.
    pub fn leaky_relu(self, slope: f32) -> Self {
        self.with(Written::Nonlinearity(Nonlinearity::LeakyRelu(slope)))
    }

    /// `x Φ(x)` with the normal distribution Φ.
    pub fn gelu(self) -> Self {
        self.with(Written::Nonlinearity(Nonlinearity::Gelu))
    }

    /// `x σ(x)`, also called swish.
    pub fn silu(self) -> Self {
        self.with(Written::Nonlinearity(Nonlinearity::Silu))
    }

    /// The hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.with(Written::Nonlinearity(Nonlinearity::Tanh))
    }

    /// `1 / (1 + exp(-x))`.
    pub fn sigmoid(self) -> Self {
        self.with(Written::Nonlinearity(Nonlinearity::Sigmoid))
    }

    /// The greatest value of each window of `side` by `side` pixels, windows side by side.
    pub fn max_pool(self, side: usize) -> Self {
        self.with(Written::MaxPool { side, stride: side })
    }

    /// The mean of each window of `side` by `side` pixels, windows side by side.
    pub fn avg_pool(self, side: usize) -> Self {
        self.with(Written::AvgPool { side, stride: side })
    }

    /// The mean of each map: maps of 1 × 1.
    pub fn global_avg_pool(self) -> Self {
        self.with(Written::GlobalAvgPool)
    }

    /// Drops a share of the values while training.
    pub fn dropout(self, share: f32) -> Self {
        self.with(Written::Dropout { share })
    }

    /// Layers whose result is added to what goes into them. Where they change the number of maps or
    /// their size, a pointwise convolution brings the input to that size (normalised too, if the
    /// body is).
    ///
    /// ```
    /// use momentum_vision::network::Cnn;
    /// let cnn = Cnn::on([1, 28, 28])
    ///     .conv(8, 3).padding(1).batch_norm().relu()
    ///     .residual(|b| b.conv(8, 3).padding(1).batch_norm().relu().conv(8, 3).padding(1).batch_norm())
    ///     .relu()
    ///     .global_avg_pool()
    ///     .classes(10)?;
    /// assert_eq!(cnn.n_classes(), 10);
    /// # Ok::<(), momentum_vision::network::NetworkError>(())
    /// ```
    pub fn residual(self, body: impl FnOnce(Builder) -> Builder) -> Self {
        let body = body(Builder::new("residual", self.input)).written;
        self.with(Written::Residual(body))
    }

    /// Maps to one long vector.
    pub fn flatten(self) -> Self {
        self.with(Written::Flatten)
    }

    /// A fully connected layer. Maps are flattened before it.
    pub fn linear(self, outputs: usize) -> Self {
        self.with(Written::Linear { outputs })
    }

    /// A fully connected layer and a ReLU.
    pub fn hidden(self, outputs: usize) -> Self {
        self.linear(outputs).relu()
    }

    /// Ends the network with one score for each class.
    ///
    /// # Errors
    /// [`NetworkError::Fit`] names the first layer that does not fit, what it expected, what it got
    /// and what to change.
    ///
    /// ```
    /// use momentum_vision::network::Cnn;
    /// let error = Cnn::on([1, 4, 4]).conv(8, 3).conv(8, 3).classes(10).unwrap_err();
    /// assert!(error.to_string().starts_with("layer 2, conv(8, 3), does not fit"));
    /// ```
    pub fn classes(self, n: usize) -> Result<Network, NetworkError> {
        let last = self.linear(n);
        let plan = plan(last.input, &last.written)?;
        debug_assert!(matches!(plan.last().map(|p| p.size), Some(Size::Vector(_))));
        Ok(Network::new(last.name, last.input, plan, last.seed.unwrap_or_else(seed))?)
    }

    fn with(mut self, layer: Written) -> Self {
        self.written.push(layer);
        self
    }

    fn modify(
        mut self,
        modifier: &'static str,
        value: usize,
        f: impl FnOnce(&mut Conv2dConfig),
    ) -> Self {
        match self.written.last_mut() {
            Some(Written::Conv { config, .. }) => f(config),
            _ => {
                let of = match modifier {
                    "stride" => "conv(32, 3), max_pool(3) or avg_pool(3)",
                    _ => CONV,
                };
                self.written.push(Written::Stray { modifier, value: Some(value), of });
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(builder: Builder) -> String {
        builder.classes(10).unwrap_err().to_string()
    }

    #[test]
    fn a_kernel_larger_than_its_map() {
        insta::assert_snapshot!(fails(Cnn::on([1, 28, 28]).conv(8, 5).max_pool(8).relu().conv(8, 5)), @"
        layer 4, conv(8, 5), does not fit
          expected: maps (with padding) of at least 5 × 5 pixels
               got: 8 maps of 3 × 3 pixels, padded by 0
            change: use a smaller kernel, add .padding(1), or pool less before this layer
        ");
    }

    #[test]
    fn too_much_pooling() {
        insta::assert_snapshot!(fails(Cnn::on([1, 8, 8]).max_pool(4).max_pool(4)), @"
        layer 2, max_pool(4), does not fit
          expected: maps of at least 4 × 4 pixels
               got: 1 maps of 2 × 2 pixels
            change: pool less often, use a smaller window, or pad the convolutions before it so that the maps shrink less
        ");
    }

    #[test]
    fn a_convolution_behind_the_vector() {
        insta::assert_snapshot!(fails(Cnn::on([1, 28, 28]).linear(128).relu().conv(32, 3)), @"
        layer 4, conv(32, 3), does not fit
          expected: maps: channels × height × width
               got: a vector of 128 features, which has no neighbouring pixels any more
            change: put convolutions and pooling before the first flatten() or linear(..)
        ");
    }

    #[test]
    fn a_modifier_on_its_own() {
        insta::assert_snapshot!(fails(Cnn::on([1, 28, 28]).conv(32, 3).relu().padding(1)), @"
        layer 3, padding(1), does not fit
          expected: a conv(32, 3) right before padding(..), whose setting it changes
               got: another layer, or none
            change: write it directly behind that layer: .conv(32, 3).padding(..)
        ");
    }

    #[test]
    fn flat_twice() {
        insta::assert_snapshot!(fails(Mlp::on([1, 28, 28]).flatten()), @"
        layer 2, flatten(), does not fit
          expected: maps: channels × height × width
               got: a vector of 784 features, which is flat already
            change: remove this flatten()
        ");
    }

    #[test]
    fn groups_that_do_not_divide() {
        insta::assert_snapshot!(fails(Cnn::on([3, 28, 28]).conv(32, 3).groups(2)), @"
        layer 1, conv(32, 3).groups(2), does not fit
          expected: numbers of channels that 2 groups divide evenly
               got: 3 channels in, 32 out
            change: choose groups that divide both numbers
        ");
    }

    #[test]
    fn a_residual_whose_body_shrinks_the_maps() {
        insta::assert_snapshot!(fails(Cnn::on([1, 28, 28]).residual(|b| b.conv(8, 3).relu())), @"
        layer 1, residual(..), does not fit
          expected: a body that gives 1 × 28 × 28, or as many rows and columns at a stride
               got: a body that makes 8 × 26 × 26 of 1 × 28 × 28, which cannot be added
            change: pad the convolutions of the body so that the maps keep their size: .conv(16, 3).padding(1)
        ");
    }

    #[test]
    fn a_layer_within_a_residual() {
        let body = |b: Builder| b.conv(8, 3).padding(1).relu().max_pool(40);
        insta::assert_snapshot!(fails(Cnn::on([1, 28, 28]).relu().residual(body)), @"
        layer 2, max_pool(40), number 3 within residual(..), does not fit
          expected: maps of at least 40 × 40 pixels
               got: 8 maps of 28 × 28 pixels
            change: pool less often, use a smaller window, or pad the convolutions before it so that the maps shrink less
        ");
        insta::assert_snapshot!(fails(Cnn::on([1, 8, 8]).residual(|b| b)), @"
        layer 1, residual(..), does not fit
          expected: layers to go around
               got: none
            change: write them on the builder that comes in: .residual(|b| b.conv(16, 3).padding(1))
        ");
    }

    #[test]
    fn pooling_that_cannot_be() {
        insta::assert_snapshot!(fails(Cnn::on([1, 8, 8]).avg_pool(9)), @"
        layer 1, avg_pool(9), does not fit
          expected: maps of at least 9 × 9 pixels
               got: 1 maps of 8 × 8 pixels
            change: pool less often, use a smaller window, or pad the convolutions before it so that the maps shrink less
        ");
        insta::assert_snapshot!(fails(Mlp::on([1, 8, 8]).hidden(5).global_avg_pool()), @"
        layer 4, global_avg_pool(), does not fit
          expected: maps: channels × height × width
               got: a vector of 5 features, which has no neighbouring pixels any more
            change: put convolutions and pooling before the first flatten() or linear(..)
        ");
        insta::assert_snapshot!(fails(Cnn::on([1, 8, 8]).max_pool(2).stride(0)), @"
        layer 1, max_pool(2).stride(0), does not fit
          expected: a window and a stride of at least 1
               got: a window of 2 and a stride of 0
            change: raise what is 0
        ");
        insta::assert_snapshot!(fails(Cnn::on([1, 8, 8]).relu().stride(2)), @"
        layer 2, stride(2), does not fit
          expected: a conv(32, 3), max_pool(3) or avg_pool(3) right before stride(..), whose setting it changes
               got: another layer, or none
            change: write it directly behind that layer: .conv(32, 3).stride(..)
        ");
    }

    #[test]
    fn a_share_that_drops_all() {
        insta::assert_snapshot!(fails(Cnn::on([1, 8, 8]).dropout(25.0)), @"
        layer 1, dropout(25), does not fit
          expected: a share of at least 0 and below 1
               got: 25
            change: give the share of values to drop: dropout(0.25) drops a quarter of them
        ");
    }

    #[test]
    fn a_bias_of_nothing() {
        insta::assert_snapshot!(fails(Cnn::on([1, 8, 8]).relu().no_bias()), @"
        layer 2, no_bias(), does not fit
          expected: a conv(32, 3) right before no_bias(), whose setting it changes
               got: another layer, or none
            change: write it directly behind that layer: .conv(32, 3).no_bias()
        ");
    }

    #[test]
    fn an_empty_image() {
        insta::assert_snapshot!(fails(Cnn::on([0, 28, 28])), @"
        layer 0, the input, does not fit
          expected: [channels, height, width], each at least 1
               got: [0, 28, 28]
            change: give the shape of one image, such as [1, 28, 28]
        ");
    }

    #[test]
    fn the_seed_decides_the_weights() {
        let build = |seed| Mlp::on([1, 2, 2]).seed(seed).classes(2).unwrap().parameters();
        assert_eq!(build(1), build(1));
        assert_ne!(build(1), build(2));
    }
}
