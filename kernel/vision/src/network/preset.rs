//! Networks with names.

use super::{Builder, Cnn, Mlp, Network, NetworkError};

/// A multilayer perceptron for 28 x 28 grey images of ten classes: 784-72-64-10, 61,842
/// parameters.
///
/// # Errors
/// None for this fixed plan.
pub fn mlp() -> Result<Network, NetworkError> {
    Mlp::on([1, 28, 28]).hidden(72).hidden(64).classes(10)
}

/// A small convolutional network for 28 x 28 grey images of ten classes: 61,130 parameters, a little
/// fewer than [`mlp`]. Its first kernels are 5 x 5 pixels large, so that an edge has room in them.
///
/// # Errors
/// None for this fixed plan.
pub fn mnist_cnn() -> Result<Network, NetworkError> {
    mnist_cnn_layers().classes(10)
}

fn mnist_cnn_layers() -> Builder {
    Cnn::on([1, 28, 28])
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
        .hidden(64)
}

/// LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998) with ReLU and max pooling, for 28 x 28 grey
/// images of ten classes: 61,706 parameters.
///
/// # Errors
/// None for this fixed plan.
pub fn lenet5() -> Result<Network, NetworkError> {
    Cnn::on([1, 28, 28])
        .named("LeNet-5")
        .conv(6, 5)
        .padding(2)
        .relu()
        .max_pool(2)
        .conv(16, 5)
        .relu()
        .max_pool(2)
        .hidden(120)
        .hidden(84)
        .classes(10)
}
