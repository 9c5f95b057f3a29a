//! A network's tensors by name: what is learnt, and what else must be kept; saved and loaded.

use super::Network;
use super::layer::{Role, TensorVisitor, each_tensor};
use crate::weights::{self, NamedTensor, WeightsError};
use dfdx::shapes::{HasShape, Shape};
use dfdx::tensor::{Cpu, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Something to do with each parameter of a network.
pub(crate) trait ParameterVisitor {
    fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>);
}

/// How tensors are named in a file. Both are read; this says what is written.
///
/// The PyTorch classes that the presets stand for are in `tests/pytorch/presets.py`. Their modules,
/// in order of the layers:
///
/// | preset | modules |
/// |---|---|
/// | [`mlp`](super::mlp) | `fc1`, `fc2`, `fc3` |
/// | [`lenet5`](super::lenet5) | `conv1`, `conv2`, `fc1`, `fc2`, `fc3` |
/// | [`mnist_cnn`](super::mnist_cnn) | `conv1`, `conv2`, `conv3`, `fc1`, `fc2` |
/// | [`mini_vgg`](super::mini_vgg) | `features.N` and `classifier.N`, as torchvision's VGG with batch normalisation |
/// | [`mini_resnet`](super::mini_resnet) | `conv1`, `bn1`, `layerN.0.conv1` and so on, `layerN.0.downsample.N`, `fc`, as torchvision's ResNet |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// As in PyTorch's `nn.Sequential` of the same layers: `0.weight`, `3.bias`.
    #[default]
    Sequential,
    /// As in the PyTorch class that the preset stands for: `conv1.weight`, `fc1.bias`. Other
    /// networks have no such names and keep those of [`Naming::Sequential`].
    Preset,
}

impl Network {
    /// All tensors that decide what the network answers: weights, biases and running statistics, in
    /// order of the layers.
    pub fn tensors(&self) -> Vec<NamedTensor> {
        self.collect(|_| true)
    }

    /// All that is learnt by gradients, with names (`3.weight`), in order of the layers: without
    /// running statistics.
    pub fn parameters(&self) -> Vec<(String, Vec<f32>)> {
        let learnt = self.collect(|role| role == Role::Parameter);
        learnt.into_iter().map(|tensor| (tensor.name, tensor.values)).collect()
    }

    /// Replaces all tensors, or none if one does not fit. Names may be those of either [`Naming`],
    /// with PyTorch's `module.` or `_orig_mod.` before them; the order does not matter.
    ///
    /// # Errors
    /// [`WeightsError`] names the tensor that is missing, unknown, of another shape, or not finite.
    pub fn set_tensors(&mut self, tensors: Vec<NamedTensor>) -> Result<(), WeightsError> {
        self.set_tensors_of(tensors, "the given tensors")
    }

