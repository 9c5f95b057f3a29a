//! Edge-ness: how much of what a unit looks for is an oriented edge or line, layer by layer.

use super::InspectionError;
use super::pattern::patterns;
use crate::data::Dataset;
use crate::network::Network;
use crate::threads;
use rayon::prelude::*;

/// Directions of the filters, 15° apart.
const ANGLES: usize = 12;

/// A single filter: what it is, and its values, of length 1 and sum 0.
#[derive(Clone, Debug)]
struct Filter {
    is_line: bool,
    degrees: usize,
    values: Vec<f32>,
}

/// Edges and lines of every direction, at several places and sizes, on a square of pixels.
///
/// An edge is the first derivative of a Gaussian across its direction, a line the second; along its
/// direction the Gaussian is as wide, or twice as wide. Such filters model the simple cells of the
/// visual cortex about as well as Gabor's (Young 1987, "The Gaussian derivative model for spatial
/// vision"), with fewer numbers to choose.
///
/// ```
/// use momentum_vision::inspection::{Oriented, OrientedFilters};
/// let filters = OrientedFilters::new(5);
/// let edge: Vec<f32> = (0..25).map(|i| [-1.0, -2.0, 0.0, 2.0, 1.0][i % 5]).collect();
/// let found = filters.best(&edge);
/// assert!(found.share > 0.8 && !found.is_line && found.degrees == 90);
/// assert!(filters.best(&[1.0; 25]).share < 1e-6); // brightness has no direction
/// ```
#[derive(Clone, Debug)]
pub struct OrientedFilters {
    area: usize,
    all: Vec<Filter>,
}

/// The oriented filter that explains a pattern best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oriented {
    /// The share of the pattern's squares that it explains, from 0 to 1.
    pub share: f64,
    /// Whether it is a line; else an edge.
    pub is_line: bool,
    /// The direction in which the edge or line runs: 0 is level, 90 upright.
    pub degrees: usize,
}

impl OrientedFilters {
    /// The filters for patterns of `side` by `side` pixels.
    pub fn new(side: usize) -> Self {
        let reach = (side as f64 - 1.0) / 2.0;
        let mut sizes: Vec<f64> =
            [0.12, 0.18, 0.27, 0.4].iter().map(|share| (share * side as f64).max(0.6)).collect();
        sizes.dedup();
        let mut all = Vec::new();
        let places = [-0.5, -0.25, 0.0, 0.25, 0.5].map(|share| reach + share * reach);
        for (&size, long) in sizes.iter().flat_map(|size| [(size, 1.0), (size, 2.0)]) {
            for (&y, x) in places.iter().flat_map(|y| places.map(|x| (y, x))) {
                for (turn, is_line) in (0..ANGLES).flat_map(|turn| [(turn, false), (turn, true)]) {
                    let values = filter(side, [x, y], turn, size, long, is_line);
                    let degrees = turn * 180 / ANGLES;
                    all.extend(values.map(|values| Filter { is_line, degrees, values }));
                }
            }
        }
        OrientedFilters { area: side * side, all }
    }

    /// The filter that explains most of a pattern, `[channels, side, side]`: the same filter for all
    /// channels, with a weight of its own for each.
    pub fn best(&self, pattern: &[f32]) -> Oriented {
        let total: f64 = pattern.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let mut best = Oriented { share: 0.0, is_line: false, degrees: 0 };
        for filter in self.all.iter().filter(|_| total > 0.0) {
            let along = |plane: &[f32]| plane.iter().zip(&filter.values).map(|(a, b)| a * b).sum();
            let planes = pattern.chunks_exact(self.area.max(1));
            let share = planes.map(along).map(|x: f32| f64::from(x * x)).sum::<f64>() / total;
            if share > best.share {
                best = Oriented { share, is_line: filter.is_line, degrees: filter.degrees };
            }
        }
        best.share = best.share.min(1.0);
        best
    }
}

/// One filter, or `None` where the square is too small for it to differ from zero.
fn filter(
    side: usize,
    [x, y]: [f64; 2],
    turn: usize,
    size: f64,
    long: f64,
    is_line: bool,
) -> Option<Vec<f32>> {
    let angle = turn as f64 * std::f64::consts::PI / ANGLES as f64;
    let (sin, cos) = (libm::sin(angle), libm::cos(angle));
    let mut values = Vec::with_capacity(side * side);
    for row in 0..side {
        for column in 0..side {
            // Rows count downwards, angles turn upwards.
            let (right, up) = (column as f64 - x, y - row as f64);
            let along = (right * cos + up * sin) / (size * long);
            let across = (up * cos - right * sin) / size;
            let bell = libm::exp(-(along * along + across * across) / 2.0);
            values.push(bell * if is_line { 1.0 - across * across } else { across });
        }
    }
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    values.iter_mut().for_each(|value| *value -= mean);
    let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
    (length > 1e-6).then(|| values.iter().map(|value| (value / length) as f32).collect())
}

