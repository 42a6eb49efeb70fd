use super::EngineError;
use super::cache::{remove_all, try_lock};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder in the results where files stand until they are swapped in: a rename replaces a file at once, but only
/// within one file system. Its lock tells others that we live.
pub struct Staging {
    folder: PathBuf,
    _lock: File,
}

const PREFIX: &str = ".publishing-";
const LOCK: &str = "lock";

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = remove_all(&self.folder);
    }
}

impl Staging {
    pub fn open(results: &Path) -> Result<Self, EngineError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = results.join(format!("{PREFIX}{}-{count}", std::process::id()));
        let path = folder.join(LOCK);
        // Another run may sweep it between its making and its locking: then again.
        loop {
            fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
            match try_lock(&path) {
                Ok(Some(lock)) => return Ok(Staging { folder, _lock: lock }),
                Err(error) if folder.is_dir() => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Removes what runs left in the results that were killed while they published.
pub fn sweep(results: &Path) {
    for entry in fs::read_dir(results).into_iter().flatten().flatten() {
        let (name, folder) = (entry.file_name(), entry.path());
        if !name.to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let lock = folder.join(LOCK);
        // Best effort: what can't be removed harms nobody.
        if !lock.exists() {
            let _ = fs::remove_dir(&folder);
        } else if let Ok(Some(_held)) = try_lock(&lock) {
            let _ = remove_all(&folder);
        }
    }
}
