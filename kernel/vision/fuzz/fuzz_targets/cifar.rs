//! Any bytes as files of CIFAR-10: as they are, and brought to whole records.
#![no_main]

use libfuzzer_sys::fuzz_target;
use momentum_vision::data::Cifar;

const RECORD_LEN: usize = 1 + 3 * 32 * 32;

fuzz_target!(|bytes: &[u8]| {
    let mut whole = bytes.to_vec();
    whole.resize(bytes.len().next_multiple_of(RECORD_LEN), 0);
    let mut images = Cifar::default();
    let mut n = 0;
    for file in [bytes, &whole] {
        let before = images.clone();
        match images.push("file", file) {
            Ok(()) => n += file.len() / RECORD_LEN,
            Err(_) => assert_eq!(images, before),
        }
    }
    if let Ok(data) = images.into_dataset() {
        assert_eq!(data.len(), n);
        assert!(data.labels().iter().all(|label| *label < 10));
    }
});
