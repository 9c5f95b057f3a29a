//! Two networks side by side.

use super::chart::{Chart, Line};
use super::colour::{LINES, SOFT_INK, hex};
use super::panel::{Anchor, MARGIN, Panel, Text};
use super::{FigureError, Picture};
use crate::comparison::Comparison;
use crate::table::percent;

/// A comparison as a picture: how both networks learnt, how they do on moved images, and what they
/// cost.
///
/// # Errors
/// [`FigureError::Empty`] when nothing was measured.
pub fn comparison(both: &Comparison) -> Result<Picture, FigureError> {
    if both.shifts.iter().any(|curve| curve.accuracy.is_empty()) {
        return Err(FigureError::Empty("no accuracy was measured"));
    }
    let table = both.table();
    let names = both.networks.each_ref().map(|network| network.name().to_owned());
    let learnt = || both.histories.iter().flat_map(|history| &history.epochs);
    let least = learnt().map(|epoch| epoch.validation_accuracy).fold(1.0, f64::min);
    let floor = ((least * 10.0).floor() / 10.0).min(0.8);
    let mut left = Chart::new((356, 280), "epoch", (floor, 1.0), true);
    let mut right = Chart::new((356, 280), "shift in pixels", (0.0, 1.0), true);
    for (i, colour) in LINES.into_iter().take(2).enumerate() {
        let epochs = both.histories[i].epochs.iter();
        let points = epochs.map(|epoch| (epoch.epoch as f64, epoch.validation_accuracy)).collect();
        left.lines.push(Line { colour, dashed: false, points });
        let moved = both.shifts[i].accuracy.iter().enumerate();
        let points = moved.map(|(distance, &accuracy)| (distance as f64, accuracy)).collect();
        right.lines.push(Line { colour, dashed: false, points });
    }
    let below = 4.min(table.rows.len());
    let mut panel = Panel::new(772.0, 414.0 + 21.0 * below as f64);
    panel.title(&format!("{} against {}: same images, same budget", names[0], names[1]));
    let mut x = MARGIN + 4.0;
    for (name, colour) in names.iter().zip(LINES) {
        panel.line([x, 50.0, x + 26.0, 50.0], &hex(colour), "");
        panel.text(x + 32.0, 54.5, name, Text::default());
        x += 60.0 + 8.0 * name.chars().count() as f64;
    }
    let heading = Text { bold: true, ..Text::default() };
    panel.text(MARGIN + 42.0, 84.0, "Learning: validation accuracy", heading);
    panel.text(MARGIN + 422.0, 84.0, "Afterwards, on moved test images", heading);
    if learnt().next().is_some() {
        panel.group(12.0, 90.0, &left.draw()?);
    }
    panel.group(396.0, 90.0, &right.draw()?);
    let y = 394.0;
    let soft = Text { colour: SOFT_INK, ..Text::default() };
    let end = Text { anchor: Anchor::End, ..Text::default() };
    let columns = [MARGIN + 42.0, 420.0, 580.0];
    for (name, x) in names.iter().zip(&columns[1..]) {
        panel.text(*x, y, name, Text { bold: true, ..end });
    }
    for (i, row) in table.rows.iter().take(below).enumerate() {
        let y = y + 21.0 * (i + 1) as f64;
        panel.text(columns[0], y, &row[0], soft);
        panel.text(columns[1], y, &row[1], end);
        panel.text(columns[2], y, &row[2], end);
    }
    let said: Vec<String> = both
        .shifts
        .iter()
        .filter_map(|curve| {
            let (first, last) = (curve.accuracy.first()?, curve.accuracy.last()?);
            let far = curve.accuracy.len() - 1;
            let (first, last) = (percent(*first), percent(*last));
            Some(format!("{} {first}, and {last} when moved by {far} pixels", curve.network))
        })
        .collect();
    let caption = format!(
        "{} against {} on the same images with about as many parameters. Test accuracy: {}.",
        names[0],
        names[1],
        said.join("; ")
    );
    let alt = format!(
        "Two line charts and a table. On the left validation accuracy over the epochs, on the right \
         test accuracy against shift. {caption}"
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}
