//! The store: `.runner/` at the project's root.
//!
//! | folder | what it holds |
//! | --- | --- |
//! | `objects/` | files by SHA-256, read-only; the listing of a folder is an object too |
//! | `actions/` | a record a key: the manifest and the digests of what came out |
//! | `latest/` | by pipeline, the key of each stage's last success, which `explain` compares with |
//! | `recent/` | what the last runs found, by pipeline, so that unchanged records aren't read again |
//! | `trees/` | folders made of hard links to objects, for stages to read |
//! | `scratch/` | what an interrupted stage goes on from, by key |
//! | `logs/`, `journal/` | what stages said, by key; the events of each run |
//! | `published/` | which files of `results/` are ours, by pipeline |
//! | `locks/`, `tmp/` | a lock a key; work in progress, swept when its process is dead |
//! | `corrupt/` | objects whose bytes no longer match their name |
//! | `gc.lock` | held shared by runs, and alone by a collection |

mod action;
mod durable;
mod file;
mod gc;
mod history;
mod hold;
mod journal;
mod latest;
mod layout;
mod lock;
mod memo;
mod object;
mod recent;
mod remote;
mod repair;
mod session;
mod stat;
mod tree;
mod usage;
mod verify;

pub use action::{Lookup, Record};
pub(crate) use action::{machine, now};
pub(crate) use file::{Sealed, read_if_whole, read_sealed, remove_all, seal, write_atomic};
pub use gc::{Gc, GcError, GcOptions, Going, Pile};
pub use history::StageName;
pub use journal::{Entry, Journal, read_journal};
pub(crate) use lock::try_lock;
pub use recent::Took;
pub use remote::{Fetched, Pulled, Pushed, Remote, RemoteError};
pub use repair::Repair;
pub(crate) use tree::unfit;
pub use usage::{Holding, Size, Usage, shown_bytes};
pub use verify::{Broken, Damage, Meter, Part, Verification};

use crate::digest::Digest;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

/// A store on the local disk. Several processes and threads may share one.
pub struct Store {
    root: PathBuf,
    session: Mutex<Option<session::Session>>,
    /// Read when it is first asked.
    memo: LazyLock<Mutex<memo::Memo>, Box<dyn FnOnce() -> Mutex<memo::Memo> + Send>>,
    recent: Mutex<recent::Recent>,
    latest: Mutex<BTreeMap<String, latest::Known>>,
    groups: durable::Groups,
    /// Nothing is taken from memory: files are read, however unchanged they look.
    paranoid: bool,
    /// Trees that this process has checked byte by byte, and what `stat` said of them then.
    verified: Mutex<BTreeMap<Digest, u64>>,
    notes: Mutex<Vec<String>>,
    hold: Mutex<Option<hold::Hold>>,
    /// Where else to look for what isn't here.
    remote: Option<remote::Remote>,
}

impl Store {
    /// Opens a store without touching the disk; the first write creates it.
    pub fn open(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let path = root.join("memo.json");
        let read = move || Mutex::new(memo::Memo::read(&path));
        Store {
            root,
            session: Mutex::new(None),
            memo: LazyLock::new(Box::new(read)),
            recent: Mutex::default(),
            latest: Mutex::default(),
            groups: durable::Groups::default(),
            paranoid: false,
            verified: Mutex::default(),
            notes: Mutex::default(),
            hold: Mutex::default(),
            remote: None,
        }
    }

    /// Reads files again that look unchanged, so that not even a disk that rots is believed.
    pub fn paranoid(mut self, paranoid: bool) -> Self {
        self.paranoid = paranoid;
        self
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The log of the stage with this key.
    pub fn log_path(&self, key: Digest) -> PathBuf {
        self.root.join("logs").join(format!("{key}.log"))
    }

    /// Kept between attempts at the same key, so that a training can go on from its checkpoint.
    pub fn scratch(&self, key: Digest) -> PathBuf {
        self.root.join("scratch").join(key.to_string())
    }

    /// Repairs since the last call, for the user.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut lock_anyway(&self.notes))
    }

    pub(crate) fn note(&self, message: String) {
        lock_anyway(&self.notes).push(message);
    }
}

/// A panic elsewhere leaves these values whole: each is changed by one push or insert.
pub(crate) fn lock_anyway<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `ab/cdef…`, so that no folder grows too large.
fn sharded(folder: &Path, digest: Digest) -> PathBuf {
    let text = digest.to_string();
    let mut path = PathBuf::with_capacity(folder.as_os_str().len() + 72);
    path.push(folder);
    path.push(&text[..2]);
    path.push(&text[2..]);
    path
}
