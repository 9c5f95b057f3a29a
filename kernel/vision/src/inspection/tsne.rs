//! Exact t-SNE: images whose features are near to each other become near points.

use super::InspectionError;
use super::embedding::{Embedding, features, principal_plane};
use crate::data::Dataset;
use crate::network::Network;
use crate::threads;
use rayon::prelude::*;

/// Images that exact t-SNE takes. Its time grows with the square of their number.
const MOST: usize = 2000;

/// How points are laid out (van der Maaten and Hinton 2008, "Visualizing data using t-SNE"). The
/// layout starts from PCA, not from noise (Kobak and Berens 2019), so there is no seed: the same
/// features give the same picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TsneConfig {
    /// About how many neighbours each image keeps close.
    pub perplexity: f64,
    /// Steps of gradient descent.
    pub steps: usize,
}

impl Default for TsneConfig {
    /// Perplexity 30, 500 steps.
    fn default() -> Self {
        TsneConfig { perplexity: 30.0, steps: 500 }
    }
}

/// A layout and what is known of it.
pub(super) struct Planar {
    pub(super) method: String,
    pub(super) points: Vec<[f64; 2]>,
    pub(super) variance: Option<[f64; 2]>,
    pub(super) divergence: Option<f64>,
}

/// The images as points in a plane such that neighbours in the space of features stay neighbours.
/// Distances between far points, and sizes of groups, mean nothing.
///
/// # Errors
/// [`InspectionError::Config`] for more than 2,000 images, or a perplexity that they are too few for;
/// else as [`features`].
pub fn tsne(
    network: &Network,
    data: &Dataset,
    config: &TsneConfig,
) -> Result<Embedding, InspectionError> {
    let n = data.len();
    let &TsneConfig { perplexity, steps } = config;
    if n > MOST {
        return Err(InspectionError::Config(format!(
            "exact t-SNE compares each image with each other one, and {n} are too many: give \
             {MOST} at most, such as data.first(1000)"
        )));
    }
    if !(perplexity >= 2.0 && perplexity * 3.0 <= n.saturating_sub(1) as f64) {
        return Err(InspectionError::Config(format!(
            "perplexity is {perplexity} for {n} images: give at least 2, and 3 × perplexity + 1 \
             images at least"
        )));
    }
    let (values, n_features) = features(network, data)?;
    let affinities = affinities(&values, n_features, perplexity);
    let (points, divergence) = layout(&affinities, principal_plane(&values, n_features).0, steps);
    let method = format!(
        "t-SNE of the {n_features} features before the last layer (perplexity {perplexity}, \
         {steps} steps from PCA)"
    );
    let planar = Planar { method, points, variance: None, divergence: Some(divergence) };
    Ok(Embedding::of(data, n_features, planar))
}

/// The joint probabilities `[n, n]` of being neighbours, with a bandwidth for each point that gives
/// it the perplexity.
fn affinities(values: &[f32], n_features: usize, perplexity: f64) -> Vec<f64> {
    let n = values.len() / n_features;
    let rows: Vec<&[f32]> = values.chunks_exact(n_features).collect();
    let mut conditional = vec![0.0f64; n * n];
    let target = libm::log(perplexity);
    let one = |(i, row): (usize, &mut [f64])| {
        for (distance, other) in row.iter_mut().zip(&rows) {
            let squares = rows[i].iter().zip(*other).map(|(a, b)| f64::from(a - b));
            *distance = squares.map(|difference| difference * difference).sum();
        }
        let distances = row.to_vec();
        let others = || distances.iter().enumerate().filter(|(j, _)| *j != i);
        let nearest = others().map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
        let (mut low, mut high, mut precision) = (0.0, f64::INFINITY, 1.0);
        // Bisection: the entropy falls as the precision grows.
        for _ in 0..64 {
            let (mut sum, mut weighed) = (0.0, 0.0);
            for (j, distance) in others() {
                let weight = libm::exp(-precision * (distance - nearest));
                row[j] = weight;
                sum += weight;
                weighed += weight * (distance - nearest);
            }
            row[i] = 0.0;
            row.iter_mut().for_each(|p| *p /= sum);
            let entropy = libm::log(sum) + precision * weighed / sum;
            if (entropy - target).abs() < 1e-7 {
                break;
            }
            if entropy > target {
                low = precision;
                precision = if high.is_finite() { (low + high) / 2.0 } else { precision * 2.0 };
            } else {
                high = precision;
                precision = (low + high) / 2.0;
            }
        }
    };
    threads::install(|| conditional.par_chunks_mut(n).enumerate().for_each(one));
    let mut joint = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            joint[i * n + j] = (conditional[i * n + j] + conditional[j * n + i]) / (2 * n) as f64;
        }
    }
    joint
}

