//! Looking into a trained network, in numbers: what units respond to, what an answer rests on, where
//! images lie in the space of features, and how much of it is edges.
//!
//! [`figure`](crate::figure) draws what is measured here; each of its pictures is one call.
//!
//! ```
//! use momentum_vision::inspection::{field_of, top_patches};
//! use momentum_vision::prelude::*;
//!
//! let cnn = Cnn::on([1, 28, 28]).conv(4, 5).relu().max_pool(2).conv(6, 3).classes(10)?;
//! let field = field_of(&cnn, 2)?;
//! assert_eq!((field.side, field.step), (10, 2));
//! let patches = top_patches(&cnn, &fashion_mnist()?.test.first(50), 2, 3)?;
//! assert_eq!((patches.len(), patches[0].patches.len()), (6, 3));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attribution;
mod edges;
mod embedding;
mod field;
mod ideal;
mod mistake;
mod pattern;
mod response;
mod tsne;

pub use attribution::{Attribution, OcclusionConfig, grad_cam, occlusion};
pub use edges::{
    EdgeConfig, EdgeProfile, LayerEdges, Oriented, OrientedFilters, edge_profile, edge_share,
};
pub use embedding::{Embedding, features, pca};
pub use field::{Field, effective_field, field_of};
pub use ideal::{IdealConfig, class_ideals, ideal_inputs};
pub use mistake::{Mistake, mistakes};
pub use response::{ChannelPatches, Patch, top_patches};
pub use tsne::{TsneConfig, tsne};

use crate::layer::LayerError;
use crate::network::Network;

/// Why a network could not be looked into.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectionError {
    /// The network has no such convolution.
    #[error("the {network} has {n} convolutions, so there is no convolution {wanted}")]
    NoConvolution {
        /// The network's name.
        network: String,
        /// How many it has.
        n: usize,
        /// Which was asked for, from 1.
        wanted: usize,
    },
    /// The network knows no such class.
    #[error("the {network} knows {n} classes, 0 to {}, so there is no class {wanted}", n.saturating_sub(1))]
    NoClass {
        /// The network's name.
        network: String,
        /// How many it knows.
        n: usize,
        /// Which was asked for, from 0.
        wanted: usize,
    },
    /// The data has no such image.
    #[error("there are {n} images, 0 to {}, so there is no image {wanted}", n.saturating_sub(1))]
    NoImage {
        /// Which was asked for, from 0.
        wanted: usize,
        /// How many there are.
        n: usize,
    },
    /// There is nothing to look at.
    #[error("there is nothing to show: {0}")]
    Empty(&'static str),
    /// A setting that makes no sense.
    #[error("{0}")]
    Config(String),
    /// The network could not look at the images.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// The layer's number of the `convolution`-th convolution, both from 1. A residual with convolutions
/// within counts as one.
pub(crate) fn convolution_layer(
    network: &Network,
    convolution: usize,
) -> Result<usize, InspectionError> {
    let all = network.convolutions();
    let layer = convolution.checked_sub(1).and_then(|i| all.get(i).copied());
    layer.ok_or_else(|| InspectionError::NoConvolution {
        network: network.name().into(),
        n: all.len(),
        wanted: convolution,
    })
}