    /// Saves all tensors as safetensors, with names as in PyTorch's `nn.Sequential`. The file is
    /// replaced whole or not at all.
    ///
    /// ```
    /// use momentum_vision::network::Mlp;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("mlp.safetensors");
    /// let mlp = Mlp::on([1, 4, 4]).hidden(8).seed(1).classes(3)?;
    /// mlp.save(&path)?;
    /// let mut other = Mlp::on([1, 4, 4]).hidden(8).seed(2).classes(3)?;
    /// other.load(&path)?;
    /// assert_eq!(mlp.tensors(), other.tensors());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WeightsError::Value`] when a value is not finite, [`WeightsError::Io`] when the file cannot
    /// be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        self.save_named(path, Naming::Sequential)
    }

    /// [`Network::save`] with names to choose.
    ///
    /// # Errors
    /// As [`Network::save`].
    pub fn save_named(&self, path: impl AsRef<Path>, naming: Naming) -> Result<(), WeightsError> {
        let path = path.as_ref();
        let mut tensors = self.tensors();
        tensors.iter().try_for_each(|tensor| check_values(tensor, &path.display().to_string()))?;
        if naming == Naming::Preset {
            tensors.iter_mut().for_each(|tensor| tensor.name = self.preset_name(&tensor.name));
        }
        weights::write(path, &tensors)
    }

    /// Loads all tensors from a safetensors file that [`Network::save`] or PyTorch has written. If
    /// one does not fit, the network stays as it is.
    ///
    /// # Errors
    /// [`WeightsError`] says what is wrong with the file or with which of its tensors.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), WeightsError> {
        let path = path.as_ref();
        self.set_tensors_of(weights::read(path)?, &path.display().to_string())
    }

    fn set_tensors_of(
        &mut self,
        tensors: Vec<NamedTensor>,
        origin: &str,
    ) -> Result<(), WeightsError> {
        let own = self.tensors();
        let mut given = without_wrappers(tensors);
        let alias: BTreeMap<String, String> =
            own.iter().map(|own| (self.preset_name(&own.name), own.name.clone())).collect();
        let known = |given: &NamedTensor| alias.contains_key(&given.name);
        let ours = |given: &NamedTensor| own.iter().any(|own| own.name == given.name);
        let uses_alias =
            given.iter().filter(|t| known(t)).count() > given.iter().filter(|t| ours(t)).count();
        let called = |name: &str| match uses_alias {
            true => self.preset_name(name),
            false => name.to_owned(),
        };
        if let Some(error) = self.different_names(&own, &given, origin, called) {
            return Err(error);
        }
        let mut chosen = BTreeMap::new();
        given.sort_by(|a, b| a.name.cmp(&b.name));
        for own in &own {
            let name = called(&own.name);
            let Ok(place) = given.binary_search_by(|given| given.name.cmp(&name)) else { continue };
            let tensor = &mut given[place];
            if tensor.shape != own.shape || tensor.values.len() != own.values.len() {
                return Err(WeightsError::Shape {
                    origin: origin.into(),
                    tensor: name,
                    expected: format!(
                        "shape {:?}, of layer {}",
                        own.shape,
                        self.layer_of(&own.name).1
                    ),
                    got: format!("shape {:?}", tensor.shape),
                });
            }
            check_values(tensor, origin)?;
            chosen.insert(own.name.clone(), std::mem::take(&mut tensor.values));
        }
        struct Set(BTreeMap<String, Vec<f32>>);
        impl TensorVisitor for Set {
            fn visit<S: Shape>(&mut self, name: &str, _: Role, tensor: &mut Tensor<S, f32, Cpu>) {
                if let Some(values) = self.0.get(name) {
                    tensor.copy_from(values);
                }
            }
        }
        self.ready.take();
        each_tensor(&mut self.layers, "", &mut Set(chosen));
        Ok(())
    }

    /// An error if the given names are not those that the network calls its own.
    fn different_names(
        &self,
        own: &[NamedTensor],
        given: &[NamedTensor],
        origin: &str,
        called: impl Fn(&str) -> String,
    ) -> Option<WeightsError> {
        let names: BTreeSet<&str> = given.iter().map(|given| given.name.as_str()).collect();
        let expected: Vec<String> = own.iter().map(|own| called(&own.name)).collect();
        let missing: Vec<String> =
            expected.iter().filter(|name| !names.contains(name.as_str())).cloned().collect();
        let mut unknown: Vec<String> = given
            .iter()
            .filter(|given| !expected.contains(&given.name))
            .map(|given| given.name.clone())
            .collect();
        let again = |name: &str| given.iter().filter(|given| given.name == name).count() > 1;
        let twice = names.iter().filter(|name| again(name));
        unknown.extend(twice.map(|name| format!("{name}, which comes twice")));
        if missing.is_empty() && unknown.is_empty() {
            return None;
        }
        Some(WeightsError::Names {
            origin: origin.into(),
            network: self.name.clone(),
            missing,
            unknown,
        })
    }

    /// The name in the PyTorch class that the preset stands for, or the same name.
    fn preset_name(&self, name: &str) -> String {
        let alias = self.aliases.iter().find_map(|(ours, theirs)| {
            let rest = name.strip_prefix(ours)?.strip_prefix('.')?;
            Some(format!("{theirs}.{rest}"))
        });
        alias.unwrap_or_else(|| name.to_owned())
    }

    /// The number, from 1, and the text of the layer that a tensor belongs to.
    fn layer_of(&self, tensor: &str) -> (usize, &str) {
        let place = tensor.split('.').next().and_then(|place| place.parse().ok()).unwrap_or(0);
        (place + 1, self.plan.get(place).map_or("", |planned| planned.name.as_str()))
    }

    fn collect(&self, wanted: fn(Role) -> bool) -> Vec<NamedTensor> {
        struct Collect(fn(Role) -> bool, Vec<NamedTensor>);
        impl TensorVisitor for Collect {
            fn visit<S: Shape>(
                &mut self,
                name: &str,
                role: Role,
                tensor: &mut Tensor<S, f32, Cpu>,
            ) {
                if self.0(role) {
                    let shape = tensor.shape().concrete().into_iter().collect();
                    let values = crate::gradient::values(tensor);
                    self.1.push(NamedTensor { name: name.into(), shape, values });
                }
            }
        }
        let mut collect = Collect(wanted, Vec::new());
        // Tensors are shared by their clones, so this copies no weights.
        each_tensor(&mut self.layers.clone(), "", &mut collect);
        collect.1
    }

    /// Calls `f` with each parameter, in the order of [`Network::parameters`].
    pub(crate) fn each_parameter(&mut self, f: &mut impl ParameterVisitor) {
        struct Parameters<'a, F>(&'a mut F);
        impl<F: ParameterVisitor> TensorVisitor for Parameters<'_, F> {
            fn visit<S: Shape>(&mut self, _: &str, role: Role, tensor: &mut Tensor<S, f32, Cpu>) {
                if role == Role::Parameter {
                    self.0.visit(tensor);
                }
            }
        }
        self.ready.take();
        each_tensor(&mut self.layers, "", &mut Parameters(f));
    }

    /// The `i`-th parameter in words, in the order of [`Network::parameters`].
    pub(crate) fn parameter_name(&self, i: usize) -> String {
        let parameters = self.collect(|role| role == Role::Parameter);
        let Some(name) = parameters.get(i).map(|tensor| tensor.name.as_str()) else {
            return format!("parameter {i}");
        };
        let (number, layer) = self.layer_of(name);
        let kind = if name.ends_with("weight") { "weight" } else { "bias" };
        format!("a {kind} of layer {number}, {layer},")
    }
}

