//! Batches that another thread prepares while the network learns from the one before.

use super::{Augmentation, Dataset};
use std::sync::mpsc;

/// Batches that wait for the network at most; more would only take memory.
const AHEAD: usize = 2;

/// Images that one step learns from.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Values from 0 to 1, `[n, channels, height, width]`.
    pub images: Vec<f32>,
    /// Class indices, `[n]`.
    pub labels: Vec<u8>,
}

/// Which batches are made.
#[derive(Clone, Copy, Debug)]
pub struct BatchPlan<'a> {
    /// Places of the images, in the order in which they come.
    pub order: &'a [usize],
    /// Images in a batch; the last one may have fewer.
    pub batch: usize,
    /// What is done to the images.
    pub augmentation: Augmentation,
    /// Seed of the augmentation.
    pub seed: u64,
    /// Epoch, from 1, on which the augmentation depends.
    pub epoch: usize,
}

impl Dataset {
    /// Calls `learn` with an iterator over batches. Another thread makes the next ones meanwhile; it
    /// ends when `learn` returns. Batches are the same bits, however fast they are taken.
    ///
    /// ```
    /// use momentum_vision::data::{Augmentation, BatchPlan, fashion_mnist};
    ///
    /// let data = fashion_mnist()?.test;
    /// let order: Vec<usize> = (0..100).collect();
    /// let augmentation = Augmentation { shift: 1, ..Augmentation::default() };
    /// let plan = BatchPlan { order: &order, batch: 32, augmentation, seed: 0, epoch: 1 };
    /// let sizes: Vec<usize> =
    ///     data.batches(&plan, |batches| batches.map(|batch| batch.labels.len()).collect());
    /// assert_eq!(sizes, [32, 32, 32, 4]);
    /// # Ok::<(), momentum_vision::data::DataError>(())
    /// ```
    ///
    /// # Panics
    /// If the order names an image that there is not.
    pub fn batches<R>(
        &self,
        plan: &BatchPlan<'_>,
        learn: impl FnOnce(&mut dyn Iterator<Item = Batch>) -> R,
    ) -> R {
        let all = || plan.order.chunks(plan.batch.max(1));
        std::thread::scope(|scope| {
            let (give, take) = mpsc::sync_channel(AHEAD);
            let produce = move || {
                // It ends early when nobody takes batches any more.
                let _ = all().try_for_each(|places| give.send(self.prepared(plan, places)));
            };
            let builder = std::thread::Builder::new().name("momentum-batches".into());
            match builder.spawn_scoped(scope, produce) {
                Ok(_) => learn(&mut take.into_iter()),
                // The system gives no thread: then the network waits for each batch.
                Err(_) => learn(&mut all().map(|places| self.prepared(plan, places))),
            }
        })
    }

    fn prepared(&self, plan: &BatchPlan<'_>, places: &[usize]) -> Batch {
        let (mut images, labels) = self.batch(places);
        if plan.augmentation != Augmentation::default() {
            for (values, &place) in images.chunks_exact_mut(self.image_len()).zip(places) {
                let shape = self.image_shape();
                plan.augmentation.apply(values, shape, plan.seed, plan.epoch, place);
            }
        }
        Batch { images, labels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fashion_mnist;

    const AUGMENTATION: Augmentation =
        Augmentation { shift: 2, flip: true, rotation: 10.0, noise: 0.05 };

    fn plan(order: &[usize], batch: usize) -> BatchPlan<'_> {
        BatchPlan { order, batch, augmentation: AUGMENTATION, seed: 1, epoch: 3 }
    }

    #[test]
    fn an_image_is_the_same_in_whatever_batch_it_comes() {
        let data = fashion_mnist().unwrap().test;
        let order: Vec<usize> = (0..20).rev().collect();
        let values = |batch| -> Vec<f32> {
            data.batches(&plan(&order, batch), |batches| batches.flat_map(|b| b.images).collect())
        };
        assert_eq!(values(7), values(20));
        let alone = data.batches(&plan(&[5], 1), |batches| batches.next().unwrap());
        assert_eq!(alone.images, values(20)[14 * 784..15 * 784]);
    }

    #[test]
    fn who_stops_early_is_not_kept_waiting() {
        let data = fashion_mnist().unwrap().test;
        let order: Vec<usize> = (0..1000).collect();
        let first = data.batches(&plan(&order, 10), |batches| batches.next());
        assert_eq!(first.unwrap().labels, data.labels()[..10]);
        assert_eq!(data.batches(&plan(&[], 10), |batches| batches.count()), 0);
    }
}
