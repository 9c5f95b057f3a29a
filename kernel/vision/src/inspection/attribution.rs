//! What an answer rests on: the parts of one image that speak for a class.

use super::{InspectionError, convolution_layer};
use crate::data::Image;
use crate::loss::softmax;
use crate::network::{EVALUATION_BATCH, Network, Size};

/// How much each pixel of an image speaks for a class (positive) or against it (negative).
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// How it was measured, in words.
    pub method: String,
    /// The class that is asked about.
    pub class: usize,
    /// The probability that the network gives it.
    pub probability: f32,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
    /// Row after row.
    pub values: Vec<f32>,
}

/// What is laid over the image, and where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OcclusionConfig {
    /// Side of the square that covers a part of the image, in pixels.
    pub side: usize,
    /// Step between neighbouring squares, in pixels.
    pub stride: usize,
    /// The grey value of the square, from 0 (black, the background of Fashion-MNIST) to 1.
    pub fill: f32,
}

impl Default for OcclusionConfig {
    /// A black square of 7 by 7 pixels, moved by 2.
    fn default() -> Self {
        OcclusionConfig { side: 7, stride: 2, fill: 0.0 }
    }
}

/// How far the probability of a class falls when a square covers a part of the image (Zeiler and
/// Fergus 2014, section 4.2). Each pixel gets the mean over the squares that cover it. Without a class
/// it is asked for the one that the network finds.
///
/// # Errors
/// [`InspectionError::NoClass`] for a class that the network does not know,
/// [`InspectionError::Config`] for a square without pixels.
pub fn occlusion(
    network: &Network,
    image: &Image,
    class: Option<usize>,
    config: &OcclusionConfig,
) -> Result<Attribution, InspectionError> {
    let &OcclusionConfig { side, stride, fill } = config;
    if side == 0 || stride == 0 || !fill.is_finite() {
        return Err(InspectionError::Config(format!(
            "a square of side {side}, moved by {stride}, of grey {fill}: give at least 1 pixel for \
             both, and a number from 0 to 1"
        )));
    }
    let [channels, height, width] = network.input_shape();
    let values = image.values();
    let (class, probability) = class_of(network, &values, class)?;
    let starts = |len: usize| (1 - side as isize..len as isize).step_by(stride);
    let squares: Vec<[std::ops::Range<usize>; 2]> = starts(height)
        .flat_map(|y| starts(width).map(move |x| (y, x)))
        .map(|(y, x)| [clip(y, side, height), clip(x, side, width)])
        .collect();
    let (mut sums, mut counts) = (vec![0.0f64; height * width], vec![0usize; height * width]);
    let n_classes = network.n_classes();
    for squares in squares.chunks(EVALUATION_BATCH) {
        let mut batch = values.repeat(squares.len());
        for (image, [rows, columns]) in batch.chunks_exact_mut(values.len()).zip(squares) {
            for plane in image.chunks_exact_mut(height * width).take(channels) {
                rows.clone().for_each(|y| plane[y * width..][columns.clone()].fill(fill));
            }
        }
        let mut scores = network.scores(batch)?;
        for (scores, [rows, columns]) in scores.chunks_exact_mut(n_classes).zip(squares) {
            softmax(scores);
            let fall = f64::from(probability - scores[class]);
            for place in rows.clone().flat_map(|y| columns.clone().map(move |x| y * width + x)) {
                sums[place] += fall;
                counts[place] += 1;
            }
        }
    }
    let values = sums.iter().zip(&counts).map(|(sum, &n)| (sum / n.max(1) as f64) as f32);
    Ok(Attribution {
        method: format!("occlusion with a square of {side} × {side} pixels"),
        class,
        probability,
        height,
        width,
        values: values.collect(),
    })
}

/// Grad-CAM (Selvaraju et al. 2017, equations 1 and 2) at the `convolution`-th convolution, from 1,
/// after the ReLU behind it: its maps, weighed by the mean gradient of the class's score, positive
/// parts only, drawn up to the image's size by linear interpolation. Without a class it is asked for
/// the one that the network finds; without a convolution, for the last.
///
/// # Errors
/// [`InspectionError::NoClass`] for a class that the network does not know,
/// [`InspectionError::NoConvolution`] when there is none with that number.
pub fn grad_cam(
    network: &Network,
    image: &Image,
    class: Option<usize>,
    convolution: Option<usize>,
) -> Result<Attribution, InspectionError> {
    let convolution = convolution.unwrap_or_else(|| network.convolutions().len());
    let layer = network.with_activation(convolution_layer(network, convolution)?);
    let [_, height, width] = network.input_shape();
    let values = image.values();
    let (class, probability) = class_of(network, &values, class)?;
    let answer = network.answer(values, layer)?;
    let Size::Maps { height: rows, width: columns, .. } = answer.size else {
        return Err(InspectionError::Empty("the layer keeps no maps"));
    };
    let mut direction = vec![0.0; network.n_classes()];
    direction[class] = 1.0;
    let last = network.layer_names().count();
    let gradient = network.gradient(answer.clone(), layer, last, &direction)?;
    let area = rows * columns;
    let mut map = vec![0.0f32; area];
    for (maps, gradient) in answer.values.chunks_exact(area).zip(gradient.chunks_exact(area)) {
        let weight = gradient.iter().sum::<f32>() / area as f32;
        map.iter_mut().zip(maps).for_each(|(sum, value)| *sum += weight * value);
    }
    map.iter_mut().for_each(|value| *value = value.max(0.0));
    Ok(Attribution {
        method: format!("Grad-CAM at convolution {convolution}"),
        class,
        probability,
        height,
        width,
        values: stretched(&map, (rows, columns), (height, width)),
    })
}

