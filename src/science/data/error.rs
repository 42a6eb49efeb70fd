use std::fmt;
use std::path::PathBuf;
use thiserror::Error;

/// What an error is about: a file or a volume of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub case: String,
    /// The path of the file, or the name of the volume.
    pub item: String,
}

impl Place {
    pub fn new(case: &str, item: impl fmt::Display) -> Self {
        Place { case: case.to_owned(), item: item.to_string() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "case {}, {}", self.case, self.item)
    }
}

/// A data set or a volume is not as it should be.
#[derive(Debug, Error)]
pub enum DataError {
    #[error("no case below {root}: {expected}")]
    NoCases { root: PathBuf, expected: &'static str },
    #[error("cannot read folder {path}: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("{place}: the file is missing")]
    Missing { place: Place },
    #[error("{place}: cannot be read: {source}")]
    Read { place: Place, source: std::io::Error },
    #[error("{place}: the file ends too early (a cut copy or download?); copy it again")]
    Truncated { place: Place },
    #[error("{place}: not a NIfTI file that can be read here: {reason}")]
    NotNifti { place: Place, reason: String },
    /// Images over time in one file.
    #[error("{place}: it has {frames} frames, and one image is needed: pick one, 1 to {frames}")]
    Frames { place: Place, frames: usize },
    #[error("{place}: not a DICOM file that can be read here: {reason}")]
    NotDicom { place: Place, reason: String },
    #[error("{place}: not a PNG or JPEG that can be read here: {reason}")]
    NotPicture { place: Place, reason: String },
    #[error("{place}: the header asks for {bytes} bytes, more than the {limit} that a file may have")]
    TooLarge { place: Place, bytes: u128, limit: u128 },
    #[error("{place}: expected a line `{key}: <whole number from 1>`")]
    Info { place: Place, key: &'static str },
    #[error("{place}: {count} voxels are not finite numbers")]
    NotFinite { place: Place, count: usize },
    #[error("{place}: pixel spacing {spacing:?} mm is not positive")]
    Spacing { place: Place, spacing: [f64; 2] },
    #[error("{place}: size {is:?} (slices, rows, columns) differs from the image's {image:?}")]
    Shape { place: Place, is: [usize; 3], image: [usize; 3] },
    #[error("{place}: {count} voxels hold label {label}, which is not one of {allowed}")]
    Label { place: Place, label: f32, count: usize, allowed: &'static str },
    #[error("{place}: {size:?} (rows, columns) is not a size that can be made; sides go from 1 to {limit}")]
    Size { place: Place, size: [usize; 2], limit: usize },
    #[error("parameter `{name}`: {message}")]
    Parameter { name: &'static str, message: String },
    /// `found`: each code with its number of pixels.
    #[error("{place}: no class has {found}; {known}")]
    Codes { place: Place, found: String, known: String },
    /// A file that belongs to another one, which isn't there.
    #[error("{place}: {lacks}")]
    Unpaired { place: Place, lacks: String },
    /// Sound by itself, but not as the data set has it.
    #[error("{place}: {reason}")]
    Unfit { place: Place, reason: String },
    #[error("{path}: {reason}")]
    Archive { path: PathBuf, reason: String },
}

impl DataError {
    /// What the error is about, if it is one file or volume.
    pub fn place_mut(&mut self) -> Option<&mut Place> {
        use DataError::*;
        match self {
            Missing { place } | Read { place, .. } | Truncated { place } | NotNifti { place, .. } => Some(place),
            TooLarge { place, .. } | Info { place, .. } | NotFinite { place, .. } | Spacing { place, .. } => {
                Some(place)
            }
            Shape { place, .. } | Label { place, .. } | Size { place, .. } | Codes { place, .. } => Some(place),
            Frames { place, .. } | NotDicom { place, .. } | NotPicture { place, .. } => Some(place),
            Unpaired { place, .. } | Unfit { place, .. } => Some(place),
            NoCases { .. } | Folder { .. } | Parameter { .. } | Archive { .. } => None,
        }
    }
}
