//! One image on its way through all layers.

use super::colour::{INK, LINES, Rgb, SOFT_INK, diverging, hex, viridis};
use super::panel::{Anchor, MARGIN, Panel, Text};
use super::pixels::{Sheet, of_image};
use super::{FigureError, Picture};
use crate::data::Image;
use crate::loss::softmax;
use crate::network::{Network, Size};
use crate::table::{Table, grouped, percent};

/// Width of the strip of maps.
const STRIP: f64 = 620.0;
/// Where it begins.
const LEFT: f64 = 212.0;
/// Maps that are drawn at most.
const MAPS: usize = 128;
/// Side of a map at most.
const MOST: f64 = 64.0;

/// What *every* layer answers to one image, from top to bottom: maps as maps, vectors as strips, the
/// scores at the end as probabilities of `classes`. Each map is scaled on its own. Of a layer with more
/// than 128 maps the first 128 are shown.
///
/// # Errors
/// [`FigureError::Layer`] when the image does not have the network's input shape.
pub fn all_layers(
    network: &Network,
    image: &Image,
    classes: &[String],
) -> Result<Picture, FigureError> {
    let names: Vec<&str> = network.layer_names().collect();
    let answers = network.answers(image.values(), names.len())?;
    let caption = format!(
        "One image ({}) on its way through the {}: the maps shrink, the depth grows, and a vector is \
         left. Bright: strong answer; blue and orange: negative and positive; each map is scaled on \
         its own.",
        image.class_name,
        network.name()
    );
    let headers = ["layer", "output", "least value", "mean", "greatest value", "silent maps"];
    let mut table = Table::new(caption.clone(), headers);
    let mut rows = Vec::new();
    let mut height = 52.0 + 76.0;
    for (i, (name, answer)) in names.iter().zip(&answers[1..]).enumerate() {
        let is_last = i + 1 == names.len();
        let row = Row::of(format!("{}  {name}", i + 1), answer.size, &answer.values);
        table.push(row.numbers(name));
        height += if is_last { 0.0 } else { row.height + 14.0 };
        rows.push(row);
    }
    let mut probabilities = answers.last().map(|last| last.values.clone()).unwrap_or_default();
    softmax(&mut probabilities);
    let scores_top = height + 22.0;
    height = scores_top + 20.0 * probabilities.len().div_ceil(2) as f64 + 18.0;
    let mut panel = Panel::new(LEFT + STRIP + MARGIN, height);
    panel.title(&format!("{}: one image, every layer", network.name()));
    let (rows_of_pixels, columns) = (image.height, image.width);
    panel.pixels([LEFT, 48.0, MOST, MOST], columns, &of_image(image))?;
    label(&mut panel, 48.0, "the image", &format!("{rows_of_pixels} × {columns} pixels"));
    panel.text(LEFT + MOST + 12.0, 84.0, &image.class_name, Text::default());
    let mut y = 128.0;
    for row in &rows[..rows.len().saturating_sub(1)] {
        label(&mut panel, y, &row.name, &row.size.to_string());
        row.draw(&mut panel, y)?;
        y += row.height + 14.0;
    }
    if let Some(last) = rows.last() {
        label(&mut panel, scores_top - 8.0, &last.name, "as probabilities");
    }
    let found = crate::network::best(&probabilities);
    draw_scores(&mut panel, scores_top, &probabilities, classes, found);
    let found_name = classes.get(found).map_or("?", String::as_str);
    let alt = format!(
        "An image of the class {} at the top, and below it what each of the {} layers of the {} \
         answers, from {} to the probabilities of the classes; the highest is {found_name}, {}.",
        image.class_name,
        names.len(),
        network.name(),
        rows.first().map_or_else(String::new, |row| row.size.to_string()),
        percent(f64::from(probabilities.get(found).copied().unwrap_or(0.0)))
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

/// One layer's answer, ready to be drawn.
struct Row<'a> {
    name: String,
    size: Size,
    values: &'a [f32],
    height: f64,
}

impl<'a> Row<'a> {
    fn of(name: String, size: Size, values: &'a [f32]) -> Self {
        let height = match size {
            Size::Maps { channels, .. } => {
                let (columns, rows) = layout(channels);
                rows as f64 * side(columns)
            }
            Size::Vector(_) => 26.0,
        };
        Row { name, size, values, height: height.max(30.0) }
    }

    fn numbers(&self, name: &str) -> [String; 6] {
        let least = self.values.iter().copied().fold(f32::INFINITY, f32::min);
        let greatest = self.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mean = self.values.iter().map(|&x| f64::from(x)).sum::<f64>();
        let silent = match self.size {
            Size::Maps { height, width, .. } => {
                let maps = self.values.chunks_exact(height * width);
                grouped(maps.filter(|map| map.iter().all(|x| *x == 0.0)).count())
            }
            Size::Vector(_) => "–".into(),
        };
        [
            name.to_owned(),
            self.size.to_string(),
            format!("{least:.2}"),
            format!("{:.2}", mean / self.values.len().max(1) as f64),
            format!("{greatest:.2}"),
            silent,
        ]
    }

    fn draw(&self, panel: &mut Panel, y: f64) -> Result<(), FigureError> {
        let signed = self.values.iter().any(|x| *x < 0.0);
        match self.size {
            Size::Maps { channels, height, width } => {
                let (columns, rows) = layout(channels);
                let shown = channels.min(MAPS).min(columns * rows);
                let mut sheet = Sheet::new(shown, columns, (height, width), 1);
                let maps = self.values.chunks_exact(height * width).take(shown);
                maps.enumerate().for_each(|(i, map)| sheet.put(i, &coloured(map, signed)));
                let (sheet_height, sheet_width) = sheet.size();
                // The gap is a pixel of the sheet, so a step is a little more than a map.
                let scale = side(columns) / (height.max(width) + 1) as f64;
                let size = [sheet_width as f64 * scale, sheet_height as f64 * scale];
                panel.pixels([LEFT, y, size[0], size[1]], sheet_width, sheet.pixels())?;
                if shown < channels {
                    let more = format!("first {shown} of {channels}");
                    let style = Text { size: 11.5, colour: SOFT_INK, ..Text::default() };
                    panel.text(MARGIN, y + 44.0, &more, style);
                }
            }
            Size::Vector(n) => {
                let width = (n as f64 * 8.0).min(STRIP);
                panel.pixels([LEFT, y, width, 24.0], n, &coloured(self.values, signed))?;
            }
        }
        Ok(())
    }
}

/// Columns and rows of maps.
fn layout(channels: usize) -> (usize, usize) {
    let shown = channels.clamp(1, MAPS);
    let columns = shown.min(if shown > 32 { 32 } else { 16 });
    (columns, shown.div_ceil(columns))
}

/// Side of a map with its gap.
fn side(columns: usize) -> f64 {
    (STRIP / columns as f64).min(MOST)
}

fn coloured(values: &[f32], signed: bool) -> Vec<Rgb> {
    let most = values.iter().fold(0.0f32, |most, x| most.max(x.abs())).max(f32::MIN_POSITIVE);
    let colour = if signed { diverging } else { viridis };
    values.iter().map(|x| colour(x / most)).collect()
}

fn label(panel: &mut Panel, y: f64, name: &str, size: &str) {
    // A long name is cut: the table has it whole.
    let name: String = match name.char_indices().nth(27) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    };
    panel.text(MARGIN, y + 13.0, &name, Text { size: 12.0, bold: true, ..Text::default() });
    let soft = Text { size: 11.5, colour: SOFT_INK, ..Text::default() };
    panel.text(MARGIN, y + 28.0, size, soft);
}

/// Bars in two columns, with the class names.
fn draw_scores(panel: &mut Panel, top: f64, shares: &[f32], classes: &[String], found: usize) {
    let rows = shares.len().div_ceil(2);
    let width = STRIP / 2.0;
    for (i, &share) in shares.iter().enumerate() {
        let (x, y) = (LEFT + (i / rows) as f64 * width, top + (i % rows) as f64 * 20.0);
        let name = classes.get(i).map_or_else(|| format!("class {i}"), Clone::clone);
        let style = Text { size: 12.0, anchor: Anchor::End, bold: i == found, ..Text::default() };
        panel.text(x + 84.0, y + 4.0, &name, style);
        let bar = f64::from(share) * (width - 160.0);
        let colour = if i == found { hex(LINES[0]) } else { hex(LINES[1]) };
        panel.rectangle([x + 92.0, y - 7.0, bar.max(1.0), 13.0], &colour, "none");
        let style = Text { size: 11.5, colour: INK, ..Text::default() };
        panel.text(x + 98.0 + bar, y + 4.0, &percent(f64::from(share)), style);
    }
}
