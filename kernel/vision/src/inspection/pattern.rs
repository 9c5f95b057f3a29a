//! The pattern that a unit looks for, made linear around what it responds to.

use super::{Field, InspectionError, convolution_layer, top_patches};
use crate::data::Dataset;
use crate::network::{Network, Size};

/// For each channel of a convolution, the gradient of its answer with respect to the pixels of its
/// receptive field, `[channels, side, side]`, averaged over the `n` patches that excite it most. Of
/// the first convolution it is the kernel itself.
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
        for (patch, gradient) in of.patches.iter().zip(gradient.chunks_exact(image_len)) {
            let cut = field.cut(gradient, shape, (patch.row, patch.column));
            sum.iter_mut().zip(&cut).for_each(|(sum, value)| *sum += value);
        }
        let scale = 1.0 / places.len().max(1) as f32;
        sum.iter_mut().for_each(|value| *value *= scale);
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
        let network = Cnn::on([1, 28, 28]).conv(4, 5).seed(2).classes(10).unwrap();
        let data = fashion_mnist().unwrap().test.first(30);
        let (field, patterns) = patterns(&network, &data, 1, 3).unwrap();
        assert_eq!(field.side, 5);
        let kernels = network.first_kernels().unwrap();
        for (channel, pattern) in patterns.iter().enumerate() {
            for (a, b) in pattern.iter().zip(kernels.map(channel)) {
                assert!((a - b).abs() < 1e-5, "{a} {b}");
            }
        }
    }
}
