//! Layers as the builder's user writes them.

use crate::layer::{Conv2dConfig, Nonlinearity};
use std::fmt;

/// A layer as written.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// Channels come from the layers before; `input_channels` is not yet known.
    Conv {
        config: Conv2dConfig,
        bias: bool,
    },
    BatchNorm,
    Relu,
    Nonlinearity(Nonlinearity),
    MaxPool {
        side: usize,
        stride: usize,
    },
    AvgPool {
        side: usize,
        stride: usize,
    },
    GlobalAvgPool,
    Dropout {
        share: f32,
    },
    Flatten,
    Linear {
        outputs: usize,
    },
    Residual(Vec<Written>),
    /// A modifier such as `padding(1)` that does not follow a layer which has such a setting.
    Stray {
        modifier: &'static str,
        value: Option<usize>,
        /// The layers that have it.
        of: &'static str,
    },
}

impl Written {
    /// Whether it, or a layer within it, is a batch normalisation.
    pub(super) fn normalises(&self) -> bool {
        match self {
            Written::BatchNorm => true,
            Written::Residual(body) => body.iter().any(Written::normalises),
            _ => false,
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Written::Conv { config, bias } => {
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
                if *bias { Ok(()) } else { write!(f, ".no_bias()") }
            }
            Written::BatchNorm => write!(f, "batch_norm()"),
            Written::Relu => write!(f, "relu()"),
            Written::Nonlinearity(Nonlinearity::LeakyRelu(slope)) => {
                write!(f, "leaky_relu({slope})")
            }
            Written::Nonlinearity(Nonlinearity::Gelu) => write!(f, "gelu()"),
            Written::Nonlinearity(Nonlinearity::Silu) => write!(f, "silu()"),
            Written::Nonlinearity(Nonlinearity::Tanh) => write!(f, "tanh()"),
            Written::Nonlinearity(Nonlinearity::Sigmoid) => write!(f, "sigmoid()"),
            Written::MaxPool { side, stride } => pool(f, "max_pool", *side, *stride),
            Written::AvgPool { side, stride } => pool(f, "avg_pool", *side, *stride),
            Written::GlobalAvgPool => write!(f, "global_avg_pool()"),
            Written::Dropout { share } => write!(f, "dropout({share})"),
            Written::Flatten => write!(f, "flatten()"),
            Written::Linear { outputs } => write!(f, "linear({outputs})"),
            Written::Residual(_) => write!(f, "residual(..)"),
            Written::Stray { modifier, value, .. } => {
                write!(f, "{modifier}({})", value.map_or_else(String::new, |n| n.to_string()))
            }
        }
    }
}

fn pool(f: &mut fmt::Formatter<'_>, name: &str, side: usize, stride: usize) -> fmt::Result {
    write!(f, "{name}({side})")?;
    if stride == side { Ok(()) } else { write!(f, ".stride({stride})") }
}
