//! An image or mask of any kind that can be read here, told by its content and not by its name.

use crate::science::data::codes::COLOUR;
use crate::science::data::dicom_file::{self, Dicom};
use crate::science::data::nifti_file::{self, Nifti};
use crate::science::data::picture_file::{self, Picture, PictureKind};
use crate::science::data::{DataError, Place, codes, plane};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Slices of one file, `[slice, channel, row, column]`.
pub(in crate::science::data) struct Slices {
    pub slices: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// `[row, column]` in mm; pictures have none.
    pub spacing: Option<[f64; 2]>,
    pub values: Vec<f32>,
}

/// The codes of a mask or scribble, `[slice, row, column]`.
pub(super) struct Codes {
    pub slices: usize,
    pub height: usize,
    pub width: usize,
    pub codes: Vec<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::science::data) enum Kind {
    Nifti,
    Dicom,
    Picture,
}

/// By the marks at their beginning.
pub(in crate::science::data) fn kind(place: &Place, path: &Path) -> Result<Kind, DataError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => DataError::Missing { place: place.clone() },
        _ => DataError::Read { place: place.clone(), source },
    };
    let mut head = Vec::new();
    File::open(path).map_err(failed)?.take(352).read_to_end(&mut head).map_err(failed)?;
    let has = |at: usize, mark: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(mark));
    match () {
        () if has(0, b"\x89PNG") || has(0, &[0xff, 0xd8, 0xff]) => Ok(Kind::Picture),
        () if has(0, &[0x1f, 0x8b]) || has(344, b"n+1") || has(4, b"n+2") => Ok(Kind::Nifti),
        // Group 0002 or 0008 in little endian: a DICOM file without preamble.
        () if has(128, b"DICM") || has(0, &[8, 0]) || has(0, &[2, 0]) => Ok(Kind::Dicom),
        () if head.is_empty() => Err(unfit(place, "the file is empty")),
        () => Err(unfit(place, "neither a NIfTI, a DICOM, a PNG nor a JPEG file")),
    }
}

fn unfit(place: &Place, reason: impl Into<String>) -> DataError {
    DataError::Unfit { place: place.clone(), reason: reason.into() }
}

/// An image; palette colours become red, green and blue, transparency is left out.
pub(super) fn image(case: &str, path: &Path) -> Result<Slices, DataError> {
    match kind(&Place::new(case, path.display()), path)? {
        Kind::Nifti => {
            let Nifti { slices, rows: height, columns: width, spacing, data: values, .. } =
                nifti_file::read(case, path)?;
            Ok(Slices { slices, channels: 1, height, width, spacing: Some(spacing), values })
        }
        Kind::Dicom => {
            let Dicom { rows: height, columns: width, channels, spacing, data, .. } = dicom_file::read(case, path)?;
            let values = plane::channels_first(&data, channels);
            Ok(Slices { slices: 1, channels, height, width, spacing, values })
        }
        Kind::Picture => Ok(picture(picture_file::read(case, path)?)),
    }
}

pub(in crate::science::data) fn picture(picture: Picture) -> Slices {
    let Picture { rows: height, columns: width, channels, kind, data, palette, .. } = picture;
    let colour = |&index: &u16| palette.get(usize::from(index)).copied().unwrap_or([0; 3]).map(f32::from);
    let (shown, values) = match kind {
        PictureKind::Palette => (3, data.iter().flat_map(colour).collect()),
        PictureKind::Grey | PictureKind::GreyAlpha => (1, data.iter().map(|&x| f32::from(x)).collect::<Vec<f32>>()),
        PictureKind::Rgb | PictureKind::Rgba => (3, data.iter().map(|&x| f32::from(x)).collect()),
    };
    let stored = if kind == PictureKind::Palette { 3 } else { channels };
    let mut values = plane::channels_first(&values, stored);
    values.truncate(shown * height * width);
    Slices { slices: 1, channels: shown, height, width, spacing: None, values }
}

/// A mask or scribble. `colours`: whether its classes are colours; otherwise they are grey values, palette indices or
/// voxel values.
pub(super) fn mask(case: &str, path: &Path, colours: bool) -> Result<Codes, DataError> {
    let place = Place::new(case, path.display());
    if kind(&place, path)? == Kind::Picture {
        let picture = picture_file::read(case, path)?;
        let (height, width) = (picture.rows, picture.columns);
        let codes = if colours { colours_of(picture, &place)? } else { numbers_of(picture, &place)? };
        return Ok(Codes { slices: 1, height, width, codes });
    }
    if colours {
        return Err(unfit(&place, "classes are given as colours (#rrggbb), and this is no picture"));
    }
    let Slices { slices, channels, height, width, values, .. } = image(case, path)?;
    if channels != 1 {
        return Err(unfit(&place, format!("{channels} channels in a mask")));
    }
    Ok(Codes { slices, height, width, codes: codes::whole(&place, &values)? })
}

fn numbers_of(picture: Picture, place: &Place) -> Result<Vec<i64>, DataError> {
    let coloured = |pixel: &[u16]| pixel.len() >= 3 && (pixel[0] != pixel[1] || pixel[1] != pixel[2]);
    let pixels = || picture.data.chunks_exact(picture.channels.max(1));
    match pixels().filter(|pixel| coloured(pixel)).count() {
        0 => Ok(pixels().map(|pixel| i64::from(pixel[0])).collect()),
        count => {
            let advice = "give the classes' codes as colours, e.g. `codes: \"#ff0000\"`";
            Err(unfit(place, format!("{count} pixels of the mask are coloured, and its codes are numbers; {advice}")))
        }
    }
}

fn colours_of(picture: Picture, place: &Place) -> Result<Vec<i64>, DataError> {
    let Slices { height, width, channels, values, .. } = self::picture(picture);
    if values.iter().any(|&x| x > 255.0) {
        return Err(unfit(place, "a mask with colours of 16 bits a channel; 8 are expected"));
    }
    let size = height * width;
    let at = |channel: usize, i: usize| values[(channel % channels) * size + i] as i64;
    Ok((0..size).map(|i| COLOUR + (at(0, i) << 16 | at(1, i) << 8 | at(2, i))).collect())
}
