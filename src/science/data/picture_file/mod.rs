//! Careful reading of PNG and JPEG, told by their content: sizes are checked before memory is taken.

mod write;

pub use write::mask;

use super::content::{self, LIMIT, RATIO};
use super::{DataError, Place};
use png::{ColorType, Transformations};
use std::fmt::Display;
use std::io::Cursor;
use std::path::Path;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// What the channels of a picture mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureKind {
    /// An index into `palette`.
    Palette,
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl PictureKind {
    pub fn channels(self) -> usize {
        match self {
            PictureKind::Palette | PictureKind::Grey => 1,
            PictureKind::GreyAlpha => 2,
            PictureKind::Rgb => 3,
            PictureKind::Rgba => 4,
        }
    }
}

/// A picture as stored. Nothing is scaled, blended or turned: transparency (`tRNS`), gamma and the camera's orientation
/// (EXIF) are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub rows: usize,
    pub columns: usize,
    /// 1 to 4.
    pub channels: usize,
    pub kind: PictureKind,
    /// Bits of a sample as stored, 1, 2, 4, 8 or 16: values go from 0 to 2^bits - 1.
    pub bits: u8,
    /// `[row, column, channel]`; for [`PictureKind::Palette`] the raw index.
    pub data: Vec<u16>,
    /// Red, green and blue of each index; empty for other kinds.
    pub palette: Vec<[u8; 3]>,
}

/// Reads one PNG (palette, grey or colour, with or without alpha, 1 to 16 bits) or JPEG (grey or colour, 8 bits).
///
/// # Errors
/// The file is missing, empty, cut, damaged, larger than its bytes can hold, or something else.
pub fn read(case: &str, path: &Path) -> Result<Picture, DataError> {
    let place = Place::new(case, path.display());
    read_bytes(&place, &content::read(&place, path)?)
}

/// As [`read`], of a file's content.
pub fn read_bytes(place: &Place, bytes: &[u8]) -> Result<Picture, DataError> {
    let source = Source { place, bytes };
    match bytes {
        [] => Err(source.not_picture("the file is empty")),
        [0x89, b'P', b'N', b'G', ..] => source.png(),
        [0xff, 0xd8, ..] => source.jpeg(),
        _ => Err(source.not_picture("it has the mark of neither PNG nor JPEG at its start")),
    }
}

struct Source<'a> {
    place: &'a Place,
    bytes: &'a [u8],
}

