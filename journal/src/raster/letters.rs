//! Lines of text on paper as a PNG with a palette, drawn letter by letter.
//!
//! Much faster than by way of SVG, for the social cards, of which there is one a day: shapes of
//! letters are kept, nothing is parsed, and a pixel is one byte. Only for scripts in which each
//! letter has one shape: see [`is_plain`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use resvg::tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::{BOLD, SANS};

/// Red, green, blue.
pub(crate) type Colour = [u8; 3];

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Line {
    pub(crate) x: f32,
    /// Of the baseline.
    pub(crate) y: f32,
    pub(crate) size: f32,
    pub(crate) bold: bool,
    /// Which of the sheet's inks.
    pub(crate) ink: usize,
    pub(crate) text: String,
}

/// Steps between paper and ink at the edge of a letter.
const SHADES: u8 = 15;
/// A letter is drawn at one of so many places within a pixel.
const PLACES: u8 = 4;

/// What lines are written on: one byte a pixel.
#[derive(Debug, Clone)]
pub(crate) struct Sheet {
    width: usize,
    /// Each pixel is one of the `papers`, or an ink on one of them.
    pixels: Vec<u8>,
    papers: Vec<Colour>,
    inks: Vec<Colour>,
}

impl Sheet {
    /// A sheet of the first of `papers`. Papers and inks must have room in a palette of 256.
    pub(crate) fn new(size: (u32, u32), papers: &[Colour], inks: &[Colour]) -> Self {
        debug_assert!(papers.len() * (1 + inks.len() * usize::from(SHADES)) <= 256);
        let (width, height) = (size.0 as usize, size.1 as usize);
        let (papers, inks) = (papers.to_vec(), inks.to_vec());
        Self { width, pixels: vec![0; width * height], papers, inks }
    }

    /// Fills a rectangle with one of the papers: `x` and `y` from and up to.
    pub(crate) fn fill(&mut self, x: [usize; 2], y: [usize; 2], paper: u8) {
        for row in self.pixels.chunks_exact_mut(self.width).take(y[1]).skip(y[0]) {
            row[x[0]..x[1]].fill(paper);
        }
    }

    /// Where the shades of an ink on a paper begin in the palette.
    fn first(&self, ink: usize, paper: usize) -> usize {
        self.papers.len() + (ink * self.papers.len() + paper) * usize::from(SHADES)
    }

    /// Writes a line; what does not fit is cut off.
    pub(crate) fn write(&mut self, line: &Line) {
        let Some(face) = &FACES[usize::from(line.bold)] else { return };
        let scale = line.size / f32::from(face.units_per_em());
        let mut x = line.x;
        let firsts: Vec<usize> =
            (0..self.papers.len()).map(|paper| self.first(line.ink, paper)).collect();
        for c in line.text.chars() {
            let id = face.glyph_index(c).unwrap_or_default();
            let place = x + 0.5 / f32::from(PLACES);
            let within = ((place - place.floor()) * f32::from(PLACES)) as u8;
            let glyph = glyph(face, line.bold, line.size, id, within);
            self.stamp(&glyph, place.floor() as isize, line.y.round() as isize, &firsts);
            x += f32::from(face.glyph_hor_advance(id).unwrap_or_default()) * scale;
        }
    }

    fn stamp(&mut self, glyph: &Glyph, x: isize, y: isize, firsts: &[usize]) {
        // The columns of the letter that lie on the sheet.
        let left = x + glyph.left;
        let from = left.min(0).unsigned_abs().min(glyph.width);
        let at = left.max(0).unsigned_abs().min(self.width);
        let len = (glyph.width - from).min(self.width - at);
        let height = self.pixels.len() / self.width;
        for (n, row) in glyph.shades.chunks_exact(glyph.width.max(1)).enumerate() {
            let Ok(down) = usize::try_from(y + glyph.top + n as isize) else { continue };
            if down >= height {
                break;
            }
            let start = down * self.width + at;
            let pixels = &mut self.pixels[start..start + len];
            for (pixel, shade) in pixels.iter_mut().zip(&row[from..from + len]) {
                if *shade == 0 {
                    continue;
                }
                let (under, shade) = (usize::from(*pixel), usize::from(*shade));
                let index = match firsts.get(under) {
                    Some(first) => first + shade - 1,
                    None => {
                        // Two letters touch: the darker shade counts.
                        let paper = (under - firsts.len()) / usize::from(SHADES) % firsts.len();
                        under.max(firsts[paper] + shade - 1)
                    }
                };
                *pixel = index as u8;
            }
        }
    }

    /// The sheet as a PNG.
    pub(crate) fn to_png(&self) -> Vec<u8> {
        let mut palette: Vec<u8> = self.papers.concat();
        for ink in &self.inks {
            for paper in &self.papers {
                for shade in 1..=u16::from(SHADES) {
                    let all = u16::from(SHADES);
                    palette.extend((0..3).map(|n| {
                        let (from, to) = (u16::from(paper[n]), u16::from(ink[n]));
                        ((from * (all - shade) + to * shade + all / 2) / all) as u8
                    }));
                }
            }
        }
        let mut bytes = Vec::with_capacity(64 * 1024);
        let height = (self.pixels.len() / self.width) as u32;
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, height);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(palette);
        encoder.set_compression(png::Compression::Fast);
        encoder.set_filter(png::Filter::Up);
        // Writing to memory cannot fail, and the length is that of the size.
        if let Ok(mut writer) = encoder.write_header() {
            let _ = writer.write_image_data(&self.pixels);
        }
        bytes
    }
}

