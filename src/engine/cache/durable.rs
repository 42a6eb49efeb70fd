use super::{Record, Store, lock_anyway};
use crate::engine::EngineError;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex};

/// What was written reaches the disk in groups: one wait for all stages that ended meanwhile, and one for all files.
///
/// On the disk of a usual machine a wait takes 4 to 8 ms, however much waits, and a file for itself as long.
#[derive(Default)]
pub(super) struct Groups {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Waits that were asked for so far.
    asked: u64,
    /// All that was asked for up to here is on the disk.
    done: u64,
    /// Somebody is at it.
    busy: bool,
}

/// A stage that took longer, in seconds, has its record on the disk before it counts as finished. For a shorter
/// one the next group is soon enough: a power cut before costs no more than it took.
const LONG: f64 = 1.0;

impl Store {
    /// Waits until all that a record names is on the disk: it must never be there before its objects.
    pub(super) fn settle_objects(&self, record: &Record) -> Result<(), EngineError> {
        let mut paths = Vec::new();
        if !GROUPED {
            for tree in record.outputs.values() {
                paths.push(self.object(*tree));
                paths.extend(self.shared_listing(*tree)?.files.iter().map(|file| self.object(file.sha256)));
            }
        }
        self.settle(&paths)
    }

    /// The record's turn, once it is written.
    pub(super) fn settle_record(&self, record: &Record, path: PathBuf) -> Result<(), EngineError> {
        if record.seconds > LONG {
            return self.settle(&[path]);
        }
        lock_anyway(&self.groups.state).asked += 1;
        Ok(())
    }

    /// Before a run says that it is done.
    pub(super) fn settle_rest(&self) -> Result<(), EngineError> {
        let state = lock_anyway(&self.groups.state);
        let rest = state.done < state.asked;
        drop(state);
        if rest { self.settle(&[]) } else { Ok(()) }
    }

    /// Waits until what was written before is on the disk. `paths` is looked at where there is no other way.
    fn settle(&self, paths: &[PathBuf]) -> Result<(), EngineError> {
        if !GROUPED {
            return self.sync(paths).map_err(EngineError::io("write to the disk", &self.root));
        }
        let mut state = lock_anyway(&self.groups.state);
        state.asked += 1;
        let own = state.asked;
        while state.done < own {
            if state.busy {
                let wait = self.groups.ended.wait(state);
                state = wait.unwrap_or_else(std::sync::PoisonError::into_inner);
                continue;
            }
            state.busy = true;
            let all = state.asked;
            drop(state);
            let synced = self.sync(paths);
            state = lock_anyway(&self.groups.state);
            state.busy = false;
            self.groups.ended.notify_all();
            synced.map_err(EngineError::io("write to the disk", &self.root))?;
            state.done = all;
        }
        Ok(())
    }

    /// Everything on the store's file system at once.
    #[cfg(target_os = "linux")]
    fn sync(&self, _: &[PathBuf]) -> io::Result<()> {
        use std::os::fd::AsRawFd;
        let folder = File::open(&self.root)?;
        // SAFETY: a system call with a descriptor that is open until the end of this function.
        if unsafe { libc::syncfs(folder.as_raw_fd()) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    #[cfg(not(target_os = "linux"))]
    fn sync(&self, paths: &[PathBuf]) -> io::Result<()> {
        for path in paths {
            File::open(path)?.sync_all()?;
            path.parent().map_or(Ok(()), sync_folder)?;
        }
        Ok(())
    }
}

const GROUPED: bool = cfg!(target_os = "linux");

/// A name is on the disk when its folder is. Some systems can't open folders, and need no such call.
#[cfg(not(target_os = "linux"))]
fn sync_folder(folder: &std::path::Path) -> io::Result<()> {
    File::open(folder).map_or(Ok(()), |folder| folder.sync_all())
}
