//! Careful reading of one DICOM slice: sizes are checked before memory is taken.
//!
//! `dicom-object` takes the memory that an element's length asks for, up to 4 GiB, before it looks at what the file
//! holds, so the elements are walked here (`elements`). It is used for frames in JPEG, with `dicom-pixeldata` (`jpeg`).

mod elements;
mod fault;
mod frame;
mod jpeg;
mod run_length;
mod syntax;
mod write;

pub use write::{Mask, Original, uid};

use super::{DataError, Place, content};
use elements::{Elements, Tag};
use fault::Fault;
use frame::Frame;
use std::path::Path;

/// One slice. Orientation and order of slices are the caller's business.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dicom {
    pub rows: usize,
    pub columns: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// `[row, column]` in mm (Pixel Spacing).
    pub spacing: Option<[f64; 2]>,
    /// Slice Location in mm.
    pub slice_location: Option<f64>,
    /// Image Position (Patient): x, y, z of the first pixel's centre in mm.
    pub position: Option<[f64; 3]>,
    /// Image Orientation (Patient): the direction along a row, then along a column.
    pub orientation: Option<[f64; 6]>,
    /// Instance Number.
    pub instance: Option<i64>,
    /// Series Instance UID, or the series' description where there is none: equal for the slices of one series.
    pub series: Option<String>,
    /// Series Description, for people.
    pub description: Option<String>,
    /// `[row, column, channel]`: stored value x Rescale Slope + Rescale Intercept. MONOCHROME1 (its least value is
    /// shown as white) is not inverted: that is a matter of display, and CT numbers would lose their meaning.
    pub data: Vec<f32>,
}

/// Reads one file of one frame.
///
/// Implicit and explicit VR little endian, deflated, and pixels in RLE or JPEG (baseline, extended with 8 bits,
/// lossless). 8 or 16 bits a sample, signed or not; grey, RGB, and YBR in JPEG (given as RGB).
///
/// # Errors
/// The file is missing, empty, cut, no DICOM, of several frames, without pixels, in another transfer syntax, or its
/// sizes contradict each other. Each names the case and the file.
pub fn read(case: &str, path: &Path) -> Result<Dicom, DataError> {
    let place = Place::new(case, path.display());
    read_bytes(&place, &content::read(&place, path)?)
}

/// As [`read`], of a file's content.
pub fn read_bytes(place: &Place, bytes: &[u8]) -> Result<Dicom, DataError> {
    slice(bytes).map_err(|fault| fault.at(place))
}

fn slice(bytes: &[u8]) -> Result<Dicom, Fault> {
    let body = syntax::body(bytes)?;
    let elements = Elements::walk(&body.bytes, body.syntax.explicit)?;
    let frame = Frame::new(&elements)?;
    let stored = frame.stored(&elements, body.syntax)?;
    Ok(Dicom {
        rows: frame.rows,
        columns: frame.columns,
        channels: frame.channels,
        spacing: spacing(&elements)?,
        slice_location: elements.decimals(Tag::SliceLocation)?.map(|[x]| x),
        position: elements.decimals(Tag::Position)?,
        orientation: elements.decimals(Tag::Orientation)?,
        instance: elements.text(Tag::Instance).and_then(|text| text.parse().ok()),
        series: elements.text(Tag::SeriesUid).or_else(|| elements.text(Tag::SeriesDescription)),
        description: elements.text(Tag::SeriesDescription),
        data: rescaled(&elements, stored)?,
    })
}

fn spacing(elements: &Elements) -> Result<Option<[f64; 2]>, Fault> {
    let spacing: Option<[f64; 2]> = elements.decimals(Tag::PixelSpacing)?;
    match spacing {
        Some(spacing) if spacing.iter().any(|&x| x <= 0.0) => Err(Fault::Spacing(spacing)),
        other => Ok(other),
    }
}

/// PS3.3 C.11.1: the modality's values. A file without slope and intercept holds them as they are.
fn rescaled(elements: &Elements, stored: Vec<i32>) -> Result<Vec<f32>, Fault> {
    let [slope] = elements.decimals(Tag::RescaleSlope)?.unwrap_or([1.0]);
    let [intercept] = elements.decimals(Tag::RescaleIntercept)?.unwrap_or([0.0]);
    if slope == 0.0 {
        return Err(Fault::reason("its rescale slope is 0, which makes every pixel the same"));
    }
    let data: Vec<f32> = stored.into_iter().map(|x| (f64::from(x) * slope + intercept) as f32).collect();
    match data.iter().filter(|x| !x.is_finite()).count() {
        0 => Ok(data),
        count => Err(Fault::NotFinite(count)),
    }
}