impl Source<'_> {
    fn png(&self) -> Result<Picture, DataError> {
        let limits = png::Limits { bytes: LIMIT as usize };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(self.bytes), limits);
        decoder.set_transformations(Transformations::IDENTITY);
        // What is not used can't take memory either.
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let header = decoder.read_header_info().map_err(|e| self.png_error(e))?;
        let (kind, bits) = (kind(header.color_type), header.bit_depth as u8);
        let [columns, rows] = [header.width as usize, header.height as usize];
        self.check_size(rows, columns, kind.channels(), bits)?;
        let mut reader = decoder.read_info().map_err(|e| self.png_error(e))?;
        let size = reader.output_buffer_size().ok_or_else(|| self.not_picture("it is too large"))?;
        let mut packed = vec![0; size];
        reader.next_frame(&mut packed).map_err(|e| self.png_error(e))?;
        reader.finish().map_err(|e| self.png_error(e))?;
        let palette = reader.info().palette.as_deref().filter(|_| kind == PictureKind::Palette);
        let palette = palette.unwrap_or_default().as_chunks().0.to_vec();
        let row = packed.len() / rows;
        let data =
            packed.chunks_exact(row).flat_map(|row| samples(row, bits).take(columns * kind.channels())).collect();
        Ok(Picture { rows, columns, channels: kind.channels(), kind, bits, data, palette })
    }

    fn jpeg(&self) -> Result<Picture, DataError> {
        // Without SIMD, so that every machine decodes to the same bits; strict, so that cut files are noticed.
        let options = DecoderOptions::new_safe().set_strict_mode(true).set_max_width(65535).set_max_height(65535);
        let mut decoder = JpegDecoder::new_with_options(Cursor::new(self.bytes), options);
        decoder.decode_headers().map_err(|e| self.not_picture(e))?;
        let info = decoder.info().ok_or_else(|| self.not_picture("it has no frame"))?;
        let (rows, columns) = (usize::from(info.height), usize::from(info.width));
        let (kind, space) = match info.components {
            1 => (PictureKind::Grey, ColorSpace::Luma),
            3 => (PictureKind::Rgb, ColorSpace::RGB),
            other => return Err(self.not_picture(format!("it has {other} colour components (CMYK?), not 1 or 3"))),
        };
        self.check_size(rows, columns, kind.channels(), 8)?;
        self.check_end()?;
        decoder.set_options(options.jpeg_set_out_colorspace(space));
        let data = decoder.decode().map_err(|e| self.not_picture(e))?;
        if data.len() != rows * columns * kind.channels() {
            return Err(self.not_picture("its pixels do not fill its size"));
        }
        let data = data.into_iter().map(u16::from).collect();
        Ok(Picture { rows, columns, channels: kind.channels(), kind, bits: 8, data, palette: Vec::new() })
    }

    /// Looks for the mark of the end behind the last scan, which no other bytes of a scan can look like: the decoder
    /// fills what is missing.
    fn check_end(&self) -> Result<(), DataError> {
        let has = |bytes: &[u8], mark: u8| bytes.windows(2).rposition(|pair| pair == [0xff, mark]);
        let scan = has(self.bytes, 0xda).and_then(|start| self.bytes.get(start..)).unwrap_or_default();
        match has(scan, 0xd9) {
            Some(_) => Ok(()),
            None => Err(DataError::Truncated { place: self.place.clone() }),
        }
    }

    fn check_size(&self, rows: usize, columns: usize, channels: usize, bits: u8) -> Result<(), DataError> {
        if rows == 0 || columns == 0 {
            return Err(self.not_picture(format!("its size is {rows} x {columns} (rows x columns)")));
        }
        let samples = rows as u128 * columns as u128 * channels as u128;
        content::check(self.place, samples * u128::from(bits) / 8, self.bytes.len() as u128 * RATIO)?;
        // Samples take two bytes each here.
        content::check(self.place, samples * 2, LIMIT)
    }

    fn png_error(&self, error: png::DecodingError) -> DataError {
        match error {
            png::DecodingError::IoError(e) => content::failed(self.place, e),
            other => self.not_picture(other),
        }
    }

    fn not_picture(&self, reason: impl Display) -> DataError {
        DataError::NotPicture { place: self.place.clone(), reason: reason.to_string() }
    }
}

fn kind(color: ColorType) -> PictureKind {
    match color {
        ColorType::Indexed => PictureKind::Palette,
        ColorType::Grayscale => PictureKind::Grey,
        ColorType::GrayscaleAlpha => PictureKind::GreyAlpha,
        ColorType::Rgb => PictureKind::Rgb,
        ColorType::Rgba => PictureKind::Rgba,
    }
}

/// Samples of a row of PNG: the first in the highest bits, 16 bits big endian. A row may end with padding.
fn samples(row: &[u8], bits: u8) -> impl Iterator<Item = u16> {
    let bits = usize::from(bits);
    let sample = move |i: usize| match bits {
        16 => row.get(2 * i..2 * i + 2).map_or(0, |b| u16::from_be_bytes([b[0], b[1]])),
        _ => {
            let byte = u16::from(row.get(i * bits / 8).copied().unwrap_or(0));
            byte >> (8 - bits - i * bits % 8) & ((1 << bits) - 1)
        }
    };
    (0..8 * row.len() / bits).map(sample)
}
