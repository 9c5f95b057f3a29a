//! What training left behind, epoch by epoch.

use crate::table::{Table, percent};
use std::fmt;

/// One pass over the training images.
#[derive(Clone, Debug, PartialEq)]
pub struct Epoch {
    /// Number of the pass, from 1.
    pub epoch: usize,
    /// Mean cross-entropy while learning, in nats.
    pub train_loss: f64,
    /// Share of right answers while learning.
    pub train_accuracy: f64,
    /// Mean cross-entropy on the validation images after the pass, in nats.
    pub validation_loss: f64,
    /// Share of right answers on the validation images after the pass.
    pub validation_accuracy: f64,
}

/// Losses and accuracies of a training. It holds no times, so it is the same for every run.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The network's name.
    pub network: String,
    /// Epoch by epoch.
    pub epochs: Vec<Epoch>,
    /// Whether training was asked to stop before its end.
    pub interrupted: bool,
}

impl History {
    pub(super) fn new(network: &str) -> Self {
        History { network: network.into(), epochs: Vec::new(), interrupted: false }
    }

    /// The history as a table.
    pub fn table(&self) -> Table {
        let caption = match self.interrupted {
            true => format!("Training of the {}, interrupted", self.network),
            false => format!("Training of the {}", self.network),
        };
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
