//! Tensors of several types and a text in one safetensors file: what more than weights must be kept.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;

/// The one key of the metadata: with more, their order would change from run to run.
const KEY: &str = "momentum";

/// A tensor on its way into a file.
pub(crate) struct Record {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// A file's tensors.
pub(crate) struct Records<'a> {
    file: SafeTensors<'a>,
    text: String,
}

impl Record {
    pub(crate) fn floats(name: String, shape: Vec<usize>, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Record { name, dtype: Dtype::F32, shape, bytes }
    }

    pub(crate) fn doubles(name: &str, shape: Vec<usize>, values: &[f64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Record { name: name.into(), dtype: Dtype::F64, shape, bytes }
    }

    pub(crate) fn counts(name: &str, shape: Vec<usize>, values: &[u64]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Record { name: name.into(), dtype: Dtype::U64, shape, bytes }
    }

    /// A file's bytes: the same records and text give the same bytes.
    pub(crate) fn file(records: &[Record], text: &str) -> Result<Vec<u8>, String> {
        let mut views = Vec::with_capacity(records.len());
        for Record { name, dtype, shape, bytes } in records {
            let view = TensorView::new(*dtype, shape.clone(), bytes);
            views.push((name, view.map_err(|error| format!("tensor `{name}`: {error}"))?));
        }
        let metadata = HashMap::from([(KEY.to_owned(), text.to_owned())]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }
}

impl<'a> Records<'a> {
    /// Reads a file's bytes; an error says what is wrong with them.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let broken = |error: safetensors::SafeTensorError| {
            format!("its {} bytes are no safetensors file ({error})", bytes.len())
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let text = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY).cloned());
        let file = SafeTensors::deserialize(bytes).map_err(broken)?;
        Ok(Records { file, text: text.unwrap_or_default() })
    }

    /// The text; empty if there is none.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a name begins like that.
    pub(crate) fn has(&self, prefix: &str) -> bool {
        self.file.names().iter().any(|name| name.starts_with(prefix))
    }

    /// Number of values of a tensor, 0 if there is none.
    pub(crate) fn len(&self, name: &str) -> usize {
        self.file.tensor(name).map_or(0, |tensor| tensor.shape().iter().product())
    }

    pub(crate) fn floats(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, String> {
        self.numbers(name, Dtype::F32, shape, f32::from_le_bytes)
    }

    pub(crate) fn doubles(&self, name: &str, shape: &[usize]) -> Result<Vec<f64>, String> {
        self.numbers(name, Dtype::F64, shape, f64::from_le_bytes)
    }

    pub(crate) fn counts(&self, name: &str, shape: &[usize]) -> Result<Vec<u64>, String> {
        self.numbers(name, Dtype::U64, shape, u64::from_le_bytes)
    }

    fn numbers<T, const N: usize>(
        &self,
        name: &str,
        dtype: Dtype,
        shape: &[usize],
        convert: fn([u8; N]) -> T,
    ) -> Result<Vec<T>, String> {
        let tensor = self.file.tensor(name).map_err(|_| format!("there is no tensor `{name}`"))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            let (got, got_shape) = (tensor.dtype(), tensor.shape());
            return Err(format!(
                "`{name}` is {got:?} of shape {got_shape:?}, expected {dtype:?} of shape {shape:?}"
            ));
        }
        Ok(tensor.data().as_chunks::<N>().0.iter().map(|&bytes| convert(bytes)).collect())
    }
}
