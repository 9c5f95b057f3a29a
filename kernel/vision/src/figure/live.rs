//! A training while it runs, and the search of a step size before it.

use super::chart::{Area, colour_of, drawn};
use super::colour::{INK, LINES, Rgb, SOFT_INK, hex};
use super::panel::{MARGIN, Panel, Text};
use super::{FigureError, Picture};
use crate::table::percent;
use crate::training::{History, Monitor, RateSearch};
use plotters::prelude::*;
use std::ops::Range;

/// Size of one chart.
const SIZE: (u32, u32) = (356, 270);
/// Where the two charts stand.
const CHARTS: [f64; 2] = [12.0, 396.0];
const WIDTH: f64 = 772.0;

/// A line of a chart.
struct Line {
    colour: Rgb,
    width: u32,
    dots: bool,
    points: Vec<(f64, f64)>,
}

/// Axes of a chart.
struct Axes {
    x: Range<f64>,
    x_title: &'static str,
    x_label: fn(&f64) -> String,
    y: Range<f64>,
    y_label: fn(&f64) -> String,
}

/// A training that runs: curves so far, how far it is, speed and time left. It is another picture at
/// each moment: show it in one place, and in the end [`training_view`] instead.
///
/// # Errors
/// [`FigureError::Draw`] when plotters cannot draw.
pub fn live_training(monitor: &Monitor) -> Result<Picture, FigureError> {
    draw(monitor, &monitor.line(), Some(monitor.share()))
}

/// What a training was, without times: mean loss and accuracy of the steps as a thin line, and of the
/// validation images after each epoch as a line with dots. The same for every run.
///
/// # Errors
/// [`FigureError::Empty`] when nothing was learnt.
pub fn training_view(monitor: &Monitor) -> Result<Picture, FigureError> {
    if monitor.points().is_empty() && monitor.epochs().is_empty() {
        return Err(FigureError::Empty("nothing was learnt yet"));
    }
    let (done, all) = (monitor.epochs().len(), monitor.n_epochs());
    let mut words = match done == all {
        true => format!("{done} epochs"),
        false => format!("{done} of {all} epochs"),
    };
    let accuracy = |place: usize| percent(monitor.epochs()[place].validation_accuracy);
    if let Some(best) = best(monitor) {
        let (last, number) = (accuracy(done - 1), monitor.epochs()[best].epoch);
        words += &format!("; validation accuracy {last} after the last");
        if best + 1 < done {
            words += &format!(", at best {} after epoch {number}", accuracy(best));
        }
    }
    draw(monitor, &words, None)
}

/// Loss over the step size of a [`RateSearch`], with the suggested one marked.
///
/// # Errors
/// [`FigureError::Empty`] when nothing was tried.
pub fn rate_search(search: &RateSearch) -> Result<Picture, FigureError> {
    let [first, .., last] = search.trials.as_slice() else {
        return Err(FigureError::Empty("fewer than two learning rates were tried"));
    };
    let log = |rate: f32| f64::from(rate).log10();
    let points = |loss: fn(&crate::training::RateTrial) -> f64| {
        search.trials.iter().map(|trial| (log(trial.learning_rate), loss(trial))).collect()
    };
    let [grey, orange, blue] = [[150, 150, 150], LINES[0], LINES[1]];
    let top = search.trials.iter().map(|trial| trial.smoothed).fold(0.1, f64::max) * 1.1;
    let mut lines = vec![
        Line { colour: grey, width: 1, dots: false, points: points(|trial| trial.loss.min(1e6)) },
        Line { colour: orange, width: 2, dots: false, points: points(|trial| trial.smoothed) },
    ];
    let suggestion = search.suggestion();
    if let Some(rate) = suggestion {
        let points = vec![(log(rate), 0.0), (log(rate), top)];
        lines.push(Line { colour: blue, width: 2, dots: false, points });
    }
    let axes = Axes {
        x: log(first.learning_rate)..log(last.learning_rate),
        x_title: "learning rate",
        x_label: |x| format!("{:.0e}", 10f64.powf(*x)),
        y: 0.0..top,
        y_label: |y| format!("{y:.1}"),
    };
    let mut panel = Panel::new(560.0, 380.0);
    panel.title("Loss while the learning rate grows");
    panel.group(12.0, 44.0, &chart((530, 320), &axes, &lines)?);
    let words = match suggestion {
        Some(rate) => {
            format!("Suggested learning rate: {rate:.1e}, a tenth of where the loss is least")
        }
        None => "The loss never fell: there is no learning rate to suggest".to_owned(),
    };
    let alt = format!(
        "A line chart of the loss over learning rates from {:.0e} to {:.0e}, on a logarithmic scale. \
         {words}.",
        first.learning_rate, last.learning_rate
    );
    Ok(Picture { svg: panel.finish(&alt), alt, caption: format!("{words}."), data: search.table() })
}

