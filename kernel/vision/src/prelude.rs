//! What a notebook cell wants in scope.

pub use crate::data::{Dataset, Image, Splits, fashion_mnist};
pub use crate::evaluation::{
    ConfusionMatrix, Evaluation, ShiftCurve, evaluate, shift_curve, shift_table,
};
pub use crate::figure::{
    Picture, batch_preview, confusion_matrix, edge_share, first_layer_kernels, layer_maps,
    learning_curves, shift_curves,
};
pub use crate::network::{
    Cnn, Mlp, Network, NetworkError, Summary, lenet5, mini_resnet, mini_vgg, mlp, mnist_cnn,
};
pub use crate::random::seed;
pub use crate::table::{Table, percent};
pub use crate::training::{FitConfig, History, Progress};
