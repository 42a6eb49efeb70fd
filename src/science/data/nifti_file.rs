//! Careful reading of NIfTI-1 files on top of the `nifti` crate: sizes are checked before memory is taken.

use super::{DataError, Place};
use flate2::read::MultiGzDecoder;
use nifti::{DataElement, InMemNiftiVolume, NiftiError, NiftiHeader, NiftiType};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER: usize = 348;
/// Deflate shrinks no file by more than this, so a header that asks for more is lying.
const GZIP_RATIO: u128 = 1032;

/// A 3-D image in its file's order: `data[slice][row][column]`, columns (x) fastest.
#[derive(Debug, Clone, PartialEq)]
pub struct Nifti {
    pub slices: usize,
    pub rows: usize,
    pub columns: usize,
    /// `[row, column]` in mm, from the header's `pixdim`.
    pub spacing: [f64; 2],
    pub data: Vec<f32>,
}

/// Reads one 3-D file, `.nii` or `.nii.gz` (told by its content).
pub fn read(case: &str, path: &Path) -> Result<Nifti, DataError> {
    let source = Source { place: Place::new(case, path.display()) };
    let (mut stream, limit) = source.open(path)?;
    let mut bytes = [0; HEADER];
    stream.read_exact(&mut bytes).map_err(|e| source.io(e))?;
    let header = source.header(&bytes)?;
    let [columns, rows, slices] = source.shape(&header)?;
    let raw = source.raw(&header, stream, [columns, rows, slices], limit)?;
    let data = source.values(&header, raw)?;
    let spacing = [f64::from(header.pixdim[2]).abs(), f64::from(header.pixdim[1]).abs()];
    if spacing.iter().any(|&spacing| !(spacing.is_finite() && spacing > 0.0)) {
        return Err(DataError::Spacing { place: source.place, spacing });
    }
    Ok(Nifti { slices, rows, columns, spacing, data })
}

struct Source {
    place: Place,
}

