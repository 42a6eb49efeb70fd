//! Recorded outputs beside recomputed ones.

use super::{EngineError, Store};
use crate::digest::{self, Digest, Listing};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How two files with one name go together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "agreement", rename_all = "snake_case")]
pub enum Agreement {
    /// The same bytes. `numbers`: how many numbers a table or a score file holds.
    Identical { numbers: usize },
    /// Every number is close enough; `largest`: the largest relative difference.
    Within { numbers: usize, largest: f64 },
    /// `what` says where first, and by how much.
    Differs { numbers: usize, what: String },
    /// Other bytes, and nothing in them that could be compared as numbers.
    Incomparable,
}

impl Agreement {
    /// Numbers that were compared.
    pub fn numbers(&self) -> usize {
        match self {
            Agreement::Identical { numbers } | Agreement::Within { numbers, .. } => *numbers,
            Agreement::Differs { numbers, .. } => *numbers,
            Agreement::Incomparable => 0,
        }
    }
}

/// Compares two files by what they hold; the engine knows no formats. `name` tells the format.
pub trait Comparer {
    fn compare(&self, name: &str, recorded: &Path, again: &Path) -> Agreement;
}

/// A file of an output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileAgreement {
    /// `port/path`.
    pub file: String,
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// What a stage's outputs come to, taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Identical,
    /// Numbers agree within the tolerance. Files that hold none may have other bytes, as their numbers do.
    WithinTolerance,
    Divergent,
}

/// `moved`: what the stage reads was itself within tolerance only.
pub fn verdict(files: &[FileAgreement], moved: bool) -> Verdict {
    let any = |is: fn(&Agreement) -> bool| files.iter().any(|file| is(&file.agreement));
    let differs = any(|agreement| matches!(agreement, Agreement::Differs { .. }));
    let within = any(|agreement| matches!(agreement, Agreement::Within { .. }));
    let other_bytes = any(|agreement| matches!(agreement, Agreement::Incomparable));
    match (differs, other_bytes, within || moved) {
        (true, _, _) | (_, true, false) => Verdict::Divergent,
        (false, false, _) if !within => Verdict::Identical,
        _ => Verdict::WithinTolerance,
    }
}

/// A recorded output: its digest, and its listing where its files are at hand.
pub struct RecordedOutput<'a> {
    pub port: &'a str,
    pub digest: Digest,
    pub listing: Option<Listing>,
}

/// Compares an output, file by file. `again`: what came out now, with the place of each file.
pub fn output(
    store: &Store,
    recorded: &RecordedOutput<'_>,
    again: (&Listing, &dyn Fn(&digest::Entry) -> PathBuf),
    comparer: &dyn Comparer,
) -> Vec<FileAgreement> {
    let (listing, place) = again;
    let port = recorded.port;
    let Some(was) = &recorded.listing else {
        let same = listing.digest() == recorded.digest;
        let agreement = if same { Agreement::Identical { numbers: 0 } } else { Agreement::Incomparable };
        return vec![FileAgreement { file: format!("{port}/"), agreement }];
    };
    let mut files: BTreeMap<&str, (Option<&digest::Entry>, Option<&digest::Entry>)> = BTreeMap::new();
    was.files.iter().for_each(|file| files.entry(&file.path).or_default().0 = Some(file));
    listing.files.iter().for_each(|file| files.entry(&file.path).or_default().1 = Some(file));
    let compare = |(path, pair): (&str, (Option<&digest::Entry>, Option<&digest::Entry>))| {
        let missing = |what: &str| Agreement::Differs { numbers: 0, what: what.to_owned() };
        let agreement = match pair {
            (Some(was), Some(is)) => {
                let (old, new) = (store.object(was.sha256), place(is));
                match comparer.compare(path, &old, &new) {
                    Agreement::Incomparable if was.sha256 == is.sha256 => Agreement::Identical { numbers: 0 },
                    agreement => agreement,
                }
            }
            (Some(_), None) => missing("it is missing now"),
            _ => missing("it was not there before"),
        };
        FileAgreement { file: format!("{port}/{path}"), agreement }
    };
    files.into_iter().map(compare).collect()
}

/// Compares folders that were just written with a record's outputs, whose objects may be gone from the store.
pub fn folders(
    store: &Store,
    recorded: &BTreeMap<String, Digest>,
    again: &BTreeMap<String, PathBuf>,
    comparer: &dyn Comparer,
) -> Result<(Vec<FileAgreement>, BTreeMap<String, Digest>), EngineError> {
    let (mut files, mut digests) = (Vec::new(), BTreeMap::new());
    for (port, folder) in again {
        let listing = digest::list(folder).map_err(EngineError::io("read", folder))?;
        digests.insert(port.clone(), listing.digest());
        let Some(&digest) = recorded.get(port) else { continue };
        if digest == listing.digest() {
            let agreement = Agreement::Identical { numbers: 0 };
            files.push(FileAgreement { file: format!("{port}/"), agreement });
            continue;
        }
        let recorded = RecordedOutput { port, digest, listing: store.listing(digest).ok() };
        let place = |file: &digest::Entry| folder.join(&file.path);
        files.extend(output(store, &recorded, (&listing, &place), comparer));
    }
    Ok((files, digests))
}
