//! Weights in files: round trips, PyTorch's own files, and files that are not what they should be.

use dfdx::prelude::{Cpu, TensorFromVec};
use momentum_vision::layer::Maps;
use momentum_vision::network::{
    Cnn, Mlp, Naming, Network, lenet5, mini_resnet, mini_vgg, mlp, mnist_cnn,
};
use momentum_vision::random::Random;
use momentum_vision::weights::{NamedTensor, WeightsError, parse, read, write};
use proptest::prelude::*;
use std::io::Read;
use std::path::PathBuf;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A network with every kind of tensor that is saved.
fn net(seed: u64) -> Network {
    Cnn::on([2, 6, 6])
        .conv(3, 3)
        .batch_norm()
        .relu()
        .residual(|b| b.conv(4, 3).padding(1).no_bias().batch_norm())
        .seed(seed)
        .classes(2)
        .unwrap()
}

fn tensor(name: &str, shape: &[usize]) -> NamedTensor {
    let values = vec![0.5; shape.iter().product()];
    NamedTensor { name: name.into(), shape: shape.to_vec(), values }
}

fn unzipped(gz: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(gz).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_saved_is_loaded_and_the_same_bytes_come_again() {
    let folder = folder();
    let (path, again) = (folder.path().join("a.safetensors"), folder.path().join("b.safetensors"));
    let mut first = net(1);
    // Running statistics that are not those of a new network.
    let images: Maps = Cpu::default()
        .tensor_from_vec((0..2 * 72).map(|i| (i % 11) as f32 * 0.3).collect(), (2, 2, 6, 6));
    first.forward_train(images, &mut Random::new(0)).unwrap();
    first.save(&path).unwrap();
    let mut second = net(2);
    assert_ne!(first.tensors(), second.tensors());
    second.load(&path).unwrap();
    assert_eq!(first.tensors(), second.tensors());
    second.save(&again).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&again).unwrap());
    // Over an existing file, and nothing is left beside it.
    second.save(&path).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// Loads what PyTorch has written, compares the scores, and goes back and forth between the names.
fn check_preset(mut network: Network, state: &[u8], scores: &[u8]) {
    network.set_tensors(parse(&unzipped(state), "state").unwrap()).unwrap();
    let cases = parse(scores, "scores").unwrap();
    let get = |name| cases.iter().find(|t| t.name == name).unwrap().values.clone();
    let (got, expected) = (network.scores(get("x")).unwrap(), get("scores"));
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
    for (ours, theirs) in got.iter().zip(&expected) {
        assert!((ours - theirs).abs() <= 1e-4 * scale, "PyTorch {theirs}, ours {ours}");
    }
    let folder = folder();
    let path = folder.path().join("preset.safetensors");
    network.save_named(&path, Naming::Preset).unwrap();
    let names = |tensors: Vec<NamedTensor>| -> Vec<String> {
        tensors.into_iter().map(|tensor| tensor.name).collect()
    };
    assert_eq!(names(read(&path).unwrap()), names(parse(&unzipped(state), "state").unwrap()));
    let before = network.tensors();
    network.load(&path).unwrap();
    assert_eq!(before, network.tensors());
}

macro_rules! check_preset {
    ($network:expr, $name:literal) => {
        check_preset(
            $network.unwrap(),
            include_bytes!(concat!("../pytorch/", $name, "_state.safetensors.gz")),
            include_bytes!(concat!("../pytorch/", $name, "_scores.safetensors")),
        )
    };
}

#[test]
fn presets_read_what_pytorch_wrote() {
    check_preset!(mlp(), "mlp");
    check_preset!(lenet5(), "lenet5");
    check_preset!(mnist_cnn(), "mnist_cnn");
    check_preset!(mini_vgg([1, 8, 8], 3), "mini_vgg");
    check_preset!(mini_resnet([3, 9, 12], 4), "mini_resnet");
}

#[test]
fn wrappers_of_pytorch_are_taken_off() {
    let mut network = Mlp::on([1, 2, 2]).classes(2).unwrap();
    for prefix in ["", "module.", "_orig_mod.", "_orig_mod.module.", "module._orig_mod."] {
        let named = |name: &str, shape: &[usize]| tensor(&format!("{prefix}{name}"), shape);
        network.set_tensors(vec![named("1.bias", &[2]), named("1.weight", &[2, 4])]).unwrap();
    }
}