/// The class asked about, or else the one that the network finds, and its probability.
fn class_of(
    network: &Network,
    values: &[f32],
    class: Option<usize>,
) -> Result<(usize, f32), InspectionError> {
    let mut scores = network.scores(values.to_vec())?;
    softmax(&mut scores);
    let class = class.unwrap_or_else(|| crate::network::best(&scores));
    match scores.get(class) {
        Some(&probability) => Ok((class, probability)),
        None => Err(InspectionError::NoClass {
            network: network.name().into(),
            n: scores.len(),
            wanted: class,
        }),
    }
}

fn clip(start: isize, side: usize, len: usize) -> std::ops::Range<usize> {
    let end = (start + side as isize).clamp(0, len as isize);
    start.clamp(0, len as isize) as usize..end as usize
}

/// A map at another size, by linear interpolation between the middles of its values.
fn stretched(map: &[f32], from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    let place = |i: usize, from: usize, to: usize| {
        let at = ((i as f32 + 0.5) * from as f32 / to as f32 - 0.5).clamp(0.0, (from - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(from - 1), at - low as f32)
    };
    let mut values = Vec::with_capacity(to.0 * to.1);
    for y in 0..to.0 {
        let (top, bottom, down) = place(y, from.0, to.0);
        for x in 0..to.1 {
            let (left, right, across) = place(x, from.1, to.1);
            let row = |y: usize| {
                let (a, b) = (map[y * from.1 + left], map[y * from.1 + right]);
                a + (b - a) * across
            };
            values.push(row(top) + (row(bottom) - row(top)) * down);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Image, fashion_mnist};
    use crate::network::Cnn;

    fn network() -> Network {
        let cnn = Cnn::on([1, 28, 28]).conv(4, 3).relu().max_pool(2).conv(6, 3).relu();
        cnn.seed(4).classes(10).unwrap()
    }

    fn image() -> Image {
        fashion_mnist().unwrap().test.image(0)
    }

    #[test]
    fn covering_what_is_black_with_black_changes_nothing() {
        let black = Image { pixels: vec![0; 784], ..image() };
        let found = occlusion(&network(), &black, None, &OcclusionConfig::default()).unwrap();
        assert!(found.values.iter().all(|&value| value == 0.0));
        let grey = OcclusionConfig { fill: 0.5, ..OcclusionConfig::default() };
        let found = occlusion(&network(), &black, Some(3), &grey).unwrap();
        assert!(found.class == 3 && found.values.iter().any(|&value| value != 0.0));
    }

    #[test]
    fn one_square_over_all_is_the_whole_fall() {
        // The squares begin at -27 and 1 in both directions, so four cover a part each; the corner
        // lies in the last one only, which leaves the first row and column as they are: black here.
        let all = OcclusionConfig { side: 28, stride: 28, fill: 0.0 };
        let (network, mut image) = (network(), image());
        image.pixels.iter_mut().enumerate().for_each(|(i, pixel)| {
            *pixel = if i < 28 || i % 28 == 0 { 0 } else { *pixel };
        });
        let found = occlusion(&network, &image, Some(2), &all).unwrap();
        let black = Image { pixels: vec![0; 784], ..image.clone() };
        let fall =
            network.probabilities(&image).unwrap()[2] - network.probabilities(&black).unwrap()[2];
        assert!((found.values[783] - fall).abs() < 1e-6, "{} {fall}", found.values[783]);
        assert_eq!(found.values[0], 0.0);
    }

    #[test]
    fn grad_cam_weighs_the_maps_by_the_gradient() {
        // One map, a linear layer with known weights behind it: the answer can be told by hand.
        let network = Cnn::on([1, 6, 6]).conv(1, 3).classes(2).unwrap();
        let image = Image { height: 6, width: 6, pixels: (0..36).collect(), ..image() };
        let parameters = network.parameters();
        let weights = &parameters.iter().find(|(name, _)| name == "2.weight").unwrap().1;
        let alpha = weights[..16].iter().sum::<f32>() / 16.0;
        let map = network.answer(image.values(), 1).unwrap().values;
        let found = grad_cam(&network, &image, Some(0), None).unwrap();
        let small: Vec<f32> = map.iter().map(|value| (value * alpha).max(0.0)).collect();
        let expected = stretched(&small, (4, 4), (6, 6));
        for (a, b) in found.values.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }

    #[test]
    fn stretching_keeps_corners_and_constants() {
        assert_eq!(stretched(&[2.0; 4], (2, 2), (5, 7)), [2.0; 35]);
        let wide = stretched(&[0.0, 1.0], (1, 2), (1, 4));
        assert_eq!(wide, [0.0, 0.25, 0.75, 1.0]);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        let (network, image) = (network(), image());
        let error = grad_cam(&network, &image, Some(10), None).unwrap_err();
        insta::assert_snapshot!(error, @"the CNN knows 10 classes, 0 to 9, so there is no class 10");
        let error = grad_cam(&network, &image, None, Some(3)).unwrap_err();
        insta::assert_snapshot!(error, @"the CNN has 2 convolutions, so there is no convolution 3");
        let none = OcclusionConfig { side: 0, ..OcclusionConfig::default() };
        let error = occlusion(&network, &image, None, &none).unwrap_err();
        insta::assert_snapshot!(error, @"a square of side 0, moved by 2, of grey 0: give at least 1 pixel for both, and a number from 0 to 1");
    }
}
