//! From the layers as written to the layers with their sizes, or an error that teaches.

use super::written::Written;
use crate::layer::{Conv2dConfig, LayerError, Nonlinearity};
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
        /// The layer as written; within a residual also that.
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

/// A layer with all its numbers.
#[derive(Clone, Debug)]
pub(super) enum PlannedKind {
    Conv { config: Conv2dConfig, bias: bool },
    BatchNorm { features: usize },
    Relu,
    Nonlinearity(Nonlinearity),
    MaxPool { side: usize, stride: usize },
    AvgPool { side: usize, stride: usize },
    GlobalAvgPool,
    Dropout { share: f32 },
    Flatten,
    Linear { inputs: usize, outputs: usize },
    Residual { body: Vec<Planned>, shortcut: Vec<Planned> },
}

/// A layer with all its numbers, its name and the size of its output.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) kind: PlannedKind,
    pub(super) size: Size,
}

/// Why a layer does not fit.
struct Misfit {
    /// The layer within this one, if it is that.
    within: Option<String>,
    expected: String,
    got: String,
    change: String,
}

/// The first layer of a sequence that does not fit.
struct Misplaced {
    number: usize,
    layer: String,
    misfit: Misfit,
}

impl From<[String; 3]> for Misfit {
    fn from([expected, got, change]: [String; 3]) -> Self {
        Misfit { within: None, expected, got, change }
    }
}

/// Works out the size after each layer. A linear layer after maps gets a flatten before it.
pub(super) fn plan(input: [usize; 3], written: &[Written]) -> Result<Vec<Planned>, NetworkError> {
    let [channels, height, width] = input;
    let size = Size::Maps { channels, height, width };
    if size.is_empty() {
        return Err(NetworkError::Fit {
            number: 0,
            layer: "the input".into(),
            expected: "[channels, height, width], each at least 1".into(),
            got: format!("{input:?}"),
            change: "give the shape of one image, such as [1, 28, 28]".into(),
        });
    }
    sequence(size, written).map_err(|misplaced| {
        let Misplaced { number, layer, misfit } = *misplaced;
        NetworkError::Fit {
            number,
            layer: match misfit.within {
                Some(within) => format!("{within} within {layer}"),
                None => layer,
            },
            expected: misfit.expected,
            got: misfit.got,
            change: misfit.change,
        }
    })
}

/// Layers one after the other.
fn sequence(mut size: Size, written: &[Written]) -> Result<Vec<Planned>, Box<Misplaced>> {
    let mut plan: Vec<Planned> = Vec::new();
    for layer in written {
        if let (Written::Linear { .. }, Size::Maps { .. }) = (layer, size) {
            size = Size::Vector(size.len());
            plan.push(Planned { name: "flatten()".into(), kind: PlannedKind::Flatten, size });
        }
        let (kind, next) = fit(layer, size).map_err(|misfit| {
            Box::new(Misplaced { number: plan.len() + 1, layer: layer.to_string(), misfit })
        })?;
        size = next;
        plan.push(Planned { name: layer.to_string(), kind, size });
    }
    Ok(plan)
}

/// One layer on what comes in; or expected, got, what to change.
fn fit(layer: &Written, size: Size) -> Result<(PlannedKind, Size), Misfit> {
    let fitted = match (layer, size) {
        (&Written::Conv { config, bias }, Size::Maps { channels, height, width }) => {
            let config = Conv2dConfig { input_channels: channels, ..config };
            conv_fits(&config, height, width)?;
            let (height, width) =
                (config.output_len(height).unwrap_or(0), config.output_len(width).unwrap_or(0));
            let size = Size::Maps { channels: config.output_channels, height, width };
            (PlannedKind::Conv { config, bias }, size)
        }
        (&Written::MaxPool { side, stride }, Size::Maps { .. }) => {
            (PlannedKind::MaxPool { side, stride }, pooled(side, stride, size)?)
        }
        (&Written::AvgPool { side, stride }, Size::Maps { .. }) => {
            (PlannedKind::AvgPool { side, stride }, pooled(side, stride, size)?)
        }
        (Written::GlobalAvgPool, Size::Maps { channels, .. }) => {
            (PlannedKind::GlobalAvgPool, Size::Maps { channels, height: 1, width: 1 })
        }
        (
            Written::Conv { .. }
            | Written::MaxPool { .. }
            | Written::AvgPool { .. }
            | Written::GlobalAvgPool,
            Size::Vector(n),
        ) => {
            return Err(Misfit::from([
                "maps: channels × height × width".into(),
                format!("a vector of {n} features, which has no neighbouring pixels any more"),
                "put convolutions and pooling before the first flatten() or linear(..)".into(),
            ]));
        }
        (Written::Flatten, Size::Vector(n)) => {
            return Err(Misfit::from([
                "maps: channels × height × width".into(),
                format!("a vector of {n} features, which is flat already"),
                "remove this flatten()".into(),
            ]));
        }
        (Written::Flatten, size) => (PlannedKind::Flatten, Size::Vector(size.len())),
        (Written::BatchNorm, size) => {
            let features = match size {
                Size::Maps { channels, .. } => channels,
                Size::Vector(n) => n,
            };
            (PlannedKind::BatchNorm { features }, size)
        }
        (Written::Relu, size) => (PlannedKind::Relu, size),
        (Written::Nonlinearity(f), size) => (PlannedKind::Nonlinearity(*f), size),
        (&Written::Dropout { share }, size) if (0.0..1.0).contains(&share) => {
            (PlannedKind::Dropout { share }, size)
        }
        (Written::Dropout { share }, _) => {
            return Err(Misfit::from([
                "a share of at least 0 and below 1".into(),
                format!("{share}"),
                "give the share of values to drop: dropout(0.25) drops a quarter of them".into(),
            ]));
        }
        (&Written::Linear { outputs }, size) if outputs > 0 => {
            (PlannedKind::Linear { inputs: size.len(), outputs }, Size::Vector(outputs))
        }
        (Written::Linear { .. }, _) => {
            return Err(Misfit::from([
                "at least 1 output".into(),
                "0 outputs".into(),
                "give the number of features or classes that come out".into(),
            ]));
        }
        (Written::Residual(body), size) => residual(body, size)?,
        (Written::Stray { modifier, value, of }, _) => {
            let example = &of[..=of.find(')').unwrap_or(of.len() - 1)];
            let call = format!("{modifier}({})", if value.is_some() { ".." } else { "" });
            return Err(Misfit::from([
                format!("a {of} right before {call}, whose setting it changes"),
                "another layer, or none".into(),
                format!("write it directly behind that layer: .{example}.{call}"),
            ]));
        }
    };
    Ok(fitted)
}

