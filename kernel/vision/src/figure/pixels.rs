//! From values to coloured pixels.

use super::colour::{PAPER_RGB, Rgb};
use crate::data::Image;

/// An image's own pixels.
pub(super) fn of_image(image: &Image) -> Vec<Rgb> {
    let values = image.values();
    of_values(&values, image.height * image.width)
}

/// Values from 0 to 1, `[channels, pixels]`: three channels are red, green and blue, else their mean is
/// a grey.
pub(super) fn of_values(values: &[f32], n_pixels: usize) -> Vec<Rgb> {
    let byte = |value: f32| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
    let channels = values.len() / n_pixels.max(1);
    let at = |pixel: usize, channel: usize| values[channel * n_pixels + pixel];
    let one = |pixel: usize| match channels {
        3 => std::array::from_fn(|channel| byte(at(pixel, channel))),
        _ => {
            let sum: f32 = (0..channels).map(|channel| at(pixel, channel)).sum();
            [byte(sum / channels.max(1) as f32); 3]
        }
    };
    (0..n_pixels).map(one).collect()
}

/// A colour laid over another; `share` of it counts.
pub(super) fn over(top: Rgb, below: Rgb, share: f32) -> Rgb {
    let mix = |a: u8, b: u8| (f32::from(a) * share + f32::from(b) * (1.0 - share)).round() as u8;
    std::array::from_fn(|i| mix(top[i], below[i]))
}

/// Many small pictures of one size, side by side in one, so that they weigh little.
pub(super) struct Sheet {
    tile: (usize, usize),
    gap: usize,
    columns: usize,
    rows: usize,
    pixels: Vec<Rgb>,
}

impl Sheet {
    /// For `n` tiles of `(height, width)` pixels, `gap` pixels of paper between them.
    pub(super) fn new(n: usize, columns: usize, tile: (usize, usize), gap: usize) -> Self {
        let columns = columns.min(n).max(1);
        let rows = n.div_ceil(columns);
        let mut sheet = Sheet { tile, gap, columns, rows, pixels: Vec::new() };
        let (height, width) = sheet.size();
        sheet.pixels = vec![PAPER_RGB; height * width];
        sheet
    }

    /// Rows and columns of pixels.
    pub(super) fn size(&self) -> (usize, usize) {
        let along = |n: usize, tile: usize| n * (tile + self.gap) - self.gap;
        (along(self.rows, self.tile.0), along(self.columns, self.tile.1))
    }

    /// Puts the pixels of the `i`-th tile in their place.
    pub(super) fn put(&mut self, i: usize, tile: &[Rgb]) {
        let (_, width) = self.size();
        let top = (i / self.columns) * (self.tile.0 + self.gap);
        let left = (i % self.columns) * (self.tile.1 + self.gap);
        for (y, row) in tile.chunks_exact(self.tile.1).enumerate() {
            let at = (top + y) * width + left;
            self.pixels[at..at + row.len()].copy_from_slice(row);
        }
    }

    /// All pixels, row after row.
    pub(super) fn pixels(&self) -> &[Rgb] {
        &self.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_stand_side_by_side_with_paper_between() {
        let mut sheet = Sheet::new(3, 2, (1, 2), 1);
        (0..3).for_each(|i| sheet.put(i, &[[i as u8; 3]; 2]));
        assert_eq!(sheet.size(), (3, 5));
        let p = PAPER_RGB;
        let (a, b, c) = ([0; 3], [1; 3], [2; 3]);
        assert_eq!(sheet.pixels(), [a, a, p, b, b, p, p, p, p, p, c, c, p, p, p]);
    }

    #[test]
    fn grey_and_coloured_values() {
        assert_eq!(of_values(&[0.0, 1.0], 2), [[0; 3], [255; 3]]);
        assert_eq!(of_values(&[1.0, 0.0, 0.2], 1), [[255, 0, 51]]);
        assert_eq!(of_values(&[1.0, 0.0], 1), [[128; 3]]);
        assert_eq!(over([255, 0, 0], [0, 0, 255], 0.25), [64, 0, 191]);
    }
}
