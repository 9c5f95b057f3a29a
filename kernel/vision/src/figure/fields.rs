//! Receptive fields, drawn over an image.

use super::colour::{FRAME, LINES, Rgb, SOFT_INK, hex, viridis};
use super::panel::{Anchor, MARGIN, Panel, Text};
use super::pixels::{of_image, over};
use super::{FigureError, Picture};
use crate::data::{Dataset, Image};
use crate::inspection::{InspectionError, effective_field, field_of};
use crate::network::{Network, Size};
use crate::table::{Table, percent};

const SIDE: f64 = 140.0;
const COLUMNS: usize = 4;
/// Images over which the effective field is averaged.
const IMAGES: usize = 8;
/// The share of the gradient that the effective field holds.
const SHARE: f64 = 0.9;

/// For each convolution what its middle unit can see of one image, and what it really looks at: above
/// the receptive field as a square over the image at `place`, below the size of the gradient, averaged
/// over the first eight images.
///
/// # Errors
/// [`InspectionError::NoConvolution`] for a network without convolutions,
/// [`InspectionError::NoImage`] for a place that the data does not have.
pub fn receptive_fields(
    network: &Network,
    data: &Dataset,
    place: usize,
) -> Result<Picture, FigureError> {
    if place >= data.len() {
        return Err(InspectionError::NoImage { wanted: place, n: data.len() }.into());
    }
    field_of(network, 1)?;
    let layers = network.convolutions();
    let image = data.image(place);
    let images: Vec<Image> = (0..data.len().min(IMAGES)).map(|i| data.image(i)).collect();
    let [_, height, width] = network.input_shape();
    let columns = COLUMNS.min(layers.len());
    let (step_x, step_y) = (SIDE + 20.0, 2.0 * SIDE + 82.0);
    let total = 2.0 * MARGIN + columns as f64 * step_x - 20.0;
    let bands = layers.len().div_ceil(columns);
    let mut panel = Panel::new(total.max(500.0), 52.0 + bands as f64 * step_y);
    panel.title(&format!("{}: what the middle unit of each convolution sees", network.name()));
    let caption = format!(
        "Receptive fields in the {}. Above: the pixels that a unit in the middle can see. Below: how \
         much its answer changes with each of them (brightness: the square root), and the square that \
         holds 90 % of that.",
        network.name()
    );
    let headers = [
        "convolution",
        "receptive field",
        "step",
        "share of the image",
        "square with 90 % of the gradient",
    ];
    let mut table = Table::new(caption.clone(), headers);
    let (scale_x, scale_y) = (SIDE / width as f64, SIDE / height as f64);
    for (i, layer) in layers.iter().enumerate() {
        let field = field_of(network, i + 1)?;
        let Some(Size::Maps { height: rows, width: units, .. }) = network.size_after(*layer) else {
            continue;
        };
        let (top, left) = field.corner(rows / 2, units / 2);
        let end = |start: isize, len: usize| {
            let clip = |x: isize| x.clamp(0, len as isize) as usize;
            (clip(start), clip(start + field.side as isize))
        };
        let ((y0, y1), (x0, x1)) = (end(top, height), end(left, width));
        let pixels: Vec<Rgb> = of_image(&image)
            .into_iter()
            .enumerate()
            .map(|(at, pixel)| {
                let (y, x) = (at / width, at % width);
                let inside = (y0..y1).contains(&y) && (x0..x1).contains(&x);
                if inside { pixel } else { over([120, 125, 135], pixel, 0.62) }
            })
            .collect();
        let seen = effective_field(network, &images, i + 1)?;
        let most = seen.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let glow: Vec<Rgb> = seen.iter().map(|value| viridis((value / most).sqrt())).collect();
        let x = MARGIN + (i % columns) as f64 * step_x;
        let y = 50.0 + (i / columns) as f64 * step_y;
        let outline = |y: f64| {
            let (x0, y0, x1, y1) = (x0 as f64, y0 as f64, x1 as f64, y1 as f64);
            [x + x0 * scale_x, y + y0 * scale_y, (x1 - x0) * scale_x, (y1 - y0) * scale_y]
        };
        let below = y + SIDE + 6.0;
        panel.pixels([x, y, SIDE, SIDE], width, &pixels)?;
        panel.rectangle([x, y, SIDE, SIDE], "none", FRAME);
        panel.outline(outline(y), &hex(LINES[0]));
        panel.pixels([x, below, SIDE, SIDE], width, &glow)?;
        panel.outline(outline(below), &hex(LINES[0]));
        let style = Text { size: 12.0, anchor: Anchor::Middle, bold: true, ..Text::default() };
        let name = format!("convolution {}", i + 1);
        panel.text(x + SIDE / 2.0, below + SIDE + 17.0, &name, style);
        let side = square_with(&seen, (height, width), SHARE);
        let soft = Text { size: 11.5, colour: SOFT_INK, bold: false, ..style };
        let sizes = format!("can see {0} × {0} pixels", field.side);
        panel.text(x + SIDE / 2.0, below + SIDE + 33.0, &sizes, soft);
        let used = format!("90 % of it in {side} × {side}");
        panel.text(x + SIDE / 2.0, below + SIDE + 48.0, &used, soft);
        let share = ((y1 - y0) * (x1 - x0)) as f64 / (height * width) as f64;
        table.push([
            (i + 1).to_string(),
            format!("{0} × {0}", field.side),
            field.step.to_string(),
            percent(share),
            format!("{side} × {side}"),
        ]);
    }
    let said: Vec<String> = table
        .rows
        .iter()
        .map(|row| format!("convolution {}: {}, of which {} hold 90 %", row[0], row[1], row[4]))
        .collect();
    let alt = format!(
        "An image of the class {} with a square for what a unit of each convolution sees, and below \
         it where its gradient is large. In pixels, {}.",
        image.class_name,
        said.join("; ")
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

/// Side of the smallest square around the centre of mass that holds a share of it.
fn square_with(values: &[f32], (height, width): (usize, usize), share: f64) -> usize {
    let total: f64 = values.iter().map(|&x| f64::from(x)).sum();
    let mean = |of: fn(usize, usize) -> usize| {
        let sum: f64 =
            values.iter().enumerate().map(|(i, &x)| of(i, width) as f64 * f64::from(x)).sum();
        if total > 0.0 { sum / total } else { 0.0 }
    };
    let (y, x) = (mean(|i, width| i / width), mean(|i, width| i % width));
    for side in 1..=height.max(width) {
        // The square of this side whose middle is nearest to the centre of mass.
        let start = |middle: f64| (middle - (side as f64 - 1.0) / 2.0).round() as isize;
        let (top, left) = (start(y), start(x));
        let held: f64 = values
            .iter()
            .enumerate()
            .filter(|(i, _)| {
                let (y, x) = ((i / width) as isize, (i % width) as isize);
                (top..top + side as isize).contains(&y) && (left..left + side as isize).contains(&x)
            })
            .map(|(_, &value)| f64::from(value))
            .sum();
        if held >= share * total {
            return side;
        }
    }
    height.max(width)
}

#[cfg(test)]
mod tests {
    use super::square_with;

    #[test]
    fn the_square_that_holds_enough() {
        let mut values = [0.0f32; 49];
        values[24] = 8.0;
        assert_eq!(square_with(&values, (7, 7), 0.9), 1);
        (16..=18).chain(23..=25).chain(30..=32).for_each(|i| values[i] = 1.0);
        assert_eq!(square_with(&values, (7, 7), 0.9), 3);
        assert_eq!(square_with(&[1.0; 49], (7, 7), 1.0), 7);
    }
}