/// Gradient descent on the divergence, with momentum, gains and early exaggeration.
fn layout(joint: &[f64], start: Vec<[f64; 2]>, steps: usize) -> (Vec<[f64; 2]>, f64) {
    let n = start.len();
    let spread = start.iter().map(|p| p[0] * p[0]).sum::<f64>() / n as f64;
    let scale = if spread > 0.0 { 1e-4 / spread.sqrt() } else { 0.0 };
    // Equal points would never part: each gets a place of its own, far below the scale of the start.
    let own = |i: usize| 1e-9 * (i as f64 - n as f64 / 2.0) / n as f64;
    let mut points: Vec<[f64; 2]> = start
        .iter()
        .enumerate()
        .map(|(i, p)| [p[0] * scale + own(i), p[1] * scale + own(i * 7 % n)])
        .collect();
    let mut velocity = vec![[0.0; 2]; n];
    let mut gains = vec![[1.0f64; 2]; n];
    let early = steps / 4;
    let rate = (n as f64 / 48.0).max(50.0);
    for step in 0..steps {
        let exaggeration = if step < early { 12.0 } else { 1.0 };
        let momentum = if step < early { 0.5 } else { 0.8 };
        let gradient = gradient(joint, &points, exaggeration);
        for i in 0..n {
            for k in 0..2 {
                let same = (gradient[i][k] > 0.0) == (velocity[i][k] > 0.0);
                let gain = &mut gains[i][k];
                *gain = (if same { *gain * 0.8 } else { *gain + 0.2 }).max(0.01);
                velocity[i][k] = momentum * velocity[i][k] - rate * *gain * gradient[i][k];
                points[i][k] += velocity[i][k];
            }
        }
        for k in 0..2 {
            let mean = points.iter().map(|point| point[k]).sum::<f64>() / n as f64;
            points.iter_mut().for_each(|point| point[k] -= mean);
        }
    }
    let divergence = divergence(joint, &points);
    (points, divergence)
}

/// Kullback and Leibler's divergence of the layout from the affinities, in nats.
fn divergence(joint: &[f64], points: &[[f64; 2]]) -> f64 {
    let n = points.len();
    let total = pulls(points).iter().sum::<f64>();
    let mut sum = 0.0;
    for (i, row) in joint.chunks_exact(n.max(1)).enumerate() {
        for (p, other) in row.iter().zip(points).filter(|(p, _)| **p > 0.0) {
            let q = (pull(points[i], *other) / total).max(f64::MIN_POSITIVE);
            sum += p * libm::log(p / q);
        }
    }
    sum
}

/// The gradient of the divergence at each point. Each row is summed in its own order, so that the
/// number of threads changes nothing.
fn gradient(joint: &[f64], points: &[[f64; 2]], exaggeration: f64) -> Vec<[f64; 2]> {
    let n = points.len();
    let total = pulls(points).iter().sum::<f64>();
    let one = |i: usize| {
        let [x, y] = points[i];
        let mut sum = [0.0f64; 2];
        for (p, other) in joint[i * n..(i + 1) * n].iter().zip(points) {
            let (across, up) = (x - other[0], y - other[1]);
            let pull = 1.0 / (1.0 + across * across + up * up);
            let force = (exaggeration * p - pull / total) * pull;
            sum[0] += force * across;
            sum[1] += force * up;
        }
        [4.0 * sum[0], 4.0 * sum[1]]
    };
    threads::install(|| (0..n).into_par_iter().map(one).collect())
}

