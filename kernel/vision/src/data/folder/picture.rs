//! One picture, decoded. This file alone names `zune_jpeg`.

use crate::data::DataError;
use std::io::Cursor;
use std::path::Path;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// More pixels a side than this are refused before anything is decoded.
pub(super) const MAX_SIDE: usize = 1 << 14;
/// Values of all channels that a picture may have.
const MAX_VALUES: usize = 1 << 29;

/// A decoded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    /// `[height, width]`.
    pub(super) size: [usize; 2],
    /// `[channels, height, width]`, 1 or 3 channels.
    pub(super) pixels: Vec<u8>,
}

type Reason = Box<dyn std::error::Error + Send + Sync>;

impl Picture {
    /// Reads a PNG or JPEG file, whatever its name. What is transparent keeps its colour; 16 bits
    /// become 8; EXIF's turns are not followed.
    pub(super) fn read(path: &Path, grey: bool) -> Result<Self, DataError> {
        let bytes = std::fs::read(path)
            .map_err(|source| DataError::Read { path: path.to_owned(), source })?;
        let decode: fn(&mut Cursor<&[u8]>) -> Result<Mixed, Reason> = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', ..] => png,
            [0xff, 0xd8, ..] => jpeg,
            _ => {
                let problem = "expected a PNG or JPEG picture; move other files out of the folder";
                let (path, problem) = (path.to_owned(), problem.into());
                return Err(DataError::Folder { path, problem });
            }
        };
        let mut cursor = Cursor::new(bytes.as_slice());
        let decoded = decode(&mut cursor);
        let (size, channels, mixed) = decoded.map_err(|source| DataError::Picture {
            path: path.to_owned(),
            offset: cursor.position().min(bytes.len() as u64) as usize,
            source,
        })?;
        Ok(Picture { size, pixels: planes(&mixed, channels, grey) })
    }
}

/// `[height, width]`, channels (1: grey, 2: grey and alpha, 3: colours, 4: colours and alpha), values
/// pixel by pixel.
type Mixed = ([usize; 2], usize, Vec<u8>);

fn png(bytes: &mut Cursor<&[u8]>) -> Result<Mixed, Reason> {
    let limits = png::Limits { bytes: MAX_VALUES };
    let mut decoder = png::Decoder::new_with_limits(bytes, limits);
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let size = within_limits(reader.info().height as usize, reader.info().width as usize)?;
    let mut values = vec![0; reader.output_buffer_size().ok_or("it is too large")?];
    let frame = reader.next_frame(&mut values)?;
    values.truncate(frame.buffer_size());
    Ok((size, frame.color_type.samples(), values))
}

fn jpeg(bytes: &mut Cursor<&[u8]>) -> Result<Mixed, Reason> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .set_strict_mode(true)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(bytes, options);
    decoder.decode_headers()?;
    let info = decoder.info().ok_or("it has no size")?;
    let size = within_limits(usize::from(info.height), usize::from(info.width))?;
    Ok((size, 3, decoder.decode()?))
}

fn within_limits(height: usize, width: usize) -> Result<[usize; 2], Reason> {
    if height.max(width) > MAX_SIDE || height * width * 3 > MAX_VALUES {
        return Err(format!("{height} x {width} pixels are too many").into());
    }
    Ok([height, width])
}

/// Values of one channel after the other.
fn planes(mixed: &[u8], channels: usize, grey: bool) -> Vec<u8> {
    let plane = |channel: usize| mixed.iter().skip(channel).step_by(channels).copied();
    let has_colours = channels >= 3;
    match (has_colours, grey) {
        (true, false) => plane(0).chain(plane(1)).chain(plane(2)).collect(),
        (false, false) => plane(0).chain(plane(0)).chain(plane(0)).collect(),
        (false, true) => plane(0).collect(),
        // Luma of ITU-R BT.601, in whole numbers.
        (true, true) => {
            let luma = |pixel: &[u8]| {
                let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
                ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
            };
            mixed.chunks_exact(channels).map(luma).collect()
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 8 x 8 pixels, left half red, right half blue, written by Pillow at quality 95.
    pub(in super::super) const JPEG: &[u8] = include_bytes!("red_and_blue.jpg");

    /// A PNG file of colours, pixel by pixel.
    pub(in super::super) fn png([height, width]: [u32; 2], colours: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(colours).unwrap();
        bytes
    }

    fn read(bytes: &[u8], grey: bool) -> Result<Picture, DataError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Picture::read(file.path(), grey)
    }

    #[test]
    fn colours_become_planes_or_grey() {
        let bytes = png([1, 2], &[255, 0, 0, 10, 20, 30]);
        assert_eq!(read(&bytes, false).unwrap().pixels, [255, 10, 0, 20, 0, 30]);
        assert_eq!(read(&bytes, true).unwrap().pixels, [76, 18]);
    }

    #[test]
    fn png_files_of_other_kinds_are_brought_to_8_bits() {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(png::ColorType::GrayscaleAlpha);
        encoder.set_depth(png::BitDepth::Sixteen);
        let values = [0x12, 0x34, 0, 0, 0xff, 0xff, 0xff, 0xff];
        encoder.write_header().unwrap().write_image_data(&values).unwrap();
        assert_eq!(read(&bytes, true).unwrap().pixels, [0x12, 0xff]);
        assert_eq!(read(&bytes, false).unwrap().pixels, [0x12, 0xff, 0x12, 0xff, 0x12, 0xff]);
    }

    #[test]
    fn a_jpeg_has_its_colours() {
        let picture = read(JPEG, false).unwrap();
        assert_eq!(picture.size, [8, 8]);
        let at = |channel: usize, x: usize| picture.pixels[channel * 64 + 3 * 8 + x];
        assert!(at(0, 0) > 230 && at(2, 0) < 40, "{:?}", picture.pixels);
        assert!(at(0, 7) < 40 && at(2, 7) > 230, "{:?}", picture.pixels);
    }

    #[test]
    fn cut_pictures_are_refused_by_name() {
        let whole = png([5, 6], &[7; 90]);
        for cut in [20, 40, whole.len() / 2] {
            check(&whole[..cut], cut);
        }
        check(b"\x89PNG\r\n\x1a\ncut", 11);
        // A segment begins there that would end behind the end.
        check(&JPEG[..JPEG.len() / 2], 231);
    }

    #[test]
    fn a_broken_picture_is_refused_with_the_byte_at_which_the_decoder_stopped() {
        let mut bytes = png([5, 6], &[7; 90]);
        // In the first chunk's data, which begins at byte 16 and has a checksum.
        bytes[20] ^= 1;
        check(&bytes, 16);
    }

    fn check(bytes: &[u8], offset: usize) {
        let error = read(bytes, false).unwrap_err().to_string();
        let (_, problem) = error.split_once(" is no whole PNG or JPEG picture: ").unwrap();
        assert_eq!(problem, format!("the decoder stopped at byte {offset}"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn broken_pictures_are_refused_or_read(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), is_jpeg in any::<bool>(),
        ) {
            let mut bytes = if is_jpeg { JPEG.to_vec() } else { png([5, 6], &[90; 90]) };
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = read(&bytes, false) {
                prop_assert_eq!(read.pixels.len(), 3 * read.size[0] * read.size[1]);
            }
        }
    }
}
