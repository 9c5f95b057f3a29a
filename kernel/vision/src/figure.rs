//! Pictures of data, training and what a network sees.
//!
//! Each picture is one SVG text with its own light panel, so it reads on light and dark pages. It
//! needs no font files: text stays text. It carries a text alternative, a caption, and what it shows
//! as a table. Pixels are embedded as PNG at one pixel each and scaled by whoever draws the SVG.
//! Colours are those of Okabe and Ito (2008), viridis, and a blue-to-orange scale, chosen so that
//! colour-blind readers can tell them apart.
//!
//! This file and its children alone name `plotters`.

mod architecture;
mod chart;
mod colour;
mod grid;
mod live;
mod matrix;
mod panel;
#[cfg(test)]
mod tests;

pub use architecture::architecture;
pub use chart::{learning_curves, shift_curves};
pub use grid::{batch_preview, edge_share, first_layer_kernels, layer_maps};
pub use live::{live_training, rate_search, training_view};
pub use matrix::confusion_matrix;

use crate::layer::LayerError;
use crate::table::Table;

/// A picture with what is needed by those who cannot see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The picture as a complete SVG document.
    pub svg: String,
    /// What is to be seen, in a sentence, for those who do not see it.
    pub alt: String,
    /// A line to stand below the picture.
    pub caption: String,
    /// What the picture shows, in numbers.
    pub data: Table,
}

/// Why a picture could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FigureError {
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
    /// There is nothing to show.
    #[error("there is nothing to show: {0}")]
    Empty(&'static str),
    /// The network could not look at the image.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// plotters could not draw.
    #[error("plotters could not draw the chart: {0}")]
    Draw(String),
    /// The pixels could not be written as PNG.
    #[error("the pixels could not be written as PNG")]
    Png(#[from] png::EncodingError),
}
