//! Line charts.

use super::colour::{INK, LINES, Rgb, SOFT_INK, hex};
use super::panel::{MARGIN, Panel, Text};
use super::{FigureError, Picture};
use crate::evaluation::{ShiftCurve, shift_table};
use crate::table::{Table, percent};
use crate::training::History;
use plotters::coord::Shift;
use plotters::prelude::*;

/// What plotters draws on.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A line of a chart.
pub(super) struct Line {
    pub(super) colour: Rgb,
    pub(super) dashed: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// What a chart shows.
pub(super) struct Chart {
    size: (u32, u32),
    x_title: &'static str,
    y_range: (f64, f64),
    as_percent: bool,
    pub(super) lines: Vec<Line>,
}

/// Loss and accuracy of several trainings, epoch by epoch: dashed while learning, solid on the
/// validation images.
///
/// # Errors
/// [`FigureError::Empty`] without a single epoch.
pub fn learning_curves(histories: &[History]) -> Result<Picture, FigureError> {
    let epochs = || histories.iter().flat_map(|history| &history.epochs);
    if epochs().next().is_none() {
        return Err(FigureError::Empty("no epoch was trained"));
    }
    let greatest_loss =
        epochs().map(|e| e.train_loss.max(e.validation_loss)).fold(0.1f64, f64::max);
    let least = epochs().map(|e| e.train_accuracy.min(e.validation_accuracy)).fold(1.0, f64::min);
    let mut loss = Chart::new((356, 290), "epoch", (0.0, greatest_loss * 1.05), false);
    let mut accuracy =
        Chart::new((356, 290), "epoch", ((least * 10.0 - 0.5).floor().max(0.0) / 10.0, 1.0), true);
    let mut panel = Panel::new(772.0, 376.0);
    let mut table = Table::new(
        "Losses (cross-entropy, nats) and accuracies",
        ["network", "epoch", "train loss", "validation loss", "train acc.", "validation acc."],
    );
    let mut ends = Vec::new();
    let mut x = MARGIN + 4.0;
    for (history, colour) in histories.iter().zip(LINES.into_iter().cycle()) {
        let points = |f: fn(&crate::training::Epoch) -> f64| {
            history.epochs.iter().map(|e| (e.epoch as f64, f(e))).collect::<Vec<_>>()
        };
        loss.lines.push(Line { colour, dashed: true, points: points(|e| e.train_loss) });
        loss.lines.push(Line { colour, dashed: false, points: points(|e| e.validation_loss) });
        accuracy.lines.push(Line { colour, dashed: true, points: points(|e| e.train_accuracy) });
        accuracy.lines.push(Line {
            colour,
            dashed: false,
            points: points(|e| e.validation_accuracy),
        });
        for (dashes, what) in [("4 4", "training"), ("", "validation")] {
            panel.line([x, 27.0, x + 26.0, 27.0], &hex(colour), dashes);
            let label = format!("{}, {what}", history.network);
            panel.text(x + 32.0, 31.5, &label, Text::default());
            x += 52.0 + 6.9 * label.chars().count() as f64;
        }
        for epoch in &history.epochs {
            table.push([
                history.network.clone(),
                epoch.epoch.to_string(),
                format!("{:.3}", epoch.train_loss),
                format!("{:.3}", epoch.validation_loss),
                percent(epoch.train_accuracy),
                percent(epoch.validation_accuracy),
            ]);
        }
        if let Some(last) = history.epochs.last() {
            ends.push(format!("{} {}", history.network, percent(last.validation_accuracy)));
        }
    }
    let heading = Text { bold: true, ..Text::default() };
    panel.text(MARGIN + 42.0, 64.0, "Loss (cross-entropy)", heading);
    panel.text(MARGIN + 422.0, 64.0, "Accuracy", heading);
    panel.group(12.0, 70.0, &loss.draw()?);
    panel.group(396.0, 70.0, &accuracy.draw()?);
    let ends = ends.join(", ");
    let alt = format!(
        "Two line charts over the epochs: on the left the loss falls, on the right the accuracy \
         rises. Validation accuracy at the end: {ends}."
    );
    let caption = format!("Learning curves. Validation accuracy after the last epoch: {ends}.");
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

/// Accuracy of several networks over the distance by which the images are shifted.
///
/// # Errors
/// [`FigureError::Empty`] without curves.
pub fn shift_curves(curves: &[ShiftCurve]) -> Result<Picture, FigureError> {
    if curves.iter().all(|curve| curve.accuracy.is_empty()) {
        return Err(FigureError::Empty("no accuracy was measured"));
    }
    let mut chart = Chart::new((520, 310), "shift in pixels", (0.0, 1.0), true);
    let mut panel = Panel::new(560.0, 392.0);
    panel.title("Accuracy on shifted test images");
    let mut x = MARGIN + 4.0;
    for (curve, colour) in curves.iter().zip(LINES.into_iter().cycle()) {
        let points = curve.accuracy.iter().enumerate().map(|(x, &y)| (x as f64, y)).collect();
        chart.lines.push(Line { colour, dashed: false, points });
        panel.line([x, 53.0, x + 26.0, 53.0], &hex(colour), "");
        panel.text(x + 32.0, 57.5, &curve.network, Text::default());
        x += 56.0 + 8.0 * curve.network.chars().count() as f64;
    }
    panel.group(12.0, 66.0, &chart.draw()?);
    let data = shift_table(curves);
    let said: Vec<String> = curves
        .iter()
        .filter_map(|curve| {
            let (first, last) = (curve.accuracy.first()?, curve.accuracy.last()?);
            let (first, last) = (percent(*first), percent(*last));
            let pixels = curve.accuracy.len() - 1;
            Some(format!("{} from {first} to {last} at {pixels} pixels", curve.network))
        })
        .collect();
    let caption = format!("Shifting the images costs accuracy: {}.", said.join(", "));
    let alt = format!("A line chart of accuracy against shift. {caption}");
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data })
}

