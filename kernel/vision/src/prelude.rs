//! What a notebook cell wants in scope.

pub use crate::data::{
    Augmentation, Collection, Dataset, FolderConfig, Image, ShapesConfig, Splits, fashion_mnist,
    image_folder,
};
pub use crate::evaluation::{
    ConfusionMatrix, Evaluation, ShiftCurve, evaluate, shift_curve, shift_table,
};
pub use crate::figure::{
    Picture, architecture, batch_preview, confusion_matrix, edge_share, first_layer_kernels,
    layer_maps, learning_curves, rate_search, shift_curves,
};
pub use crate::network::{
    Cnn, Mlp, Network, NetworkError, Summary, lenet5, mini_resnet, mini_vgg, mlp, mnist_cnn,
};
pub use crate::random::seed;
pub use crate::table::{Table, percent};
pub use crate::training::{
    Checkpoint, EarlyStopping, FitConfig, History, Interrupt, OneCycle, Optimizer, Progress,
    RateSearch, RateSearchConfig, TerminalBar,
};
