//! Networks with names.
//!
//! Each stands for a PyTorch class whose saved weights it reads: see [`Naming`](super::Naming).

use super::{Aliases, Builder, Cnn, Mlp, Network, NetworkError};

/// A multilayer perceptron for 28 x 28 grey images of ten classes: 784-72-64-10, 61,842
/// parameters.
///
/// # Errors
/// None for this fixed plan.
pub fn mlp() -> Result<Network, NetworkError> {
    let names = &[("1", "fc1"), ("3", "fc2"), ("5", "fc3")];
    stands_for(names, Mlp::on([1, 28, 28]).hidden(72).hidden(64).classes(10))
}

/// A small convolutional network for 28 x 28 grey images of ten classes: 61,130 parameters, a little
/// fewer than [`mlp`]. Its first kernels are 5 x 5 pixels large, so that an edge has room in them.
///
/// # Errors
/// None for this fixed plan.
pub fn mnist_cnn() -> Result<Network, NetworkError> {
    let names = &[("0", "conv1"), ("3", "conv2"), ("6", "conv3"), ("10", "fc1"), ("12", "fc2")];
    let layers = Cnn::on([1, 28, 28])
        .conv(16, 5)
        .padding(2)
        .relu()
        .max_pool(2)
        .conv(32, 3)
        .padding(1)
        .relu()
        .max_pool(2)
        .conv(64, 3)
        .padding(1)
        .relu()
        .max_pool(2)
        .hidden(64);
    stands_for(names, layers.classes(10))
}

/// LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998) with ReLU and max pooling, for 28 x 28 grey
/// images of ten classes: 61,706 parameters.
///
/// # Errors
/// None for this fixed plan.
pub fn lenet5() -> Result<Network, NetworkError> {
    let names = &[("0", "conv1"), ("3", "conv2"), ("7", "fc1"), ("9", "fc2"), ("11", "fc3")];
    let layers = Cnn::on([1, 28, 28])
        .named("LeNet-5")
        .conv(6, 5)
        .padding(2)
        .relu()
        .max_pool(2)
        .conv(16, 5)
        .relu()
        .max_pool(2)
        .hidden(120)
        .hidden(84);
    stands_for(names, layers.classes(10))
}

/// A small VGG (Simonyan and Zisserman 2014) with batch normalisation: three blocks of two
/// convolutions and a pooling, 16, 32 and 64 maps deep, then 128 features with dropout. For images of
/// `[channels, height, width]`, at least 8 x 8 pixels; [3, 32, 32] and ten classes make 205,018
/// parameters.
///
/// # Errors
/// [`NetworkError::Fit`] when the images are too small, or there is no class.
pub fn mini_vgg(input: [usize; 3], classes: usize) -> Result<Network, NetworkError> {
    let block = |b: Builder, maps| {
        let b = b.conv(maps, 3).padding(1).batch_norm().relu();
        b.conv(maps, 3).padding(1).batch_norm().relu().max_pool(2)
    };
    let layers = block(block(block(Cnn::on(input).named("mini VGG"), 16), 32), 64);
    stands_for(VGG_NAMES, layers.hidden(128).dropout(0.5).classes(classes))
}

const VGG_NAMES: Aliases = &[
    ("0", "features.0"),
    ("1", "features.1"),
    ("3", "features.3"),
    ("4", "features.4"),
    ("7", "features.7"),
    ("8", "features.8"),
    ("10", "features.10"),
    ("11", "features.11"),
    ("14", "features.14"),
    ("15", "features.15"),
    ("17", "features.17"),
    ("18", "features.18"),
    ("22", "classifier.0"),
    ("25", "classifier.3"),
];

/// A small residual network (He, Zhang, Ren and Sun 2015, section 4.2) with 8 layers of weights on
/// the straight way: three residuals, 16, 32 and 64 maps deep. For images of `[channels, height,
/// width]`; [3, 32, 32] and ten classes make 78,042 parameters.
///
/// # Errors
/// [`NetworkError::Fit`] when a side or the number of classes is 0.
pub fn mini_resnet(input: [usize; 3], classes: usize) -> Result<Network, NetworkError> {
    let stage = |b: Builder, maps, stride| {
        let body = |b: Builder| {
            let b = b.conv(maps, 3).stride(stride).padding(1).no_bias().batch_norm().relu();
            b.conv(maps, 3).padding(1).no_bias().batch_norm()
        };
        b.residual(body).relu()
    };
    let stem = Cnn::on(input).named("mini ResNet").conv(16, 3).padding(1).no_bias();
    let stem = stem.batch_norm().relu();
    let layers = stage(stage(stage(stem, 16, 1), 32, 2), 64, 2).global_avg_pool();
    stands_for(RESNET_NAMES, layers.classes(classes))
}

const RESNET_NAMES: Aliases = &[
    ("0", "conv1"),
    ("1", "bn1"),
    ("3.body.0", "layer1.0.conv1"),
    ("3.body.1", "layer1.0.bn1"),
    ("3.body.3", "layer1.0.conv2"),
    ("3.body.4", "layer1.0.bn2"),
    ("5.body.0", "layer2.0.conv1"),
    ("5.body.1", "layer2.0.bn1"),
    ("5.body.3", "layer2.0.conv2"),
    ("5.body.4", "layer2.0.bn2"),
    ("5.shortcut", "layer2.0.downsample"),
    ("7.body.0", "layer3.0.conv1"),
    ("7.body.1", "layer3.0.bn1"),
    ("7.body.3", "layer3.0.conv2"),
    ("7.body.4", "layer3.0.bn2"),
    ("7.shortcut", "layer3.0.downsample"),
    ("11", "fc"),
];

fn stands_for(
    aliases: Aliases,
    built: Result<Network, NetworkError>,
) -> Result<Network, NetworkError> {
    built.map(|network| Network { aliases, ..network })
}
