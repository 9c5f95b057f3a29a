//! A training written down, so that it goes on with the same bits: one safetensors file, whole or not
//! there.
//!
//! Tensors: `network.*` as [`Network::tensors`] names them, `best.*` likewise, `mean.N` and `square.N`
//! of the optimiser for the N-th parameter, `epochs` (`[n, 5]`), `position`, `loss_sum`. The metadata
//! `momentum` names the format and the settings, one a line.

use super::course::Position;
use super::optimizer::Descent;
use super::{Epoch, FitConfig};
use crate::data::Dataset;
use crate::network::Network;
use crate::replacement;
use crate::weights::records::{Record, Records};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// The first line of the metadata.
const FORMAT: &str = "checkpoint of a training, format 1";

/// File to which a training is written, and from which it goes on.
///
/// ```
/// use momentum_vision::{data::fashion_mnist, network::Mlp, training::{Checkpoint, FitConfig}};
///
/// let folder = tempfile::tempdir()?;
/// let data = fashion_mnist()?;
/// let checkpoint = Some(Checkpoint::at(folder.path().join("mlp.safetensors")).resume());
/// let config = FitConfig { epochs: 1, seed: 0, checkpoint, ..FitConfig::default() };
/// let mut network = Mlp::on([1, 28, 28]).seed(0).classes(10)?;
/// network.fit(&data.train.first(64), &data.test.first(10), &config)?;
/// // Another run, perhaps after the computer was switched off, adds an epoch.
/// let config = FitConfig { epochs: 2, ..config };
/// let mut network = Mlp::on([1, 28, 28]).seed(0).classes(10)?;
/// let history = network.fit(&data.train.first(64), &data.test.first(10), &config)?;
/// assert_eq!(history.epochs.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The file. It is written under another name first, then renamed.
    pub path: PathBuf,
    /// Epochs between two writings. It is written at the end and at an interrupt, too.
    pub every: usize,
    /// Whether a training goes on from the file if it is there.
    pub resume: bool,
}

/// Why a checkpoint could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file could not be written.
    #[error("could not write the checkpoint {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file could not be read.
    #[error("could not read the checkpoint {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is none of ours, or broken.
    #[error("{} is no whole checkpoint: {problem}. Delete it to start anew", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected, what was found.
        problem: String,
    },
    /// The file is of another training.
    #[error(
        "{} was written with `{then}`, but now it is `{now}`: a training goes on only with what it \
         began with. Delete the file to start anew",
        path.display()
    )]
    Settings {
        /// The file.
        path: PathBuf,
        /// A setting as it was.
        then: String,
        /// The same setting now.
        now: String,
    },
}

/// What a checkpoint gives back.
pub(super) struct Kept {
    pub(super) network: Network,
    pub(super) best: Option<Network>,
    pub(super) position: Position,
    pub(super) steps: u64,
    pub(super) moments: Vec<(Vec<f32>, Vec<f32>)>,
    pub(super) epochs: Vec<Epoch>,
}

