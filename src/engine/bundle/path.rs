//! Which names a bundle may have: on every file system, each is one file below the bundle's folder.

use super::BundleError;
use std::collections::BTreeSet;

/// Files and folders at the top of a bundle.
const FILES: &[&str] = &["LICENSE", "README.md", "plan.json", "ro-crate-metadata.json"];
const FOLDERS: &[&str] = &["experiments", "objects", "pipelines", "recorded", "records"];
const LONGEST: usize = 1024;
/// Names that open a device on Windows, whatever their extension.
const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];

/// Whether one file may have this path in a bundle.
pub(super) fn check(path: &str) -> Result<(), BundleError> {
    let fault = |what| Err(BundleError::Path { path: path.to_owned(), what });
    if path.len() > LONGEST {
        return fault("it is longer than 1024 bytes");
    }
    if let Some(what) = relative(path).or_else(|| path.split('/').find_map(unportable)) {
        return fault(what);
    }
    match path.split_once('/') {
        None if FILES.contains(&path) => Ok(()),
        Some((folder, _)) if FOLDERS.contains(&folder) => Ok(()),
        _ => fault("a bundle has no such file"),
    }
}

/// Why a path of a folder's listing might lead out of that folder.
pub(super) fn relative(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    path.split('/').find_map(|part| match part {
        "" => Some("it is absolute, or has an empty part"),
        "." | ".." => Some("it has a part `.` or `..`"),
        part if part.contains(['\\', '\0']) => Some("it has a backslash or a NUL"),
        _ => None,
    })
}

fn unportable(part: &str) -> Option<&'static str> {
    let stem = part.split('.').next().unwrap_or(part).to_lowercase();
    let numbered = stem.strip_prefix("com").or(stem.strip_prefix("lpt")).is_some_and(|rest| rest.len() == 1);
    if part.starts_with('.') {
        Some("a part of it is hidden (starts with a dot)")
    } else if part.ends_with(['.', ' ']) {
        Some("a part of it ends with a dot or a space")
    } else if part.contains(|c: char| c.is_control() || "<>:\"|?*".contains(c)) {
        Some("it has a character that not every system allows")
    } else if DEVICES.contains(&stem.as_str()) || numbered {
        Some("a part of it is the name of a device on Windows")
    } else {
        None
    }
}

/// Whether these paths, which must be sorted, are different files on every file system.
pub(super) fn check_all<'a>(paths: impl Iterator<Item = &'a str>) -> Result<(), BundleError> {
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    let mut last = "";
    for path in paths {
        check(path)?;
        let fault = |what| Err(BundleError::Path { path: path.to_owned(), what });
        if path <= last {
            return fault("paths are not sorted, or occur twice");
        }
        last = path;
        // Systems that don't tell case apart would write one over the other.
        let folded = path.to_lowercase();
        folders.extend(folded.match_indices('/').map(|(at, _)| folded[..at].to_owned()));
        if !files.insert(folded) {
            return fault("another path differs from it in case only");
        }
    }
    match files.intersection(&folders).next() {
        Some(path) => Err(BundleError::Path { path: path.clone(), what: "it is a file and a folder" }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, check_all, relative};
    use proptest::prelude::*;
    use std::path::{Component, Path};

    proptest! {
        /// Whatever is let in is one plain file below the folder.
        #[test]
        fn what_is_let_in_stays_in(path in "(experiments|objects|records|\\.\\.|/)?[a-zA-Z./\\\\: \u{0}\u{1b}é~-]{0,12}") {
            if check(&path).is_ok() {
                prop_assert!(Path::new(&path).components().all(|part| matches!(part, Component::Normal(_))));
                let foreign = path.contains(['\\', '\0', '\u{1b}', ':']);
                prop_assert!(!foreign && !path.contains("..") && !path.contains("//"));
            }
            if relative(&path).is_none() {
                prop_assert!(Path::new(&path).components().all(|part| matches!(part, Component::Normal(_))));
            }
        }
    }

    #[test]
    fn ordinary_paths_are_let_in() {
        let paths = ["LICENSE", "experiments/été 2026.yaml", "objects/ab/cd", "recorded/a-b_c (1)/x.tar.gz"];
        paths.iter().for_each(|path| check(path).unwrap());
        check_all(paths.into_iter()).unwrap();
        assert!(check_all(["objects/a", "objects/A"].into_iter()).is_err());
        assert!(check_all(["objects/É", "objects/é"].into_iter()).is_err());
    }
}