/// A body and a way around it that gives maps of the same size.
fn residual(body: &[Written], size: Size) -> Result<(PlannedKind, Size), Misfit> {
    let plan = sequence(size, body).map_err(|misplaced| {
        let Misplaced { number, layer, misfit } = *misplaced;
        let within = match misfit.within {
            Some(within) => format!("{within} within {layer}"),
            None => format!("{layer}, number {number}"),
        };
        Misfit { within: Some(within), ..misfit }
    })?;
    let Some(last) = plan.last().map(|planned| planned.size) else {
        return Err(Misfit::from([
            "layers to go around".into(),
            "none".into(),
            "write them on the builder that comes in: .residual(|b| b.conv(16, 3).padding(1))"
                .into(),
        ]));
    };
    let mut shortcut = Vec::new();
    if last != size {
        let Some(stride) = shortcut_stride(size, last) else {
            return Err(Misfit::from([
                format!("a body that gives {size}, or as many rows and columns at a stride"),
                format!("a body that makes {last} of {size}, which cannot be added"),
                "pad the convolutions of the body so that the maps keep their size: \
                 .conv(16, 3).padding(1)"
                    .into(),
            ]));
        };
        let channels = match last {
            Size::Maps { channels, .. } => channels,
            Size::Vector(n) => n,
        };
        // As in the paper and in torchvision: a normalised body gets a normalised shortcut.
        let normalises = body.iter().any(Written::normalises);
        let mut written = vec![match last {
            Size::Maps { .. } => Written::Conv {
                config: Conv2dConfig { stride, ..Conv2dConfig::new(0, channels, 1) },
                bias: !normalises,
            },
            Size::Vector(outputs) => Written::Linear { outputs },
        }];
        if normalises {
            written.push(Written::BatchNorm);
        }
        shortcut = sequence(size, &written).map_err(|misplaced| misplaced.misfit)?;
    }
    Ok((PlannedKind::Residual { body: plan, shortcut }, last))
}

/// The stride at which a pointwise convolution makes maps of the one size out of the other.
fn shortcut_stride(from: Size, to: Size) -> Option<usize> {
    match (from, to) {
        (Size::Maps { height, width, .. }, Size::Maps { height: rows, width: columns, .. }) => {
            let fits = |stride: &usize| {
                (height.div_ceil(*stride), width.div_ceil(*stride)) == (rows, columns)
            };
            (1..=height.max(width)).find(fits)
        }
        (Size::Vector(_), Size::Vector(_)) => Some(1),
        _ => None,
    }
}

fn pooled(side: usize, stride: usize, size: Size) -> Result<Size, Misfit> {
    let Size::Maps { channels, height, width } = size else { return Ok(size) };
    if side == 0 || stride == 0 {
        return Err(Misfit::from([
            "a window and a stride of at least 1".into(),
            format!("a window of {side} and a stride of {stride}"),
            "raise what is 0".into(),
        ]));
    }
    if side > height || side > width {
        return Err(Misfit::from([
            format!("maps of at least {side} × {side} pixels"),
            format!("{channels} maps of {height} × {width} pixels"),
            "pool less often, use a smaller window, or pad the convolutions before it so that the \
             maps shrink less"
                .into(),
        ]));
    }
    let (height, width) = ((height - side) / stride + 1, (width - side) / stride + 1);
    Ok(Size::Maps { channels, height, width })
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