impl Checkpoint {
    /// Written after each epoch; a training begins anew and overwrites it.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Checkpoint { path: path.into(), every: 1, resume: false }
    }

    /// A training goes on from the file if it is there.
    pub fn resume(mut self) -> Self {
        self.resume = true;
        self
    }

    pub(super) fn problem(&self) -> Option<String> {
        let problem = "checkpoint.every is 0: give the epochs between two writings, such as 1";
        (self.every == 0).then(|| problem.to_owned())
    }

    pub(super) fn is_resumed(&self) -> bool {
        self.resume && self.path.exists()
    }

    /// All that must be kept.
    pub(super) fn tensors(
        network: &Network,
        best: Option<&Network>,
        descent: &Descent,
        position: &Position,
        epochs: &[Epoch],
    ) -> Vec<Record> {
        let mut all = Vec::new();
        let networks = [("network", Some(network)), ("best", best)];
        for (prefix, network) in networks {
            for tensor in network.iter().flat_map(|network| network.tensors()) {
                let name = format!("{prefix}.{}", tensor.name);
                all.push(Record::floats(name, tensor.shape, &tensor.values));
            }
        }
        for (i, (mean, square)) in descent.moments.iter().enumerate() {
            all.push(Record::floats(format!("mean.{i}"), vec![mean.len()], mean));
            all.push(Record::floats(format!("square.{i}"), vec![square.len()], square));
        }
        let Position { epoch, step, loss_sum, n_correct } = *position;
        let counts = [epoch as u64, step as u64, n_correct as u64, descent.steps];
        all.push(Record::counts("position", vec![4], &counts));
        all.push(Record::doubles("loss_sum", vec![1], &[loss_sum]));
        let rows: Vec<f64> = epochs.iter().flat_map(row).collect();
        all.push(Record::doubles("epochs", vec![epochs.len(), 5], &rows));
        all
    }

    /// Writes the file, whole or not at all.
    pub(super) fn save(&self, records: &[Record], settings: &str) -> Result<(), CheckpointError> {
        let failed = |source| CheckpointError::Write { path: self.path.clone(), source };
        let bytes = Record::file(records, &format!("{FORMAT}\n{settings}"))
            .map_err(|problem| failed(std::io::Error::other(problem)))?;
        replacement::write(&self.path, &bytes).map_err(failed)
    }

    /// Reads the file for a training with these settings of a network like this one.
    pub(super) fn load(&self, settings: &str, network: &Network) -> Result<Kept, CheckpointError> {
        let bytes = std::fs::read(&self.path)
            .map_err(|source| CheckpointError::Read { path: self.path.clone(), source })?;
        let format = |problem| CheckpointError::Format { path: self.path.clone(), problem };
        let file = Records::parse(&bytes).map_err(format)?;
        let then = file.text().strip_prefix(FORMAT).and_then(|text| text.strip_prefix('\n'));
        let then = then.ok_or_else(|| format(format!("it does not begin with `{FORMAT}`")))?;
        for (then, now) in then.lines().zip(settings.lines()) {
            if then != now {
                let (then, now) = (then.to_owned(), now.to_owned());
                return Err(CheckpointError::Settings { path: self.path.clone(), then, now });
            }
        }
        if then.lines().count() != settings.lines().count() {
            return Err(format("it does not list this version's settings".into()));
        }
        kept(&file, network).map_err(format)
    }
}

/// What the file gives back for a network of the same layers.
pub(super) fn kept(file: &Records<'_>, network: &Network) -> Result<Kept, String> {
    let like = |prefix: &str| {
        let mut filled = network.clone();
        let mut tensors = network.tensors();
        for tensor in &mut tensors {
            let name = format!("{prefix}.{}", tensor.name);
            tensor.values = file.floats(&name, &tensor.shape)?;
        }
        filled.set_tensors(tensors).map_err(|error| error.to_string())?;
        Ok::<Network, String>(filled)
    };
    let position = file.counts("position", &[4])?;
    let &[epoch, step, n_correct, steps] = position.as_slice() else {
        return Err("`position` is not 4 numbers".into());
    };
    let rows = file.doubles("epochs", &[file.len("epochs") / 5, 5])?;
    let epochs: Vec<Epoch> = rows.as_chunks::<5>().0.iter().map(epoch_of).collect();
    let loss_sum = file.doubles("loss_sum", &[1])?[0];
    let [epoch, step, n_correct] = [epoch, step, n_correct].map(|n| n as usize);
    if epoch == 0 || epoch - 1 != epochs.len() {
        return Err(format!("it is in epoch {epoch}, but lists {} epochs", epochs.len()));
    }
    let mut moments = Vec::new();
    for (i, (name, values)) in network.parameters().iter().enumerate() {
        let part = |kind: &str| {
            let part = format!("{kind}.{i}");
            match file.len(&part) {
                0 => Ok(Vec::new()),
                len if len == values.len() => file.floats(&part, &[len]),
                len => Err(format!("`{part}` has {len} values, {name} has {}", values.len())),
            }
        };
        if steps > 0 {
            moments.push((part("mean")?, part("square")?));
        }
    }
    Ok(Kept {
        network: like("network")?,
        best: if file.has("best.") { Some(like("best")?) } else { None },
        position: Position { epoch, step, loss_sum, n_correct },
        steps,
        moments,
        epochs,
    })
}

