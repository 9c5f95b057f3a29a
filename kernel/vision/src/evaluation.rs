//! How good a network is: accuracy, confusion, and what shifting the images does.

use crate::data::Dataset;
use crate::layer::LayerError;
use crate::loss::softmax;
use crate::network::Network;
use crate::table::{Table, percent};

/// What a network makes of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
    /// Which class was taken for which.
    pub confusion: ConfusionMatrix,
}

/// How often an image of one class (row) was taken for another (column).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// The network's name.
    pub network: String,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// `counts[truth][prediction]`.
    pub counts: Vec<Vec<usize>>,
}

impl ConfusionMatrix {
    /// The pair of different classes that is confused most: truth, prediction, how often.
    pub fn worst_pair(&self) -> Option<(&str, &str, usize)> {
        let mut worst = None;
        for (truth, row) in self.counts.iter().enumerate() {
            for (prediction, &n) in row.iter().enumerate() {
                if truth != prediction && worst.is_none_or(|(_, _, most)| n > most) {
                    worst = Some((truth, prediction, n));
                }
            }
        }
        worst.map(|(truth, prediction, n)| {
            (self.classes[truth].as_str(), self.classes[prediction].as_str(), n)
        })
    }

    /// The share of a class's images that were recognised, or `None` for a class without images.
    pub fn recall(&self, class: usize) -> Option<f64> {
        let row = self.counts.get(class)?;
        let total: usize = row.iter().sum();
        (total > 0).then(|| row[class] as f64 / total as f64)
    }

    /// The matrix as a table.
    pub fn table(&self) -> Table {
        let headers = std::iter::once("truth ＼ prediction".to_owned());
        let caption = format!("Confusion of the {}", self.network);
        let mut table = Table::new(caption, headers.chain(self.classes.iter().cloned()));
        for (class, row) in self.classes.iter().zip(&self.counts) {
            table.push(std::iter::once(class.clone()).chain(row.iter().map(usize::to_string)));
        }
        table
    }
}

/// Accuracy of one network on images shifted by 0, 1, 2, ... pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct ShiftCurve {
    /// The network's name.
    pub network: String,
    /// Accuracy at each distance in pixels, the mean of right, left, down and up.
    pub accuracy: Vec<f64>,
}

/// Loss, accuracy and confusion on a data set.
///
/// # Errors
/// [`LayerError`] when the images do not have the network's input shape.
pub fn evaluate(network: &Network, data: &Dataset) -> Result<Evaluation, LayerError> {
    let n_classes = network.n_classes();
    let mut counts = vec![vec![0; data.classes().len().max(n_classes)]; data.classes().len()];
    let (mut loss, mut n_correct) = (0.0f64, 0usize);
    let places: Vec<usize> = (0..data.len()).collect();
    for places in places.chunks(crate::network::EVALUATION_BATCH) {
        let (values, labels) = data.batch(places);
        for (scores, &label) in network.scores(values)?.chunks_exact_mut(n_classes).zip(&labels) {
            let label = usize::from(label);
            let prediction = crate::network::best(scores);
            counts[label][prediction] += 1;
            n_correct += usize::from(prediction == label);
            let target = scores.get(label).copied().unwrap_or(f32::NEG_INFINITY);
            let (max, total) = softmax(scores);
            loss += f64::from(max - target) + libm::log(f64::from(total));
        }
    }
    let n = data.len().max(1) as f64;
    let classes = data.classes().to_vec();
    let confusion = ConfusionMatrix { network: network.name().into(), classes, counts };
    Ok(Evaluation { loss: loss / n, accuracy: n_correct as f64 / n, confusion })
}

/// Accuracy on images shifted by 0 to `max` pixels.
///
/// # Errors
/// [`LayerError`] when the images do not have the network's input shape.
pub fn shift_curve(
    network: &Network,
    data: &Dataset,
    max: usize,
) -> Result<ShiftCurve, LayerError> {
    let mut accuracy = Vec::with_capacity(max + 1);
    for distance in 0..=max as isize {
        let directions: &[(isize, isize)] = match distance {
            0 => &[(0, 0)],
            _ => &[(1, 0), (-1, 0), (0, 1), (0, -1)],
        };
        let mut sum = 0.0;
        for (right, down) in directions {
            let shifted = data.shifted(right * distance, down * distance);
            sum += evaluate(network, &shifted)?.accuracy;
        }
        accuracy.push(sum / directions.len() as f64);
    }
    Ok(ShiftCurve { network: network.name().into(), accuracy })
}

/// Shift curves side by side as a table.
pub fn shift_table(curves: &[ShiftCurve]) -> Table {
    let names = curves.iter().map(|curve| curve.network.clone());
    let caption = "Accuracy on test images shifted right, left, down and up (mean)";
    let mut table = Table::new(caption, std::iter::once("shift in pixels".to_owned()).chain(names));
    let longest = curves.iter().map(|curve| curve.accuracy.len()).max().unwrap_or(0);
    for distance in 0..longest {
        let cells = curves
            .iter()
            .map(|curve| curve.accuracy.get(distance).map_or_else(|| "–".into(), |&a| percent(a)));
        table.push(std::iter::once(distance.to_string()).chain(cells));
    }
    table
}

/// Right answers among scores, `[n, classes]`.
pub(crate) fn correct(scores: &[f32], labels: &[u8], n_classes: usize) -> usize {
    let rows = scores.chunks_exact(n_classes).zip(labels);
    rows.filter(|(row, label)| crate::network::best(row) == usize::from(**label)).count()
}
