//! The seam that all data sets share: their cases are listed once and read one at a time. A new data set is a file
//! that implements [`Cases`], a row of [`LAYOUTS`] and a variant of the preprocess stage's `Dataset`.

use super::folder::Code;
use super::{DataError, Phantom, Volume, acdc, chaos, lvsc, ppss};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The cases of a data set. They are read in any order and at the same time.
pub trait Cases: Send + Sync {
    /// Names of the classes by label, background first.
    fn classes(&self) -> Vec<String>;

    /// The codes of each class in the masks on the disk, the one to write first. Default: the labels themselves.
    fn codes(&self) -> Vec<Vec<Code>> {
        (0..).zip(self.classes()).map(|(label, _)| vec![Code::Number(label)]).collect()
    }

    /// Names of the cases in order, each once.
    fn names(&self) -> Vec<String>;

    /// The volumes of a case that can be read, and every fault of the others.
    fn survey(&self, index: usize) -> Found;

    /// The volumes of a case without fault, or its first fault.
    fn read(&self, index: usize) -> Result<Vec<Volume>, DataError> {
        let Found { volumes, faults } = self.survey(index);
        faults.into_iter().next().map_or(Ok(volumes), Err)
    }
}

/// What there is of a case.
#[derive(Debug, Default)]
pub struct Found {
    pub volumes: Vec<Volume>,
    pub faults: Vec<DataError>,
}

impl Found {
    /// The value, or its fault noted.
    pub fn note<T>(&mut self, result: Result<T, DataError>) -> Option<T> {
        result.map_err(|fault| self.faults.push(fault)).ok()
    }
}

/// A data set in the layout that its owners distribute, with its default settings.
pub struct Layout {
    /// Its `kind` in `experiments/datasets`.
    pub name: &'static str,
    pub expected: &'static str,
    pub open: fn(&Path) -> Result<Box<dyn Cases>, DataError>,
}

/// By hand. A layout is told by the names of folders and files alone, so that no folder fits two of them but CHAOS's.
pub const LAYOUTS: [Layout; 5] = [
    Layout { name: "acdc", expected: acdc::EXPECTED, open: |root| acdc::AcdcParameters::whole(root).open() },
    Layout { name: "lvsc", expected: lvsc::EXPECTED, open: |root| lvsc::LvscParameters::at(root).open() },
    Layout { name: "chaos_t1", expected: chaos::EXPECTED, open: |root| chaos::open(root, chaos::Sequence::T1InPhase) },
    Layout { name: "chaos_t2", expected: chaos::EXPECTED, open: |root| chaos::open(root, chaos::Sequence::T2) },
    Layout { name: "ppss", expected: ppss::EXPECTED, open: |root| ppss::PpssParameters::at(root).open() },
];

/// Phantoms are made, not read, and have no faults.
pub struct Phantoms {
    pub phantom: Phantom,
    pub seed: u64,
}

impl Cases for Phantoms {
    fn classes(&self) -> Vec<String> {
        owned(self.phantom.family.classes())
    }

    fn names(&self) -> Vec<String> {
        self.phantom.names()
    }

    fn survey(&self, index: usize) -> Found {
        Found { volumes: self.phantom.case(index, self.seed), faults: Vec::new() }
    }
}

pub(super) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// Names and paths in a folder, sorted by name, without what is hidden (also macOS's `._` files).
pub(super) fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let failed = |source| DataError::Folder { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && name != "__MACOSX" {
            entries.push((name, entry.path()));
        }
    }
    entries.sort();
    Ok(entries)
}

/// The stem of a file with that extension, in small letters or capitals.
pub(super) fn stem_of<'a>(name: &'a str, extension: &str) -> Option<&'a str> {
    let path = Path::new(name);
    let same = path.extension().and_then(OsStr::to_str).is_some_and(|e| e.eq_ignore_ascii_case(extension));
    path.file_stem().and_then(OsStr::to_str).filter(|_| same)
}

/// The root itself or a folder below it that a download may have put around the data; those that exist.
pub(super) fn places(root: &Path, below: &[&str]) -> Vec<PathBuf> {
    let all = std::iter::once(root.to_owned()).chain(below.iter().map(|name| root.join(name)));
    all.filter(|folder| folder.is_dir()).collect()
}

/// One code a class.
pub(super) fn single(codes: &[i32]) -> Vec<Vec<Code>> {
    codes.iter().map(|&code| vec![Code::Number(code)]).collect()
}

/// The root must be there at all: a mistyped path is not an empty data set.
pub(super) fn check_root(root: &Path) -> Result<(), DataError> {
    std::fs::read_dir(root).map(drop).map_err(|source| DataError::Folder { path: root.to_owned(), source })
}
