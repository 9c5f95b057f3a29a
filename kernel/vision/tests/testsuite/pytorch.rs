//! Layers and networks against stored PyTorch results, made by `tests/pytorch/make.py`.

use crate::{Case, case};
use dfdx::prelude::*;
use momentum_vision::layer::{
    AvgPool2d, BatchNorm, Conv2d, Conv2dConfig, Dropout, Flatten, GlobalAvgPool, LayerError,
    Linear, MaxPool2d, Nonlinearity, Relu, Residual,
};
use momentum_vision::loss::cross_entropy;
use momentum_vision::network::{Activation, Cnn};
use momentum_vision::random::Random;

fn check_convolution(case: &Case, stride: usize, padding: usize, dilation: usize, groups: usize) {
    let (x, weight) = (case.maps("x"), case.maps("weight"));
    let &(outputs, _, side, _) = weight.shape();
    let config = Conv2dConfig {
        stride,
        padding,
        dilation,
        groups,
        ..Conv2dConfig::new(x.shape().1, outputs, side)
    };
    let mut conv = Conv2d::new(config, &mut Random::new(0)).unwrap();
    conv.weight = weight;
    let has_bias = case.has("bias");
    if has_bias {
        conv.bias = case.vector("bias");
    }
    let y = conv.try_forward(x.leaky_trace()).unwrap();
    case.same("y", &y.as_vec());
    let gradients = (y * case.maps("upstream")).sum::<Rank0, _>().backward();
    case.same("d_x", &gradients.get(&x).as_vec());
    case.same("d_weight", &gradients.get(&conv.weight).as_vec());
    if has_bias {
        case.same("d_bias", &gradients.get(&conv.bias).as_vec());
    }
}

#[test]
fn convolutions_agree_with_pytorch() {
    check_convolution(&case!("conv_plain"), 1, 0, 1, 1);
    check_convolution(&case!("conv_stride_2"), 2, 1, 1, 1);
    check_convolution(&case!("conv_dilated"), 1, 2, 2, 1);
    check_convolution(&case!("conv_groups"), 1, 1, 1, 2);
    check_convolution(&case!("conv_pointwise"), 1, 0, 1, 1);
    check_convolution(&case!("conv_no_bias"), 1, 1, 1, 1);
}

#[test]
fn a_convolution_without_bias_agrees_with_pytorch() {
    let case = case!("conv_no_bias");
    let (x, upstream) = (case.maps("x"), case.maps("upstream"));
    let mut network =
        Cnn::on([3, 7, 6]).conv(4, 3).padding(1).no_bias().flatten().classes(2).unwrap();
    // PyTorch's `nn.Conv2d(3, 4, 3, padding=1, bias=False)` has a weight and nothing else.
    let mut tensors = network.tensors();
    let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names[0], "0.weight");
    assert!(!names.contains(&"0.bias"), "{names:?}");
    (tensors[0].values, tensors[0].shape) = case.get("weight");
    network.set_tensors(tensors).unwrap();
    let Activation::Maps(y) = network.forward_until(x, 1).unwrap() else { panic!("no maps") };
    assert_eq!(y.shape(), upstream.shape());
    case.same("y", &y.as_vec());
}

#[test]
fn dropout_agrees_with_pytorch() {
    let case = case!("dropout_eval");
    let dropout = Dropout::new(0.3, 1).unwrap();
    let (x, upstream) = (case.vectors("x"), case.vectors("upstream"));
    check(&case, x, upstream, |x| dropout.try_forward(x));

    let case = case!("dropout_of_nothing");
    let mut nothing = Dropout::new(0.0, 1).unwrap();
    let (x, upstream) = (case.vectors("x"), case.vectors("upstream"));
    check(&case, x, upstream, |x| nothing.try_forward_mut(x));

    // Which values are dropped is drawn by each in its own way. Where both keep one, value and
    // gradient are the same, and what is dropped has neither.
    let case = case!("dropout_train");
    let (x, upstream) = (case.vectors("x"), case.vectors("upstream"));
    let y = Dropout::new(0.3, 1).unwrap().try_forward_mut(x.leaky_trace()).unwrap();
    let values = y.as_vec();
    let slopes = (y * upstream).sum::<Rank0, _>().backward().get(&x).as_vec();
    let (theirs, their_slopes) = (case.get("y").0, case.get("d_x").0);
    let mut n_kept_by_both = 0;
    let pairs = values.iter().zip(&slopes).zip(theirs.iter().zip(&their_slopes));
    for (i, ((y, slope), (their_y, their_slope))) in pairs.enumerate() {
        assert_eq!(*y == 0.0, *slope == 0.0, "ours, {i}");
        assert_eq!(*their_y == 0.0, *their_slope == 0.0, "PyTorch's, {i}");
        if *y != 0.0 && *their_y != 0.0 {
            n_kept_by_both += 1;
            assert!((y - their_y).abs() < 1e-5, "y[{i}]");
            assert!((slope - their_slope).abs() < 1e-5, "d_x[{i}]");
        }
    }
    // About 0.7 * 0.7 of 128.
    assert!((40..90).contains(&n_kept_by_both), "{n_kept_by_both}");
}

