//! The maths, checked against someone else's: stored PyTorch results, and finite differences.

mod differences;
mod network;
mod pytorch;
mod typed;
mod weights;

use dfdx::prelude::{Cpu, Tensor, TensorFromVec};
use momentum_vision::layer::{Maps, Vectors};
use momentum_vision::weights::NamedTensor;

/// A stored case: tensors by name.
struct Case(Vec<NamedTensor>);

impl Case {
    fn get(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let tensor = self.0.iter().find(|tensor| tensor.name == name);
        let tensor = tensor.unwrap_or_else(|| panic!("the case has no tensor {name}"));
        (tensor.values.clone(), tensor.shape.clone())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|tensor| tensor.name == name)
    }

    fn maps(&self, name: &str) -> Maps {
        let (values, shape) = self.get(name);
        Cpu::default().tensor_from_vec(values, (shape[0], shape[1], shape[2], shape[3]))
    }

    fn vectors(&self, name: &str) -> Vectors {
        let (values, shape) = self.get(name);
        Cpu::default().tensor_from_vec(values, (shape[0], shape[1]))
    }

    fn vector(&self, name: &str) -> Tensor<(usize,), f32, Cpu> {
        let (values, shape) = self.get(name);
        Cpu::default().tensor_from_vec(values, (shape[0],))
    }

    /// Every value within 1e-4 of the stored one, relative to the greatest.
    fn same(&self, name: &str, got: &[f32]) {
        let (expected, _) = self.get(name);
        assert_eq!(expected.len(), got.len(), "{name}");
        let scale = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
        for (i, (x, y)) in expected.iter().zip(got).enumerate() {
            assert!((x - y).abs() <= 1e-4 * scale, "{name}[{i}]: PyTorch {x}, ours {y}");
        }
    }
}

/// A case that PyTorch has computed.
macro_rules! case {
    ($name:literal) => {{
        let bytes = include_bytes!(concat!("../pytorch/", $name, ".safetensors"));
        $crate::Case(momentum_vision::weights::parse(bytes, $name).unwrap())
    }};
}
pub(crate) use case;