impl Source {
    /// The file's content, unpacked, and the greatest number of bytes that it can hold.
    fn open(&self, path: &Path) -> Result<(Box<dyn Read>, u128), DataError> {
        let file = match File::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Err(DataError::Missing { place: self.place.clone() }),
            other => other.map_err(|e| self.io(e))?,
        };
        let length = u128::from(file.metadata().map_err(|e| self.io(e))?.len());
        if length == 0 {
            return Err(self.not_nifti("the file is empty"));
        }
        let mut file = BufReader::new(file);
        let is_gzip = std::io::BufRead::fill_buf(&mut file).map_err(|e| self.io(e))?.starts_with(&[0x1f, 0x8b]);
        Ok(match is_gzip {
            true => (Box::new(MultiGzDecoder::new(file)), length * GZIP_RATIO),
            false => (Box::new(file), length),
        })
    }

    fn header(&self, bytes: &[u8; HEADER]) -> Result<NiftiHeader, DataError> {
        if &bytes[344..348] != b"n+1\0" {
            return Err(self.not_nifti("it does not have the mark `n+1` of a single-file NIfTI-1 at byte 344"));
        }
        let header = NiftiHeader::from_reader(&bytes[..]).map_err(|e| self.nifti(e))?;
        if header.sizeof_hdr != HEADER as i32 {
            return Err(self.not_nifti("the size of its header is not 348"));
        }
        Ok(header)
    }

    /// Columns, rows and slices.
    fn shape(&self, header: &NiftiHeader) -> Result<[usize; 3], DataError> {
        let sides = header.dim().map_err(|e| self.nifti(e))?;
        let side = |i: usize| usize::from(sides.get(i).copied().unwrap_or(1));
        if sides.len() < 2 || (3..7).any(|i| side(i) != 1) {
            return Err(self.not_nifti(format!("its sides are {sides:?}, and an image of 2 or 3 dimensions is needed")));
        }
        Ok([side(0), side(1), side(2)])
    }

    /// The voxels' bytes. The stream is read to its end, so that a cut or damaged file is noticed.
    fn raw(
        &self,
        header: &NiftiHeader,
        mut stream: Box<dyn Read>,
        shape: [usize; 3],
        limit: u128,
    ) -> Result<Vec<u8>, DataError> {
        let voxel = header.data_type().map_err(|e| self.nifti(e))?.size_of();
        let voxels: u128 = shape.iter().map(|&side| side as u128).product();
        let offset = header.vox_offset;
        if !(offset >= HEADER as f32 && offset < 1e9 && offset.fract() == 0.0) {
            return Err(self.not_nifti(format!("its voxels start at byte {offset}")));
        }
        let (bytes, skipped) = (voxels * voxel as u128, u128::from(offset as u32) - HEADER as u128);
        if bytes + skipped > limit {
            return Err(DataError::TooLarge { place: self.place.clone(), bytes, limit });
        }
        std::io::copy(&mut stream.by_ref().take(skipped as u64), &mut std::io::sink()).map_err(|e| self.io(e))?;
        let mut raw = Vec::new();
        stream.by_ref().take(bytes as u64).read_to_end(&mut raw).map_err(|e| self.io(e))?;
        if (raw.len() as u128) < bytes {
            return Err(DataError::Truncated { place: self.place.clone() });
        }
        std::io::copy(&mut stream, &mut std::io::sink()).map_err(|e| self.io(e))?;
        Ok(raw)
    }

    /// Scaled values; a slope of 0 or NaN (as in the released scribbles) means that there is no scaling.
    fn values(&self, header: &NiftiHeader, raw: Vec<u8>) -> Result<Vec<f32>, DataError> {
        let volume = InMemNiftiVolume::from_raw_data(header, raw).map_err(|e| self.nifti(e))?;
        let kind = header.data_type().map_err(|e| self.nifti(e))?;
        let values = match kind {
            NiftiType::Uint8 => self.cast::<u8>(volume, f64::from),
            NiftiType::Int8 => self.cast::<i8>(volume, f64::from),
            NiftiType::Uint16 => self.cast::<u16>(volume, f64::from),
            NiftiType::Int16 => self.cast::<i16>(volume, f64::from),
            NiftiType::Uint32 => self.cast::<u32>(volume, f64::from),
            NiftiType::Int32 => self.cast::<i32>(volume, f64::from),
            NiftiType::Float32 => self.cast::<f32>(volume, f64::from),
            NiftiType::Float64 => self.cast::<f64>(volume, |x| x),
            other => Err(self.not_nifti(format!("its voxels are of type {other:?}"))),
        }?;
        let (slope, inter) = (f64::from(header.scl_slope), f64::from(header.scl_inter));
        let scaled = slope != 0.0 && slope.is_finite() && inter.is_finite();
        let scale = |x: f64| if scaled { x * slope + inter } else { x };
        let values: Vec<f32> = values.into_iter().map(|x| scale(x) as f32).collect();
        match values.iter().filter(|x| !x.is_finite()).count() {
            0 => Ok(values),
            count => Err(DataError::NotFinite { place: self.place.clone(), count }),
        }
    }

    fn cast<T: DataElement>(&self, volume: InMemNiftiVolume, into: fn(T) -> f64) -> Result<Vec<f64>, DataError> {
        let typed = volume.into_nifti_typed_data::<T>().map_err(|e| self.nifti(e))?;
        Ok(typed.into_iter().map(into).collect())
    }

    fn nifti(&self, error: NiftiError) -> DataError {
        self.not_nifti(error)
    }

    fn not_nifti(&self, reason: impl std::fmt::Display) -> DataError {
        DataError::NotNifti { place: self.place.clone(), reason: reason.to_string() }
    }

    fn io(&self, source: std::io::Error) -> DataError {
        let place = self.place.clone();
        match source.kind() {
            ErrorKind::UnexpectedEof => DataError::Truncated { place },
            _ => DataError::Read { place, source },
        }
    }
}
