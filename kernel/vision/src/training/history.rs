//! What training left behind, epoch by epoch.

use crate::table::{Table, percent};
use std::fmt;

/// One pass over the training images.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Number of the pass, from 1.
    pub epoch: usize,
    /// Mean of what the steps lessened, cross-entropy with label smoothing if there is some, in nats.
    pub train_loss: f64,
    /// Share of right answers while learning.
    pub train_accuracy: f64,
    /// Mean cross-entropy on the validation images after the pass, in nats.
    pub validation_loss: f64,
    /// Share of right answers on the validation images after the pass.
    pub validation_accuracy: f64,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// After all its epochs.
    #[default]
    Complete,
    /// Someone asked it to stop.
    Interrupted,
    /// It got no better ([`EarlyStopping`](super::EarlyStopping)).
    Early,
}

/// Losses and accuracies of a training. It holds no times, so it is the same for every run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The network's name.
    pub network: String,
    /// Epoch by epoch.
    pub epochs: Vec<Epoch>,
    /// How it ended.
    pub ending: Ending,
    /// The epoch after which the network was as it is now, if it went back to an earlier one.
    pub kept: Option<usize>,
}

impl History {
    /// The history as a table.
    pub fn table(&self) -> Table {
        let mut caption = format!("Training of the {}", self.network);
        caption += match self.ending {
            Ending::Complete => "",
            Ending::Interrupted => ", interrupted",
            Ending::Early => ", stopped early",
        };
        if let Some(epoch) = self.kept {
            caption += &format!(", back to epoch {epoch}");
        }
        let headers =
            ["epoch", "train loss", "validation loss", "train accuracy", "validation accuracy"];
        let mut table = Table::new(caption, headers);
        for epoch in &self.epochs {
            table.push([
                epoch.epoch.to_string(),
                format!("{:.3}", epoch.train_loss),
                format!("{:.3}", epoch.validation_loss),
                percent(epoch.train_accuracy),
                percent(epoch.validation_accuracy),
            ]);
        }
        table
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table().fmt(f)
    }
}
