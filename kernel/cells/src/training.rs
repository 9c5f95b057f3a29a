//! Trainings and downloads, live: one display that is updated in place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use momentum_vision::data::{DataError, Transfer, data_folder};
use momentum_vision::figure::{live_training, training_view};
use momentum_vision::prelude::{Collection, Dataset, FitConfig, History, Network, Splits};
use momentum_vision::training::{FitError, Monitor};

use crate::bundle::{Bundle, Show};
use crate::channel::{listens, show, show_as, update};

/// Time between two pictures, at least: a picture costs the training a few milliseconds.
const INTERVAL: Duration = Duration::from_millis(400);

/// Trains with a picture that follows: loss and accuracy while learning and on the validation images,
/// images per second, time left. In the end the picture says nothing of time, so that each run leaves
/// the same notebook. Interrupting the cell ends the training and keeps what was learnt.
///
/// # Errors
///
/// As [`Network::fit_with`]; the picture shows how far it came.
///
/// ```
/// use momentum_cells::prelude::*;
///
/// let data = fashion_mnist()?;
/// let mut cnn = Cnn::on([1, 28, 28]).conv(4, 3).relu().max_pool(4).seed(0).classes(10)?;
/// let config = FitConfig { epochs: 1, seed: 0, ..FitConfig::default() };
/// let history = fit_live(&mut cnn, &data.train.first(256), &data.validation, &config)?;
/// assert_eq!(history.epochs.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fit_live(
    network: &mut Network,
    train: &Dataset,
    validation: &Dataset,
    config: &FitConfig,
) -> Result<History, FitError> {
    let mut display = Place::new("training");
    let (mut monitor, start) = (Monitor::default(), Instant::now());
    let mut drawn: Option<Instant> = None;
    let history = network.fit_with(train, validation, config, &mut |progress| {
        monitor.observe(&progress, start.elapsed());
        if listens() && drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) {
            drawn = Some(Instant::now());
            if let Ok(picture) = live_training(&monitor) {
                display.show(&picture);
            }
        }
    });
    match training_view(&monitor) {
        Ok(picture) => display.show(&picture),
        // Nothing was learnt: an error says why, or the training was done before.
        Err(error) if history.is_ok() || display.is_used => display.show(&error.to_string()),
        Err(_) => {}
    }
    history
}

/// A public data set in its whole size, downloaded into the user's cache if it is not there yet. A bar
/// says how far the download is; in the end it says what there is, the same in each run.
///
/// # Errors
///
/// As [`Collection::download`].
///
/// ```no_run
/// use momentum_cells::prelude::*;
///
/// let data = download(Collection::FashionMnist)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn download(collection: Collection) -> Result<Splits, DataError> {
    let mut display = Place::new("download");
    let folder = data_folder().ok_or_else(|| DataError::Folder {
        path: "~/.cache/momentum/data".into(),
        problem: "there is no HOME, so it is unknown where downloads go: set MOMENTUM_CACHE_DIR"
            .into(),
    })?;
    let mut drawn: Option<Instant> = None;
    let data = collection.download(&folder, &mut |transfer| {
        if listens() && drawn.is_none_or(|drawn| drawn.elapsed() >= INTERVAL) {
            drawn = Some(Instant::now());
            display.show(&bar(collection, transfer));
        }
    });
    let words = match &data {
        Ok(Splits { train, validation, test }) => format!(
            "{}: {} images to train with, {} to validate, {} to test",
            collection.name(),
            train.len(),
            validation.len(),
            test.len()
        ),
        Err(_) => format!("{}: not downloaded", collection.name()),
    };
    display.show(&words);
    data
}

fn bar(collection: Collection, Transfer { file, done, len }: &Transfer) -> Bundle {
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let name = collection.name();
    let count = format!("{} of {} MB", megabytes(*done), megabytes(*len));
    Bundle::text(format!("{name}: {file}, {count}")).html(format!(
        "<label>{name} <progress max=\"{len}\" value=\"{done}\"></progress></label> {file}, {count}"
    ))
}

/// A display that is updated in place.
struct Place {
    id: String,
    is_used: bool,
}

impl Place {
    fn new(what: &str) -> Place {
        static PLACES: AtomicU64 = AtomicU64::new(0);
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        Place { id: format!("momentum-{what}-{number}"), is_used: false }
    }

    fn show(&mut self, value: &impl Show) {
        match (listens(), std::mem::replace(&mut self.is_used, true)) {
            (true, true) => update(&self.id, value),
            (true, false) => show_as(&self.id, value),
            (false, _) => show(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_has_a_bar_and_words() {
        let transfer = Transfer { file: "a.gz".into(), done: 1_250_000, len: 26_421_880 };
        let bundle = bar(Collection::FashionMnist, &transfer);
        assert_eq!(bundle.data["text/plain"], "Fashion-MNIST: a.gz, 1.2 of 26.4 MB");
        assert_eq!(
            bundle.data["text/html"],
            "<label>Fashion-MNIST <progress max=\"26421880\" value=\"1250000\"></progress></label> a.gz, 1.2 of 26.4 MB"
        );
    }
}
