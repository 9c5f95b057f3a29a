//! From the layers as written to the layers with their sizes, or an error that teaches.

use crate::layer::{Conv2dConfig, LayerError};
use std::fmt;

/// The size of what flows between two layers, for one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Feature maps.
    Maps {
        /// Number of maps: the depth.
        channels: usize,
        /// Rows of each map.
        height: usize,
        /// Columns of each map.
        width: usize,
    },
    /// A vector of features.
    Vector(usize),
}

impl Size {
    /// Number of values.
    pub fn len(self) -> usize {
        match self {
            Size::Maps { channels, height, width } => channels * height * width,
            Size::Vector(n) => n,
        }
    }

    /// Whether there is no value.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Maps { channels, height, width } => write!(f, "{channels} × {height} × {width}"),
            Size::Vector(n) => write!(f, "{n}"),
        }
    }
}

/// Why a network could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A layer does not fit to what comes out of the layers before it.
    #[error(
        "layer {number}, {layer}, does not fit\n  expected: {expected}\n       got: {got}\n    change: {change}"
    )]
    Fit {
        /// The layer's number, from 1.
        number: usize,
        /// The layer as written.
        layer: String,
        /// What it takes.
        expected: String,
        /// What comes out of the layers before it.
        got: String,
        /// What to change.
        change: String,
    },
    /// The layer itself could not be made.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// A layer as written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Written {
    /// Channels come from the layers before; `input_channels` is not yet known.
    Conv(Conv2dConfig),
    Relu,
    MaxPool {
        side: usize,
        stride: usize,
    },
    Flatten,
    Linear {
        outputs: usize,
    },
    /// A modifier such as `padding(1)` that does not follow a convolution.
    Stray {
        modifier: &'static str,
        value: usize,
    },
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Written::Conv(config) => {
                write!(f, "conv({}, {})", config.output_channels, config.side)?;
                let more = [
                    ("stride", config.stride, 1),
                    ("padding", config.padding, 0),
                    ("dilation", config.dilation, 1),
                    ("groups", config.groups, 1),
                ];
                for (name, value, default) in more {
                    if value != default {
                        write!(f, ".{name}({value})")?;
                    }
                }
                Ok(())
            }
            Written::Relu => write!(f, "relu()"),
            Written::MaxPool { side, stride } if side == stride => write!(f, "max_pool({side})"),
            Written::MaxPool { side, stride } => write!(f, "max_pool({side}, every {stride})"),
            Written::Flatten => write!(f, "flatten()"),
            Written::Linear { outputs } => write!(f, "linear({outputs})"),
            Written::Stray { modifier, value } => write!(f, "{modifier}({value})"),
        }
    }
}

/// A layer with all its numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlannedKind {
    Conv(Conv2dConfig),
    Relu,
    MaxPool { side: usize, stride: usize },
    Flatten,
    Linear { inputs: usize, outputs: usize },
}

/// A layer with all its numbers, its name and the size of its output.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) kind: PlannedKind,
    pub(super) size: Size,
}

/// Works out the size after each layer. A linear layer after maps gets a flatten before it.
pub(super) fn plan(input: [usize; 3], written: &[Written]) -> Result<Vec<Planned>, NetworkError> {
    let [channels, height, width] = input;
    let mut size = Size::Maps { channels, height, width };
    let mut plan: Vec<Planned> = Vec::new();
    if size.is_empty() {
        return Err(NetworkError::Fit {
            number: 0,
            layer: "the input".into(),
            expected: "[channels, height, width], each at least 1".into(),
            got: format!("{input:?}"),
            change: "give the shape of one image, such as [1, 28, 28]".into(),
        });
    }
    for &layer in written {
        if let (Written::Linear { .. }, Size::Maps { .. }) = (layer, size) {
            size = Size::Vector(size.len());
            plan.push(Planned { name: "flatten()".into(), kind: PlannedKind::Flatten, size });
        }
        let (kind, next) =
            fit(layer, size).map_err(|[expected, got, change]| NetworkError::Fit {
                number: plan.len() + 1,
                layer: layer.to_string(),
                expected,
                got,
                change,
            })?;
        size = next;
        plan.push(Planned { name: layer.to_string(), kind, size });
    }
    Ok(plan)
}

