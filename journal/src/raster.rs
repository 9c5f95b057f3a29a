//! Drawing SVG as pixels, and PNG in and out. The one file that names `resvg`.
//!
//! Only the bundled fonts are used, so a picture has the same pixels on every machine. Pictures
//! within an SVG are drawn where they are written out in it; nothing is read from files.

pub(crate) mod letters;

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb};

/// The regular font.
pub(crate) const SANS: &[u8] = include_bytes!("../fonts/DejaVuSans.ttf");
/// The bold font.
pub(crate) const BOLD: &[u8] = include_bytes!("../fonts/DejaVuSans-Bold.ttf");
/// The font of code.
pub(crate) const MONO: &[u8] = include_bytes!("../fonts/DejaVuSansMono.ttf");

/// The most pixels of a side.
const MAX_SIDE: u32 = 8192;
/// The most pixels of a picture.
const MAX_PIXELS: u64 = 40_000_000;

/// Why a picture was not drawn or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RasterError {
    /// The text is no SVG.
    #[error("the picture is no SVG that can be drawn")]
    Svg(#[source] Box<resvg::usvg::Error>),
    /// Too many pixels, or none.
    #[error("a picture of {width} × {height} pixels is not drawn: at most {MAX_SIDE} a side")]
    Size {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The bytes are no PNG.
    #[error("the picture is no PNG that can be read")]
    Png(#[from] png::DecodingError),
}

/// A picture: rows of red, green, blue and opacity, a byte each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rgba: Vec<u8>,
}

/// The bundled fonts, whatever family is asked for.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for bytes in [SANS, BOLD, MONO] {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(bytes)));
    }
    fonts.set_sans_serif_family("DejaVu Sans");
    fonts.set_serif_family("DejaVu Sans");
    fonts.set_cursive_family("DejaVu Sans");
    fonts.set_fantasy_family("DejaVu Sans");
    fonts.set_monospace_family("DejaVu Sans Mono");
    Arc::new(fonts)
});

fn parse(svg: &str) -> Result<Tree, RasterError> {
    let options = Options {
        font_family: "DejaVu Sans".to_owned(),
        fontdb: Arc::clone(&FONTS),
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            // An address or a path: a stranger's SVG reads no file of ours.
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    };
    Tree::from_str(svg, &options).map_err(|error| RasterError::Svg(Box::new(error)))
}

/// Draws an SVG on white, so many times as large as it says, but no wider than `max_width`.
///
/// # Errors
/// The text is no SVG, or has too many pixels.
pub(crate) fn draw(svg: &str, zoom: f32, max_width: u32) -> Result<Pixels, RasterError> {
    let tree = parse(svg)?;
    let size = tree.size();
    let zoom = zoom.min(max_width as f32 / size.width());
    let (width, height) =
        ((size.width() * zoom).round().max(1.0), (size.height() * zoom).round().max(1.0));
    let refused = || RasterError::Size { width: width as u32, height: height as u32 };
    let fits = width <= MAX_SIDE as f32 && height <= MAX_SIDE as f32;
    if !fits || (width * height) as u64 > MAX_PIXELS {
        return Err(refused());
    }
    let mut canvas = Pixmap::new(width as u32, height as u32).ok_or_else(refused)?;
    canvas.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(zoom, zoom), &mut canvas.as_mut());
    Ok(Pixels { width: canvas.width(), height: canvas.height(), rgba: canvas.take() })
}

/// Draws an SVG of the same size over a picture without transparency.
///
/// # Errors
/// The text is no SVG.
pub(crate) fn draw_over(under: &Pixels, svg: &str) -> Result<Pixels, RasterError> {
    let tree = parse(svg)?;
    let refused = || RasterError::Size { width: under.width, height: under.height };
    let size = resvg::tiny_skia::IntSize::from_wh(under.width, under.height).ok_or_else(refused)?;
    let mut canvas = Pixmap::from_vec(under.rgba.clone(), size).ok_or_else(refused)?;
    resvg::render(&tree, Transform::identity(), &mut canvas.as_mut());
    Ok(Pixels { width: under.width, height: under.height, rgba: canvas.take() })
}