fn draw(monitor: &Monitor, words: &str, share: Option<f64>) -> Result<Picture, FigureError> {
    let epochs = monitor.epochs();
    let steps = |value: fn(&crate::training::Point) -> f64| {
        let points = monitor.points().iter().map(|point| (point.epochs, value(point)));
        points.filter(|point| point.1.is_finite()).collect::<Vec<_>>()
    };
    let looks = |value: fn(&crate::training::Epoch) -> f64| {
        let points = epochs.iter().map(|epoch| (epoch.epoch as f64, value(epoch)));
        points.filter(|point| point.1.is_finite()).collect::<Vec<_>>()
    };
    let [training, validation] = [LINES[0], LINES[1]];
    let pair = |steps, looks| {
        [
            Line { colour: training, width: 1, dots: false, points: steps },
            Line { colour: validation, width: 2, dots: true, points: looks },
        ]
    };
    let loss = pair(steps(|p| p.loss), looks(|e| e.validation_loss));
    let accuracy = pair(steps(|p| p.accuracy), looks(|e| e.validation_accuracy));
    let all = |lines: &[Line; 2]| {
        lines.iter().flat_map(|line| line.points.clone()).map(|point| point.1).collect::<Vec<_>>()
    };
    let greatest = all(&loss).into_iter().fold(0.1, f64::max);
    let least = all(&accuracy).into_iter().fold(1.0, f64::min);
    let axes = |y, y_label| Axes {
        x: 0.0..monitor.n_epochs().max(1) as f64,
        x_title: "epoch",
        x_label: |x| format!("{x:.0}"),
        y,
        y_label,
    };
    let least = (least * 10.0 - 0.5).floor().max(0.0) / 10.0;
    let loss_axes = axes(0.0..greatest * 1.05, |y| format!("{y:.1}"));
    let accuracy_axes = axes(least..1.0, |y| format!("{:.0} %", y * 100.0));

    let mut panel = Panel::new(WIDTH, 384.0);
    let mut x = MARGIN + 4.0;
    for (colour, dashes, label) in
        [(training, "", "training, step by step"), (validation, "", "validation, epoch by epoch")]
    {
        panel.line([x, 27.0, x + 26.0, 27.0], &hex(colour), dashes);
        panel.text(x + 32.0, 31.5, label, Text::default());
        x += 52.0 + 6.9 * label.chars().count() as f64;
    }
    panel.text(MARGIN + 4.0, 56.0, words, Text { colour: SOFT_INK, ..Text::default() });
    if let Some(share) = share {
        let width = WIDTH - 2.0 * MARGIN;
        panel.rectangle([MARGIN, 64.0, width, 4.0], "#e6e2d6", "none");
        panel.rectangle([MARGIN, 64.0, (width * share).round(), 4.0], &hex(training), "none");
    }
    let heading = Text { bold: true, ..Text::default() };
    panel.text(MARGIN + 42.0, 92.0, "Loss (cross-entropy)", heading);
    panel.text(MARGIN + 426.0, 92.0, "Accuracy", heading);
    panel.group(CHARTS[0], 98.0, &chart(SIZE, &loss_axes, &loss)?);
    panel.group(CHARTS[1], 98.0, &chart(SIZE, &accuracy_axes, &accuracy)?);

    let caption = format!("Training of the {}: {words}.", monitor.network());
    let alt = format!(
        "Two line charts over the epochs, of the loss and of the accuracy, while learning and on the \
         validation images. {caption}"
    );
    let (network, epochs) = (monitor.network().into(), epochs.to_vec());
    let data = History { network, epochs, ..History::default() }.table();
    Ok(Picture { svg: panel.finish(&alt), alt, caption, data })
}

/// The place of the epoch with the greatest validation accuracy; of equal ones the first.
fn best(monitor: &Monitor) -> Option<usize> {
    let accuracy = |i: usize| monitor.epochs()[i].validation_accuracy;
    (0..monitor.epochs().len())
        .reduce(|best, i| if accuracy(i) > accuracy(best) { i } else { best })
}

