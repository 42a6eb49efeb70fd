use super::{Record, Store, sharded};
use crate::digest::{Digest, Listing};
use crate::engine::EngineError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file or folder of `objects/`, `actions/`, `latest/` or `trees/`.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub path: PathBuf,
    /// `None`: a name that no digest has, such as what a killed write left.
    pub digest: Option<Digest>,
}

/// A record as it stands on the disk.
#[derive(Debug)]
pub(super) enum Peek<T> {
    Whole(T),
    Absent,
    /// Torn, or not what its name says.
    Corrupt,
}

impl Store {
    /// All that stands in a folder of shards, sorted by name. An absent folder is an empty one.
    pub(super) fn stored(&self, folder: &str) -> Result<Vec<Stored>, EngineError> {
        let folder = self.root().join(folder);
        let mut all = Vec::new();
        for shard in entries(&folder)? {
            if !shard.is_dir() {
                all.push(Stored { path: shard, digest: None });
                continue;
            }
            let head = shard.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            for path in entries(&shard)? {
                let rest = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                let digest = format!("{head}{}", rest.strip_suffix(".json").unwrap_or(&rest)).parse().ok();
                all.push(Stored { path, digest });
            }
        }
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    pub(super) fn record_path(&self, key: Digest) -> PathBuf {
        sharded(&self.root().join("actions"), key).with_extension("json")
    }

    /// As `record`, but it sets nothing aside: for commands that only look.
    pub(super) fn peek_record(&self, key: Digest) -> Result<Peek<Record>, EngineError> {
        let path = self.record_path(key);
        let Some(bytes) = read_if_there(&path)? else { return Ok(Peek::Absent) };
        Ok(match serde_json::from_slice::<Record>(&bytes) {
            Ok(record) if record.key == key && record.manifest.key() == key => Peek::Whole(record),
            _ => Peek::Corrupt,
        })
    }

    /// As `listing`, but it sets nothing aside.
    pub(super) fn peek_listing(&self, tree: Digest) -> Result<Peek<Listing>, EngineError> {
        let Some(bytes) = read_if_there(&self.object(tree))? else { return Ok(Peek::Absent) };
        if Digest::of_bytes(&bytes) != tree {
            return Ok(Peek::Corrupt);
        }
        Ok(serde_json::from_slice(&bytes).map_or(Peek::Corrupt, Peek::Whole))
    }
}

/// What stands in a folder, sorted; nothing if there is no such folder.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, EngineError> {
    let read = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(EngineError::io("read", folder))?,
    };
    let paths = read.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>();
    let mut paths = paths.map_err(EngineError::io("read", folder))?;
    paths.sort();
    Ok(paths)
}

/// `None` if it is gone: another process may remove what we are about to read.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, EngineError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EngineError::Io { action: "read", path: path.to_owned(), source }),
    }
}
