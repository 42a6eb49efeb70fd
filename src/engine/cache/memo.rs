use super::file::read_if_whole;
use super::stat::Stat;
use super::{Store, lock_anyway, seal, write_atomic};
use crate::digest::{Digest, Listing, digest_open, list_by};
use crate::engine::EngineError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Digests of files outside the store by what `stat` says of them, so that unchanged gigabytes aren't read again.
#[derive(Default)]
pub(super) struct Memo {
    entries: BTreeMap<String, Known>,
    changed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    stat: Stat,
    sha256: Digest,
}

/// A file that changed this recently might change again within the clock's tick, which is 2 s on some file systems:
/// it is read anew next time.
const SETTLED: Duration = Duration::from_secs(2);

impl Memo {
    /// A memo that can't be read, or was changed by anybody else, is an empty one.
    pub(super) fn read(path: &Path) -> Self {
        let entries = read_if_whole(path).unwrap_or_default();
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
        list_by(root, |path| self.sized_digest(path))
    }

    /// Digest of one file, from the memo if it is unchanged.
    pub(crate) fn file_digest(&self, path: &Path) -> io::Result<Digest> {
        self.sized_digest(path).map(|(_, digest)| digest)
    }

    /// Size and digest.
    pub(crate) fn sized_digest(&self, path: &Path) -> io::Result<(u64, Digest)> {
        let name = std::path::absolute(path)?.to_string_lossy().into_owned();
        let stat = Stat::of(&path.metadata()?);
        if !self.paranoid
            && let Some(known) = lock_anyway(&self.memo).entries.get(&name)
            && known.stat == stat
        {
            return Ok((stat.size(), known.sha256));
        }
        let file = File::open(path)?;
        // Of the very file that is read: the name may have got another meanwhile.
        let stat = Stat::of(&file.metadata()?);
        let sha256 = digest_open(file)?;
        if stat.settled(SETTLED, SystemTime::now()) {
            let mut memo = lock_anyway(&self.memo);
            memo.entries.insert(name, Known { stat, sha256 });
            memo.changed = true;
        }
        Ok((stat.size(), sha256))
    }

    /// Saves what was learnt, beside what another process saved meanwhile.
    pub(crate) fn save_memo(&self) -> Result<(), EngineError> {
        self.settle_rest()?;
        self.save_recent()?;
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
