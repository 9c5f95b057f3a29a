//! Any bytes as a safetensors file, read, written again, and loaded into a network.
#![no_main]

use libfuzzer_sys::fuzz_target;
use momentum_vision::network::Mlp;
use momentum_vision::weights;

fuzz_target!(|bytes: &[u8]| {
    let Ok(tensors) = weights::parse(bytes, "file") else { return };
    for tensor in &tensors {
        assert_eq!(tensor.shape.iter().product::<usize>(), tensor.values.len());
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    weights::write(file.path(), &tensors).unwrap();
    // Compared as bits: NaN is a value like others here.
    let bits = |tensors: &[weights::NamedTensor]| -> Vec<(String, Vec<usize>, Vec<u32>)> {
        let bits = |tensor: &weights::NamedTensor| {
            let values = tensor.values.iter().map(|value| value.to_bits()).collect();
            (tensor.name.clone(), tensor.shape.clone(), values)
        };
        tensors.iter().map(bits).collect()
    };
    assert_eq!(bits(&weights::read(file.path()).unwrap()), bits(&tensors));
    let mut network = Mlp::on([1, 2, 2]).seed(1).hidden(3).classes(2).unwrap();
    let before = bits(&network.tensors());
    if network.load(file.path()).is_err() {
        assert_eq!(bits(&network.tensors()), before, "a refused file changes nothing");
    }
});
