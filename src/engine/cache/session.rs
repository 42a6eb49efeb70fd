use super::file::remove_all;
use super::lock::try_lock;
use super::{Store, lock_anyway};
use crate::engine::EngineError;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// This process's corner of `tmp/`. Its lock tells others that we live.
pub(super) struct Session {
    folder: PathBuf,
    _lock: File,
    count: AtomicU64,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = remove_all(&self.folder);
    }
}

impl Store {
    /// Sweeps what dead processes left, also where a run finds all cached and makes nothing temporary itself.
    pub(crate) fn sweep(&self) -> Result<(), EngineError> {
        let tmp = self.root.join("tmp");
        let mut left = fs::read_dir(&tmp).into_iter().flatten().flatten();
        if left.any(|entry| entry.path().is_dir()) {
            self.share()?;
            self.begin(&mut lock_anyway(&self.session))?;
        }
        Ok(())
    }

    fn begin(&self, session: &mut Option<Session>) -> Result<(), EngineError> {
        if session.is_none() {
            *session = Some(open(&self.root.join("tmp"), self)?);
        }
        Ok(())
    }

    /// A fresh empty folder on the store's file system. What a dead process left is swept first.
    pub(crate) fn temporary(&self, name: &str) -> Result<PathBuf, EngineError> {
        let folder = self.temporary_file(name)?;
        fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
        Ok(folder)
    }

    /// A path there that nothing stands at.
    pub(super) fn temporary_file(&self, name: &str) -> Result<PathBuf, EngineError> {
        self.share()?;
        let mut session = lock_anyway(&self.session);
        self.begin(&mut session)?;
        let Some(session) = session.as_ref() else {
            return Err(EngineError::Cancelled);
        };
        let count = session.count.fetch_add(1, Ordering::Relaxed);
        Ok(session.folder.join(format!("{name}-{count}")))
    }
}

fn open(tmp: &Path, store: &Store) -> Result<Session, EngineError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    fs::create_dir_all(tmp).map_err(EngineError::io("create", tmp))?;
    // One process at a time creates and sweeps, or a sweeper could take a folder that is not locked yet.
    let gate_path = tmp.join(".gate");
    let gate = File::options().create(true).truncate(false).write(true).open(&gate_path);
    let gate = gate.map_err(EngineError::io("open", &gate_path))?;
    gate.lock().map_err(EngineError::io("lock", &gate_path))?;
    sweep(tmp, store)?;
    let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let folder = tmp.join(name);
    fs::create_dir_all(&folder).map_err(EngineError::io("create", &folder))?;
    let path = folder.join("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(EngineError::io("open", &path))?;
    lock.lock().map_err(EngineError::io("lock", &path))?;
    Ok(Session { folder, _lock: lock, count: AtomicU64::new(0) })
}

/// Removes what processes left that no longer run: nothing in `tmp/` was ever part of a result.
fn sweep(tmp: &Path, store: &Store) -> Result<(), EngineError> {
    for entry in fs::read_dir(tmp).map_err(EngineError::io("read", tmp))? {
        let path = entry.map_err(EngineError::io("read", tmp))?.path();
        if !path.is_dir() || path.join("lock").exists() && try_lock(&path.join("lock"))?.is_none() {
            continue;
        }
        remove_all(&path)?;
        store.note(format!("swept {}, left by a run that was killed", path.display()));
    }
    Ok(())
}
