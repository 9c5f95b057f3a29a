//! The confusion matrix.

use super::Picture;
use super::colour::{INK, PAPER, SOFT_INK, blues, hex};
use super::panel::{Anchor, Panel, Text};
use crate::evaluation::ConfusionMatrix;
use crate::table::percent;

const CELL: f64 = 40.0;
const LEFT: f64 = 118.0;
const TOP: f64 = 60.0;

/// Truth in rows, prediction in columns, counts in the cells; the darker the more.
pub fn confusion_matrix(matrix: &ConfusionMatrix) -> Picture {
    let n = matrix.classes.len();
    let side = CELL * n as f64;
    let (width, height) = (LEFT + side + 70.0, TOP + side + 92.0);
    let mut panel = Panel::new(width, height);
    let soft = Text { colour: SOFT_INK, size: 12.0, ..Text::default() };
    let title = format!("{}: which class was taken for which", matrix.network);
    panel.title(&title);
    panel.text(LEFT + side + 8.0, TOP - 8.0, "found", soft);
    for (i, (class, row)) in matrix.classes.iter().zip(&matrix.counts).enumerate() {
        let y = TOP + i as f64 * CELL;
        let most = row.iter().sum::<usize>().max(1) as f32;
        let label = Text { anchor: Anchor::End, ..Text::default() };
        panel.text(LEFT - 8.0, y + CELL / 2.0 + 4.5, class, label);
        for (j, &count) in row.iter().enumerate() {
            let x = LEFT + j as f64 * CELL;
            // The square root lifts the few mistakes out of the pale.
            let share = (count as f32 / most).sqrt();
            panel.rectangle([x, y, CELL, CELL], &hex(blues(share * 0.92)), PAPER);
            let colour = if share > 0.62 { "#ffffff" } else { INK };
            let style = Text { anchor: Anchor::Middle, colour, bold: i == j, ..Text::default() };
            if count > 0 {
                let (x, y) = (x + CELL / 2.0, y + CELL / 2.0 + 4.5);
                panel.text(x, y, &count.to_string(), style);
            }
        }
        if let Some(recall) = matrix.recall(i) {
            panel.text(LEFT + side + 8.0, y + CELL / 2.0 + 4.5, &percent(recall), soft);
        }
    }
    for (j, class) in matrix.classes.iter().enumerate() {
        let (x, y) = (LEFT + j as f64 * CELL + CELL / 2.0 + 4.0, TOP + side + 12.0);
        let style = Text { anchor: Anchor::End, turn: -45, ..Text::default() };
        panel.text(x, y, class, style);
    }
    panel.text(20.0, TOP - 8.0, "truth", soft);
    let below = Text { anchor: Anchor::End, ..soft };
    panel.text(width - 20.0, height - 14.0, "prediction", below);
    let worst = matrix.worst_pair().filter(|(_, _, n)| *n > 0);
    let worst = worst.map_or_else(
        || "No image was taken for another class.".to_owned(),
        |(truth, prediction, n)| {
            format!("Most often confused: {truth} taken for {prediction}, {n} times.")
        },
    );
    let alt = format!(
        "Confusion matrix of the {} with {n} classes; most counts lie on the diagonal. {worst}",
        matrix.network
    );
    Picture { svg: panel.finish(&alt), alt, caption: worst, data: matrix.table() }
}