#[test]
fn a_network_agrees_with_pytorch() {
    let case = case!("network");
    let config = Conv2dConfig { padding: 1, ..Conv2dConfig::new(2, 4, 3) };
    let mut conv = Conv2d::new(config, &mut Random::new(0)).unwrap();
    (conv.weight, conv.bias) = (case.maps("0.weight"), case.vector("0.bias"));
    let mut linear = Linear::new(64, 5, &mut Random::new(0)).unwrap();
    (linear.weight, linear.bias) = (case.vectors("4.weight"), case.vector("4.bias"));
    let labels: Vec<u8> = case.get("labels").0.iter().map(|&label| label as u8).collect();

    let maps = Relu.try_forward(conv.try_forward(case.maps("x").leaky_trace()).unwrap()).unwrap();
    let maps = MaxPool2d { side: 2, stride: 2 }.try_forward(maps).unwrap();
    let scores = linear.try_forward(Flatten.try_forward(maps).unwrap()).unwrap();
    case.same("scores", &scores.as_vec());
    let loss = cross_entropy(scores, &labels).unwrap();
    case.same("loss", &loss.as_vec());
    let gradients = loss.backward();
    case.same("d_0.weight", &gradients.get(&conv.weight).as_vec());
    case.same("d_0.bias", &gradients.get(&conv.bias).as_vec());
    case.same("d_4.weight", &gradients.get(&linear.weight).as_vec());
    case.same("d_4.bias", &gradients.get(&linear.bias).as_vec());
}

type Traced<S> = Tensor<S, f32, Cpu, OwnedTape<f32, Cpu>>;

/// Runs a layer on `x`, compares `y` and the input's gradient, and gives all gradients.
fn check<S: Shape, P: Shape>(
    case: &Case,
    x: Tensor<S, f32, Cpu>,
    upstream: Tensor<P, f32, Cpu>,
    forward: impl FnOnce(Traced<S>) -> Result<Traced<P>, LayerError>,
) -> Gradients<f32, Cpu> {
    let y = forward(x.leaky_trace()).unwrap();
    case.same("y", &y.as_vec());
    let gradients = (y * upstream).sum::<Rank0, _>().backward();
    case.same("d_x", &gradients.get(&x).as_vec());
    gradients
}

fn batch_norm(case: &Case, prefix: &str) -> BatchNorm {
    let get = |name| case.vector(&format!("{prefix}{name}"));
    let mut norm = BatchNorm::new(get("weight").shape().0).unwrap();
    (norm.weight, norm.bias) = (get("weight"), get("bias"));
    (norm.running_mean, norm.running_variance) = (get("running_mean"), get("running_var"));
    norm
}

#[test]
fn batch_normalisation_agrees_with_pytorch() {
    let case = case!("batch_norm_train");
    let mut norm = batch_norm(&case, "");
    let (weight, bias) = (norm.weight.clone(), norm.bias.clone());
    let (x, upstream) = (case.maps("x"), case.maps("upstream"));
    let gradients = check(&case, x, upstream, |x| norm.try_forward_mut(x));
    case.same("d_weight", &gradients.get(&weight).as_vec());
    case.same("d_bias", &gradients.get(&bias).as_vec());
    case.same("after_running_mean", &norm.running_mean.as_vec());
    case.same("after_running_var", &norm.running_variance.as_vec());

    let case = case!("batch_norm_eval");
    let norm = batch_norm(&case, "");
    let (x, upstream) = (case.maps("x"), case.maps("upstream"));
    let gradients = check(&case, x, upstream, |x| norm.try_forward(x));
    case.same("d_weight", &gradients.get(&norm.weight).as_vec());
    case.same("d_bias", &gradients.get(&norm.bias).as_vec());

    let case = case!("batch_norm_vectors");
    let mut norm = batch_norm(&case, "");
    let (weight, bias) = (norm.weight.clone(), norm.bias.clone());
    let (x, upstream) = (case.vectors("x"), case.vectors("upstream"));
    let gradients = check(&case, x, upstream, |x| norm.try_forward_mut(x));
    case.same("d_weight", &gradients.get(&weight).as_vec());
    case.same("d_bias", &gradients.get(&bias).as_vec());
    case.same("after_running_mean", &norm.running_mean.as_vec());
    case.same("after_running_var", &norm.running_variance.as_vec());
}

