use serde::{Deserialize, Serialize};
use std::fs::{self, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What tells that a file is the one that was read, and unchanged: a rewrite changes at least one of these, since
/// a program can't set `ctime` back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Fields", into = "Fields")]
pub(super) struct Stat {
    device: u64,
    inode: u64,
    size: u64,
    mtime_ns: i64,
    ctime_ns: i64,
}

/// In the order of [`Stat`]'s: files of thousands of these are read at each start.
type Fields = (u64, u64, u64, i64, i64);

impl From<Fields> for Stat {
    fn from((device, inode, size, mtime_ns, ctime_ns): Fields) -> Self {
        Stat { device, inode, size, mtime_ns, ctime_ns }
    }
}

impl From<Stat> for Fields {
    fn from(stat: Stat) -> Self {
        (stat.device, stat.inode, stat.size, stat.mtime_ns, stat.ctime_ns)
    }
}

impl Stat {
    /// `None` unless it is a file; links are followed.
    pub fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().filter(Metadata::is_file).map(|metadata| Stat::of(&metadata))
    }

    #[cfg(unix)]
    pub fn of(metadata: &Metadata) -> Self {
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
    pub fn of(metadata: &Metadata) -> Self {
        Stat { device: 0, inode: 0, size: metadata.len(), mtime_ns: 0, ctime_ns: i64::MAX }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it last changed `ago` or more before `now`: what changed within a tick of the clock might change
    /// again without a trace.
    pub fn settled(&self, ago: Duration, now: SystemTime) -> bool {
        let limit = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_sub(ago).as_nanos();
        i64::try_from(limit).is_ok_and(|limit| self.ctime_ns < limit && self.mtime_ns < limit)
    }
}
