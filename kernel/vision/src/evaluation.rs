//! How good a network is: accuracy, confusion, and what shifting the images does.

use crate::data::Dataset;
use crate::layer::LayerError;
use crate::loss::softmax;
use crate::network::{EVALUATION_BATCH, Network, Stepper};
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
    let mut seen = Tally::new(network, data);
    for places in batches(data, EVALUATION_BATCH) {
        let (values, labels) = data.batch(&places);
        seen.add(network.scores(values)?, &labels);
    }
    Ok(seen.evaluation(network, data))
}

/// [`evaluate`] in the middle of a training, by the stepper if that has the parameters now. Asks before
/// each batch whether to go on; `None` if not.
pub(crate) fn evaluate_while(
    network: &Network,
    mut stepper: Option<&mut Stepper>,
    data: &Dataset,
    batch: usize,
    keep_going: &mut dyn FnMut() -> bool,
) -> Result<Option<Evaluation>, LayerError> {
    let mut seen = Tally::new(network, data);
    let mut scores = |images: Vec<f32>| match &mut stepper {
        Some(stepper) => stepper.scores(&images).map(<[f32]>::to_vec),
        None => network.scores(images),
    };
    for places in batches(data, batch) {
        if !keep_going() {
            return Ok(None);
        }
        let (values, labels) = data.batch(&places);
        seen.add(scores(values)?, &labels);
    }
    Ok(Some(seen.evaluation(network, data)))
}

/// The places of all images of a data set, batch by batch.
fn batches(data: &Dataset, batch: usize) -> impl Iterator<Item = Vec<usize>> {
    let len = data.len();
    (0..len).step_by(batch).map(move |start| (start..len.min(start + batch)).collect())
}

/// An evaluation under way.
struct Tally {
    n_classes: usize,
    counts: Vec<Vec<usize>>,
    loss: f64,
    n_correct: usize,
}

impl Tally {
    fn new(network: &Network, data: &Dataset) -> Self {
        let n_classes = network.n_classes();
        let all = data.classes().len().max(n_classes);
        let counts = vec![vec![0; all]; all];
        Tally { n_classes, counts, loss: 0.0, n_correct: 0 }
    }

    /// Counts a batch, given its scores.
    fn add(&mut self, mut scores: Vec<f32>, labels: &[u8]) {
        for (scores, &label) in scores.chunks_exact_mut(self.n_classes).zip(labels) {
            let label = usize::from(label);
            let prediction = crate::network::best(scores);
            self.counts[label][prediction] += 1;
            self.n_correct += usize::from(prediction == label);
            let target = scores.get(label).copied().unwrap_or(f32::NEG_INFINITY);
            let (max, total) = softmax(scores);
            self.loss += f64::from(max - target) + libm::log(f64::from(total));
        }
    }

    fn evaluation(self, network: &Network, data: &Dataset) -> Evaluation {
        let n = data.len().max(1) as f64;
        let known = data.classes().iter().cloned();
        // A network may have been built for more classes than these data have.
        let unknown = (data.classes().len()..self.counts.len()).map(|i| format!("class {i}"));
        let classes = known.chain(unknown).collect();
        let network = network.name().into();
        let confusion = ConfusionMatrix { network, classes, counts: self.counts };
        Evaluation { loss: self.loss / n, accuracy: self.n_correct as f64 / n, confusion }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ShapesConfig;
    use crate::network::Mlp;

    #[test]
    fn a_network_of_more_classes_than_the_data_have_is_evaluated() {
        let data = ShapesConfig { per_class: 3, ..ShapesConfig::default() }.splits().unwrap().test;
        let known = data.classes().len();
        let network = Mlp::on(data.image_shape()).seed(2).classes(known + 2).unwrap();
        let Evaluation { confusion, .. } = evaluate(&network, &data).unwrap();
        let last = confusion.classes.last().unwrap();
        assert_eq!((confusion.classes.len(), last), (known + 2, &format!("class {}", known + 1)));
        assert_eq!(confusion.counts.iter().flatten().sum::<usize>(), data.len());
        assert!(confusion.worst_pair().is_some());
    }
}
