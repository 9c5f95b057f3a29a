//! Cross-entropy of class labels.

use crate::gradient::{put, take, values};
use crate::layer::{LayerError, Vectors};
use dfdx::shapes::{HasShape, Rank0};
use dfdx::tensor::{Cpu, PutTape, SplitTape, Tape, Tensor, TensorFromVec};
use dfdx::tensor_ops::ReshapeTo;

/// Mean cross-entropy of `logits`, `[batch, classes]`, against one class index for each image, in
/// nats. It takes the logits as they leave the last linear layer: the softmax is within.
///
/// Exponential and logarithm come from the `libm` crate, so that they give the same bits everywhere.
///
/// # Errors
/// [`LayerError::Shape`] when there is not one label for each row, or a label is no class.
pub fn cross_entropy<T: Tape<f32, Cpu>>(
    logits: Vectors<T>,
    labels: &[u8],
) -> Result<Tensor<Rank0, f32, Cpu, T>, LayerError> {
    smoothed_cross_entropy(logits, labels, 0.0)
}

/// [`cross_entropy`] against labels of which a share, `smoothing`, is spread evenly over all classes
/// (Szegedy and others 2016), as PyTorch's `label_smoothing` does.
///
/// # Errors
/// As [`cross_entropy`].
pub fn smoothed_cross_entropy<T: Tape<f32, Cpu>>(
    logits: Vectors<T>,
    labels: &[u8],
    smoothing: f32,
) -> Result<Tensor<Rank0, f32, Cpu, T>, LayerError> {
    let (logits, mut tape) = logits.try_contiguous()?.split_tape();
    let &(batch, classes) = logits.shape();
    let greatest = labels.iter().max().map_or(0, |&label| usize::from(label));
    if labels.len() != batch || batch == 0 || greatest >= classes {
        return Err(LayerError::Shape {
            layer: "cross-entropy".into(),
            expected: format!("{} labels below {classes}", batch.max(1)),
            got: format!("{} labels up to {greatest}", labels.len()),
        });
    }
    let mut gradient = values(&logits);
    let spread = smoothing / classes as f32;
    let mut sum = 0.0f64;
    for (row, &label) in gradient.chunks_exact_mut(classes).zip(labels) {
        let label = usize::from(label);
        let target = row[label];
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / classes as f64;
        let (max, total) = softmax(row);
        let log_total = libm::log(f64::from(total));
        sum += if smoothing == 0.0 {
            f64::from(max - target) + log_total
        } else {
            let smoothing = f64::from(smoothing);
            let aim = (1.0 - smoothing) * f64::from(target) + smoothing * mean;
            f64::from(max) - aim + log_total
        };
        row.iter_mut().for_each(|x| *x -= spread);
        row[label] -= 1.0 - smoothing;
    }
    let loss = (sum / batch as f64) as f32;
    let output = Cpu::default().try_tensor_from_vec(vec![loss], ())?;
    if T::OWNS_TAPE {
        let (input_ghost, output_ghost) = (logits.ghost(), output.ghost());
        tape.add_backward_op(move |gradients| {
            let dy = take(gradients.get_or_alloc_mut(&output_ghost)?);
            let scale = dy.first().copied().unwrap_or(0.0) / batch as f32;
            let dx = &mut **gradients.get_or_alloc_mut(&input_ghost)?;
            for (dx, gradient) in dx.iter_mut().zip(&gradient) {
                *dx += gradient * scale;
            }
            put(gradients.get_or_alloc_mut(&output_ghost)?, dy);
            Ok(())
        });
    }
    Ok(output.put_tape(tape))
}

/// Turns logits into probabilities in place. Returns the greatest logit, and the sum of the
/// exponentials of the differences to it.
pub(crate) fn softmax(logits: &mut [f32]) -> (f32, f32) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for x in logits.iter_mut() {
        *x = libm::expf(*x - max);
        total += *x;
    }
    logits.iter_mut().for_each(|x| *x /= total);
    (max, total)
}
