use crate::digest::{Digest, Listing};
use crate::engine::cache::Record;
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// Bytes of a record: its manifest, and the tail of a log.
pub(super) const RECORD_LIMIT: u64 = 16 << 20;
/// Bytes of a listing: about half a million files.
pub(super) const LISTING_LIMIT: u64 = 128 << 20;
/// Seconds that a stage may claim to have taken: a century.
const LONGEST: f64 = 3.2e9;

/// Why something that came from outside is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub what: String,
}

fn refuse<T>(what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { what: what.into() })
}

/// Bytes from outside as the record of a key. Its manifest has to be what the key is the digest of.
pub(super) fn check_record(bytes: &[u8], key: Digest) -> Result<Record, Refusal> {
    let mut record: Record = match serde_json::from_slice(bytes) {
        Ok(record) => record,
        Err(error) => return refuse(format!("it is no record: {error}")),
    };
    let computed = record.manifest.key();
    if record.key != key || computed != key {
        return refuse(format!("it is the record of another key, {}", computed.short()));
    }
    if !(0.0..=LONGEST).contains(&record.seconds) {
        return refuse(format!("its stage cannot have taken {} s", record.seconds));
    }
    // Shown on terminals: no escape sequence of a stranger's.
    record.machine = printable(&record.machine);
    record.log_tail.iter_mut().for_each(|line| *line = printable(line));
    Ok(record)
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\t').take(4096).collect()
}

/// A listing from outside, which has `tree` as its digest: canonical, and with paths that stay in their folder.
pub(crate) fn check_listing(listing: &Listing, tree: Digest) -> Result<(), Refusal> {
    if listing.digest() != tree {
        return refuse("it is not in canonical form");
    }
    let mut folders = BTreeSet::new();
    for pair in listing.files.windows(2) {
        if pair[0].path >= pair[1].path {
            return refuse(format!("{:?} is out of order, or there twice", pair[1].path));
        }
    }
    for file in &listing.files {
        if !stays_inside(&file.path) {
            return refuse(format!("{:?} would leave its folder", file.path));
        }
        folders.extend(Path::new(&file.path).ancestors().skip(1).map(Path::to_owned));
    }
    if let Some(file) = listing.files.iter().find(|file| folders.contains(Path::new(&file.path))) {
        return refuse(format!("{:?} is both a file and a folder", file.path));
    }
    match listing.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size)) {
        Some(_) => Ok(()),
        None => refuse("its sizes are absurd"),
    }
}

/// Relative, in normal form, and of plain names.
fn stays_inside(path: &str) -> bool {
    let plain = |part: &str| {
        let mut parts = Path::new(part).components();
        matches!((parts.next(), parts.next()), (Some(Component::Normal(name)), None) if name.len() == part.len())
            && part.len() <= 255
    };
    path.len() <= 4096 && !path.contains('\0') && !(cfg!(windows) && path.contains('\\')) && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Entry;

    fn listing(paths: &[&str]) -> Result<(), Refusal> {
        let entry = |path: &&str| Entry { path: (*path).to_owned(), size: 1, sha256: Digest::of_bytes(b"x") };
        let listing = Listing { files: paths.iter().map(entry).collect() };
        check_listing(&listing, listing.digest())
    }

    #[test]
    fn paths_stay_in_their_folder() {
        assert_eq!(listing(&["a", "b/c.txt", "b/d"]), Ok(()));
        assert_eq!(listing(&["..a", "x.."]), Ok(()));
        for path in ["../a", "a/../../b", "/a", "a//b", "a/", "./a", "", "a\0b", "."] {
            assert!(listing(&[path]).is_err(), "{path:?} was taken");
        }
        assert!(listing(&["a", "a/b"]).is_err());
        assert!(listing(&["b", "a"]).is_err());
        assert!(listing(&["a", "a"]).is_err());
    }
}
