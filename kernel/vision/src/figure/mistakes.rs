//! Wrong answers.

use super::colour::{LINES, SOFT_INK, hex};
use super::panel::{Anchor, MARGIN, Panel, Text};
use super::pixels::of_image;
use super::{FigureError, Picture};
use crate::data::Dataset;
use crate::inspection::mistakes;
use crate::network::Network;
use crate::table::{Table, percent};

const SIDE: f64 = 84.0;
const COLUMNS: usize = 6;

/// The `n` images that a network gets wrong while it is surest: what they show, what the network found,
/// and with which probability.
///
/// # Errors
/// [`FigureError::Empty`] when no answer is wrong, or none is asked for.
pub fn wrong_predictions(
    network: &Network,
    data: &Dataset,
    n: usize,
) -> Result<Picture, FigureError> {
    let all = mistakes(network, data)?;
    let shown = &all[..n.min(all.len())];
    if shown.is_empty() {
        return Err(FigureError::Empty("no answer is wrong, or none was asked for"));
    }
    let columns = COLUMNS.min(shown.len());
    let (step_x, step_y) = (SIDE + 38.0, SIDE + 56.0);
    let width = (2.0 * MARGIN + columns as f64 * step_x).max(470.0);
    let height = 58.0 + shown.len().div_ceil(columns) as f64 * step_y + 4.0;
    let mut panel = Panel::new(width, height);
    panel.title(&format!(
        "{}: {} of {} answers are wrong; where it was surest",
        network.name(),
        all.len(),
        data.len()
    ));
    let headers = ["image", "truth", "found", "confidence", "given to the truth"];
    let mut table = Table::new("Wrong answers, the surest first", headers);
    for (i, mistake) in shown.iter().enumerate() {
        let image = data.image(mistake.image);
        let middle = MARGIN + (i % columns) as f64 * step_x + step_x / 2.0;
        let y = 50.0 + (i / columns) as f64 * step_y;
        panel.pixels([middle - SIDE / 2.0, y, SIDE, SIDE], image.width, &of_image(&image))?;
        let style = Text { size: 11.5, anchor: Anchor::Middle, ..Text::default() };
        let (truth, found) = (data.class_name(mistake.truth), data.class_name(mistake.prediction));
        let confidence = f64::from(mistake.confidence);
        let soft = Text { colour: SOFT_INK, ..style };
        panel.text(middle, y + SIDE + 14.0, &format!("is {truth}"), soft);
        let said = format!("{found}, {:.0} %", confidence * 100.0);
        panel.text(middle, y + SIDE + 28.0, &said, Text { bold: true, ..style });
        let bar = [middle - SIDE / 2.0, y + SIDE + 34.0, SIDE, 4.0];
        panel.rectangle(bar, "#e6e2d6", "none");
        let part = [bar[0], bar[1], SIDE * confidence, bar[3]];
        panel.rectangle(part, &hex(LINES[0]), "none");
        table.push([
            (mistake.image + 1).to_string(),
            truth.to_owned(),
            found.to_owned(),
            percent(confidence),
            percent(f64::from(mistake.truth_probability)),
        ]);
    }
    let said: Vec<String> = table
        .rows
        .iter()
        .take(3)
        .map(|row| format!("{} taken for {}, {}", row[1], row[2], row[3]))
        .collect();
    let alt = format!(
        "A grid of {} images that the {} gets wrong, each with its class, the class found and the \
         confidence: {}{}.",
        shown.len(),
        network.name(),
        said.join("; "),
        if shown.len() > 3 { "; and more" } else { "" }
    );
    let caption = format!(
        "The {} wrong answers of which the {} was surest, of {} in all.",
        shown.len(),
        network.name(),
        all.len()
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}
