//! Any bytes as a picture in a folder of pictures, in every way to read it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use momentum_vision::data::{FolderConfig, image_folder};
use std::fs;
use std::sync::LazyLock;

/// A folder with one class, made once.
static ROOT: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("class")).unwrap();
    root
});

fuzz_target!(|bytes: &[u8]| {
    fs::write(ROOT.path().join("class/picture"), bytes).unwrap();
    for grey in [false, true] {
        let channels = if grey { 1 } else { 3 };
        for size in [None, Some([5, 3])] {
            let Ok(data) = image_folder(ROOT.path(), &FolderConfig { size, grey }) else {
                continue;
            };
            let [depth, height, width] = data.image_shape();
            assert_eq!((data.len(), depth), (1, channels));
            assert_eq!(data.image(0).pixels.len(), depth * height * width);
            if size.is_some() {
                assert_eq!([height, width], [5, 3]);
            }
        }
    }
});
