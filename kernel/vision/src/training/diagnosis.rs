//! Where numbers left their range.

use crate::layer::{LayerError, Maps};
use crate::network::Network;

/// What to do when numbers leave their range.
pub(super) fn advice(learning_rate: f32, clipped: bool) -> String {
    let clip = if clipped { "" } else { ", or set `clip` to 1" };
    let rate = match (1e-4..1e4).contains(&learning_rate) {
        true => learning_rate.to_string(),
        false => format!("{learning_rate:e}"),
    };
    format!("Lower learning_rate (it is {rate}), ten times at first{clip}")
}

/// Says in which layer a batch, `[batch, channels, height, width]`, first becomes something that is
/// no finite number.
pub(super) fn origin(network: &Network, images: &Maps) -> Result<String, LayerError> {
    let mut before = greatest(&crate::gradient::values(images));
    for (i, (layer, _)) in network.layers().enumerate() {
        // Each time from the images on: this happens once, at the end of a training.
        let after = greatest(&network.forward_until(images.clone(), i + 1)?.values());
        if !after.is_finite() {
            return Ok(format!(
                "it began in layer {}, {layer}, which made {after} of values up to {before:e}",
                i + 1
            ));
        }
        before = after;
    }
    Ok(format!("the scores go up to {before:e}, and their cross-entropy beyond the range of f32"))
}

/// The greatest magnitude, or the first value that is no finite number.
fn greatest(values: &[f32]) -> f32 {
    let broken = values.iter().find(|value| !value.is_finite());
    broken.copied().unwrap_or_else(|| values.iter().fold(0.0, |most, value| most.max(value.abs())))
}
