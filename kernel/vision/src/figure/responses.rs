//! What channels and classes respond to.

use super::colour::{FRAME, Rgb, SOFT_INK};
use super::panel::{Anchor, MARGIN, Panel, Text};
use super::pixels::{Sheet, of_values};
use super::{FigureError, Picture};
use crate::data::Dataset;
use crate::inspection::{IdealConfig, class_ideals, ideal_inputs, top_patches};
use crate::network::Network;
use crate::table::Table;

/// Patches beside each made image.
const PATCHES: usize = 6;
/// Channels that are drawn at most.
const MOST: usize = 24;
const SIDE: f64 = 46.0;

/// What the channels of the `convolution`-th convolution (from 1) respond to. For each: an image made
/// for it by gradient ascent, and the six patches of real images that excite it most, each from another
/// image. All are as large as the channel's receptive field. Of more than 24 channels the first 24 are
/// shown.
///
/// # Errors
/// As [`top_patches`] and [`ideal_inputs`].
pub fn channel_responses(
    network: &Network,
    data: &Dataset,
    convolution: usize,
    config: &IdealConfig,
) -> Result<Picture, FigureError> {
    let all = top_patches(network, data, convolution, PATCHES)?;
    let ideals = ideal_inputs(network, convolution, config)?;
    let shown = all.len().min(MOST);
    let side = all.first().map_or(1, |channel| channel.field.side);
    let columns = 2.min(shown);
    let block = 30.0 + SIDE + 10.0 + PATCHES as f64 * (SIDE + 3.0);
    let (step_x, step_y) = (block + 22.0, SIDE + 9.0);
    let width = 2.0 * MARGIN + columns as f64 * step_x - 22.0;
    let top = 78.0;
    let mut panel =
        Panel::new(width.max(470.0), top + shown.div_ceil(columns) as f64 * step_y + 8.0);
    let some = if shown < all.len() {
        format!("the first {shown} of {} channels", all.len())
    } else {
        format!("its {shown} channels")
    };
    panel.title(&format!("Convolution {convolution}: what {some} respond to"));
    let seen = format!("each square is one receptive field, {side} × {side} pixels");
    let soft = Text { size: 12.0, colour: SOFT_INK, ..Text::default() };
    panel.text(MARGIN, 48.0, &seen, soft);
    let headers =
        ["channel", "answer to the made image", "strongest patch", "classes of the patches"];
    let caption = format!(
        "What the channels of convolution {convolution} of the {} respond to: an image made for \
         each by gradient ascent from noise, and the patches of {} images that excite it most.",
        network.name(),
        data.len()
    );
    let mut table = Table::new(caption.clone(), headers);
    let small = Text { size: 11.0, colour: SOFT_INK, ..Text::default() };
    for column in 0..columns {
        let x = MARGIN + column as f64 * step_x + 30.0;
        panel.text(x + SIDE / 2.0, 70.0, "made", Text { anchor: Anchor::Middle, ..small });
        panel.text(x + SIDE + 10.0, 70.0, "strongest patches of real images", small);
    }
    let area = side * side;
    for (i, (channel, (ideal, answer))) in all.iter().zip(&ideals).take(shown).enumerate() {
        let rows = shown.div_ceil(columns);
        let x = MARGIN + (i / rows) as f64 * step_x;
        let y = top + (i % rows) as f64 * step_y;
        let number = Text { size: 12.0, anchor: Anchor::End, colour: SOFT_INK, ..Text::default() };
        panel.text(x + 22.0, y + SIDE / 2.0 + 4.5, &channel.channel.to_string(), number);
        let at = [x + 30.0, y, SIDE, SIDE];
        panel.pixels(at, side, &of_values(ideal, area))?;
        panel.rectangle(at, "none", FRAME);
        let mut sheet = Sheet::new(channel.patches.len(), PATCHES, (side, side), 1);
        for (k, patch) in channel.patches.iter().enumerate() {
            sheet.put(k, &of_values(&patch.pixels, area));
        }
        let (height, width) = sheet.size();
        let scale = SIDE / side as f64;
        let at = [x + 40.0 + SIDE, y, width as f64 * scale, height as f64 * scale];
        // As large as the block allows: the gap is a pixel of the sheet.
        let fit = (PATCHES as f64 * (SIDE + 3.0) / at[2]).min(1.0);
        panel.pixels([at[0], y, at[2] * fit, at[3] * fit], width, sheet.pixels())?;
        let mut classes: Vec<&str> = Vec::new();
        for patch in &channel.patches {
            if !classes.contains(&patch.class_name.as_str()) {
                classes.push(&patch.class_name);
            }
        }
        table.push([
            channel.channel.to_string(),
            format!("{answer:.2}"),
            channel.patches.first().map_or_else(|| "–".into(), |p| format!("{:.2}", p.answer)),
            classes.join(", "),
        ]);
    }
    let alt = format!(
        "{shown} rows of small squares, one for each channel of convolution {convolution}: first an \
         image made by gradient ascent, then six patches of real images. The made images of this \
         layer show what {side} by {side} pixels can hold."
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

/// For each class the image that raises its score most, made by gradient ascent from noise.
///
/// # Errors
/// As [`class_ideals`].
pub fn class_images(
    network: &Network,
    classes: &[String],
    config: &IdealConfig,
) -> Result<Picture, FigureError> {
    const SIDE: f64 = 104.0;
    const COLUMNS: usize = 5;
    let ideals = class_ideals(network, config)?;
    if ideals.is_empty() {
        return Err(FigureError::Empty("the network knows no class"));
    }
    let [_, height, width] = network.input_shape();
    let columns = COLUMNS.min(ideals.len());
    let (step_x, step_y) = (SIDE + 16.0, SIDE + 36.0);
    let total = 2.0 * MARGIN + columns as f64 * step_x - 16.0;
    let mut panel =
        Panel::new(total.max(470.0), 54.0 + ideals.len().div_ceil(columns) as f64 * step_y);
    panel.title(&format!("{}: an image made for each class", network.name()));
    let caption = format!(
        "Images made by gradient ascent from the same noise, one for each class of the {}. They show \
         what its score asks for, not what the class looks like.",
        network.name()
    );
    let mut table =
        Table::new(caption.clone(), ["class", "score of the made image", "its probability"]);
    for (i, (image, score)) in ideals.iter().enumerate() {
        let name = classes.get(i).map_or_else(|| format!("class {i}"), Clone::clone);
        let (x, y) = (MARGIN + (i % columns) as f64 * step_x, 48.0 + (i / columns) as f64 * step_y);
        let pixels: Vec<Rgb> = of_values(image, height * width);
        panel.pixels([x, y, SIDE, SIDE], width, &pixels)?;
        let style = Text { size: 12.0, anchor: Anchor::Middle, ..Text::default() };
        panel.text(x + SIDE / 2.0, y + SIDE + 16.0, &name, style);
        let mut scores = network.scores(image.clone())?;
        crate::loss::softmax(&mut scores);
        let share = crate::table::percent(f64::from(scores[i]));
        table.push([name, format!("{score:.2}"), share]);
    }
    let alt = format!(
        "{} grey images made by gradient ascent, one for each class: {}.",
        ideals.len(),
        table.rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>().join(", ")
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}
