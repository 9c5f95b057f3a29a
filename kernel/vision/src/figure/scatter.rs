//! Images as points, coloured by their class.

use super::chart::{Area, drawn};
use super::colour::{CLASSES, FRAME, INK, PAPER, Rgb, SOFT_INK, hex};
use super::panel::{MARGIN, Panel, Text};
use super::{FigureError, Picture};
use crate::data::Dataset;
use crate::inspection::{Embedding, TsneConfig, pca, tsne};
use crate::network::Network;
use crate::table::{Table, percent};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

const SIZE: (u32, u32) = (560, 500);

/// The images in the plane of the two main directions of their features (PCA), coloured by class.
///
/// # Errors
/// As [`pca`].
pub fn pca_scatter(network: &Network, data: &Dataset) -> Result<Picture, FigureError> {
    let found = pca(network, data)?;
    let [first, second] = found.variance.unwrap_or_default().map(percent);
    let title = format!("{}: images in the space of features, by PCA", network.name());
    let below = format!("across: {first} of the variance; up: {second}");
    scatter(&found, &title, &below)
}

/// The images laid out by t-SNE such that neighbours in the space of features stay neighbours, coloured
/// by class. 2,000 images at most.
///
/// # Errors
/// As [`tsne`].
pub fn tsne_scatter(
    network: &Network,
    data: &Dataset,
    config: &TsneConfig,
) -> Result<Picture, FigureError> {
    let found = tsne(network, data, config)?;
    let title = format!("{}: images in the space of features, by t-SNE", network.name());
    let below = "near points are alike; distances between groups mean nothing";
    scatter(&found, &title, below)
}

fn scatter(found: &Embedding, title: &str, below: &str) -> Result<Picture, FigureError> {
    let mut panel = Panel::new(f64::from(SIZE.0) + 186.0, f64::from(SIZE.1) + 78.0);
    panel.title(title);
    panel.rectangle([MARGIN, 44.0, f64::from(SIZE.0), f64::from(SIZE.1)], "#ffffff", FRAME);
    panel.group(MARGIN, 44.0, &drawn(SIZE, |area| points(area, found))?);
    let soft = Text { size: 12.0, colour: SOFT_INK, ..Text::default() };
    panel.text(MARGIN, f64::from(SIZE.1) + 65.0, below, soft);
    let left = MARGIN + f64::from(SIZE.0) + 20.0;
    let headers = ["class", "images", "middle (across, up)", "nearest point of the same class"];
    let mut table = Table::new(found.method.clone(), headers);
    for (class, name) in found.classes.iter().enumerate() {
        let label = u8::try_from(class).unwrap_or(u8::MAX);
        let own: Vec<[f64; 2]> = members(found, label).collect();
        let y = 60.0 + class as f64 * 22.0;
        mark(&mut panel, (left + 6.0, y - 4.5), class);
        panel.text(left + 20.0, y, name, Text::default());
        let [x, y] = middle(&own);
        let near = found.neighbour_share(Some(label)).map_or_else(|| "–".into(), percent);
        table.push([name.clone(), own.len().to_string(), format!("{x:.2}, {y:.2}"), near]);
    }
    let all = found.neighbour_share(None).map_or_else(|| "–".into(), percent);
    table.push(["all".to_owned(), found.points.len().to_string(), "–".into(), all.clone()]);
    let caption = format!(
        "{} images by {}. The nearest point has the same class for {all} of them.",
        found.points.len(),
        found.method
    );
    let worst = table
        .rows
        .iter()
        .take(found.classes.len())
        .filter(|row| row[1] != "0")
        .min_by(|a, b| number(&a[3]).total_cmp(&number(&b[3])))
        .map_or_else(String::new, |row| format!(" Least apart: {}, {}.", row[0], row[3]));
    let alt =
        format!("A scatter plot, one point for each image, coloured by class. {caption}{worst}");
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

fn number(percent: &str) -> f64 {
    percent.trim_end_matches(" %").parse().unwrap_or(f64::INFINITY)
}

fn members(found: &Embedding, label: u8) -> impl Iterator<Item = [f64; 2]> + '_ {
    found.points.iter().zip(&found.labels).filter(move |(_, l)| **l == label).map(|(p, _)| *p)
}

/// The point whose coordinates are the middle ones.
fn middle(points: &[[f64; 2]]) -> [f64; 2] {
    [0, 1].map(|k| {
        let mut all: Vec<f64> = points.iter().map(|point| point[k]).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(0.0)
    })
}

fn colour(class: usize) -> Rgb {
    CLASSES[class % CLASSES.len()]
}

/// The mark of a class in the legend: as in the plot, so that it is told apart without its colour too.
fn mark(panel: &mut Panel, (x, y): (f64, f64), class: usize) {
    panel.mark((x, y), class % 3, &hex(colour(class)));
}

fn points(area: &Area<'_>, found: &Embedding) -> Result<(), Box<dyn std::error::Error>> {
    let range = |k: usize| {
        let all = || found.points.iter().map(|point| point[k]);
        let (least, most) =
            (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let edge = 0.06 * (most - least).max(1e-9);
        least - edge..most + edge
    };
    let mut chart = ChartBuilder::on(area).margin(4).build_cartesian_2d(range(0), range(1))?;
    for class in 0..found.classes.len() {
        let label = u8::try_from(class).unwrap_or(u8::MAX);
        let [r, g, b] = colour(class);
        let style = RGBColor(r, g, b).mix(0.75).filled();
        let own = members(found, label).map(|[x, y]| (x, y));
        match class % 3 {
            0 => chart.draw_series(own.map(|point| Circle::new(point, 3, style)))?,
            1 => chart.draw_series(own.map(|point| TriangleMarker::new(point, 4, style)))?,
            _ => chart.draw_series(own.map(|point| {
                EmptyElement::at(point) + Rectangle::new([(-3, -3), (3, 3)], style)
            }))?,
        };
    }
    // Names last, so that no point covers them: where most of a class lies, or below a name that is
    // there already.
    let mut taken: Vec<(i32, i32, i32)> = Vec::new();
    for (class, name) in found.classes.iter().enumerate() {
        let own: Vec<[f64; 2]> = members(found, u8::try_from(class).unwrap_or(u8::MAX)).collect();
        if own.is_empty() {
            continue;
        }
        let [x, y] = middle(&own);
        let (half, height) = (name.chars().count() as i32 * 7 / 2 + 5, 9);
        let (left, top) = chart.backend_coord(&(x, y));
        let mut down = 0;
        while taken.iter().any(|(x, y, width)| {
            (left - x).abs() < half + width && (top + down - y).abs() < 2 * height
        }) {
            down += 3;
        }
        taken.push((left, top + down, half));
        let paper = super::chart::colour_of(PAPER).mix(0.85).filled();
        let ink = super::chart::colour_of(INK);
        let style = ("sans-serif", 13).into_font().color(&ink);
        let style = style.pos(Pos::new(HPos::Center, VPos::Center));
        chart.draw_series(std::iter::once(
            EmptyElement::at((x, y))
                + Rectangle::new([(-half, down - height), (half, down + height)], paper)
                + plotters::element::Text::new(name.clone(), (0, down), style),
        ))?;
    }
    Ok(())
}
