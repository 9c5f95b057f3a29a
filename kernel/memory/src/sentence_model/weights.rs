//! The file of the weights.

use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use sha2::{Digest, Sha256};

use super::SentenceModelError;

/// A safetensors file in memory.
pub(super) struct Weights {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Weights {
    pub(super) fn read(path: &Path) -> Result<Self, SentenceModelError> {
        let path = path.to_owned();
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Weights { path, bytes }),
            Err(source) => Err(SentenceModelError::File { path, source }),
        }
    }

    /// The first twelve digits of the file's SHA-256.
    pub(super) fn digest(&self) -> String {
        Sha256::digest(&self.bytes)[..6].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The tensors by name.
    pub(super) fn tensors(&self) -> Result<Tensors<'_>, SentenceModelError> {
        match SafeTensors::deserialize(&self.bytes) {
            Ok(all) => Ok(Tensors { path: &self.path, all }),
            Err(error) => Err(SentenceModelError::Weights {
                path: self.path.clone(),
                why: format!("not a whole safetensors file: {error}"),
            }),
        }
    }
}

/// The tensors of a file.
pub(super) struct Tensors<'a> {
    path: &'a Path,
    all: SafeTensors<'a>,
}

impl Tensors<'_> {
    /// The numbers of a tensor, which must have this shape, row by row. `None` in the shape stands
    /// for any number.
    pub(super) fn get(
        &self,
        name: &str,
        shape: &[Option<usize>],
    ) -> Result<Vec<f32>, SentenceModelError> {
        let wrong = |why| SentenceModelError::Weights { path: self.path.to_owned(), why };
        // Some files have the whole model's names.
        let found = self.all.tensor(name).or_else(|_| self.all.tensor(&format!("bert.{name}")));
        let tensor = found.map_err(|_| wrong(format!("has no tensor `{name}`")))?;
        let fits = tensor.shape().len() == shape.len()
            && tensor.shape().iter().zip(shape).all(|(n, known)| known.is_none_or(|k| k == *n));
        if !fits {
            let (expected, found) = (shape, tensor.shape());
            let expected: Vec<_> =
                expected.iter().map(|n| n.map_or("any".to_owned(), |n| n.to_string())).collect();
            let expected = expected.join(", ");
            let text = format!("`{name}` has the shape {found:?}, expected [{expected}]");
            return Err(wrong(text));
        }
        let data = tensor.data();
        let numbers: Vec<f32> = match tensor.dtype() {
            Dtype::F32 => {
                let fours = data.chunks_exact(4);
                fours.map(|x| f32::from_le_bytes(x.try_into().unwrap_or_default())).collect()
            }
            Dtype::F16 => {
                data.chunks_exact(2).map(|x| half(u16::from_le_bytes([x[0], x[1]]))).collect()
            }
            Dtype::BF16 => {
                let twos = data.chunks_exact(2);
                twos.map(|x| f32::from_bits(u32::from(u16::from_le_bytes([x[0], x[1]])) << 16))
                    .collect()
            }
            other => {
                return Err(wrong(format!("`{name}` holds {other:?}, expected F32, F16 or BF16")));
            }
        };
        if numbers.iter().any(|x| !x.is_finite()) {
            return Err(wrong(format!("`{name}` holds a number that is not finite")));
        }
        Ok(numbers)
    }
}

/// A number of 16 bits (IEEE 754 binary16) as one of 32.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, (bits >> 10) & 0x1f, bits & 0x3ff);
    let size = match exponent {
        0 => f32::from(fraction) * 2_f32.powi(-24),
        0x1f if fraction == 0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => f32::from(fraction | 0x400) * 2_f32.powi(i32::from(exponent) - 25),
    };
    if sign == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::half;

    #[test]
    fn halves_are_read() {
        let check = |bits: u16, expected: f32| assert_eq!(half(bits), expected, "{bits:#06x}");
        check(0x3c00, 1.0);
        check(0xc000, -2.0);
        check(0x3555, 0.333_251_95);
        check(0x7bff, 65_504.0);
        check(0x0001, 5.960_464_5e-8);
        check(0x0000, 0.0);
        assert!(half(0x7e00).is_nan());
    }
}