#[test]
fn pooling_agrees_with_pytorch() {
    let case = case!("avg_pool");
    let pool = AvgPool2d { side: 3, stride: 2 };
    check(&case, case.maps("x"), case.maps("upstream"), |x| pool.try_forward(x));
    let case = case!("global_avg_pool");
    check(&case, case.maps("x"), case.maps("upstream"), |x| GlobalAvgPool.try_forward(x));
    let case = case!("max_pool");
    let pool = MaxPool2d { side: 3, stride: 2 };
    check(&case, case.maps("x"), case.maps("upstream"), |x| pool.try_forward(x));
}

#[test]
fn a_linear_layer_agrees_with_pytorch() {
    let case = case!("linear");
    let mut linear = Linear::new(6, 4, &mut Random::new(0)).unwrap();
    (linear.weight, linear.bias) = (case.vectors("weight"), case.vector("bias"));
    let (x, upstream) = (case.vectors("x"), case.vectors("upstream"));
    let gradients = check(&case, x, upstream, |x| linear.try_forward(x));
    case.same("d_weight", &gradients.get(&linear.weight).as_vec());
    case.same("d_bias", &gradients.get(&linear.bias).as_vec());
}

#[test]
fn activation_functions_agree_with_pytorch() {
    let check = |case: Case, f: &dyn Fn(Traced<(usize, usize)>) -> _| {
        check(&case, case.vectors("x"), case.vectors("upstream"), f);
    };
    check(case!("relu"), &|x| Relu.try_forward(x));
    check(case!("gelu"), &|x| Nonlinearity::Gelu.try_forward(x));
    check(case!("silu"), &|x| Nonlinearity::Silu.try_forward(x));
    check(case!("tanh"), &|x| Nonlinearity::Tanh.try_forward(x));
    check(case!("sigmoid"), &|x| Nonlinearity::Sigmoid.try_forward(x));
    check(case!("leaky_relu"), &|x| Nonlinearity::LeakyRelu(0.1).try_forward(x));
}

#[test]
fn a_residual_with_a_shortcut_agrees_with_pytorch() {
    let case = case!("residual");
    let conv = |name: &str, config: Conv2dConfig| {
        let mut conv = Conv2d::new(config, &mut Random::new(0)).unwrap();
        conv.weight = case.maps(&format!("0.{name}.weight"));
        conv.bias = case.vector(&format!("0.{name}.bias"));
        conv
    };
    let plain = Conv2dConfig { padding: 1, ..Conv2dConfig::new(3, 3, 3) };
    let strided = Conv2dConfig { stride: 2, padding: 1, ..Conv2dConfig::new(2, 3, 3) };
    let pointwise = Conv2dConfig { stride: 2, ..Conv2dConfig::new(2, 3, 1) };
    let body = (
        conv("body.0", strided),
        batch_norm(&case, "0.body.1."),
        Relu,
        conv("body.3", plain),
        batch_norm(&case, "0.body.4."),
    );
    let shortcut = (conv("shortcut.0", pointwise), batch_norm(&case, "0.shortcut.1."));
    let mut residual = Residual { body, shortcut };
    let (first, norm) = (residual.body.0.weight.clone(), residual.shortcut.1.weight.clone());
    let (x, upstream) = (case.maps("x"), case.maps("upstream"));
    let gradients = check(&case, x, upstream, |x| residual.try_forward_mut(x));
    case.same("d_0.body.0.weight", &gradients.get(&first).as_vec());
    case.same("d_0.shortcut.1.weight", &gradients.get(&norm).as_vec());
    case.same("after_0.body.4.running_var", &residual.body.4.running_variance.as_vec());
}
