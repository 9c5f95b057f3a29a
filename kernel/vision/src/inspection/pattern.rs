//! The pattern that a unit looks for, made linear around what it responds to.

use super::{Field, InspectionError, convolution_layer, top_patches};
use crate::data::Dataset;
use crate::network::{Network, Size};

/// For each channel of a convolution, the gradient of its answer with respect to the pixels of its
/// receptive field, `[channels, side, side]`, averaged over the `n` patches that excite it most. Of
/// the first convolution it is the kernel itself. Where a patch reaches over the image's border there is
/// no pixel; such places are averaged over the other patches.
pub(super) fn patterns(
    network: &Network,
    data: &Dataset,
    convolution: usize,
    n: usize,
) -> Result<(Field, Vec<Vec<f32>>), InspectionError> {
    let layer = convolution_layer(network, convolution)?;
    let all = top_patches(network, data, convolution, n)?;
    let Some(Size::Maps { channels, height, width }) = network.size_after(layer) else {
        return Err(InspectionError::Empty("the layer keeps no maps"));
    };
    let (area, shape) = (height * width, network.input_shape());
    let image_len = shape.iter().product();
    let everywhere = vec![1.0; image_len];
    let mut patterns = Vec::with_capacity(channels);
    let mut field = Field::PIXEL;
    for of in &all {
        field = of.field;
        let places: Vec<usize> = of.patches.iter().map(|patch| patch.image).collect();
        let mut direction = vec![0.0; places.len() * channels * area];
        for (i, patch) in of.patches.iter().enumerate() {
            let map = i * channels + of.channel - 1;
            direction[map * area + patch.row * width + patch.column] = 1.0;
        }
        let gradient = network.image_gradient(data.batch(&places).0, layer, &direction)?;
        let mut sum = vec![0.0f32; shape[0] * field.side * field.side];
        let mut n_inside = vec![0.0f32; sum.len()];
        for (patch, gradient) in of.patches.iter().zip(gradient.chunks_exact(image_len)) {
            let cut = field.cut(gradient, shape, (patch.row, patch.column));
            let inside = field.cut(&everywhere, shape, (patch.row, patch.column));
            sum.iter_mut().zip(&cut).for_each(|(sum, value)| *sum += value);
            n_inside.iter_mut().zip(&inside).for_each(|(n, inside)| *n += inside);
        }
        sum.iter_mut().zip(&n_inside).for_each(|(value, n)| *value /= n.max(1.0));
        patterns.push(sum);
    }
    Ok((field, patterns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::Cnn;

    #[test]
    fn the_pattern_of_the_first_convolution_is_its_kernel() {
        let data = fashion_mnist().unwrap().test.first(30);
        let mut n_missing = 0;
        for padding in [0, 2] {
            let network = Cnn::on([1, 28, 28]).conv(4, 5).padding(padding).seed(2);
            let network = network.classes(10).unwrap();
            let (field, patterns) = patterns(&network, &data, 1, 3).unwrap();
            assert_eq!(field.side, 5);
            let kernels = network.first_kernels().unwrap();
            for (channel, pattern) in patterns.iter().enumerate() {
                for (a, b) in pattern.iter().zip(kernels.map(channel)) {
                    // Zero only where every patch reached over the border.
                    let missing = padding > 0 && *a == 0.0;
                    n_missing += usize::from(missing);
                    assert!(missing || (a - b).abs() < 1e-5, "{a} {b}");
                }
            }
        }
        assert!(n_missing < 30, "{n_missing}");
    }
}