impl Pixels {
    /// Reads a PNG of any kind.
    ///
    /// # Errors
    /// The bytes are no PNG, or it has too many pixels.
    pub(crate) fn from_png(bytes: &[u8]) -> Result<Pixels, RasterError> {
        let mut decoder = png::Decoder::new_with_limits(
            std::io::Cursor::new(bytes),
            png::Limits { bytes: 4 * MAX_PIXELS as usize },
        );
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let (width, height) = (reader.info().width, reader.info().height);
        let refused = RasterError::Size { width, height };
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            return Err(refused);
        }
        let Some(size) = reader.output_buffer_size() else { return Err(refused) };
        let mut bytes = vec![0; size];
        let frame = reader.next_frame(&mut bytes)?;
        bytes.truncate(frame.buffer_size());
        let rgba = match frame.color_type {
            png::ColorType::Grayscale => bytes.iter().flat_map(|v| [*v, *v, *v, 255]).collect(),
            png::ColorType::GrayscaleAlpha => {
                bytes.chunks_exact(2).flat_map(|p| [p[0], p[0], p[0], p[1]]).collect()
            }
            png::ColorType::Rgb => {
                bytes.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect()
            }
            _ => bytes,
        };
        Ok(Pixels { width, height, rgba })
    }

    /// The picture as a PNG without transparency: what shines through is white.
    pub(crate) fn to_png(&self) -> Vec<u8> {
        let over_white = |value: u8, opacity: u8| {
            let (value, opacity) = (u32::from(value), u32::from(opacity));
            ((value * opacity + 255 * (255 - opacity)) / 255) as u8
        };
        let mut rgb = vec![0; self.rgba.len() / 4 * 3];
        for (to, from) in rgb.chunks_exact_mut(3).zip(self.rgba.chunks_exact(4)) {
            if from[3] == 255 {
                to.copy_from_slice(&from[..3]);
            } else {
                (0..3).for_each(|n| to[n] = over_white(from[n], from[3]));
            }
        }
        let mut bytes = Vec::with_capacity(rgb.len() / 8);
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        // Writing to memory cannot fail, and the length is that of the size.
        if let Ok(mut writer) = encoder.write_header() {
            let _ = writer.write_image_data(&rgb);
        }
        bytes
    }
}

/// The regular and the bold font.
static FACES: LazyLock<[Option<ttf_parser::Face<'static>>; 2]> =
    LazyLock::new(|| [SANS, BOLD].map(|bytes| ttf_parser::Face::parse(bytes, 0).ok()));

/// Whether the bundled fonts can show a character.
pub(crate) fn is_drawn(c: char) -> bool {
    c.is_ascii() || FACES[0].as_ref().is_none_or(|face| face.glyph_index(c).is_some())
}

/// How wide a text is, in units of the font size.
pub(crate) fn text_width(text: &str, bold: bool) -> f32 {
    let Some(face) = &FACES[usize::from(bold)] else { return 0.6 * text.chars().count() as f32 };
    let advance = |c| {
        let glyph = face.glyph_index(c).unwrap_or_default();
        f32::from(face.glyph_hor_advance(glyph).unwrap_or_default())
    };
    text.chars().map(advance).sum::<f32>() / f32::from(face.units_per_em())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dark(pixels: &Pixels) -> usize {
        pixels.rgba.chunks_exact(4).filter(|p| p[0] < 128).count()
    }

    #[test]
    fn text_is_drawn_with_the_bundled_fonts_whatever_is_asked_for() {
        let svg = |family: &str| {
            format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='200' height='40'>\
                 <text x='5' y='30' font-size='28' font-family='{family}'>Day 2 → π</text></svg>"
            )
        };
        let one = draw(&svg("Arial, sans-serif"), 2.0, 4000).unwrap();
        assert_eq!((one.width, one.height), (400, 80));
        assert!(dark(&one) > 1000, "{}", dark(&one));
        assert_eq!(one, draw(&svg("No Such Font"), 2.0, 4000).unwrap());
        assert_ne!(one, draw(&svg("monospace"), 2.0, 4000).unwrap());
    }

    #[test]
    fn a_picture_survives_png() {
        let svg = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='5'>\
                   <rect width='4' height='5' fill='#0b6a5d'/></svg>";
        let drawn = draw(svg, 1.0, 4000).unwrap();
        assert_eq!(Pixels::from_png(&drawn.to_png()).unwrap(), drawn);
    }

    #[test]
    fn nothing_is_read_from_files_and_sizes_are_bounded() {
        let font = concat!(env!("CARGO_MANIFEST_DIR"), "/theme/icon.svg");
        let svg = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'>\
             <image href='{font}' width='64' height='64'/></svg>"
        );
        assert!(draw(&svg, 1.0, 4000).unwrap().rgba.iter().all(|byte| *byte == 255));
        let huge = "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='900000'/>";
        assert!(matches!(draw(huge, 1.0, 4000), Err(RasterError::Size { .. })));
        assert!(matches!(draw("<html>", 1.0, 4000), Err(RasterError::Svg(_))));
        assert!(matches!(Pixels::from_png(b"no"), Err(RasterError::Png(_))));
    }

    #[test]
    fn widths_are_those_of_the_font() {
        let drawn = text_width("iiii", false);
        assert!((0.9..1.4).contains(&drawn), "{drawn}");
        assert!(text_width("Day", true) > text_width("Day", false));
    }
}