/// Whether each letter of a text has one shape, and stands after the one before it: true for
/// Latin, Greek, Cyrillic, their marks in one piece, and signs.
pub(crate) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| {
        matches!(c, ' '..='~' | '\u{a0}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}')
            || matches!(c, '\u{1e00}'..='\u{200a}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2bff}')
    })
}

static FACES: LazyLock<[Option<Face<'static>>; 2]> =
    LazyLock::new(|| [SANS, BOLD].map(|bytes| Face::parse(bytes, 0).ok()));

/// A letter as shades from 0 to [`SHADES`], in rows.
#[derive(Debug, Default)]
struct Glyph {
    left: isize,
    top: isize,
    width: usize,
    shades: Vec<u8>,
}

/// Bold or not, the size's bits, the glyph, the place within a pixel.
type GlyphKey = (bool, u32, u16, u8);

/// The most letters that a thread keeps.
const MAX_GLYPHS: usize = 8192;

thread_local! {
    static GLYPHS: RefCell<HashMap<GlyphKey, Rc<Glyph>>> = RefCell::default();
}

fn glyph(face: &Face<'_>, bold: bool, size: f32, id: GlyphId, within: u8) -> Rc<Glyph> {
    let key = (bold, size.to_bits(), id.0, within);
    if let Some(known) = GLYPHS.with_borrow(|known| known.get(&key).cloned()) {
        return known;
    }
    let shift = f32::from(within) / f32::from(PLACES);
    let drawn = Rc::new(drawn(face, size, id, shift).unwrap_or_default());
    GLYPHS.with_borrow_mut(|known| {
        if known.len() >= MAX_GLYPHS {
            known.clear();
        }
        known.insert(key, Rc::clone(&drawn));
    });
    drawn
}

/// `None` for a letter without a shape, such as a blank.
fn drawn(face: &Face<'_>, size: f32, id: GlyphId, shift: f32) -> Option<Glyph> {
    let scale = size / f32::from(face.units_per_em());
    let mut outline = Outline { path: PathBuilder::new(), scale, shift };
    face.outline_glyph(id, &mut outline)?;
    let path = outline.path.finish()?;
    let bounds = path.bounds();
    let (left, top) = (bounds.left().floor(), bounds.top().floor());
    let width = (bounds.right().ceil() - left).max(1.0) as u32;
    let height = (bounds.bottom().ceil() - top).max(1.0) as u32;
    let mut canvas = Pixmap::new(width, height)?;
    let move_in = Transform::from_translate(-left, -top);
    canvas.fill_path(&path, &Paint::default(), FillRule::Winding, move_in, None);
    let shade = |alpha: u8| ((u16::from(alpha) * u16::from(SHADES) + 127) / 255) as u8;
    let shades = canvas.data().chunks_exact(4).map(|pixel| shade(pixel[3])).collect();
    Some(Glyph { left: left as isize, top: top as isize, width: width as usize, shades })
}

struct Outline {
    path: PathBuilder,
    scale: f32,
    shift: f32,
}

impl Outline {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (x * self.scale + self.shift, -y * self.scale)
    }
}

impl OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pixels, draw};
    use super::*;

    #[test]
    fn letters_are_those_of_the_font() {
        let text = "Day 2 → π, déjà vu";
        let mut sheet = Sheet::new((400, 60), &[[255; 3], [0xe9, 0xef, 0xeb]], &[[0; 3]]);
        sheet.fill([0, 400], [58, 60], 1);
        let line = Line { x: 5.3, y: 40.0, size: 32.0, bold: false, ink: 0, text: text.to_owned() };
        sheet.write(&line);
        let ours = Pixels::from_png(&sheet.to_png()).unwrap();
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='400' height='60'>\
             <text x='5.3' y='40' font-size='32'>{text}</text></svg>"
        );
        let theirs = draw(&svg, 1.0, 400).unwrap();
        let ink = |pixels: &Pixels| -> i64 {
            let rows = pixels.rgba.chunks_exact(4).take(400 * 58);
            rows.map(|p| 255 - i64::from(p[0])).sum()
        };
        let (ours_ink, theirs_ink) = (ink(&ours), ink(&theirs));
        assert!((ours_ink - theirs_ink).abs() * 50 < theirs_ink, "{ours_ink} and {theirs_ink}");
        let apart: i64 = ours
            .rgba
            .chunks_exact(4)
            .zip(theirs.rgba.chunks_exact(4))
            .take(400 * 58)
            .map(|(a, b)| (i64::from(a[0]) - i64::from(b[0])).abs())
            .sum();
        assert!(apart * 3 < theirs_ink, "{apart} of {theirs_ink}");
        assert_eq!(ours.rgba[400 * 58 * 4], 0xe9);
    }

    #[test]
    fn what_does_not_fit_is_cut_off() {
        let mut sheet = Sheet::new((20, 10), &[[255; 3]], &[[0; 3]]);
        for (x, y) in [(-9.0, 3.0), (15.0, 90.0), (3.0, -90.0), (1e6, 5.0)] {
            let text = "Wide words".to_owned();
            sheet.write(&Line { x, y, size: 40.0, bold: true, ink: 0, text });
        }
        assert!(Pixels::from_png(&sheet.to_png()).is_ok());
    }

    #[test]
    fn scripts_with_joined_letters_are_not_plain() {
        assert!(is_plain("Señor — “α → β”, день 2 · 50 %"));
        for text in ["שלום", "مرحبا", "नमस्ते", "学习", "e\u{301}", "👩‍👩‍👧"]
        {
            assert!(!is_plain(text), "{text}");
        }
    }
}
