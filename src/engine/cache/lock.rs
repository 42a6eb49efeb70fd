use super::Store;
use crate::digest::Digest;
use crate::engine::EngineError;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Held while a key is worked on. The kernel frees it when its process dies, however it dies.
pub struct KeyLock {
    path: PathBuf,
    _file: File,
}

impl Drop for KeyLock {
    fn drop(&mut self) {
        // Removed while still locked: who waits for this very file sees that it is gone and opens another.
        let _ = fs::remove_file(&self.path);
    }
}

impl Store {
    /// Waits for the lock of a key; `None` once `stop` says so.
    pub fn lock(&self, key: Digest, stop: &dyn Fn() -> bool) -> Result<Option<KeyLock>, EngineError> {
        let folder = self.root().join("locks");
        fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        let path = folder.join(format!("{key}.lock"));
        let mut pause = Duration::from_millis(2);
        while !stop() {
            if let Some(file) = try_lock(&path)? {
                return Ok(Some(KeyLock { path, _file: file }));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(200));
        }
        Ok(None)
    }
}

/// `None` if another holds it, or removed it between our opening and our locking.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>, EngineError> {
    let open = File::options().create(true).truncate(false).write(true).open(path);
    let file = open.map_err(EngineError::io("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(same_file(&file, path).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(EngineError::Io { action: "lock", path: path.to_owned(), source }),
    }
}

#[cfg(unix)]
fn same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(named)) => held.ino() == named.ino() && held.dev() == named.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &File, path: &Path) -> bool {
    path.exists()
}
