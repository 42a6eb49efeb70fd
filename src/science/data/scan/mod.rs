//! An image by itself, without a data set around it: as a network that was trained on one has to see it, and with what is
//! needed to write a mask in its geometry.

mod series;

use super::dicom_file::{self, Original};
use super::folder::file::{self, Kind, Slices};
use super::nifti_file::{self, Nifti};
use super::plane::{self, Name, Plane};
use super::{DataError, Image, Labels, Place, UNLABELLED, Volume, content};
use std::path::{Path, PathBuf};

/// What can be read: one file, or the folder of a DICOM series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Nifti { zipped: bool },
    Dicom,
    Series,
    Picture,
}

/// How an image is to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Options {
    /// Of a file of several images over time, from 1.
    pub frame: Option<usize>,
    /// Side of a pixel where the file does not say it.
    pub spacing_mm: Option<f64>,
}

/// An image.
pub struct Scan {
    /// Slices as they lie in the file: nothing is turned. Nobody annotated them.
    pub volume: Volume,
    /// Whether the spacing of the volume is known; otherwise it is 1.
    pub measured: bool,
    /// From slice to slice in mm.
    pub depth: Option<f64>,
    pub origin: Origin,
}

/// Where a mask of it belongs.
pub enum Origin {
    /// With the file's header.
    Nifti(Vec<u8>),
    /// A file for each slice.
    Dicom(Vec<(PathBuf, Original)>),
    Picture,
}

/// What a path holds, by its content; a folder is a series.
pub fn format(path: &Path) -> Result<Format, DataError> {
    if path.is_dir() {
        return Ok(Format::Series);
    }
    let place = place(path);
    // Refuses pipes and devices unopened.
    drop(content::open(&place, path)?);
    Ok(match file::kind(&place, path)? {
        Kind::Nifti => Format::Nifti { zipped: is_zipped(&place, path)? },
        Kind::Dicom => Format::Dicom,
        Kind::Picture => Format::Picture,
    })
}

fn is_zipped(place: &Place, path: &Path) -> Result<bool, DataError> {
    use std::io::Read;
    let mut head = [0; 2];
    let mut file = content::open(place, path)?;
    file.read_exact(&mut head).map_err(|e| content::failed(place, e))?;
    Ok(head == [0x1f, 0x8b])
}

fn place(path: &Path) -> Place {
    Place::new(&name(path), path.display())
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// Reads an image.
///
/// # Errors
/// As the reader of its format has them; slices of a series that don't fit together.
pub fn read(path: &Path, format: Format, options: Options) -> Result<Scan, DataError> {
    match format {
        Format::Nifti { .. } => nifti(path, options),
        Format::Dicom => series::read(&name(path), &[path.to_owned()], options),
        Format::Series => series::read(&name(path), &series::files(path)?, options),
        Format::Picture => picture(path, options),
    }
}

fn nifti(path: &Path, options: Options) -> Result<Scan, DataError> {
    let nifti = nifti_file::read_frame(&name(path), path, options.frame)?;
    let depth = nifti.depth();
    let Nifti { slices, rows: height, columns: width, spacing, header, data, .. } = nifti;
    let image = Image { slices, channels: 1, height, width, data };
    Ok(Scan { volume: volume(path, image, spacing), measured: true, depth, origin: Origin::Nifti(header) })
}

fn picture(path: &Path, options: Options) -> Result<Scan, DataError> {
    let name = name(path);
    let picture = super::picture_file::read(&name, path)?;
    let Slices { slices, channels, height, width, values: data, .. } = file::picture(picture);
    let image = Image { slices, channels, height, width, data };
    let spacing = [options.spacing_mm.unwrap_or(1.0); 2];
    let measured = options.spacing_mm.is_some();
    Ok(Scan { volume: volume(path, image, spacing), measured, depth: None, origin: Origin::Picture })
}

fn volume(path: &Path, image: Image, spacing: [f64; 2]) -> Volume {
    let Image { slices, height, width, .. } = image;
    let mask = Labels { slices, height, width, data: vec![UNLABELLED; slices * height * width] };
    Volume { case: name(path), name: "image".to_owned(), group: None, spacing, image, mask, scribble: None }
}

impl Scan {
    /// With as many channels as a network takes, if that loses nothing: grey pictures become red, green and blue, and
    /// coloured ones grey whose channels are all the same.
    pub fn with_channels(mut self, wanted: usize) -> Result<Scan, DataError> {
        let image = &mut self.volume.image;
        let pixels = image.height * image.width;
        match (image.channels, wanted) {
            (is, wanted) if is == wanted => return Ok(self),
            (1, 3) if matches!(self.origin, Origin::Picture) => image.data = image.data.repeat(3),
            (3, 1) if image.data.chunks_exact(3 * pixels.max(1)).all(|slice| is_grey(slice, pixels)) => {
                let first = |slice: &[f32]| slice[..pixels].to_vec();
                image.data = image.data.chunks_exact(3 * pixels.max(1)).flat_map(first).collect();
            }
            (is, wanted) => {
                let place = Place::new(&self.volume.case, "the image");
                let reason = format!("it has {}, and the network was trained on {}", counted(is), counted(wanted));
                return Err(DataError::Unfit { place, reason });
            }
        }
        image.channels = wanted;
        Ok(self)
    }
}

fn is_grey(slice: &[f32], pixels: usize) -> bool {
    let (first, others) = slice.split_at(pixels);
    others.chunks_exact(pixels.max(1)).all(|channel| channel == first)
}

fn counted(channels: usize) -> String {
    match channels {
        1 => "1 channel (grey)".to_owned(),
        3 => "3 channels (red, green, blue)".to_owned(),
        _ => format!("{channels} channels"),
    }
}
