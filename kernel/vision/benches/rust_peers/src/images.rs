//! Training images: Fashion-MNIST's own files, or random ones; and batches of them.

use crate::Result;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Pixels of an image.
const PIXELS: usize = 28 * 28;

/// Images and what they show.
#[derive(Clone, Debug)]
pub struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
}

impl Images {
    /// Reads the training images as their authors publish them.
    ///
    /// # Errors
    /// A file that is not there or too short for its kind.
    pub fn read(folder: &Path) -> Result<Images> {
        let unpack = |name: &str, header: usize| -> Result<Vec<u8>> {
            let path = folder.join(name);
            let mut bytes = Vec::new();
            let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            GzDecoder::new(file).read_to_end(&mut bytes)?;
            if bytes.len() < header {
                return Err(format!("{}: too short", path.display()).into());
            }
            bytes.drain(..header);
            Ok(bytes)
        };
        let pixels = unpack("train-images-idx3-ubyte.gz", 16)?;
        let labels = unpack("train-labels-idx1-ubyte.gz", 8)?;
        if pixels.len() != labels.len() * PIXELS || labels.iter().any(|label| *label > 9) {
            return Err("as many images of 28 by 28 as labels from 0 to 9 are needed".into());
        }
        Ok(Images { pixels, labels })
    }

    /// Images of noise.
    pub fn random(n: usize) -> Images {
        let mut random = Random(1);
        let pixels = (0..n * PIXELS).map(|_| random.below(256) as u8).collect();
        Images { pixels, labels: (0..n).map(|_| random.below(10) as u8).collect() }
    }

    /// The images at these places, with values from 0 to 1, and their labels.
    pub fn batch(&self, places: &[usize]) -> (Vec<f32>, Vec<u8>) {
        let image = |place: &usize| &self.pixels[place * PIXELS..(place + 1) * PIXELS];
        let pixels = places.iter().flat_map(image).map(|pixel| f32::from(*pixel) / 255.0).collect();
        (pixels, places.iter().map(|place| self.labels[*place]).collect())
    }

    /// Places of batches in a new random order every epoch, for ever.
    pub fn batches(&self, batch: usize, seed: u64) -> impl FnMut() -> Vec<usize> {
        let (mut random, mut at) = (Random(seed.wrapping_add(1)), 0);
        let mut order: Vec<usize> = Vec::new();
        let n = self.labels.len();
        move || {
            if at + batch > order.len() {
                order = (0..n).collect();
                for last in (1..n).rev() {
                    order.swap(last, random.below(last + 1));
                }
                at = 0;
            }
            at += batch;
            order[at - batch..at].to_vec()
        }
    }
}

/// Splitmix: enough to shuffle.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}
