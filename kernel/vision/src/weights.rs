//! Tensors in a file: safetensors, which PyTorch's users write and read with
//! `safetensors.torch.save_file` and `load_file`.
//!
//! A file is data from outside: it is checked before anything is believed, and an error names the
//! tensor. This file and its children alone name the `safetensors` crate.

pub(crate) mod records;

use crate::replacement;
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// A tensor with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// As PyTorch names it in an `nn.Sequential` of the same layers: `3.weight`, `4.running_mean`,
    /// `5.body.0.bias`, `5.shortcut.0.weight`.
    pub name: String,
    /// As PyTorch shapes it: `[output channels, input channels / groups, side, side]` for a
    /// convolution, `[outputs, inputs]` for a linear layer, `[channels]` for the others.
    pub shape: Vec<usize>,
    /// The values, in this shape.
    pub values: Vec<f32>,
}

/// Why weights could not be saved or loaded. `origin` is the file, or says that there is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file could not be read or written.
    #[error("{origin}: {what}: {source}")]
    Io {
        /// The file.
        origin: String,
        /// What failed.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not safetensors, or cut short, or damaged.
    #[error("{origin} is not a whole safetensors file: {problem}\n  change: {change}")]
    Format {
        /// The file.
        origin: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        change: String,
    },
    /// A tensor is not of 32-bit floating point numbers.
    #[error(
        "{origin}: tensor {tensor} does not fit\n  expected: values of type F32\n       got: {got}\n    change: convert it before saving: \
         save_file({{name: t.float() for name, t in model.state_dict().items()}}, \"file\")"
    )]
    Type {
        /// The file.
        origin: String,
        /// The tensor.
        tensor: String,
        /// Its type.
        got: String,
    },
    /// Tensors are missing, or are not the network's.
    #[error(
        "{origin}: these are not the weights of the {network}\n  missing: {}\n  unknown: {}\n   change: build the network with the layers of the one that was saved; names are those of nn.Sequential, or of the preset's PyTorch class",
        listed(missing),
        listed(unknown)
    )]
    Names {
        /// The file.
        origin: String,
        /// The network.
        network: String,
        /// What the network has and the file has not.
        missing: Vec<String>,
        /// What the file has and the network has not.
        unknown: Vec<String>,
    },
    /// A tensor has another shape than the network's.
    #[error(
        "{origin}: tensor {tensor} does not fit\n  expected: {expected}\n       got: {got}\n    change: build the network with the sizes of the one that was saved"
    )]
    Shape {
        /// The file.
        origin: String,
        /// The tensor.
        tensor: String,
        /// The network's shape, and the layer as written.
        expected: String,
        /// The file's shape.
        got: String,
    },
    /// A value that no network can compute with.
    #[error(
        "{origin}: tensor {tensor}, value {place}: expected {expected}, got {got}\n  change: take an earlier checkpoint; training went wrong before this one"
    )]
    Value {
        /// The file.
        origin: String,
        /// The tensor.
        tensor: String,
        /// The value's place, from 0.
        place: usize,
        /// What is allowed.
        expected: &'static str,
        /// The value.
        got: f32,
    },
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    match names.len() {
        0 => "nothing".into(),
        n if n <= MOST => names.join(", "),
        n => format!("{}, and {} more", names[..MOST].join(", "), n - MOST),
    }
}

/// Reads the tensors of a file, in order of their names. PyTorch's counters of batches
/// (`num_batches_tracked`) are left out.
///
/// # Errors
/// [`WeightsError::Io`] when the file cannot be read, otherwise as [`parse`].
pub fn read(path: &Path) -> Result<Vec<NamedTensor>, WeightsError> {
    let origin = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| WeightsError::Io {
        origin: origin.clone(),
        what: "the weights could not be read",
        source,
    })?;
    parse(&bytes, &origin)
}

/// Reads the tensors of a file's bytes; `origin` is its name for errors.
///
/// # Errors
/// [`WeightsError::Format`] when the bytes are not a whole safetensors file, [`WeightsError::Type`]
/// when a tensor is not of `f32`.
pub fn parse(bytes: &[u8], origin: &str) -> Result<Vec<NamedTensor>, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| broken(bytes, origin, &e))?;
    let mut all = Vec::with_capacity(file.len());
    for (name, view) in file.iter() {
        if name.ends_with("num_batches_tracked") {
            continue;
        }
        let (values, rest) = view.data().as_chunks::<4>();
        if view.dtype() != Dtype::F32 || !rest.is_empty() {
            let got = format!("values of type {}", view.dtype());
            return Err(WeightsError::Type { origin: origin.into(), tensor: name.into(), got });
        }
        all.push(NamedTensor {
            name: name.into(),
            shape: view.shape().to_vec(),
            values: values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        });
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn broken(bytes: &[u8], origin: &str, error: &SafeTensorError) -> WeightsError {
    // What torch.save writes is a zip archive; before 1.6 a pickle.
    let is_torch = bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02");
    let (problem, change) = if is_torch {
        let how =
            "from safetensors.torch import save_file; save_file(model.state_dict(), \"file\")";
        ("it was written by torch.save".to_owned(), format!("save it so: {how}"))
    } else {
        let n = bytes.len();
        let problem = match error {
            SafeTensorError::MetadataIncompleteBuffer | SafeTensorError::InvalidHeaderLength => {
                format!("its {n} bytes are not as many as its header says")
            }
            other => format!("{other} ({n} bytes)"),
        };
        (problem, "copy or download the file again".to_owned())
    };
    WeightsError::Format { origin: origin.into(), problem, change }
}

/// Replaces the file at `path` by one with these tensors, whole or not at all. The same tensors give
/// the same bytes.
///
/// # Errors
/// [`WeightsError::Format`] when shapes and values do not fit each other or a name comes twice,
/// [`WeightsError::Io`] when the file cannot be written.
pub fn write(path: &Path, tensors: &[NamedTensor]) -> Result<(), WeightsError> {
    let origin = path.display().to_string();
    let unfit = |problem: String| WeightsError::Format {
        origin: origin.clone(),
        problem,
        change: "nothing was written: give each tensor a name and a shape of its own".into(),
    };
    let bytes = |tensor: &NamedTensor| -> Vec<u8> {
        tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    let data: Vec<Vec<u8>> = tensors.iter().map(bytes).collect();
    let mut views = HashMap::new();
    for (tensor, data) in tensors.iter().zip(&data) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), data)
            .map_err(|error| unfit(format!("tensor {}: {error}", tensor.name)))?;
        if views.insert(tensor.name.as_str(), view).is_some() {
            return Err(unfit(format!("tensor {} comes twice", tensor.name)));
        }
    }
    let bytes = safetensors::serialize(views, None).map_err(|error| unfit(error.to_string()))?;
    replacement::write(path, &bytes).map_err(|source| WeightsError::Io {
        origin: origin.clone(),
        what: "the weights could not be written",
        source,
    })
}