/// A chart as the inside of an SVG element.
fn chart(size: (u32, u32), axes: &Axes, lines: &[Line]) -> Result<String, FigureError> {
    drawn(size, |area| draw_chart(area, axes, lines))
}

fn draw_chart(
    area: &Area<'_>,
    axes: &Axes,
    lines: &[Line],
) -> Result<(), Box<dyn std::error::Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d(axes.x.clone(), axes.y.clone())?;
    let colour = |[r, g, b]: Rgb| RGBColor(r, g, b);
    let ink = colour_of(INK);
    let text = |size: u32| ("sans-serif", size).into_font().color(&ink);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&axes.x_label)
        .y_label_formatter(&axes.y_label)
        .x_desc(axes.x_title)
        .axis_desc_style(text(16))
        .label_style(text(15))
        .axis_style(colour_of(SOFT_INK))
        .bold_line_style(RGBColor(217, 213, 200))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for line in lines {
        let style = colour(line.colour).stroke_width(line.width);
        chart.draw_series(LineSeries::new(line.points.iter().copied(), style))?;
        if line.dots {
            let filled = colour(line.colour).filled();
            chart.draw_series(line.points.iter().map(|&point| Circle::new(point, 3, filled)))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::{Epoch, Progress, RateTrial};
    use std::time::Duration;

    fn monitor(n: usize) -> Monitor {
        let mut monitor = Monitor::default();
        let (network, done) = ("CNN".into(), Vec::new());
        let begin = Progress::Begin { network, n_epochs: 3, n_steps: 4, n_images: 40, done };
        monitor.observe(&begin, Duration::ZERO);
        for i in 0..n {
            let (epoch, step) = (i / 4 + 1, i % 4 + 1);
            let (n_correct, n_images, learning_rate) = (5, 10, 1e-3);
            let loss = 2.0 / (i + 1) as f32;
            monitor.observe(
                &Progress::Step {
                    epoch,
                    step,
                    n_steps: 4,
                    loss,
                    n_correct,
                    n_images,
                    learning_rate,
                },
                Duration::from_millis(100 * i as u64),
            );
            if step == 4 {
                let epoch = Epoch {
                    epoch,
                    train_loss: 1.0,
                    train_accuracy: 0.5,
                    validation_loss: 0.8,
                    validation_accuracy: [0.6, 0.7, 0.65][epoch - 1],
                };
                monitor.observe(&Progress::Epoch(epoch), Duration::from_millis(100 * i as u64));
            }
        }
        monitor
    }

    fn check(picture: &Picture) {
        assert!(picture.svg.starts_with("<svg xmlns=") && picture.svg.ends_with("</svg>\n"));
        assert_eq!(picture.svg.matches("<svg").count(), 1);
        assert!(picture.svg.len() < 40_000, "{} bytes", picture.svg.len());
    }

    #[test]
    fn only_the_live_picture_tells_of_time() {
        let live = live_training(&monitor(6)).unwrap();
        check(&live);
        insta::assert_snapshot!(live.caption, @"Training of the CNN: epoch 2 of 3, loss 0.333, validation 60.0 %, 100 images/s, 0:01 left.");
        let last = training_view(&monitor(12)).unwrap();
        check(&last);
        assert!(!last.svg.contains("images/s") && !last.svg.contains("left"));
        insta::assert_snapshot!(last.caption, @"Training of the CNN: 3 epochs; validation accuracy 65.0 % after the last, at best 70.0 % after epoch 2.");
        assert_eq!(last, training_view(&monitor(12)).unwrap());
        assert_eq!(last.data.rows.len(), 3);
    }

    #[test]
    fn it_can_be_drawn_from_the_first_moment() {
        check(&live_training(&monitor(0)).unwrap());
        assert!(training_view(&monitor(0)).is_err());
        check(&training_view(&monitor(1)).unwrap());
    }

    #[test]
    fn a_search_shows_its_suggestion() {
        let trial = |learning_rate: f32, smoothed| RateTrial { learning_rate, loss: 2.0, smoothed };
        let trials = vec![trial(1e-4, 2.0), trial(1e-3, 1.0), trial(1e-2, 0.5), trial(1e-1, 3.0)];
        let search = RateSearch { network: "CNN".into(), trials };
        let picture = rate_search(&search).unwrap();
        check(&picture);
        insta::assert_snapshot!(picture.caption, @"Suggested learning rate: 1.0e-3, a tenth of where the loss is least.");
        assert!(rate_search(&RateSearch { trials: Vec::new(), ..search }).is_err());
    }
}
