//! Grids of small images: data, feature maps, kernels.

use super::colour::{FRAME, Rgb, SOFT_INK, diverging, viridis};
use super::panel::{Anchor, Panel, Text};
use super::{FigureError, Picture};
use crate::data::{Dataset, Image};
use crate::network::{FeatureMaps, Network};
use crate::table::{Table, grouped, percent};

const MARGIN: f64 = 20.0;
const TITLE: f64 = 52.0;

/// The first `n` images of a data set with their classes.
///
/// # Errors
/// [`FigureError::Empty`] without images.
pub fn batch_preview(data: &Dataset, n: usize) -> Result<Picture, FigureError> {
    const SIDE: f64 = 68.0;
    const COLUMNS: usize = 8;
    let n = n.min(data.len());
    if n == 0 {
        return Err(FigureError::Empty("no image was asked for"));
    }
    let (step_x, step_y) = (SIDE + 14.0, SIDE + 30.0);
    let columns = COLUMNS.min(n);
    let width = (2.0 * MARGIN + columns as f64 * step_x - 14.0).max(360.0);
    let height = TITLE + n.div_ceil(columns) as f64 * step_y + 6.0;
    let mut panel = Panel::new(width, height);
    let [_, rows, pixels] = data.image_shape();
    title(
        &mut panel,
        &format!("{n} of {} images, {rows} × {pixels} grey pixels each", grouped(data.len())),
    );
    let mut table = Table::new("Images shown, in order", ["image", "class"]);
    for i in 0..n {
        let image = data.image(i);
        let (x, y) =
            (MARGIN + (i % columns) as f64 * step_x, TITLE + (i / columns) as f64 * step_y);
        panel.pixels([x, y, SIDE, SIDE], image.width, &grey(&image))?;
        let style = Text { size: 11.5, anchor: Anchor::Middle, ..Text::default() };
        panel.text(x + SIDE / 2.0, y + SIDE + 15.0, &image.class_name, style);
        table.push([(i + 1).to_string(), image.class_name]);
    }
    let names: Vec<&str> = table.rows.iter().map(|row| row[1].as_str()).collect();
    let alt = format!("A grid of {n} grey images of clothing: {}.", names.join(", "));
    let caption = format!("The first {n} images and their classes.");
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

/// What the `convolution`-th convolution (from 1) answers to one image, after its ReLU: one small
/// picture for each kernel, each scaled to its own greatest value.
///
/// # Errors
/// [`FigureError::NoConvolution`] when there is none with that number.
pub fn layer_maps(
    network: &Network,
    image: &Image,
    convolution: usize,
) -> Result<Picture, FigureError> {
    let maps = maps_of(network, image, convolution)?;
    let FeatureMaps { channels, height, width, .. } = maps;
    let columns = if channels > 32 { 16 } else { 8 };
    let scale = (if channels > 32 { 33.0 } else { 66.0 } / width.max(height) as f64).max(1.0);
    let (tile_width, tile_height) = (width as f64 * scale, height as f64 * scale);
    let (step_x, step_y) = (tile_width + 6.0, tile_height + 6.0);
    let rows = channels.div_ceil(columns);
    let side = 112.0;
    let left = MARGIN + side + 34.0;
    let total_width = left + columns as f64 * step_x - 6.0 + MARGIN;
    let total_height = (TITLE + rows as f64 * step_y + 14.0).max(TITLE + side + 40.0);
    let mut panel = Panel::new(total_width, total_height);
    title(
        &mut panel,
        &format!("Convolution {convolution}: {channels} feature maps of {height} × {width}"),
    );
    panel.pixels([MARGIN, TITLE, side, side], image.width, &grey(image))?;
    let style = Text { size: 12.0, anchor: Anchor::Middle, ..Text::default() };
    let below = format!("{}, {} × {}", image.class_name, image.height, image.width);
    panel.text(MARGIN + side / 2.0, TITLE + side + 17.0, &below, style);
    let arrow = Text { size: 20.0, anchor: Anchor::Middle, colour: SOFT_INK, ..Text::default() };
    panel.text(MARGIN + side + 17.0, TITLE + side / 2.0 + 7.0, "→", arrow);
    let caption = format!(
        "What {} of the {} answers to one image ({}). Bright: strong answer; each map is scaled to \
         its own greatest value.",
        maps.layer,
        network.name(),
        image.class_name
    );
    let mut table = Table::new(caption.clone(), ["map", "greatest value", "mean", "active pixels"]);
    let mut silent = 0;
    for channel in 0..channels {
        let map = maps.map(channel);
        let greatest = map.iter().copied().fold(0.0f32, f32::max);
        let pixels: Vec<Rgb> =
            map.iter().map(|value| viridis(value / greatest.max(f32::MIN_POSITIVE))).collect();
        let (x, y) = (
            left + (channel % columns) as f64 * step_x,
            TITLE + (channel / columns) as f64 * step_y,
        );
        panel.pixels([x, y, tile_width, tile_height], width, &pixels)?;
        let active = map.iter().filter(|value| **value > 0.0).count();
        silent += usize::from(active == 0);
        table.push([
            (channel + 1).to_string(),
            format!("{greatest:.2}"),
            format!("{:.2}", map.iter().sum::<f32>() / map.len() as f32),
            percent(active as f64 / map.len() as f64),
        ]);
    }
    let alt = format!(
        "An image of the class {} beside the {channels} feature maps, {height} by {width} pixels \
         each, that convolution {convolution} makes of it; {silent} of them are silent.",
        image.class_name
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

/// The kernels of the first convolution, orange for positive and blue for negative weights, each with
/// its [`edge_share`].
///
/// # Errors
/// [`FigureError::NoConvolution`] when there is none.
pub fn first_layer_kernels(network: &Network) -> Result<Picture, FigureError> {
    const SIDE: f64 = 60.0;
    const COLUMNS: usize = 8;
    let kernels = network.first_kernels().ok_or_else(|| FigureError::NoConvolution {
        network: network.name().into(),
        n: 0,
        wanted: 1,
    })?;
    let (step_x, step_y) = (SIDE + 14.0, SIDE + 30.0);
    let rows = kernels.channels.div_ceil(COLUMNS);
    let columns = COLUMNS.min(kernels.channels);
    let width = (2.0 * MARGIN + columns as f64 * step_x - 14.0).max(540.0);
    let mut panel = Panel::new(width, TITLE + rows as f64 * step_y + 30.0);
    let (n, side) = (kernels.channels, kernels.height);
    title(&mut panel, &format!("The {n} kernels of the first layer, {side} × {side} weights each"));
    let mut table = Table::new("Edge share of each kernel", ["kernel", "edge share"]);
    let mut sum = 0.0;
    for channel in 0..n {
        let kernel = kernels.map(channel);
        let greatest = kernel.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        let pixels: Vec<Rgb> =
            kernel.iter().map(|w| diverging(w / greatest.max(f32::MIN_POSITIVE))).collect();
        let (x, y) = (
            MARGIN + (channel % columns) as f64 * step_x,
            TITLE + (channel / columns) as f64 * step_y,
        );
        panel.pixels([x, y, SIDE, SIDE], side, &pixels)?;
        panel.rectangle([x, y, SIDE, SIDE], "none", FRAME);
        let share = edge_share(kernel, side);
        sum += share;
        let style =
            Text { size: 11.5, anchor: Anchor::Middle, colour: SOFT_INK, ..Text::default() };
        panel.text(x + SIDE / 2.0, y + SIDE + 15.0, &format!("{:.0} %", share * 100.0), style);
        table.push([(channel + 1).to_string(), percent(share)]);
    }
    let bottom = TITLE + rows as f64 * step_y + 14.0;
    let legend =
        "each scaled on its own; blue: negative, white: zero, orange: positive; below: edge share";
    panel.text(MARGIN, bottom, legend, Text { size: 12.0, colour: SOFT_INK, ..Text::default() });
    let chance = 2.0 / (side * side - 1).max(2) as f64;
    let caption = format!(
        "On average an oriented edge explains {} of a kernel; of random numbers it would explain {}.",
        percent(sum / n as f64),
        percent(chance)
    );
    let alt = format!("{n} small squares show the weights of the first layer's kernels. {caption}");
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

/// How much of a square kernel an oriented edge explains, from 0 to 1: the share of its variance that
/// lies in the plane of the horizontal and the vertical brightness ramp. Any kernel that answers to a
/// brightness step in one direction, whatever the direction, comes near 1; of random numbers it is
/// 2 / (side² - 1) on average, for 3 x 3 one quarter.
///
/// ```
/// use momentum_vision::figure::edge_share;
/// let edge = [-1.0, 0.0, 1.0, -1.0, 0.0, 1.0, -1.0, 0.0, 1.0];
/// let spot = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
/// assert_eq!((edge_share(&edge, 3), edge_share(&spot, 3)), (1.0, 0.0));
/// ```
pub fn edge_share(kernel: &[f32], side: usize) -> f64 {
    let middle = (side as f64 - 1.0) / 2.0;
    let mean = kernel.iter().map(|&w| f64::from(w)).sum::<f64>() / kernel.len().max(1) as f64;
    let (mut across, mut down, mut ramp, mut variance) = (0.0, 0.0, 0.0, 0.0);
    for (i, &weight) in kernel.iter().enumerate() {
        let weight = f64::from(weight) - mean;
        let (x, y) = ((i % side) as f64 - middle, (i / side) as f64 - middle);
        across += weight * x;
        down += weight * y;
        ramp += x * x;
        variance += weight * weight;
    }
    if ramp * variance > 0.0 { (across * across + down * down) / (ramp * variance) } else { 0.0 }
}

/// The maps of a convolution, after the ReLU right behind it if there is one.
fn maps_of(
    network: &Network,
    image: &Image,
    convolution: usize,
) -> Result<FeatureMaps, FigureError> {
    let mut all = network.feature_maps(image)?;
    let convolutions: Vec<usize> =
        (0..all.len()).filter(|&i| all[i].layer.starts_with("conv(")).collect();
    let at = convolution.checked_sub(1).and_then(|i| convolutions.get(i).copied());
    let at = at.ok_or_else(|| FigureError::NoConvolution {
        network: network.name().into(),
        n: convolutions.len(),
        wanted: convolution,
    })?;
    let behind = all.get(at + 1).filter(|maps| maps.layer == "relu()");
    let name = format!("{}{}", all[at].layer, if behind.is_some() { ".relu()" } else { "" });
    let mut maps = all.swap_remove(at + usize::from(behind.is_some()));
    maps.layer = name;
    Ok(maps)
}

fn title(panel: &mut Panel, text: &str) {
    panel.text(MARGIN, 30.0, text, Text { size: 15.0, bold: true, ..Text::default() });
}

fn grey(image: &Image) -> Vec<Rgb> {
    image.colours()
}