/// How edges are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeConfig {
    /// Patches over which the pattern of each channel is averaged.
    pub patches: usize,
    /// Networks with random weights to compare with.
    pub controls: usize,
    /// Seed of the random weights.
    pub seed: u64,
}

impl Default for EdgeConfig {
    /// 9 patches, 3 random networks, their seeds from 1,000,000 on: no one trains with these.
    fn default() -> Self {
        EdgeConfig { patches: 9, controls: 3, seed: 1_000_000 }
    }
}

/// Edge-ness of each convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeProfile {
    /// The network's name.
    pub network: String,
    /// Number of random networks that it is compared with.
    pub controls: usize,
    /// Convolution by convolution.
    pub layers: Vec<LayerEdges>,
}

/// Edge-ness of one convolution.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerEdges {
    /// The convolution, from 1.
    pub convolution: usize,
    /// The layer as written.
    pub layer: String,
    /// Side of its units' receptive field, in pixels.
    pub field: usize,
    /// The best oriented filter for each channel.
    pub channels: Vec<Oriented>,
    /// The same for all channels of all random networks.
    pub random: Vec<Oriented>,
    /// For each channel the [`edge_share`] of its pattern: one plain ramp, no search.
    pub ramps: Vec<f64>,
    /// The same for all channels of all random networks.
    pub random_ramps: Vec<f64>,
}

impl LayerEdges {
    /// Mean share of the channels.
    pub fn mean(&self) -> f64 {
        mean(self.channels.iter().map(|found| found.share))
    }

    /// Mean share of the random networks' channels: what the search for the best filter finds where
    /// nothing was learnt.
    pub fn random_mean(&self) -> f64 {
        mean(self.random.iter().map(|found| found.share))
    }

    /// Mean [`edge_share`] of the channels, and of the random networks' channels.
    pub fn ramp_means(&self) -> (f64, f64) {
        (mean(self.ramps.iter().copied()), mean(self.random_ramps.iter().copied()))
    }

    /// The share of channels that are more edge-like than 95 % of the random ones. Where training
    /// changed nothing it is about 5 %.
    pub fn above_random(&self) -> f64 {
        let mut random: Vec<f64> = self.random.iter().map(|found| found.share).collect();
        random.sort_by(f64::total_cmp);
        let limit = random.get(random.len() * 95 / 100).copied().unwrap_or(1.0);
        let above = self.channels.iter().filter(|found| found.share > limit).count();
        above as f64 / self.channels.len().max(1) as f64
    }
}

fn mean(all: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = all.len().max(1) as f64;
    all.sum::<f64>() / n
}

/// How much of what each channel looks for one oriented edge or line explains, convolution by
/// convolution, beside the same for networks of the same plan with random weights.
///
/// What a channel looks for is the gradient of its answer with respect to the image, averaged over the
/// patches that excite it most: for the first convolution its kernel itself, for later ones the kernel
/// that stands for all layers up to there, as they work around these patches. The best of many filters
/// fits something to any pattern, and the less the more pixels there are; so a share says nothing
/// alone, and must be compared with that of random weights in the *same* layer. Small kernels leave that
/// search so much room that it hardly tells learnt from random ones, so each layer also has the plain
/// [`edge_share`], which searches for nothing.
///
/// # Errors
/// [`InspectionError::NoConvolution`] for a network without convolutions,
/// [`InspectionError::Config`] without patches or random networks.
pub fn edge_profile(
    network: &Network,
    data: &Dataset,
    config: &EdgeConfig,
) -> Result<EdgeProfile, InspectionError> {
    let &EdgeConfig { patches, controls, seed } = config;
    if patches == 0 || controls == 0 {
        return Err(InspectionError::Config(format!(
            "{patches} patches and {controls} random networks: give at least 1 of both"
        )));
    }
    super::convolution_layer(network, 1)?;
    let random = (0..controls as u64).map(|i| network.untrained(seed.wrapping_add(i)));
    let random = random.collect::<Result<Vec<Network>, _>>()?;
    let names: Vec<&str> = network.layer_names().collect();
    let mut layers = Vec::new();
    for (i, layer) in network.convolutions().into_iter().enumerate() {
        let (field, own) = patterns(network, data, i + 1, patches)?;
        let mut others = Vec::new();
        for network in &random {
            others.extend(patterns(network, data, i + 1, patches)?.1);
        }
        let filters = OrientedFilters::new(field.side);
        let best = |patterns: &[Vec<f32>]| -> Vec<Oriented> {
            threads::install(|| patterns.par_iter().map(|p| filters.best(p)).collect())
        };
        layers.push(LayerEdges {
            convolution: i + 1,
            layer: names[layer - 1].to_owned(),
            field: field.side,
            channels: best(&own),
            random: best(&others),
            ramps: ramps(&own, field.side),
            random_ramps: ramps(&others, field.side),
        });
    }
    Ok(EdgeProfile { network: network.name().into(), controls, layers })
}