/// PyTorch's wrappers for several devices and for compiled models put a word before all names.
fn without_wrappers(mut tensors: Vec<NamedTensor>) -> Vec<NamedTensor> {
    for prefix in ["_orig_mod.", "module.", "_orig_mod."] {
        if tensors.iter().all(|tensor| tensor.name.starts_with(prefix)) {
            tensors.iter_mut().for_each(|tensor| drop(tensor.name.drain(..prefix.len())));
        }
    }
    tensors
}

fn check_values(tensor: &NamedTensor, origin: &str) -> Result<(), WeightsError> {
    let is_variance = tensor.name.ends_with("running_var");
    let expected = match is_variance {
        true => "a variance, finite and not negative",
        false => "a finite number",
    };
    let wrong = |value: &f32| !value.is_finite() || (is_variance && *value < 0.0);
    match tensor.values.iter().position(wrong) {
        None => Ok(()),
        Some(place) => Err(WeightsError::Value {
            origin: origin.into(),
            tensor: tensor.name.clone(),
            place,
            expected,
            got: tensor.values[place],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::cross_entropy;
    use crate::network::{Cnn, mini_resnet, mini_vgg};
    use crate::random::Random;
    use dfdx::tensor::{Gradients, Trace};
    use dfdx::tensor_ops::Backward;

    /// The gradients of all parameters.
    struct Read(Gradients<f32, Cpu>, Vec<f32>);

    impl ParameterVisitor for Read {
        fn visit<S: Shape>(&mut self, parameter: &mut Tensor<S, f32, Cpu>) {
            self.1.extend(self.0.get_or_alloc_mut(parameter).unwrap().iter());
        }
    }

    /// Gradients and running statistics after one step of training with so many threads.
    fn step(make: &(dyn Fn() -> Network + Sync), threads: usize) -> (Vec<f32>, Vec<NamedTensor>) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (mut network, mut random) = (make(), Random::new(6));
            let n = 9 * network.input_shape().iter().product::<usize>();
            let pixels = (0..n).map(|_| random.uniform(0.0, 1.0)).collect();
            let images = network.tensor(pixels).unwrap().leaky_trace();
            let scores = network.forward_train(images, &mut random).unwrap();
            let loss = cross_entropy(scores, &[0, 1, 2, 0, 1, 2, 0, 1, 2]).unwrap();
            let mut read = Read(loss.backward(), Vec::new());
            network.each_parameter(&mut read);
            (read.1, network.tensors())
        })
    }

    #[test]
    fn the_same_bits_for_any_number_of_threads() {
        let mixed = || {
            let cnn = Cnn::on([2, 9, 9]).avg_pool(2).conv(5, 3).gelu().dropout(0.3);
            cnn.global_avg_pool().linear(40).batch_norm().silu().seed(1).classes(3).unwrap()
        };
        let nets: [&(dyn Fn() -> Network + Sync); 3] =
            [&mixed, &|| mini_vgg([1, 8, 8], 3).unwrap(), &|| mini_resnet([2, 8, 8], 3).unwrap()];
        for make in nets {
            let one = step(make, 1);
            assert!(one.0.iter().any(|gradient| *gradient != 0.0));
            assert_eq!(one, step(make, 2));
            assert_eq!(one, step(make, 4));
        }
    }

    #[test]
    fn parameters_have_names_in_words() {
        let network = mini_resnet([1, 8, 8], 2).unwrap();
        assert_eq!(
            network.parameter_name(0),
            "a weight of layer 1, conv(16, 3).padding(1).no_bias(),"
        );
        assert_eq!(network.parameter_name(2), "a bias of layer 2, batch_norm(),");
        assert_eq!(network.parameter_name(3), "a weight of layer 4, residual(..),");
    }
}
