use super::file::{read_with_stat, remove_all};
use super::{Store, lock_anyway, sharded};
use crate::digest::{self, Digest, Entry, Listing};
use crate::engine::EngineError;
use rayon::prelude::*;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use walkdir::WalkDir;

/// Why a folder can't go into the store.
#[derive(Debug)]
pub(crate) struct Unfit {
    pub path: PathBuf,
    pub what: &'static str,
}

/// The first thing in a stage's output that a listing of files can't stand for.
pub(crate) fn unfit(folder: &Path) -> Option<Unfit> {
    WalkDir::new(folder).into_iter().filter_map(Result::ok).find_map(|entry| {
        let what = match entry.file_type() {
            kind if kind.is_symlink() => "a symbolic link; write the file itself",
            kind if !kind.is_dir() && !kind.is_file() => "neither a file nor a folder",
            _ if entry.file_name().to_str().is_none() => "a name that is not UTF-8",
            _ => return None,
        };
        Some(Unfit { path: entry.into_path(), what })
    })
}

/// Changes with the names, sizes and times of modification below a folder. Not with `ctime`, which every new link to
/// a file changes.
fn stamp(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let of = entry.and_then(|entry| Ok((entry.path().to_owned(), entry.metadata()?)));
        let of = of.map(|(path, metadata)| (path, metadata.len(), metadata.modified().ok())).ok();
        of.hash(&mut hasher);
    }
    hasher.finish()
}

/// A handful of files isn't worth waking other threads.
const FEW: usize = 4;

impl Store {
    /// Moves the files of a folder of `tmp/` into the store. Its listing comes last, so that a listing's
    /// presence says that its files were there.
    pub(crate) fn put_tree(&self, folder: &Path) -> Result<Digest, EngineError> {
        let listing = digest::list(folder).map_err(EngineError::io("read", folder))?;
        let put = |file: &Entry| self.put_file(&folder.join(&file.path), file.sha256, file.size);
        if listing.files.len() < FEW {
            listing.files.iter().try_for_each(put)?;
        } else {
            listing.files.par_iter().try_for_each(put)?;
        }
        self.put_bytes(listing.canonical().as_bytes())
    }

    /// The files of a tree; an error if its listing is missing or corrupt, which sets it aside.
    pub fn listing(&self, tree: Digest) -> Result<Listing, EngineError> {
        self.shared_listing(tree).map(Arc::unwrap_or_clone)
    }

    pub(crate) fn shared_listing(&self, tree: Digest) -> Result<Arc<Listing>, EngineError> {
        if let Some(listing) = self.known_listing(tree) {
            return Ok(listing);
        }
        let (lost, path) = (|| EngineError::Lost { digest: tree }, self.object(tree));
        let (stat, bytes) = match read_with_stat(&path) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(lost()),
            Err(source) => return Err(EngineError::Io { action: "read", path, source }),
        };
        if Digest::of_bytes(&bytes) != tree {
            self.quarantine(tree);
            return Err(lost());
        }
        let listing: Arc<Listing> = Arc::new(serde_json::from_slice(&bytes).map_err(|_| lost())?);
        self.learn_listing(tree, stat, &listing);
        Ok(listing)
    }

    /// What of a tree is missing, by presence and size. `None` if nothing is.
    pub fn missing(&self, tree: Digest) -> Result<Option<String>, EngineError> {
        let listing = match self.shared_listing(tree) {
            Err(EngineError::Lost { .. }) => return Ok(Some(format!("listing {}", tree.short()))),
            listing => listing?,
        };
        let gone = listing.files.iter().find(|file| !self.has_object(file.sha256, file.size));
        Ok(gone.map(|file| format!("{} ({})", file.path, file.sha256.short())))
    }

    /// A folder with a tree's files, for reading. Every byte is checked once in a process's life; what is corrupt
    /// is set aside, and the error is [`EngineError::Lost`].
    pub fn checkout(&self, tree: Digest) -> Result<PathBuf, EngineError> {
        let path = sharded(&self.root.join("trees"), tree);
        if path.is_dir() {
            // A stage outside of a sandbox may have written to what it read since then.
            let stamp = stamp(&path);
            if lock_anyway(&self.verified).get(&tree) == Some(&stamp) {
                return Ok(path);
            }
            if digest::list(&path).is_ok_and(|listing| listing.digest() == tree) {
                lock_anyway(&self.verified).insert(tree, stamp);
                return Ok(path);
            }
            remove_all(&path)?;
        }
        let partial = self.link_tree(tree)?;
        let parent = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent).map_err(EngineError::io("create", parent))?;
        // Another process may have been faster: its folder is as good.
        if let Err(source) = fs::rename(&partial, &path)
            && !path.is_dir()
        {
            return Err(EngineError::Io { action: "make", path, source });
        }
        remove_all(&partial)?;
        lock_anyway(&self.verified).insert(tree, stamp(&path));
        Ok(path)
    }

    fn link_tree(&self, tree: Digest) -> Result<PathBuf, EngineError> {
        let listing = self.shared_listing(tree)?;
        let folder = self.temporary("tree")?;
        let link = |file: &Entry| self.link(file, &folder.join(&file.path));
        if listing.files.len() < FEW {
            listing.files.iter().try_for_each(link)?;
        } else {
            listing.files.par_iter().try_for_each(link)?;
        }
        Ok(folder)
    }

    fn link(&self, file: &Entry, target: &Path) -> Result<(), EngineError> {
        self.check(file)?;
        let object = self.object(file.sha256);
        let parent = target.parent().unwrap_or(target);
        fs::create_dir_all(parent).map_err(EngineError::io("create", parent))?;
        // A file system has a limit of links to a file, and some have none at all.
        fs::hard_link(&object, target)
            .or_else(|_| fs::copy(&object, target).map(|_| ()))
            .map_err(EngineError::io("link", target))
    }

    /// Reads an object through; sets it aside if its bytes aren't what its name says.
    pub(crate) fn check(&self, file: &Entry) -> Result<(), EngineError> {
        let digest = digest::digest_file(&self.object(file.sha256));
        self.judge(file, digest, |digest| *digest).map(|_| ())
    }

    /// The bytes of a small object, checked.
    pub(crate) fn checked_bytes(&self, file: &Entry) -> Result<Vec<u8>, EngineError> {
        self.judge(file, fs::read(self.object(file.sha256)), |bytes| Digest::of_bytes(bytes))
    }

    fn judge<T>(&self, file: &Entry, read: io::Result<T>, of: impl Fn(&T) -> Digest) -> Result<T, EngineError> {
        match read {
            Ok(read) if of(&read) == file.sha256 => Ok(read),
            Ok(_) => {
                self.quarantine(file.sha256);
                Err(EngineError::Lost { digest: file.sha256 })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(EngineError::Lost { digest: file.sha256 }),
            Err(source) => Err(EngineError::Io { action: "read", path: self.object(file.sha256), source }),
        }
    }
}
