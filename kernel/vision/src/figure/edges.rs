//! Edge-ness, layer by layer.

use super::chart::{Area, colour_of, drawn};
use super::colour::{INK, LINES, Rgb, SOFT_INK, hex};
use super::panel::{Anchor, MARGIN, Panel, Text};
use super::{FigureError, Picture};
use crate::data::Dataset;
use crate::inspection::{EdgeConfig, EdgeProfile, LayerEdges, Oriented, edge_profile};
use crate::network::Network;
use crate::table::{Table, percent};
use plotters::prelude::*;

const LEFT: u32 = 56;
const STEP: u32 = 200;
const HEIGHT: u32 = 300;
/// Grey for what was not learnt.
const RANDOM: Rgb = [120, 125, 135];

/// How much of what the channels of each convolution look for one oriented edge or line explains: a
/// point for each channel, beside those of networks with random weights.
///
/// # Errors
/// As [`edge_profile`].
pub fn edge_chart(
    network: &Network,
    data: &Dataset,
    config: &EdgeConfig,
) -> Result<Picture, FigureError> {
    let profile = edge_profile(network, data, config)?;
    let n = profile.layers.len() as u32;
    let size = (LEFT + STEP * n, HEIGHT);
    let width = (f64::from(size.0) + 2.0 * MARGIN).max(560.0);
    let mut panel = Panel::new(width, f64::from(HEIGHT) + 196.0);
    panel.title(&format!("{}: how much of each layer is edges", profile.network));
    let mut x = MARGIN + 4.0;
    let control = match profile.controls {
        1 => "a network with random weights".to_owned(),
        n => format!("{n} networks with random weights"),
    };
    for (colour, name) in [(LINES[0], "trained".to_owned()), (RANDOM, control)] {
        panel.mark((x + 5.0, 49.0), 0, &hex(colour));
        panel.text(x + 16.0, 53.5, &name, Text::default());
        x += 44.0 + 7.0 * name.chars().count() as f64;
    }
    panel.group(MARGIN, 66.0, &drawn(size, |area| dots(area, &profile))?);
    let bottom = 66.0 + f64::from(HEIGHT);
    let headers = [
        "convolution",
        "sees (pixels)",
        "channels",
        "trained",
        "random weights",
        "difference (points)",
        "channels above 95 % of random",
        "edges / lines",
        "plain ramp",
        "plain ramp, random",
    ];
    let mut table =
        Table::new("Share of each pattern that one oriented edge or line explains", headers);
    for (i, layer) in profile.layers.iter().enumerate() {
        let middle = MARGIN + f64::from(LEFT + STEP * i as u32 + STEP / 2);
        let style = Text { size: 13.0, anchor: Anchor::Middle, bold: true, ..Text::default() };
        panel.text(middle, bottom + 18.0, &format!("convolution {}", i + 1), style);
        let soft = Text { size: 12.0, bold: false, colour: SOFT_INK, ..style };
        let lines = [
            format!("sees {0} × {0} pixels", layer.field),
            format!("best filter: {} against {}", whole(layer.mean()), whole(layer.random_mean())),
            format!("{} of channels stand out", whole(layer.above_random())),
            format!(
                "plain ramp: {} against {}",
                whole(layer.ramp_means().0),
                whole(layer.ramp_means().1)
            ),
        ];
        for (k, line) in lines.iter().enumerate() {
            panel.text(middle, bottom + 38.0 + 18.0 * k as f64, line, soft);
        }
        table.push(numbers(layer));
    }
    let note = "“stand out”: more edge-like than 95 % of the random channels of the same layer";
    let style = Text { size: 11.5, colour: SOFT_INK, ..Text::default() };
    panel.text(MARGIN, bottom + 118.0, note, style);
    let said: Vec<String> = profile
        .layers
        .iter()
        .map(|layer| {
            let (own, random) = (percent(layer.mean()), percent(layer.random_mean()));
            let (ramp, random_ramp) = layer.ramp_means();
            let ramps = format!("{} against {}", percent(ramp), percent(random_ramp));
            format!(
                "convolution {}: {own} against {random} (plain ramp {ramps})",
                layer.convolution
            )
        })
        .collect();
    let caption = format!(
        "Share of what a channel looks for that one oriented edge or line explains, trained against \
         random weights. {}.",
        said.join("; ")
    );
    let alt = format!("Points for each channel of each convolution, trained and random. {caption}");
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data: table })
}

fn whole(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn numbers(layer: &LayerEdges) -> [String; 10] {
    let lines = layer.channels.iter().filter(|found| found.is_line).count();
    [
        layer.convolution.to_string(),
        format!("{0} × {0}", layer.field),
        layer.channels.len().to_string(),
        percent(layer.mean()),
        percent(layer.random_mean()),
        format!("{:+.1}", (layer.mean() - layer.random_mean()) * 100.0),
        percent(layer.above_random()),
        format!("{} / {lines}", layer.channels.len() - lines),
        percent(layer.ramp_means().0),
        percent(layer.ramp_means().1),
    ]
}

fn dots(area: &Area<'_>, profile: &EdgeProfile) -> Result<(), Box<dyn std::error::Error>> {
    let n = profile.layers.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_bottom(4)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..n, 0.0..1.0)?;
    let ink = colour_of(INK);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .y_labels(6)
        .y_label_formatter(&|y: &f64| format!("{:.0} %", y * 100.0))
        .label_style(("sans-serif", 15).into_font().color(&ink))
        .axis_style(colour_of(SOFT_INK))
        .bold_line_style(RGBColor(217, 213, 200))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (i, layer) in profile.layers.iter().enumerate() {
        let sides = [(0.3, LINES[0], &layer.channels), (0.7, RANDOM, &layer.random)];
        for (middle, [r, g, b], all) in sides {
            let colour = RGBColor(r, g, b);
            let middle = i as f64 + middle;
            let points = spread(all).into_iter().map(|(x, y)| (middle + x, y));
            chart
                .draw_series(points.map(|point| Circle::new(point, 3, colour.mix(0.6).filled())))?;
            let mean = all.iter().map(|found| found.share).sum::<f64>() / all.len().max(1) as f64;
            let bar = [(middle - 0.17, mean), (middle + 0.17, mean)];
            chart.draw_series(LineSeries::new(bar, ink.stroke_width(3)))?;
        }
    }
    Ok(())
}

/// Points side by side instead of over each other: the k-th of a layer goes a fixed step aside (the
/// golden ratio keeps neighbours apart).
fn spread(all: &[Oriented]) -> Vec<(f64, f64)> {
    let aside = |k: usize| ((k as f64 * 0.618_033_988_75).fract() - 0.5) * 0.26;
    all.iter().enumerate().map(|(k, found)| (aside(k), found.share)).collect()
}
