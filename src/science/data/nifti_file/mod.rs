//! Careful reading of NIfTI-1 and NIfTI-2: sizes are checked before memory is taken.
//!
//! The `nifti` crate knows NIfTI-1 alone, so both headers are read here by one table (`header`).

mod header;
mod write;

pub use write::mask;

use super::{DataError, Place, content};
use flate2::bufread::MultiGzDecoder;
use header::{Header, Voxel};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The largest volume that is read, in bytes of the file's own type.
const LIMIT: u128 = 1 << 32;

/// A 3-D image in its file's order: `data[slice][row][column]`, columns (x) fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Nifti {
    pub slices: usize,
    pub rows: usize,
    pub columns: usize,
    /// `[row, column]` in mm, from the header's `pixdim` and its unit.
    pub spacing: [f64; 2],
    /// From (column, row, slice, 1) to x, y, z in the file's unit: by sform, else qform, else `pixdim`.
    pub affine: [[f64; 4]; 3],
    /// The file's own header, 348 or 540 bytes, so that a mask can be written in the same geometry.
    pub header: Vec<u8>,
    /// Stored value x `scl_slope` + `scl_inter`, where these are numbers and the slope is not 0.
    pub data: Vec<f32>,
}

impl Nifti {
    /// From slice to slice in mm, where the header says it and the image has a third side.
    pub fn depth(&self) -> Option<f64> {
        Header::new(&self.header).ok()?.depth()
    }
}

/// Reads one 2-D or 3-D file, `.nii` or `.nii.gz` (told by its content), of any numeric type and byte order.
///
/// # Errors
/// The file is missing, empty, cut, damaged, no NIfTI in one file, of more dimensions, of complex numbers or colours,
/// larger than what it can hold, or has voxels that are not finite. Each names the case and the file.
pub fn read(case: &str, path: &Path) -> Result<Nifti, DataError> {
    read_frame(case, path, None)
}

/// As [`read`], of one frame (from 1) of a 4-D file; without a number a file of several frames is refused.
pub fn read_frame(case: &str, path: &Path, frame: Option<usize>) -> Result<Nifti, DataError> {
    let place = Place::new(case, path.display());
    let file = content::open(&place, path)?;
    let length = file.metadata().map_err(|e| content::failed(&place, e))?.len();
    Source { place: &place, frame }.nifti(BufReader::new(file), length)
}

/// As [`read`], of a file's content.
pub fn read_bytes(place: &Place, bytes: &[u8]) -> Result<Nifti, DataError> {
    Source { place, frame: None }.nifti(bytes, bytes.len() as u64)
}

struct Source<'a> {
    place: &'a Place,
    /// From 1.
    frame: Option<usize>,
}

impl Source<'_> {
    fn nifti(&self, mut packed: impl BufRead, length: u64) -> Result<Nifti, DataError> {
        let start = packed.fill_buf().map_err(|e| self.io(e))?;
        match start {
            [] => Err(self.not_nifti("the file is empty")),
            [0x1f, 0x8b, ..] => self.unpacked(MultiGzDecoder::new(packed), u128::from(length) * content::RATIO),
            _ => self.unpacked(packed, length.into()),
        }
    }

    /// `limit`: the greatest number of bytes that the stream can hold.
    fn unpacked(&self, mut stream: impl Read, limit: u128) -> Result<Nifti, DataError> {
        let bytes = self.header_bytes(&mut stream)?;
        let header = Header::new(&bytes).map_err(|reason| self.not_nifti(reason))?;
        let voxel = header.voxel().map_err(|reason| self.not_nifti(reason))?;
        let [columns, rows, slices] = header.shape().map_err(|reason| self.not_nifti(reason))?;
        let before = self.frames_before(&header)?;
        let raw = self.raw(&mut stream, &header, [columns, rows, slices], before, voxel, limit)?;
        let data = self.values(&header, voxel, &raw)?;
        let spacing = header.spacing();
        if spacing.iter().any(|&spacing| !(spacing.is_finite() && spacing > 0.0)) {
            return Err(DataError::Spacing { place: self.place.clone(), spacing });
        }
        let affine = header.affine();
        Ok(Nifti { slices, rows, columns, spacing, affine, header: bytes, data })
    }

    /// How many frames lie before the one that is wanted.
    fn frames_before(&self, header: &Header) -> Result<usize, DataError> {
        let frames = header.frames();
        match self.frame.unwrap_or(if frames == 1 { 1 } else { 0 }) {
            frame @ 1.. if frame <= frames => Ok(frame - 1),
            _ => Err(DataError::Frames { place: self.place.clone(), frames }),
        }
    }

    fn header_bytes(&self, stream: &mut impl Read) -> Result<Vec<u8>, DataError> {
        let mut bytes = vec![0; header::SIZE_1];
        stream.read_exact(&mut bytes).map_err(|e| self.io(e))?;
        if header::is_second(&bytes) {
            bytes.resize(header::SIZE_2, 0);
            stream.read_exact(&mut bytes[header::SIZE_1..]).map_err(|e| self.io(e))?;
        }
        Ok(bytes)
    }

    /// The voxels' bytes. The stream is read to its end, so that a cut or damaged file is noticed.
    fn raw(
        &self,
        stream: &mut impl Read,
        header: &Header,
        shape: [usize; 3],
        before: usize,
        voxel: Voxel,
        limit: u128,
    ) -> Result<Vec<u8>, DataError> {
        // Each side is below 2^42 (see `shape`), so that this can't overflow.
        let bytes = shape.iter().map(|&side| side as u128).product::<u128>() * voxel.size() as u128;
        let skipped = u128::from(header.offset().map_err(|reason| self.not_nifti(reason))?);
        let skipped = bytes.saturating_mul(before as u128).saturating_add(skipped);
        let left = limit.checked_sub(skipped).ok_or_else(|| self.not_nifti("its voxels start behind its end"))?;
        content::check(self.place, bytes, left.min(LIMIT))?;
        std::io::copy(&mut stream.by_ref().take(skipped as u64), &mut std::io::sink()).map_err(|e| self.io(e))?;
        let mut raw = Vec::with_capacity(bytes as usize);
        stream.by_ref().take(bytes as u64).read_to_end(&mut raw).map_err(|e| self.io(e))?;
        if (raw.len() as u128) < bytes {
            return Err(DataError::Truncated { place: self.place.clone() });
        }
        std::io::copy(stream, &mut std::io::sink()).map_err(|e| self.io(e))?;
        Ok(raw)
    }

    /// Scaled values; a slope of 0 or NaN (as in the released scribbles) means that there is no scaling.
    fn values(&self, header: &Header, voxel: Voxel, raw: &[u8]) -> Result<Vec<f32>, DataError> {
        let (slope, inter) = header.scaling();
        let scaled = slope != 0.0 && slope.is_finite() && inter.is_finite();
        let values: Vec<f32> = match scaled {
            true => voxel.values(raw, header.big, |x| (x * slope + inter) as f32),
            false => voxel.values(raw, header.big, |x| x as f32),
        };
        if !scaled && voxel.is_whole() {
            return Ok(values);
        }
        match values.iter().filter(|x| !x.is_finite()).count() {
            0 => Ok(values),
            count => Err(DataError::NotFinite { place: self.place.clone(), count }),
        }
    }

    fn not_nifti(&self, reason: impl Into<String>) -> DataError {
        DataError::NotNifti { place: self.place.clone(), reason: reason.into() }
    }

    fn io(&self, source: std::io::Error) -> DataError {
        content::failed(self.place, source)
    }
}
