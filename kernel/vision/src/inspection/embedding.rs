//! The vector of features before the last layer, and where images lie in its space.

use super::{InspectionError, tsne::Planar};
use crate::data::Dataset;
use crate::network::{EVALUATION_BATCH, Network, Size};
use crate::table::Table;

/// Steps of the search for the two main directions. It ends sooner when they no longer move.
const STEPS: usize = 500;

/// Images as points in a plane.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedding {
    /// How the plane was found, in words.
    pub method: String,
    /// Number of features that each image had.
    pub n_features: usize,
    /// Across and up, one point for each image.
    pub points: Vec<[f64; 2]>,
    /// The class index of each image.
    pub labels: Vec<u8>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The share of the features' variance along each axis, for axes that have one (PCA).
    pub variance: Option<[f64; 2]>,
    /// What is left of the divergence, in nats, for planes that are found by lowering it (t-SNE).
    pub divergence: Option<f64>,
}

impl Embedding {
    /// The share of points whose nearest other point has the same class. It says how well the plane
    /// keeps classes apart; guessing gives the share of the class.
    pub fn neighbour_share(&self, class: Option<u8>) -> Option<f64> {
        let (mut n, mut same) = (0usize, 0usize);
        for (i, (point, label)) in self.points.iter().zip(&self.labels).enumerate() {
            if class.is_some_and(|class| class != *label) {
                continue;
            }
            let mut nearest = (f64::INFINITY, *label);
            for (j, (other, label)) in self.points.iter().zip(&self.labels).enumerate() {
                let (x, y) = (point[0] - other[0], point[1] - other[1]);
                let distance = x * x + y * y;
                if i != j && distance < nearest.0 {
                    nearest = (distance, *label);
                }
            }
            n += 1;
            same += usize::from(nearest.1 == *label && nearest.0.is_finite());
        }
        (n > 0).then(|| same as f64 / n as f64)
    }

    /// Every point as a table.
    pub fn table(&self) -> Table {
        let mut table = Table::new(self.method.clone(), ["image", "class", "across", "up"]);
        for (i, (point, label)) in self.points.iter().zip(&self.labels).enumerate() {
            let class = self.classes.get(usize::from(*label)).map_or("?", String::as_str);
            table.push([
                (i + 1).to_string(),
                class.to_owned(),
                format!("{:.3}", point[0]),
                format!("{:.3}", point[1]),
            ]);
        }
        table
    }

    pub(super) fn of(data: &Dataset, n_features: usize, planar: Planar) -> Self {
        let Planar { method, points, variance, divergence } = planar;
        let (labels, classes) = (data.labels().to_vec(), data.classes().to_vec());
        Embedding { method, n_features, points, labels, classes, variance, divergence }
    }
}

/// What goes into the network's last layer, for each image: `[images, features]`, and the number of
/// features.
///
/// # Errors
/// [`InspectionError::Empty`] without images, [`InspectionError::Layer`] when the images do not have
/// the network's input shape.
pub fn features(network: &Network, data: &Dataset) -> Result<(Vec<f32>, usize), InspectionError> {
    if data.is_empty() {
        return Err(InspectionError::Empty("no image was given"));
    }
    let layer = network.layer_names().count().saturating_sub(1);
    let n = network.size_after(layer).map_or(0, Size::len);
    let mut values = Vec::with_capacity(n * data.len());
    let places: Vec<usize> = (0..data.len()).collect();
    for places in places.chunks(EVALUATION_BATCH) {
        values.extend(network.answer(data.batch(places).0, layer)?.values);
    }
    Ok((values, n))
}

/// The images in the plane of the two directions along which their features vary most (Pearson 1901).
/// Each axis points to where its greatest loading is positive.
///
/// # Errors
/// As [`features`].
pub fn pca(network: &Network, data: &Dataset) -> Result<Embedding, InspectionError> {
    let (values, n) = features(network, data)?;
    let (points, variance) = principal_plane(&values, n);
    let method = format!("PCA of the {n} features before the last layer");
    let planar = Planar { method, points, variance: Some(variance), divergence: None };
    Ok(Embedding::of(data, n, planar))
}

