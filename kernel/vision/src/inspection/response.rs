//! What a channel responds to: the patches of real images that excite it most.

use super::{Field, InspectionError, convolution_layer};
use crate::data::Dataset;
use crate::network::{EVALUATION_BATCH, Network, Size};

/// A patch of an image, as one unit sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// The image's place in the data set.
    pub image: usize,
    /// The name of the image's class.
    pub class_name: String,
    /// The unit's row in the map.
    pub row: usize,
    /// The unit's column in the map.
    pub column: usize,
    /// What the unit answers, before any ReLU.
    pub answer: f32,
    /// The pixels of its receptive field, `[channels, side, side]`; zeros outside the image.
    pub pixels: Vec<f32>,
}

/// The patches that excite one channel most, the strongest first, at most one from each image.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelPatches {
    /// The channel, from 1.
    pub channel: usize,
    /// Receptive field of its units.
    pub field: Field,
    /// The patches.
    pub patches: Vec<Patch>,
}

/// For each channel of the `convolution`-th convolution (from 1), the `n` images that excite one of
/// its units most, each with the patch that the unit sees. Of equal answers the first wins.
///
/// # Errors
/// [`InspectionError::NoConvolution`] when there is none with that number,
/// [`InspectionError::Empty`] without images.
pub fn top_patches(
    network: &Network,
    data: &Dataset,
    convolution: usize,
    n: usize,
) -> Result<Vec<ChannelPatches>, InspectionError> {
    let layer = convolution_layer(network, convolution)?;
    let field = network.field(layer);
    let (Some(field), Some(Size::Maps { channels, height, width })) =
        (field, network.size_after(layer))
    else {
        return Err(InspectionError::Empty("the layer keeps no maps"));
    };
    if data.is_empty() || n == 0 {
        return Err(InspectionError::Empty("no image was given"));
    }
    // For each channel: answer, image, unit; the strongest first.
    let mut best: Vec<Vec<(f32, usize, usize)>> = vec![Vec::new(); channels];
    let places: Vec<usize> = (0..data.len()).collect();
    for places in places.chunks(EVALUATION_BATCH) {
        let answer = network.answer(data.batch(places).0, layer)?;
        let maps = answer.values.chunks_exact(height * width);
        for (i, map) in maps.enumerate() {
            let unit = crate::network::best(map);
            let ranks = &mut best[i % channels];
            let at = ranks.partition_point(|(answer, _, _)| *answer >= map[unit]);
            if at < n {
                ranks.insert(at, (map[unit], places[i / channels], unit));
                ranks.truncate(n);
            }
        }
    }
    let patch = |&(answer, image, unit): &(f32, usize, usize)| {
        let (row, column) = (unit / width, unit % width);
        let values = data.batch(&[image]).0;
        let pixels = field.cut(&values, network.input_shape(), (row, column));
        let class_name = data.class_name(data.label(image)).to_owned();
        Patch { image, class_name, row, column, answer, pixels }
    };
    let patches = best.iter().map(|ranks| ranks.iter().map(patch).collect());
    let all = patches.enumerate().map(|(channel, patches)| ChannelPatches {
        channel: channel + 1,
        field,
        patches,
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::Cnn;

    #[test]
    fn the_strongest_patches_give_the_answers_that_are_told() {
        let network = Cnn::on([1, 28, 28]).conv(3, 5).padding(2).relu().max_pool(2).conv(4, 3);
        let network = network.seed(1).classes(10).unwrap();
        let data = fashion_mnist().unwrap().test.first(120);
        let all = top_patches(&network, &data, 2, 5).unwrap();
        assert_eq!(all.len(), 4);
        for channel in &all {
            let patches = &channel.patches;
            assert!(patches.windows(2).all(|pair| pair[0].answer >= pair[1].answer));
            let mut images: Vec<_> = patches.iter().map(|patch| patch.image).collect();
            images.sort_unstable();
            images.dedup();
            assert_eq!(images.len(), 5);
            let first = &patches[0];
            let answer = network.answer(data.batch(&[first.image]).0, 4).unwrap().values;
            let map = &answer[(channel.channel - 1) * 144..channel.channel * 144];
            assert_eq!(map[first.row * 12 + first.column], first.answer);
            assert_eq!(map.iter().copied().fold(f32::MIN, f32::max), first.answer);
        }
    }

    #[test]
    fn a_patch_is_all_that_its_unit_sees() {
        let network = Cnn::on([1, 28, 28]).conv(3, 5).seed(1).classes(10).unwrap();
        let data = fashion_mnist().unwrap().test.first(10);
        let patch = &top_patches(&network, &data, 1, 1).unwrap()[0].patches[0];
        // The patch alone, seen by the same kernel, gives the same answer.
        let mut alone = vec![0.0; 28 * 28];
        for (y, row) in patch.pixels.chunks_exact(5).enumerate() {
            alone[y * 28..y * 28 + 5].copy_from_slice(row);
        }
        let answer = network.answer(alone, 1).unwrap().values[0];
        assert!((answer - patch.answer).abs() < 1e-5, "{answer} {}", patch.answer);
    }
}
