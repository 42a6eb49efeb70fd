use super::{Store, lock_anyway};
use crate::engine::EngineError;
use std::fs::{self, File, TryLockError};

/// How this process holds the store. The kernel frees it when the process dies, however it dies.
pub(super) enum Hold {
    /// By all that run, fetch or store: what they found must not be cleaned away under them.
    Shared { _file: File },
    /// By a cleaning, alone.
    Exclusive { _file: File },
}

impl Store {
    /// Keeps `cache gc` away for as long as this store is open. Waits for one that is at work.
    pub(crate) fn share(&self) -> Result<(), EngineError> {
        let mut hold = lock_anyway(&self.hold);
        if hold.is_some() {
            return Ok(());
        }
        let (path, file) = self.gc_lock()?;
        match file.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                file.lock_shared().map_err(EngineError::io("lock", &path))?;
                self.note("waited for a `cache gc` that cleaned the store".to_owned());
            }
            Err(TryLockError::Error(source)) => return Err(EngineError::Io { action: "lock", path, source }),
        }
        *hold = Some(Hold::Shared { _file: file });
        Ok(())
    }

    /// Holds the store alone until it is closed; false if others use it. Runs that start meanwhile wait.
    pub fn hold_alone(&self) -> Result<bool, EngineError> {
        let mut hold = lock_anyway(&self.hold);
        // Our own share would keep us out.
        *hold = None;
        let (path, file) = self.gc_lock()?;
        match file.try_lock() {
            Ok(()) => {
                *hold = Some(Hold::Exclusive { _file: file });
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(EngineError::Io { action: "lock", path, source }),
        }
    }

    fn gc_lock(&self) -> Result<(std::path::PathBuf, File), EngineError> {
        let path = self.root().join("gc.lock");
        fs::create_dir_all(self.root()).map_err(EngineError::io("create", self.root()))?;
        // Never removed: who locks it and who removed it would hold different files.
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let file = open.map_err(EngineError::io("open", &path))?;
        Ok((path, file))
    }
}