/// Points `[n, features]` in the plane of their two main directions, and the share of the variance
/// along each. Found by orthogonal iteration from a fixed start.
pub(super) fn principal_plane(values: &[f32], n_features: usize) -> (Vec<[f64; 2]>, [f64; 2]) {
    let n = values.len() / n_features.max(1);
    let mut mean = vec![0.0f64; n_features];
    for row in values.chunks_exact(n_features.max(1)) {
        mean.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    mean.iter_mut().for_each(|sum| *sum /= n.max(1) as f64);
    let rows: Vec<f64> =
        values.iter().enumerate().map(|(i, &v)| f64::from(v) - mean[i % n_features]).collect();
    let total: f64 = rows.iter().map(|value| value * value).sum();
    if total <= 0.0 {
        return (vec![[0.0; 2]; n], [0.0; 2]);
    }
    // A start that is orthogonal to no direction but by accident.
    let mut axes: [Vec<f64>; 2] =
        [1, 2].map(|k| (0..n_features).map(|i| libm::cos((i * k + k) as f64)).collect());
    let mut spread = [0.0; 2];
    for _ in 0..STEPS {
        let next = axes.each_ref().map(|axis| covariance_times(&rows, axis));
        let before = spread;
        axes = next;
        spread = orthonormal(&mut axes);
        if spread.iter().zip(&before).all(|(a, b)| (a - b).abs() <= 1e-12 * a.abs()) {
            break;
        }
    }
    for axis in &mut axes {
        let mut greatest = 0.0f64;
        axis.iter().for_each(|x| greatest = if x.abs() > greatest.abs() { *x } else { greatest });
        if greatest < 0.0 {
            axis.iter_mut().for_each(|x| *x = -*x);
        }
    }
    let points =
        rows.chunks_exact(n_features).map(|row| axes.each_ref().map(|axis| dot(row, axis)));
    let points: Vec<[f64; 2]> = points.collect();
    let along = |k: usize| points.iter().map(|point| point[k] * point[k]).sum::<f64>() / total;
    let variance = [along(0), along(1)];
    (points, variance)
}

fn covariance_times(rows: &[f64], axis: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; axis.len()];
    for row in rows.chunks_exact(axis.len()) {
        let along = dot(row, axis);
        sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += along * value);
    }
    sum
}

/// Makes both of length 1 and the second orthogonal to the first; returns their lengths.
fn orthonormal([first, second]: &mut [Vec<f64>; 2]) -> [f64; 2] {
    let unit = |axis: &mut Vec<f64>| {
        let length = dot(axis, axis).sqrt();
        axis.iter_mut().for_each(|x| *x = if length > 0.0 { *x / length } else { 0.0 });
        length
    };
    let a = unit(first);
    let along = dot(first, second);
    second.iter_mut().zip(first.iter()).for_each(|(x, first)| *x -= along * first);
    [a, unit(second)]
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::network::Cnn;

    #[test]
    fn the_main_directions_of_a_known_cloud() {
        // 40 points on a grid: spread 3 along (0.6, 0.8, 0), spread 1 along (-0.8, 0.6, 0), and none
        // along the third axis.
        let grid = (0..40).map(|i| (f64::from(i % 8) - 3.5, f64::from(i / 8) - 2.0));
        let cloud: Vec<f32> = grid
            .clone()
            .flat_map(|(a, b)| [0.6 * 3.0 * a - 0.8 * b, 0.8 * 3.0 * a + 0.6 * b, 5.0])
            .map(|x| x as f32)
            .collect();
        let (points, variance) = principal_plane(&cloud, 3);
        for ((a, b), [x, y]) in grid.zip(&points) {
            assert!((x - 3.0 * a).abs() < 1e-4, "{x} {a}");
            assert!((y.abs() - b.abs()).abs() < 1e-4, "{y} {b}");
        }
        let (a, b) = (9.0 * 5.25, 2.0);
        assert!((variance[0] - a / (a + b)).abs() < 1e-6, "{variance:?}");
        assert!((variance[0] + variance[1] - 1.0).abs() < 1e-6);
        assert_eq!(principal_plane(&[1.0; 12], 3).1, [0.0; 2]);
    }

    #[test]
    fn features_are_what_the_last_layer_gets() {
        let network = Cnn::on([1, 28, 28]).conv(4, 5).relu().max_pool(4).hidden(12).seed(0);
        let network = network.classes(10).unwrap();
        let data = fashion_mnist().unwrap().test.first(120);
        let (values, n) = features(&network, &data).unwrap();
        assert_eq!((n, values.len()), (12, 1440));
        assert!(values.iter().all(|value| *value >= 0.0));
        let found = pca(&network, &data).unwrap();
        assert_eq!(found, pca(&network, &data).unwrap());
        assert_eq!((found.points.len(), found.table().rows.len()), (120, 120));
        assert!(found.neighbour_share(None).unwrap() > 0.1);
        assert_eq!(found.neighbour_share(Some(99)), None);
        let none = features(&network, &data.first(0)).unwrap_err();
        insta::assert_snapshot!(none, @"there is nothing to show: no image was given");
    }
}
