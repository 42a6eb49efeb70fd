//! Scribbles that lie apart from the data set: in a folder, or in the zip that they were released as.
//!
//! A zip may come from anywhere: entries are told by the last part of their name alone, so that none can lead
//! elsewhere, and are unpacked one at a time below a limit of size. macOS's `__MACOSX/._*` entries are left out.

use super::nifti_file::{self, Nifti};
use super::{DataError, Place};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use walkdir::WalkDir;
use zip::ZipArchive;

/// Of the whole zip; the released one has 2 MB.
const ARCHIVE_BYTES: u64 = 256 << 20;
/// Of one entry, unpacked.
const ENTRY_BYTES: u64 = 64 << 20;
const ENTRIES: usize = 100_000;

/// NIfTI files by their name without `.nii` or `.nii.gz`.
pub struct ScribbleFiles {
    path: PathBuf,
    files: Files,
}

enum Files {
    Folder(BTreeMap<String, PathBuf>),
    /// Indices of the entries.
    Zip(ZipArchive<Cursor<Arc<[u8]>>>, BTreeMap<String, usize>),
}

impl ScribbleFiles {
    /// A folder (with all below it) or a zip, told by what it is.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let files = if path.is_dir() { folder(path)? } else { archive(path)? };
        let count = match &files {
            Files::Folder(files) => files.len(),
            Files::Zip(_, files) => files.len(),
        };
        if count == 0 {
            return Err(fault(path, "there is no `*_scribble.nii.gz` in it"));
        }
        Ok(ScribbleFiles { path: path.to_owned(), files })
    }

    /// The scribble of that name, e.g. `patient001_frame01_scribble`, and its place; none if there is no such.
    pub fn read(&self, case: &str, name: &str) -> Option<(Place, Result<Nifti, DataError>)> {
        match &self.files {
            Files::Folder(files) => {
                let path = files.get(name)?;
                Some((Place::new(case, path.display()), nifti_file::read(case, path)))
            }
            Files::Zip(archive, entries) => {
                let place = Place::new(case, format_args!("{name} in {}", self.path.display()));
                let read = unpack(archive.clone(), *entries.get(name)?, &place);
                Some((place.clone(), read))
            }
        }
    }
}

fn folder(path: &Path) -> Result<Files, DataError> {
    let mut files = BTreeMap::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|e| DataError::Folder { path: path.to_owned(), source: e.into() })?;
        let name = entry.path().to_string_lossy();
        if let Some(stem) = scribble_stem(&name).filter(|_| entry.file_type().is_file()) {
            insert(&mut files, stem, entry.path().to_owned(), path)?;
        }
    }
    Ok(Files::Folder(files))
}

fn archive(path: &Path) -> Result<Files, DataError> {
    let open = |e: std::io::Error| fault(path, e);
    let file = File::open(path).map_err(open)?;
    let length = file.metadata().map_err(open)?.len();
    if length > ARCHIVE_BYTES {
        return Err(fault(path, format_args!("{length} bytes are more than the {ARCHIVE_BYTES} that it may have")));
    }
    let mut bytes = Vec::new();
    file.take(ARCHIVE_BYTES).read_to_end(&mut bytes).map_err(open)?;
    let archive = ZipArchive::new(Cursor::new(Arc::from(bytes)))
        .map_err(|e| fault(path, format_args!("neither a folder nor a zip that can be read: {e}")))?;
    if archive.len() > ENTRIES {
        return Err(fault(
            path,
            format_args!("{} entries are more than the {ENTRIES} that it may have", archive.len()),
        ));
    }
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).and_then(Result::ok);
        if let Some(stem) = name.as_deref().and_then(scribble_stem) {
            insert(&mut files, stem, index, path)?;
        }
    }
    Ok(Files::Zip(archive, files))
}

/// `patient001_frame01_scribble` of `acdc_scribbles/patient001_frame01_scribble.nii.gz`; none for other files.
fn scribble_stem(path: &str) -> Option<&str> {
    if path.split(['/', '\\']).any(|part| part == "__MACOSX") {
        return None;
    }
    let name = path.rsplit(['/', '\\']).next().filter(|name| !name.starts_with('.'))?;
    let stem = name.strip_suffix(".nii.gz").or_else(|| name.strip_suffix(".nii"))?;
    stem.ends_with("_scribble").then_some(stem)
}

fn insert<T>(files: &mut BTreeMap<String, T>, stem: &str, file: T, path: &Path) -> Result<(), DataError> {
    match files.insert(stem.to_owned(), file) {
        None => Ok(()),
        Some(_) => Err(fault(path, format_args!("it has two files {stem}"))),
    }
}

/// One entry.
fn unpack(mut archive: ZipArchive<Cursor<Arc<[u8]>>>, index: usize, place: &Place) -> Result<Nifti, DataError> {
    let read = |source| DataError::Read { place: place.clone(), source };
    let unfit = |reason: String| DataError::Unfit { place: place.clone(), reason };
    let mut entry = archive.by_index(index).map_err(|e| unfit(format!("the zip's entry cannot be read: {e}")))?;
    let mut bytes = Vec::new();
    // What the entry says of its own size is not believed.
    entry.by_ref().take(ENTRY_BYTES + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > ENTRY_BYTES {
        let (bytes, limit) = (u128::from(entry.size()), u128::from(ENTRY_BYTES));
        return Err(DataError::TooLarge { place: place.clone(), bytes, limit });
    }
    nifti_file::read_bytes(place, &bytes)
}

fn fault(path: &Path, reason: impl std::fmt::Display) -> DataError {
    DataError::Archive { path: path.to_owned(), reason: reason.to_string() }
}
