//! A light panel to draw on: text, rectangles and pixel images as SVG.

use super::FigureError;
use super::colour::{FRAME, INK, PAPER, Rgb};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// From the panel's edge to what stands on it.
pub(super) const MARGIN: f64 = 20.0;

/// Where a text stands relative to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) size: f64,
    pub(super) anchor: Anchor,
    pub(super) colour: &'a str,
    pub(super) bold: bool,
    /// Clockwise, in degrees.
    pub(super) turn: i32,
}

impl Default for Text<'_> {
    fn default() -> Self {
        Text { size: 13.0, anchor: Anchor::Start, colour: INK, bold: false, turn: 0 }
    }
}

/// A picture in the making; lengths are in SVG user units.
#[derive(Debug)]
pub(super) struct Panel {
    width: f64,
    height: f64,
    body: String,
}

impl Panel {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Panel { width, height, body: String::new() }
    }

    /// The heading in the upper left corner.
    pub(super) fn title(&mut self, text: &str) {
        self.text(MARGIN, 30.0, text, Text { size: 15.0, bold: true, ..Text::default() });
    }

    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, style: Text<'_>) {
        let anchor = match style.anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if style.bold { r#" font-weight="600""# } else { "" };
        let turn = match style.turn {
            0 => String::new(),
            turn => format!(r#" transform="rotate({turn} {x} {y})""#),
        };
        let _ = writeln!(
            self.body,
            r#"<text x="{x}" y="{y}" font-size="{}" text-anchor="{anchor}" fill="{}"{weight}{turn}>{}</text>"#,
            style.size,
            style.colour,
            escaped(text)
        );
    }

    pub(super) fn rectangle(&mut self, [x, y, width, height]: [f64; 4], fill: &str, stroke: &str) {
        let _ = writeln!(
            self.body,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{stroke}"/>"#
        );
    }

    pub(super) fn line(&mut self, [x1, y1, x2, y2]: [f64; 4], colour: &str, dashes: &str) {
        let _ = writeln!(
            self.body,
            r#"<path d="M{x1} {y1}L{x2} {y2}" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>"#
        );
    }

    /// The outline of a rectangle, for something that is pointed at.
    pub(super) fn outline(&mut self, [x, y, width, height]: [f64; 4], colour: &str) {
        let _ = writeln!(
            self.body,
            r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" stroke="{colour}" stroke-width="2"/>"#
        );
    }

    /// A small mark in the middle of a point: circle, triangle or square for 0, 1 and 2.
    pub(super) fn mark(&mut self, (x, y): (f64, f64), shape: usize, colour: &str) {
        let _ = match shape {
            0 => writeln!(self.body, r#"<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>"#),
            1 => {
                let (left, right, top, low) = (x - 5.5, x + 5.5, y - 5.5, y + 4.5);
                writeln!(
                    self.body,
                    r#"<path d="M{left} {low}L{right} {low}L{x} {top}Z" fill="{colour}"/>"#
                )
            }
            _ => {
                let (x, y) = (x - 4.5, y - 4.5);
                writeln!(
                    self.body,
                    r#"<rect x="{x}" y="{y}" width="9" height="9" fill="{colour}"/>"#
                )
            }
        };
    }

    /// Pixels, `columns` wide, drawn as squares of equal size.
    pub(super) fn pixels(
        &mut self,
        [x, y, width, height]: [f64; 4],
        columns: usize,
        pixels: &[Rgb],
    ) -> Result<(), FigureError> {
        let png = STANDARD.encode(png(columns, pixels)?);
        let _ = writeln!(
            self.body,
            r#"<image x="{x}" y="{y}" width="{width}" height="{height}" preserveAspectRatio="none" image-rendering="pixelated" href="data:image/png;base64,{png}"/>"#
        );
        Ok(())
    }

    /// A drawing made elsewhere, moved to a place.
    pub(super) fn group(&mut self, x: f64, y: f64, body: &str) {
        let _ = writeln!(self.body, r#"<g transform="translate({x} {y})">{body}</g>"#);
    }

    /// The complete SVG document.
    pub(super) fn finish(self, alt: &str) -> String {
        let Panel { width, height, body } = self;
        let alt = escaped(alt);
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif" role="img">
<title>{alt}</title>
<rect x="0.5" y="0.5" width="{}" height="{}" rx="8" fill="{PAPER}" stroke="{FRAME}"/>
{body}</svg>
"#,
            width - 1.0,
            height - 1.0
        )
    }
}

/// An 8-bit PNG: grey where all pixels are grey, else RGB.
fn png(columns: usize, pixels: &[Rgb]) -> Result<Vec<u8>, FigureError> {
    let rows = pixels.len() / columns.max(1);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, columns as u32, rows as u32);
    let grey = pixels.iter().all(|[r, g, b]| r == g && g == b);
    encoder.set_color(if grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header()?;
    if grey {
        writer.write_image_data(&pixels.iter().map(|pixel| pixel[0]).collect::<Vec<u8>>())?;
    } else {
        writer.write_image_data(pixels.as_flattened())?;
    }
    writer.finish()?;
    Ok(bytes)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