/// One layer on what comes in; or expected, got, what to change.
fn fit(layer: Written, size: Size) -> Result<(PlannedKind, Size), [String; 3]> {
    match (layer, size) {
        (Written::Conv(config), Size::Maps { channels, height, width }) => {
            let config = Conv2dConfig { input_channels: channels, ..config };
            conv_fits(&config, height, width)?;
            let (height, width) =
                (config.output_len(height).unwrap_or(0), config.output_len(width).unwrap_or(0));
            let size = Size::Maps { channels: config.output_channels, height, width };
            Ok((PlannedKind::Conv(config), size))
        }
        (Written::MaxPool { side, stride }, Size::Maps { channels, height, width }) => {
            if side == 0 || stride == 0 || side > height || side > width {
                return Err([
                    format!(
                        "maps of at least {0} × {0} pixels, and a window of at least 1",
                        side.max(1)
                    ),
                    format!("{channels} maps of {height} × {width} pixels"),
                    "pool less often, use a smaller window, or pad the convolutions before it \
                     so that the maps shrink less"
                        .into(),
                ]);
            }
            let (height, width) = ((height - side) / stride + 1, (width - side) / stride + 1);
            let size = Size::Maps { channels, height, width };
            Ok((PlannedKind::MaxPool { side, stride }, size))
        }
        (Written::Conv(_) | Written::MaxPool { .. }, Size::Vector(n)) => Err([
            "maps: channels × height × width".into(),
            format!("a vector of {n} features, which has no neighbouring pixels any more"),
            "put convolutions and pooling before the first flatten() or linear(..)".into(),
        ]),
        (Written::Flatten, Size::Vector(n)) => Err([
            "maps: channels × height × width".into(),
            format!("a vector of {n} features, which is flat already"),
            "remove this flatten()".into(),
        ]),
        (Written::Flatten, size) => Ok((PlannedKind::Flatten, Size::Vector(size.len()))),
        (Written::Relu, size) => Ok((PlannedKind::Relu, size)),
        (Written::Linear { outputs }, size) if outputs > 0 => {
            Ok((PlannedKind::Linear { inputs: size.len(), outputs }, Size::Vector(outputs)))
        }
        (Written::Linear { .. }, _) => Err([
            "at least 1 output".into(),
            "0 outputs".into(),
            "give the number of features or classes that come out".into(),
        ]),
        (Written::Stray { modifier, .. }, _) => Err([
            format!("a conv(..) right before {modifier}(..), whose setting it changes"),
            "another layer, or none".into(),
            format!("write it directly behind the convolution: .conv(32, 3).{modifier}(..)"),
        ]),
    }
}

fn conv_fits(config: &Conv2dConfig, height: usize, width: usize) -> Result<(), [String; 3]> {
    let &Conv2dConfig { input_channels, output_channels, groups, .. } = config;
    if !config.is_valid() {
        return Err(if groups > 1 && config.side > 0 && config.stride > 0 {
            [
                format!("numbers of channels that {groups} groups divide evenly"),
                format!("{input_channels} channels in, {output_channels} out"),
                "choose groups that divide both numbers".into(),
            ]
        } else {
            [
                "kernels, side, stride, dilation and groups of at least 1".into(),
                format!("{config:?}"),
                "raise what is 0".into(),
            ]
        });
    }
    if config.output_len(height).is_none() || config.output_len(width).is_none() {
        let extent = config.extent();
        return Err([
            format!("maps (with padding) of at least {extent} × {extent} pixels"),
            format!(
                "{input_channels} maps of {height} × {width} pixels, padded by {}",
                config.padding
            ),
            "use a smaller kernel, add .padding(1), or pool less before this layer".into(),
        ]);
    }
    Ok(())
}