/// For each point the sum of its pulls to all others.
fn pulls(points: &[[f64; 2]]) -> Vec<f64> {
    let one = |point: &[f64; 2]| points.iter().map(|other| pull(*point, *other)).sum::<f64>() - 1.0;
    threads::install(|| points.par_iter().map(one).collect())
}

/// Student's t with one degree of freedom, not normalised.
fn pull([x, y]: [f64; 2], [a, b]: [f64; 2]) -> f64 {
    1.0 / (1.0 + (x - a) * (x - a) + (y - b) * (y - b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::Mlp;
    use crate::random::Random;

    /// Three clouds in five dimensions.
    fn clouds() -> Vec<f32> {
        let mut random = Random::new(3);
        (0..120)
            .flat_map(|i| {
                std::array::from_fn::<f32, 5, _>(|k| {
                    random.uniform(-1.0, 1.0) + if k == i % 3 { 4.0 } else { 0.0 }
                })
            })
            .collect()
    }

    #[test]
    fn every_point_has_the_perplexity() {
        let values = clouds();
        let joint = affinities(&values, 5, 12.0);
        assert!((joint.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((0..120).all(|i| joint[i * 120 + i] == 0.0));
        assert!((0..120).all(|i| (joint[i * 120 + 7] - joint[7 * 120 + i]).abs() < 1e-15));
    }

    #[test]
    fn the_gradient_is_that_of_the_divergence() {
        let joint = affinities(&clouds(), 5, 12.0);
        let mut random = Random::new(1);
        let mut points: Vec<[f64; 2]> = (0..120)
            .map(|_| [f64::from(random.uniform(-2.0, 2.0)), f64::from(random.uniform(-2.0, 2.0))])
            .collect();
        let told = gradient(&joint, &points, 1.0);
        for (i, k) in [(0, 0), (5, 1), (77, 0)] {
            let step = 1e-4;
            points[i][k] += step;
            let above = divergence(&joint, &points);
            points[i][k] -= 2.0 * step;
            let below = divergence(&joint, &points);
            points[i][k] += step;
            let slope = (above - below) / (2.0 * step);
            assert!((slope - told[i][k]).abs() < 1e-6, "{slope} {}", told[i][k]);
        }
    }

    #[test]
    fn clouds_stay_together_and_threads_change_nothing() {
        let values = clouds();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let joint = affinities(&values, 5, 12.0);
                layout(&joint, principal_plane(&values, 5).0, 250)
            })
        };
        let (points, divergence) = run(1);
        assert_eq!((points.clone(), divergence), run(3));
        assert!(divergence > 0.0 && divergence < 1.2, "{divergence}");
        let near = |i: usize| {
            let distance = |j: usize| -pull(points[i], points[j]);
            let others = (0..120).filter(|j| *j != i);
            others.min_by(|a, b| distance(*a).total_cmp(&distance(*b))).unwrap()
        };
        let same = (0..120).filter(|i| near(*i) % 3 == i % 3).count();
        assert!(same >= 114, "{same}");
    }

    #[test]
    fn too_many_and_too_few_images_are_refused() {
        let network = Mlp::on([1, 28, 28]).hidden(8).seed(0).classes(10).unwrap();
        let data = fashion_mnist().unwrap();
        let fails = |data: &Dataset| tsne(&network, data, &TsneConfig::default()).unwrap_err();
        insta::assert_snapshot!(fails(&data.test.first(50)), @"perplexity is 30 for 50 images: give at least 2, and 3 × perplexity + 1 images at least");
        insta::assert_snapshot!(fails(&data.train.first(2001)), @"exact t-SNE compares each image with each other one, and 2001 are too many: give 2000 at most, such as data.first(1000)");
        let few = TsneConfig { perplexity: 5.0, steps: 40 };
        let found = tsne(&network, &data.test.first(40), &few).unwrap();
        assert!(found.points.iter().flatten().all(|x| x.is_finite()));
    }
}