impl Chart {
    pub(super) fn new(
        size: (u32, u32),
        x_title: &'static str,
        y_range: (f64, f64),
        as_percent: bool,
    ) -> Self {
        Chart { size, x_title, y_range, as_percent, lines: Vec::new() }
    }

    /// The chart as the inside of an SVG element.
    pub(super) fn draw(&self) -> Result<String, FigureError> {
        drawn(self.size, |area| self.draw_on(area))
    }

    fn draw_on(&self, area: &Area<'_>) -> Result<(), Box<dyn std::error::Error>> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let from = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let to = points().map(|point| point.0).fold(from + 1.0, f64::max);
        let mut chart = ChartBuilder::on(area)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(48)
            .build_cartesian_2d(from..to, self.y_range.0..self.y_range.1)?;
        let ink = colour_of(INK);
        let text = |size: u32| ("sans-serif", size).into_font().color(&ink);
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(((to - from) as usize + 1).min(7))
            .y_labels(6)
            .x_label_formatter(&|x| format!("{x:.0}"))
            .y_label_formatter(&|y| match self.as_percent {
                true => format!("{:.0} %", y * 100.0),
                false => format!("{y:.1}"),
            })
            .x_desc(self.x_title)
            .axis_desc_style(text(16))
            .label_style(text(15))
            .axis_style(colour_of(SOFT_INK))
            .bold_line_style(RGBColor(217, 213, 200))
            .light_line_style(TRANSPARENT)
            .draw()?;
        for line in &self.lines {
            let [r, g, b] = line.colour;
            let style = RGBColor(r, g, b).stroke_width(2);
            let points = line.points.iter().copied();
            if line.dashed {
                chart.draw_series(DashedLineSeries::new(points, 4, 4, style))?;
            } else {
                chart.draw_series(LineSeries::new(points.clone(), style))?;
                let dots = points.map(|point| Circle::new(point, 3, RGBColor(r, g, b).filled()));
                chart.draw_series(dots)?;
            }
        }
        Ok(())
    }
}

/// What plotters draws, as the inside of an SVG element.
pub(super) fn drawn(
    size: (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), Box<dyn std::error::Error>>,
) -> Result<String, FigureError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&area).map_err(|error| FigureError::Draw(error.to_string()))?;
        area.present().map_err(|error| FigureError::Draw(error.to_string()))?;
    }
    let inside = svg.find("<svg").and_then(|at| svg[at..].find('>').map(|end| at + end + 1));
    let body = svg[inside.unwrap_or(0)..].trim_end().trim_end_matches("</svg>");
    Ok(body.to_owned())
}

/// A `#rrggbb` colour for plotters.
pub(super) fn colour_of(hex: &str) -> RGBColor {
    let part = |at: usize| u8::from_str_radix(hex.get(at..at + 2).unwrap_or("00"), 16).unwrap_or(0);
    RGBColor(part(1), part(3), part(5))
}