fn fails(tensors: Vec<NamedTensor>) -> String {
    let mut network = Mlp::on([1, 2, 2]).named("tiny MLP").seed(7).classes(2).unwrap();
    let before = network.tensors();
    let error = network.set_tensors(tensors).unwrap_err().to_string();
    assert_eq!(before, network.tensors(), "a refused file changed the network");
    error
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let (weight, bias) = (tensor("1.weight", &[2, 4]), tensor("1.bias", &[2]));
    insta::assert_snapshot!(fails(vec![weight.clone()]), @"
    the given tensors: these are not the weights of the tiny MLP
      missing: 1.bias
      unknown: nothing
       change: build the network with the layers of the one that was saved; names are those of nn.Sequential, or of the preset's PyTorch class
    ");
    insta::assert_snapshot!(fails(vec![tensor("conv1.weight", &[2]), weight.clone(), bias.clone()]), @"
    the given tensors: these are not the weights of the tiny MLP
      missing: nothing
      unknown: conv1.weight
       change: build the network with the layers of the one that was saved; names are those of nn.Sequential, or of the preset's PyTorch class
    ");
    insta::assert_snapshot!(fails(vec![weight.clone(), weight.clone(), bias.clone()]), @"
    the given tensors: these are not the weights of the tiny MLP
      missing: nothing
      unknown: 1.weight, which comes twice
       change: build the network with the layers of the one that was saved; names are those of nn.Sequential, or of the preset's PyTorch class
    ");
    insta::assert_snapshot!(fails(vec![tensor("1.weight", &[4, 2]), bias.clone()]), @"
    the given tensors: tensor 1.weight does not fit
      expected: shape [2, 4], of layer linear(2)
           got: shape [4, 2]
        change: build the network with the sizes of the one that was saved
    ");
    let mut broken = weight;
    broken.values[5] = f32::NAN;
    insta::assert_snapshot!(fails(vec![broken, bias]), @"
    the given tensors: tensor 1.weight, value 5: expected a finite number, got NaN
      change: take an earlier checkpoint; training went wrong before this one
    ");
}

#[test]
fn a_negative_variance_is_refused() {
    let mut network = Mlp::on([1, 2, 2]).batch_norm().classes(2).unwrap();
    let mut tensors = network.tensors();
    tensors.iter_mut().find(|t| t.name == "1.running_var").unwrap().values[1] = -0.5;
    insta::assert_snapshot!(network.set_tensors(tensors).unwrap_err(), @"
    the given tensors: tensor 1.running_var, value 1: expected a variance, finite and not negative, got -0.5
      change: take an earlier checkpoint; training went wrong before this one
    ");
}

#[test]
fn a_preset_names_what_is_missing_as_pytorch_does() {
    let mut tensors =
        parse(&unzipped(include_bytes!("../pytorch/lenet5_state.safetensors.gz")), "state")
            .unwrap();
    tensors.retain(|tensor| tensor.name != "fc2.bias");
    insta::assert_snapshot!(lenet5().unwrap().set_tensors(tensors).unwrap_err(), @"
    the given tensors: these are not the weights of the LeNet-5
      missing: fc2.bias
      unknown: nothing
       change: build the network with the layers of the one that was saved; names are those of nn.Sequential, or of the preset's PyTorch class
    ");
}

#[test]
fn files_that_are_no_whole_safetensors_are_refused() {
    let refuse = |bytes: &[u8]| parse(bytes, "w.safetensors").unwrap_err().to_string();
    insta::assert_snapshot!(refuse(b""), @"
    w.safetensors is not a whole safetensors file: header too small (0 bytes)
      change: copy or download the file again
    ");
    insta::assert_snapshot!(refuse(b"PK\x03\x04and so on"), @r#"
    w.safetensors is not a whole safetensors file: it was written by torch.save
      change: save it so: from safetensors.torch import save_file; save_file(model.state_dict(), "file")
    "#);
    insta::assert_snapshot!(refuse(&[255; 64]), @"
    w.safetensors is not a whole safetensors file: header too large (64 bytes)
      change: copy or download the file again
    ");
    let whole = unzipped(include_bytes!("../pytorch/mlp_state.safetensors.gz"));
    insta::assert_snapshot!(refuse(&whole[..whole.len() - 100]), @"
    w.safetensors is not a whole safetensors file: its 247708 bytes are not as many as its header says
      change: copy or download the file again
    ");
    let half = br#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    let mut bytes = (half.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(half);
    bytes.extend_from_slice(&[0; 4]);
    insta::assert_snapshot!(refuse(&bytes), @r#"
    w.safetensors: tensor a does not fit
      expected: values of type F32
           got: values of type F16
        change: convert it before saving: save_file({name: t.float() for name, t in model.state_dict().items()}, "file")
    "#);
}

#[test]
fn a_file_that_cannot_be_read_or_written_is_named() {
    let path = PathBuf::from("no-such-folder/w.safetensors");
    let mut network = net(1);
    assert!(matches!(network.load(&path), Err(WeightsError::Io { .. })));
    let error = network.save(&path).unwrap_err().to_string();
    assert!(error.starts_with("no-such-folder/w.safetensors: the weights could not be written"));
}

#[test]
fn tensors_without_order_are_not_written() {
    let folder = folder();
    let path = folder.path().join("w.safetensors");
    let twice = [tensor("a", &[2]), tensor("a", &[2])];
    assert!(matches!(write(&path, &twice), Err(WeightsError::Format { .. })));
    let wrong = NamedTensor { shape: vec![3], ..tensor("a", &[2]) };
    assert!(matches!(write(&path, &[wrong]), Err(WeightsError::Format { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

fn saved() -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("w.safetensors");
    net(1).save(&path).unwrap();
    std::fs::read(path).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    /// Whatever is done to a file: it is refused, or loads to finite weights; nothing panics, and a
    /// refused file leaves the network as it was.
    #[test]
    fn damaged_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let mut bytes = saved();
        for (place, byte) in &changes {
            // Half of them in the header, which is where a change does most.
            let len = if byte & 1 == 0 { bytes.len().min(600) } else { bytes.len() };
            let place = place.index(len);
            bytes[place] = *byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut network = net(2);
        let before = network.tensors();
        match parse(&bytes, "damaged").and_then(|tensors| network.set_tensors(tensors)) {
            Ok(()) => {
                let finite = |tensor: &NamedTensor| tensor.values.iter().all(|v| v.is_finite());
                prop_assert!(network.tensors().iter().all(finite));
            }
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                prop_assert_eq!(before, network.tensors());
            }
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, "noise");
    }
}
