//! What a notebook cell wants in scope.

pub use crate::comparison::{Comparison, mlp_against_cnn, mlp_of_budget};
pub use crate::data::{
    Augmentation, Collection, Dataset, FolderConfig, Image, ShapesConfig, Splits, fashion_mnist,
    image_folder,
};
pub use crate::evaluation::{
    ConfusionMatrix, Evaluation, ShiftCurve, evaluate, shift_curve, shift_table,
};
pub use crate::figure::{
    Picture, all_layers, architecture, batch_preview, channel_responses, class_images, comparison,
    confusion_matrix, edge_chart, first_layer_kernels, grad_cam_maps, layer_maps, learning_curves,
    occlusion_maps, pca_scatter, rate_search, receptive_fields, shift_curves, tsne_scatter,
    wrong_predictions,
};
pub use crate::inspection::{EdgeConfig, IdealConfig, OcclusionConfig, TsneConfig, edge_share};
pub use crate::network::{
    Cnn, Mlp, Network, NetworkError, Summary, lenet5, mini_resnet, mini_vgg, mlp, mnist_cnn,
};
pub use crate::random::seed;
pub use crate::table::{Table, percent};
pub use crate::training::{
    Checkpoint, EarlyStopping, FitConfig, History, Interrupt, OneCycle, Optimizer, Progress,
    RateSearch, RateSearchConfig, TerminalBar,
};
