//! Ending a training that gets no better.

/// Ends the training when the loss on the validation images has not fallen for some epochs (Prechelt
/// 1998).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// Epochs without a better one that are waited for.
    pub patience: usize,
    /// What the validation loss must fall by to count as better, in nats.
    pub min_change: f64,
    /// Whether the network goes back to what it was after the best epoch. If the training runs to its
    /// end or is interrupted, it does so too.
    pub keep_best: bool,
}

impl EarlyStopping {
    /// Waits for so many epochs, then goes back to the best one.
    pub const fn after(patience: usize) -> Self {
        EarlyStopping { patience, min_change: 0.0, keep_best: true }
    }

    pub(super) fn problem(&self) -> Option<String> {
        if self.patience == 0 {
            Some("patience is 0: give the number of epochs to wait for a better one".into())
        } else if !self.min_change.is_finite() || self.min_change < 0.0 {
            Some(format!("min_change is {}: give a number from 0 on", self.min_change))
        } else {
            None
        }
    }
}
