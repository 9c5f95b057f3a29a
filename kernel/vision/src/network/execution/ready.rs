//! A network that answers and does not learn: weights arranged once, one round of work a batch.

use super::Execution;
use crate::convolution::Filters;
use crate::gemm::PackedLinear;
use crate::threads;
use std::cell::RefCell;

/// Images that one thread takes through all stages at a time. More would share the weights' way from
/// memory among more images, fewer would share the work out more evenly.
const MOST_IMAGES: usize = 36;

/// A network's parameters, ready to answer; made anew when one of them changes.
#[derive(Debug)]
pub(crate) struct Ready {
    execution: Execution,
    filters: Vec<Filters>,
    head: Vec<PackedLinear>,
}

thread_local! {
    /// What a linear stage takes, and what it answers.
    static VECTORS: RefCell<[Vec<f32>; 2]> = RefCell::default();
}

impl Ready {
    /// `parameters` are weight and bias of each layer in turn.
    pub(crate) fn new(execution: Execution, parameters: &[Vec<f32>]) -> Self {
        let mut filters = Vec::new();
        execution.arrange(parameters, false, &mut filters);
        let pairs = parameters[2 * execution.trunk.stages().len()..].chunks_exact(2);
        let head = execution.head.iter().zip(pairs);
        let head = head
            .map(|(stage, pair)| PackedLinear::new(&pair[0], &pair[1], stage.inputs, stage.relu))
            .collect();
        Ready { execution, filters, head }
    }

    /// Scores, `[batch, classes]`, of a whole number of images.
    ///
    /// Each thread takes its images through the whole network, so that the threads wait for each
    /// other once and not after every layer.
    pub(crate) fn scores(&self, images: &[f32]) -> Vec<f32> {
        let image_len = self.execution.image_len();
        let classes = self.head.last().map_or(0, PackedLinear::outputs);
        let batch = images.len() / image_len;
        let mut scores = vec![0.0; batch * classes];
        let part = batch.div_ceil(threads::count()).clamp(1, MOST_IMAGES);
        let parts = images.chunks(part * image_len).zip(scores.chunks_mut(part * classes));
        threads::share(parts, |(images, scores)| self.answer(images, scores));
        scores
    }

    fn answer(&self, images: &[f32], scores: &mut [f32]) {
        let batch = images.len() / self.execution.image_len();
        let has_maps = !self.filters.is_empty();
        VECTORS.with_borrow_mut(|[x, y]| {
            if has_maps {
                x.resize(batch * self.head[0].inputs(), 0.0);
                self.execution.trunk.answer(&self.filters, images, x);
            }
            for (i, stage) in self.head.iter().enumerate() {
                let from = if i == 0 && !has_maps { images } else { &*x };
                if i + 1 == self.head.len() {
                    return stage.forward(from, scores);
                }
                y.resize(batch * stage.outputs(), 0.0);
                stage.forward(from, y);
                std::mem::swap(x, y);
            }
        });
    }
}
