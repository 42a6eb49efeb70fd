//! A file's bytes, with the limits that all readers share.

use super::{DataError, Place};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// No more is ever taken into memory for one slice or picture, whatever its header asks for.
pub(super) const LIMIT: u128 = 1 << 28;
/// Deflate shrinks nothing by more than this (nor does baseline or progressive JPEG), so a header that asks for more
/// than this many times what the file holds is lying.
pub(super) const RATIO: u128 = 1032;

/// The whole content of a file that has at most [`LIMIT`] bytes.
pub(super) fn read(place: &Place, path: &Path) -> Result<Vec<u8>, DataError> {
    let file = open(place, path)?;
    let length = u128::from(file.metadata().map_err(|e| failed(place, e))?.len());
    check(place, length, LIMIT)?;
    let mut bytes = Vec::new();
    file.take(LIMIT as u64).read_to_end(&mut bytes).map_err(|e| failed(place, e))?;
    Ok(bytes)
}

/// Opens a regular file. Others are refused unopened: a pipe would wait forever, and some devices never end.
pub(super) fn open(place: &Place, path: &Path) -> Result<File, DataError> {
    let is_file = std::fs::metadata(path).map(|metadata| metadata.is_file());
    let opened = is_file.and_then(|is_file| match is_file {
        true => File::open(path),
        false => Err(std::io::Error::new(ErrorKind::InvalidInput, "it is not a regular file")),
    });
    opened.map_err(|source| match source.kind() {
        ErrorKind::NotFound => DataError::Missing { place: place.clone() },
        _ => failed(place, source),
    })
}

/// Refuses a header that asks for more than there can be.
pub(super) fn check(place: &Place, bytes: u128, limit: u128) -> Result<(), DataError> {
    match bytes <= limit {
        true => Ok(()),
        false => Err(DataError::TooLarge { place: place.clone(), bytes, limit }),
    }
}

pub(super) fn failed(place: &Place, source: std::io::Error) -> DataError {
    let place = place.clone();
    match source.kind() {
        ErrorKind::UnexpectedEof => DataError::Truncated { place },
        _ => DataError::Read { place, source },
    }
}