/// The edge share of each pattern, `[channels, side, side]`, averaged over its channels.
fn ramps(patterns: &[Vec<f32>], side: usize) -> Vec<f64> {
    let flat = |pattern: &Vec<f32>| {
        let mut sum = vec![0.0; side * side];
        pattern.iter().enumerate().for_each(|(i, value)| sum[i % (side * side)] += value);
        edge_share(&sum, side)
    };
    patterns.iter().map(flat).collect()
}

/// How much of a square kernel an oriented edge explains, from 0 to 1: the share of its variance that
/// lies in the plane of the horizontal and the vertical brightness ramp. Any kernel that answers to a
/// brightness step in one direction, whatever the direction, comes near 1; of random numbers it is
/// 2 / (side² - 1) on average, for 3 x 3 one quarter.
///
/// ```
/// use momentum_vision::inspection::edge_share;
/// let edge = [-1.0, 0.0, 1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 1.0];
/// let spot = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
/// assert_eq!((edge_share(&edge, 3), edge_share(&spot, 3)), (1.0, 0.0));
/// ```
pub fn edge_share(kernel: &[f32], side: usize) -> f64 {
    let middle = (side as f64 - 1.0) / 2.0;
    let mean = kernel.iter().map(|&w| f64::from(w)).sum::<f64>() / kernel.len().max(1) as f64;
    let (mut across, mut down, mut ramp, mut variance) = (0.0, 0.0, 0.0, 0.0);
    for (i, &weight) in kernel.iter().enumerate() {
        let weight = f64::from(weight) - mean;
        let (x, y) = ((i % side) as f64 - middle, (i / side) as f64 - middle);
        across += weight * x;
        down += weight * y;
        ramp += x * x;
        variance += weight * weight;
    }
    if ramp * variance > 0.0 { (across * across + down * down) / (ramp * variance) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::{Cnn, Mlp};
    use crate::random::Random;

    #[test]
    fn an_edge_of_any_direction_is_found_with_its_direction() {
        let filters = OrientedFilters::new(9);
        for turn in 0..ANGLES {
            let values = filter(9, [4.5, 3.7], turn, 1.9, 1.6, turn % 2 == 0).unwrap();
            let found = filters.best(&values);
            assert!(found.share > 0.7, "{turn}: {found:?}");
            assert_eq!((found.degrees, found.is_line), (turn * 15, turn % 2 == 0));
        }
    }

    #[test]
    fn noise_is_less_of_an_edge_the_more_pixels_it_has() {
        let mut random = Random::new(0);
        let mut mean = |side: usize| {
            let filters = OrientedFilters::new(side);
            let share = |_| {
                let noise: Vec<f32> = (0..side * side).map(|_| random.uniform(-1.0, 1.0)).collect();
                filters.best(&noise).share
            };
            (0..20).map(share).sum::<f64>() / 20.0
        };
        let (small, large) = (mean(5), mean(15));
        assert!(large < 0.15 && small > 0.25 && small < 0.7, "{small} {large}");
    }

    #[test]
    fn an_untrained_network_is_like_its_controls() {
        let cnn = Cnn::on([1, 28, 28]).conv(8, 5).relu().max_pool(2).conv(8, 3).seed(1);
        let cnn = cnn.classes(10).unwrap();
        let data = fashion_mnist().unwrap().test.first(60);
        let config = EdgeConfig { patches: 3, ..EdgeConfig::default() };
        let profile = edge_profile(&cnn, &data, &config).unwrap();
        assert_eq!(profile, edge_profile(&cnn, &data, &config).unwrap());
        let sides: Vec<usize> = profile.layers.iter().map(|layer| layer.field).collect();
        assert_eq!(sides, [5, 10]);
        for layer in &profile.layers {
            assert_eq!((layer.channels.len(), layer.random.len()), (8, 24));
            assert!((layer.mean() - layer.random_mean()).abs() < 0.15, "{layer:?}");
            assert_eq!((layer.ramps.len(), layer.random_ramps.len()), (8, 24));
            let (own, random) = layer.ramp_means();
            assert!(own > 0.0 && random > 0.0 && (own - random).abs() < 0.15, "{own} {random}");
        }
        let mlp = Mlp::on([1, 28, 28]).classes(10).unwrap();
        let error = edge_profile(&mlp, &data, &config).unwrap_err();
        insta::assert_snapshot!(error, @"the MLP has 0 convolutions, so there is no convolution 1");
    }
}
