//! Receptive fields: which pixels a unit can see, and which it really looks at.

use super::{InspectionError, convolution_layer};
use crate::data::Image;
use crate::network::{Network, Size};

/// The square of input pixels that one unit of a layer depends on (Dumoulin and Visin 2016,
/// "A guide to convolution arithmetic for deep learning").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Side of the square, in pixels.
    pub side: usize,
    /// Distance between the squares of two neighbouring units, in pixels.
    pub step: usize,
    /// Where the square of the first unit begins, in pixels; negative when padding comes first.
    pub start: isize,
}

impl Field {
    /// A single pixel.
    pub(crate) const PIXEL: Field = Field { side: 1, step: 1, start: 0 };

    /// The field after one more layer with square windows.
    pub(crate) fn after(self, extent: usize, stride: usize, padding: usize) -> Field {
        Field {
            side: self.side + extent.saturating_sub(1) * self.step,
            step: self.step * stride,
            start: self.start - (padding * self.step) as isize,
        }
    }

    /// The field that holds both, of units that stand equally far apart.
    pub(crate) fn union(self, other: Field) -> Field {
        let end = |field: Field| field.start + field.side as isize;
        let start = self.start.min(other.start);
        let side = (end(self).max(end(other)) - start) as usize;
        Field { side, start, ..self }
    }

    /// Top and left of the square of the unit in a row and a column; either may lie outside the image.
    pub fn corner(&self, row: usize, column: usize) -> (isize, isize) {
        (self.start + (row * self.step) as isize, self.start + (column * self.step) as isize)
    }

    /// The pixels of the square, `[channels, side, side]`, from an image of `[channels, height,
    /// width]`. Outside the image there are zeros.
    pub(crate) fn cut(&self, values: &[f32], shape: [usize; 3], at: (usize, usize)) -> Vec<f32> {
        let [channels, height, width] = shape;
        let (top, left) = self.corner(at.0, at.1);
        let mut cut = Vec::with_capacity(channels * self.side * self.side);
        for channel in 0..channels {
            for y in 0..self.side as isize {
                for x in 0..self.side as isize {
                    let (y, x) = (top + y, left + x);
                    let inside =
                        (0..height as isize).contains(&y) && (0..width as isize).contains(&x);
                    let place = (channel * height + y.max(0) as usize) * width + x.max(0) as usize;
                    cut.push(if inside { values[place] } else { 0.0 });
                }
            }
        }
        cut
    }
}

/// The receptive field of the units of the `convolution`-th convolution, from 1.
///
/// # Errors
/// [`InspectionError::NoConvolution`] when there is none with that number.
pub fn field_of(network: &Network, convolution: usize) -> Result<Field, InspectionError> {
    let layer = convolution_layer(network, convolution)?;
    network.field(layer).ok_or(InspectionError::Empty("the layer sees the whole image"))
}

/// Where the middle unit of the `convolution`-th convolution really looks: the size of the gradient
/// of its answer with respect to each pixel, averaged over its channels and the images, `[height,
/// width]` (Luo, Li, Urtasun and Zemel 2016, "Understanding the effective receptive field").
///
/// # Errors
/// [`InspectionError::NoConvolution`] when there is none with that number,
/// [`InspectionError::Empty`] without images.
pub fn effective_field(
    network: &Network,
    images: &[Image],
    convolution: usize,
) -> Result<Vec<f32>, InspectionError> {
    let layer = convolution_layer(network, convolution)?;
    let [channels, height, width] = network.input_shape();
    let mut mean = vec![0.0f32; height * width];
    let mut n = 0;
    for image in images {
        let Some(Size::Maps { channels: depth, height: rows, width: columns }) =
            network.size_after(layer)
        else {
            continue;
        };
        // One copy of the image for each channel: all their gradients in one go.
        let area = rows * columns;
        let mut direction = vec![0.0; depth * depth * area];
        for channel in 0..depth {
            let unit = channel * area + (rows / 2) * columns + columns / 2;
            direction[channel * depth * area + unit] = 1.0;
        }
        let gradient = network.image_gradient(image.values().repeat(depth), layer, &direction)?;
        for (i, value) in gradient.iter().enumerate() {
            mean[i % (height * width)] += value.abs();
        }
        n += depth * channels;
    }
    if n == 0 {
        return Err(InspectionError::Empty("no image was given"));
    }
    mean.iter_mut().for_each(|value| *value /= n as f32);
    Ok(mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::{Cnn, mnist_cnn};

    #[test]
    fn the_field_is_where_the_gradient_may_be() {
        let network = Cnn::on([1, 28, 28]).conv(3, 5).padding(2).relu().max_pool(2).conv(4, 3);
        let network = network.seed(0).classes(10).unwrap();
        let field = field_of(&network, 2).unwrap();
        assert_eq!(field, Field { side: 10, step: 2, start: -2 });
        let image = fashion_mnist().unwrap().test.image(0);
        let seen = effective_field(&network, &[image], 2).unwrap();
        // The middle of 12 x 12 units is unit 6.
        let (top, left) = field.corner(6, 6);
        for (i, &value) in seen.iter().enumerate() {
            let (y, x) = ((i / 28) as isize, (i % 28) as isize);
            let inside = (top..top + 10).contains(&y) && (left..left + 10).contains(&x);
            assert!(inside || value == 0.0, "{y} {x} {value}");
        }
        assert!(seen.iter().any(|&value| value > 0.0));
    }

    #[test]
    fn fields_of_the_preset() {
        let network = mnist_cnn().unwrap();
        let fields: Vec<_> = (1..=3).map(|n| field_of(&network, n).unwrap()).collect();
        let sides: Vec<_> = fields.iter().map(|field| (field.side, field.step)).collect();
        assert_eq!(sides, [(5, 1), (10, 2), (20, 4)]);
        let error = field_of(&network, 4).unwrap_err();
        insta::assert_snapshot!(error, @"the CNN has 3 convolutions, so there is no convolution 4");
    }

    #[test]
    fn a_residual_sees_what_its_body_sees() {
        // 5 x 5 of the first convolution, and 2 more pixels in each direction for each of two more.
        let network = Cnn::on([1, 28, 28])
            .conv(4, 5)
            .residual(|body| body.conv(4, 3).padding(1).relu().conv(4, 3).padding(1));
        let network = network.seed(0).classes(10).unwrap();
        assert_eq!(field_of(&network, 2).unwrap(), Field { side: 9, step: 1, start: -2 });
        let image = fashion_mnist().unwrap().test.image(0);
        let seen = effective_field(&network, &[image], 2).unwrap();
        let columns = (0..28).filter(|x| (0..28).any(|y| seen[y * 28 + x] > 0.0)).count();
        assert_eq!(columns, 9);
    }

    #[test]
    fn a_cut_fills_up_with_zeros() {
        let field = Field { side: 3, step: 2, start: -1 };
        let image = [1.0, 2.0, 3.0, 4.0];
        let cut = field.cut(&image, [1, 2, 2], (0, 0));
        assert_eq!(cut, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
    }
}