fn row(epoch: &Epoch) -> [f64; 5] {
    [
        epoch.epoch as f64,
        epoch.train_loss,
        epoch.train_accuracy,
        epoch.validation_loss,
        epoch.validation_accuracy,
    ]
}

fn epoch_of(row: &[f64; 5]) -> Epoch {
    let &[epoch, train_loss, train_accuracy, validation_loss, validation_accuracy] = row;
    let epoch = epoch as usize;
    Epoch { epoch, train_loss, train_accuracy, validation_loss, validation_accuracy }
}

impl FitConfig {
    /// What a training must go on with to end in the same bits, one setting a line.
    pub(super) fn settings(&self, train: &Dataset, validation: &Dataset) -> String {
        let mut lines = vec![
            format!("batch {}", self.batch),
            format!("learning_rate {}", self.learning_rate),
            format!("decay {}", self.decay),
            format!("seed {}", self.seed),
            format!("optimizer {:?}", self.optimizer),
            format!("weight_decay {}", self.weight_decay),
            format!("label_smoothing {}", self.label_smoothing),
            format!("clip {:?}", self.clip),
            format!("augmentation {:?}", self.augmentation),
            format!("early_stopping {:?}", self.early_stopping),
        ];
        // The cycle depends on how many steps there are in all; other trainings may be made longer.
        lines.push(match self.one_cycle {
            Some(cycle) => format!("{cycle:?} over {} epochs", self.epochs),
            None => "one_cycle none".into(),
        });
        lines.push(format!("training images {}", fingerprint(train)));
        lines.push(format!("validation images {}", fingerprint(validation)));
        lines.join("\n")
    }
}

/// Number and SHA-256 of images and labels.
fn fingerprint(data: &Dataset) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?}", data.image_shape()));
    hash.update(data.labels());
    (0..data.len()).for_each(|i| hash.update(data.pixels_of(i)));
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} of SHA-256 {digest}", data.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Mlp;
    use proptest::prelude::*;

    fn network() -> Network {
        Mlp::on([1, 2, 2]).hidden(3).seed(1).classes(2).unwrap()
    }

    fn bytes() -> Vec<u8> {
        let network = network();
        let config = FitConfig::default();
        let mut descent = Descent::new(config.optimizer, 0.0, None);
        descent.steps = 7;
        let moments =
            |(_, values): (String, Vec<f32>)| (vec![0.1; values.len()], vec![0.2; values.len()]);
        descent.moments = network.parameters().into_iter().map(moments).collect();
        let position = Position { epoch: 2, step: 1, loss_sum: 0.7, n_correct: 3 };
        let epochs = [epoch_of(&[1.0, 0.5, 0.25, 0.75, 0.125])];
        let records = Checkpoint::tensors(&network, Some(&network), &descent, &position, &epochs);
        Record::file(&records, FORMAT).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_its_bytes_are_the_same() {
        assert_eq!(bytes(), bytes());
        let file = bytes();
        let kept = kept(&Records::parse(&file).unwrap(), &network()).unwrap();
        assert_eq!((kept.network.tensors(), kept.steps), (network().tensors(), 7));
        assert_eq!((kept.position.loss_sum, kept.epochs[0].validation_loss), (0.7, 0.75));
        assert_eq!(kept.moments[1], (vec![0.1; 3], vec![0.2; 3]));
        assert!(kept.best.is_some());
    }

    #[test]
    fn another_network_is_refused_by_the_tensor() {
        let file = bytes();
        let other = Mlp::on([1, 2, 2]).hidden(4).seed(1).classes(2).unwrap();
        let error = kept(&Records::parse(&file).unwrap(), &other).err().unwrap();
        insta::assert_snapshot!(error, @"`mean.0` has 12 values, 1.weight has 16");
    }

    proptest! {
        #[test]
        fn mutated_checkpoints_are_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(), is_cut in any::<bool>(),
        ) {
            let mut bytes = bytes();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if is_cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(file) = Records::parse(&bytes) {
                let _ = kept(&file, &network());
            }
        }
    }
}
