//! A multilayer perceptron against a convolutional network: same images, same budget of parameters,
//! same training; then on images that are moved.

use crate::data::Splits;
use crate::evaluation::{ShiftCurve, shift_curve};
use crate::layer::LayerError;
use crate::network::{Mlp, Network, NetworkError};
use crate::table::{Table, grouped, percent};
use crate::training::{FitConfig, FitError, History};

/// Both networks after training, and how they did.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The multilayer perceptron and the convolutional network, in this order.
    pub networks: [Network; 2],
    /// Their trainings.
    pub histories: [History; 2],
    /// Their accuracy on test images that are moved by 0, 1, 2, ... pixels.
    pub shifts: [ShiftCurve; 2],
    /// Number of test images.
    pub n_test: usize,
}

/// Why two networks could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComparisonError {
    /// There is no such perceptron.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A training stopped short.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// A network could not look at the images.
    #[error(transparent)]
    Layer(#[from] LayerError),
}

/// Trains a convolutional network and [a perceptron of its budget](mlp_of_budget) on the same images in
/// the same order, and measures both on test images moved by up to `max_shift` pixels.
///
/// # Errors
/// [`ComparisonError`] when the network does not fit the images, or a training fails.
///
/// ```
/// use momentum_vision::prelude::*;
/// let data = fashion_mnist()?;
/// let data = Splits {
///     train: data.train.first(300), validation: data.validation.first(50), test: data.test.first(50),
/// };
/// let cnn = Cnn::on([1, 28, 28]).conv(4, 5).relu().max_pool(4).hidden(16).seed(0).classes(10)?;
/// let config = FitConfig { epochs: 1, seed: 0, ..FitConfig::default() };
/// let both = mlp_against_cnn(cnn, &data, &config, 1)?;
/// let [mlp, cnn] = both.networks.each_ref().map(|network| network.summary().n_parameters as f64);
/// assert!((mlp / cnn - 1.0).abs() < 0.2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn mlp_against_cnn(
    cnn: Network,
    data: &Splits,
    config: &FitConfig,
    max_shift: usize,
) -> Result<Comparison, ComparisonError> {
    let mlp = mlp_of_budget(cnn.input_shape(), cnn.n_classes(), n_parameters(&cnn), config.seed)?;
    let mut networks = [mlp, cnn];
    let [mlp, cnn] = &mut networks;
    let histories = [
        mlp.fit(&data.train, &data.validation, config)?,
        cnn.fit(&data.train, &data.validation, config)?,
    ];
    let [mlp, cnn] = &networks;
    let shifts =
        [shift_curve(mlp, &data.test, max_shift)?, shift_curve(cnn, &data.test, max_shift)?];
    Ok(Comparison { networks, histories, shifts, n_test: data.test.len() })
}

/// The perceptron with two hidden layers of equal width whose number of parameters is nearest to a
/// budget.
///
/// # Errors
/// [`NetworkError`] for an input or a number of classes that no network can have.
pub fn mlp_of_budget(
    input: [usize; 3],
    classes: usize,
    n_parameters: usize,
    seed: u64,
) -> Result<Network, NetworkError> {
    let inputs: usize = input.iter().product();
    let cost = |width: usize| (inputs + 1 + width + 1 + classes) * width + classes;
    let above = (1..).find(|&width| cost(width) >= n_parameters).unwrap_or(1);
    let nearer =
        |a: usize, b: usize| cost(a).abs_diff(n_parameters) <= cost(b).abs_diff(n_parameters);
    let below = (above - 1).max(1);
    let width = if nearer(above, below) { above } else { below };
    Mlp::on(input).hidden(width).hidden(width).seed(seed).classes(classes)
}

impl Comparison {
    /// Both networks side by side as a table: size, accuracy on the test images as they are with its
    /// standard error, and on the moved ones.
    pub fn table(&self) -> Table {
        let names = self.networks.iter().map(|network| network.name().to_owned());
        let headers = std::iter::once("measured".to_owned()).chain(names);
        let caption = format!("Same images, same budget: {} test images", grouped(self.n_test));
        let mut table = Table::new(caption, headers);
        let mut row = |name: String, cell: &dyn Fn(usize) -> String| {
            table.push([name, cell(0), cell(1)]);
        };
        let summaries = self.networks.each_ref().map(Network::summary);
        row("parameters".into(), &|i| grouped(summaries[i].n_parameters));
        row("multiply-adds for one image".into(), &|i| grouped(summaries[i].multiply_adds));
        row("validation accuracy".into(), &|i| {
            let last = self.histories[i].epochs.last();
            last.map_or_else(|| "–".into(), |epoch| percent(epoch.validation_accuracy))
        });
        row("test accuracy".into(), &|i| {
            let (accuracy, error) = self.accuracy(i);
            format!("{} ± {:.1}", percent(accuracy), error * 100.0)
        });
        let longest = self.shifts.iter().map(|curve| curve.accuracy.len()).max().unwrap_or(0);
        for distance in 1..longest {
            let pixels = if distance == 1 { "pixel" } else { "pixels" };
            row(format!("moved by {distance} {pixels}"), &|i| {
                let accuracy = self.shifts[i].accuracy.get(distance);
                accuracy.map_or_else(|| "–".into(), |accuracy| percent(*accuracy))
            });
        }
        table
    }

    /// Accuracy on the test images as they are and its standard error, of the perceptron (0) or the
    /// convolutional network (1).
    ///
    /// # Panics
    /// If there is no such network.
    pub fn accuracy(&self, i: usize) -> (f64, f64) {
        let accuracy = self.shifts[i].accuracy.first().copied().unwrap_or(0.0);
        (accuracy, (accuracy * (1.0 - accuracy) / self.n_test.max(1) as f64).sqrt())
    }
}

fn n_parameters(network: &Network) -> usize {
    network.summary().n_parameters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;
    use crate::evaluation::evaluate;
    use crate::network::{Cnn, mnist_cnn};

    #[test]
    fn the_nearest_perceptron() {
        let cnn = mnist_cnn().unwrap();
        let mlp = mlp_of_budget([1, 28, 28], 10, n_parameters(&cnn), 0).unwrap();
        assert_eq!(n_parameters(&mlp), 61_567);
        let least = mlp_of_budget([1, 28, 28], 10, 5, 0).unwrap();
        assert_eq!(n_parameters(&least), 785 + 2 + 20);
    }

    #[test]
    fn both_learn_and_the_table_says_how_well() {
        let data = fashion_mnist().unwrap();
        let data = Splits {
            train: data.train.first(300),
            validation: data.validation.first(60),
            test: data.test.first(60),
        };
        let cnn = Cnn::on([1, 28, 28]).conv(4, 5).relu().max_pool(4).hidden(16).seed(0);
        let config = FitConfig { epochs: 2, batch: 30, seed: 0, ..FitConfig::default() };
        let both = mlp_against_cnn(cnn.classes(10).unwrap(), &data, &config, 2).unwrap();
        assert!(both.histories.iter().all(|history| history.epochs.len() == 2));
        let table = both.table();
        assert_eq!(table.headers, ["measured", "MLP", "CNN"]);
        assert_eq!(table.rows.len(), 6);
        let now = evaluate(&both.networks[1], &data.test).unwrap().accuracy;
        assert_eq!(both.accuracy(1).0, now);
    }
}
