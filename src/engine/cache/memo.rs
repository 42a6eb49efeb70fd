use super::{Sealed, Store, lock_anyway, read_sealed, seal, write_atomic};
use crate::digest::{Digest, Entry, Listing, digest_file, name_of};
use crate::engine::EngineError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use walkdir::WalkDir;

/// Digests of files outside the store by what `stat` says of them, so that unchanged gigabytes aren't read again.
#[derive(Default)]
pub(super) struct Memo {
    entries: BTreeMap<String, Known>,
    changed: bool,
}

/// A rewrite changes at least one of these: `ctime` can't be set back by a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stat {
    device: u64,
    inode: u64,
    size: u64,
    mtime_ns: i64,
    ctime_ns: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    stat: Stat,
    sha256: Digest,
}

/// A file that changed this recently might change again within the clock's tick: it is read anew next time.
const SETTLED: Duration = Duration::from_secs(2);

impl Stat {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, ns: i64| seconds.saturating_mul(1_000_000_000).saturating_add(ns);
        Stat {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            mtime_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Without an inode and a `ctime` nothing is settled, so that nothing is remembered.
    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        Stat { device: 0, inode: 0, size: metadata.len(), mtime_ns: 0, ctime_ns: i64::MAX }
    }

    fn settled(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let limit = now.saturating_sub(SETTLED).as_nanos();
        i64::try_from(limit).is_ok_and(|limit| self.ctime_ns < limit && self.mtime_ns < limit)
    }
}

impl Memo {
    /// A memo that can't be read, or was changed by anybody else, is an empty one.
    pub(super) fn read(path: &Path) -> Self {
        let entries = match read_sealed(path) {
            Ok(Sealed::Whole(entries)) => entries,
            _ => BTreeMap::new(),
        };
        Memo { entries, changed: false }
    }
}

impl Store {
    /// Digest of a source's content: of the file's bytes, or of the folder's listing. Its path doesn't enter.
    pub fn source_digest(&self, path: &Path) -> io::Result<Digest> {
        if path.is_file() { self.file_digest(path) } else { Ok(self.source_listing(path)?.digest()) }
    }

    /// As `digest::list`, but files whose `stat` is known aren't read.
    fn source_listing(&self, root: &Path) -> io::Result<Listing> {
        let mut paths = Vec::new();
        for entry in WalkDir::new(root).follow_links(true) {
            let entry = entry?;
            if entry.file_type().is_file() {
                paths.push(entry.into_path());
            }
        }
        let list = |path: &PathBuf| -> io::Result<Entry> {
            let relative = path.strip_prefix(root).unwrap_or(path);
            Ok(Entry { path: name_of(relative), size: path.metadata()?.len(), sha256: self.file_digest(path)? })
        };
        let mut files = paths.par_iter().map(list).collect::<io::Result<Vec<_>>>()?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Listing { files })
    }

    /// Digest of one file, from the memo if it is unchanged.
    pub(crate) fn file_digest(&self, path: &Path) -> io::Result<Digest> {
        let name = std::path::absolute(path)?.to_string_lossy().into_owned();
        let stat = Stat::of(&path.metadata()?);
        if let Some(known) = lock_anyway(&self.memo).entries.get(&name)
            && known.stat == stat
        {
            return Ok(known.sha256);
        }
        let sha256 = digest_file(path)?;
        if stat.settled() {
            let mut memo = lock_anyway(&self.memo);
            memo.entries.insert(name, Known { stat, sha256 });
            memo.changed = true;
        }
        Ok(sha256)
    }

    /// Saves what was learnt, beside what another process saved meanwhile.
    pub(crate) fn save_memo(&self) -> Result<(), EngineError> {
        let mut memo = lock_anyway(&self.memo);
        if !memo.changed {
            return Ok(());
        }
        let path = self.root.join("memo.json");
        let mut all = Memo::read(&path).entries;
        all.extend(memo.entries.iter().map(|(name, known)| (name.clone(), *known)));
        write_atomic(&path, &seal(&all).map_err(EngineError::io("write", &path))?, false)?;
        memo.changed = false;
        Ok(())
    }
}

impl Store {
    /// The files that the memo knows.
    pub(super) fn memo_names(&self) -> Vec<String> {
        lock_anyway(&self.memo).entries.keys().cloned().collect()
    }
}
