//! Any bytes as an IDX file, compressed or not, and as a data set's labels.
#![no_main]

use libfuzzer_sys::fuzz_target;
use momentum_vision::data::{Dataset, FASHION_CLASSES, Idx};

fuzz_target!(|bytes: &[u8]| {
    let Ok(idx) = Idx::parse("file", bytes) else { return };
    assert_eq!(idx.shape().iter().product::<usize>(), idx.values().len());
    let n = idx.shape()[0];
    // With another axis of length 0, this one may be anything.
    if n > idx.values().len() {
        return;
    }
    let images = Idx::from_values(vec![n, 1, 1], vec![0; n]).unwrap();
    if let Ok(data) = Dataset::new(images.clone(), idx.clone(), &FASHION_CLASSES) {
        assert_eq!((idx.shape(), data.len()), (&[n][..], n));
        assert!(data.labels().iter().all(|label| *label < 10));
    }
    // The same file as images, each of another class.
    let labels = Idx::from_values(vec![n], (0..n).map(|i| (i % 10) as u8).collect()).unwrap();
    if let Ok(data) = Dataset::new(idx.clone(), labels, &FASHION_CLASSES) {
        let [channels, height, width] = data.image_shape();
        assert_eq!(data.len() * channels * height * width, idx.values().len());
        if !data.is_empty() {
            assert_eq!(data.image(n - 1).pixels.len(), channels * height * width);
        }
    }
});
