//! Figures drawn with `plotters`, as SVG: no fonts of the system are needed to draw them.

use std::error::Error;

pub use plotters;

use plotters::coord::Shift;
use plotters::prelude::{DrawingArea, IntoDrawingArea, SVGBackend, WHITE};

use crate::bundle::Bundle;

/// Where a figure is drawn.
pub type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A figure of so many pixels, drawn with [`plotters`], and in words what it shows.
///
/// The background is white. Text is set by whoever shows the figure.
///
/// # Errors
///
/// What `draw` gives.
///
/// ```
/// use momentum_cells::prelude::*;
/// use plotters::prelude::*;
///
/// let figure = plot((320, 200), "a parabola", |canvas| {
///     let mut chart = ChartBuilder::on(canvas).margin(10).build_cartesian_2d(-1.0..1.0, 0.0..1.0)?;
///     let points = (-10..=10).map(|n| f64::from(n) / 10.0).map(|x| (x, x * x));
///     chart.draw_series(LineSeries::new(points, &BLUE))?;
///     Ok(())
/// })?;
/// assert_eq!(figure.mime_types(), ["text/plain", "image/svg+xml"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn plot(
    size: (u32, u32),
    alt: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), Box<dyn Error>>,
) -> Result<Bundle, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        canvas.fill(&WHITE)?;
        draw(&canvas)?;
        canvas.present()?;
    }
    Ok(Bundle::text(alt).svg(svg).alt(alt))
}
