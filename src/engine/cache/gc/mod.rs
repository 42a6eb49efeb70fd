//! Garbage collection: what no record needs goes, and of the records those that the options name.
//!
//! What the latest result of any stage of any pipeline needs stays, unless `keep_last: Some(0)` gives it up.
//! Records go before their objects, so that a kill in the middle leaves garbage for the next collection and never
//! a record that promises what isn't there.

mod choose;
mod delete;

use super::history::{History, StageName};
use super::layout::{Peek, Stored, entries};
use super::{Record, Store, now};
use crate::digest::Digest;
use crate::engine::EngineError;
use choose::{Held, Needs, choose};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use walkdir::WalkDir;

/// Which records may go. With none of these, none goes: then only what no record needs is collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcOptions {
    /// Keep this many of each stage of each pipeline, by last use. `None` counts as 1. Alone, all others go;
    /// beside the other two it says what they must leave. `Some(0)` gives up the latest results too.
    pub keep_last: Option<usize>,
    /// Records that no run used for this long.
    pub older_than: Option<Duration>,
    /// The least recently used, until the store takes no more bytes than this.
    pub max_size: Option<u64>,
}

#[derive(Debug, thiserror::Error)]
pub enum GcError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("another runner uses the store {}; try again when it has ended", store.display())]
    InUse { store: PathBuf },
    #[error(
        "{} is corrupt, and gc could take what a repair would save; run `runner cache verify --repair` first",
        path.display()
    )]
    Damaged { path: PathBuf },
}

/// What a collection takes, before it does.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Gc {
    /// Oldest first.
    pub records: Vec<Going>,
    pub objects: Pile,
    pub trees: Pile,
    pub scratch: Pile,
    pub logs: Pile,
    pub journals: Pile,
    pub corrupt: Pile,
    /// What killed processes left: torn temporary files and locks.
    pub leftovers: Pile,
    pub kept_records: u64,
    /// What the store will take, about.
    pub kept_bytes: u64,
    /// More bytes than `max_size`, because what is protected needs them.
    pub over: Option<u64>,
    /// Records that `keep_last` left because no journal tells which stage they are of.
    pub of_no_known_stage: u64,
}

/// A record that goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Going {
    pub key: Digest,
    pub stages: BTreeSet<StageName>,
    pub kind: String,
    /// What the stage took: the price of making its output again.
    pub seconds: f64,
    /// Seconds since 1970.
    pub last_used: u64,
    /// It is the latest result of some stage.
    pub latest: bool,
}

/// Files or folders that go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pile {
    pub count: u64,
    pub bytes: u64,
    #[serde(skip)]
    paths: Vec<PathBuf>,
}

impl Pile {
    fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut pile = Pile::default();
        for path in paths {
            pile.count += 1;
            pile.bytes += files(&path).map(|metadata| metadata.len()).sum::<u64>();
            pile.paths.push(path);
        }
        pile
    }
}

impl Gc {
    /// Bytes that the collection frees, about. Trees are links to objects and free none of their own.
    pub fn bytes(&self) -> u64 {
        let piles = [&self.objects, &self.scratch, &self.logs, &self.journals, &self.corrupt, &self.leftovers];
        piles.iter().map(|pile| pile.bytes).sum()
    }

    pub fn is_empty(&self) -> bool {
        let piles = [&self.objects, &self.trees, &self.scratch, &self.logs, &self.journals, &self.corrupt];
        self.records.is_empty() && self.leftovers.count == 0 && piles.iter().all(|pile| pile.count == 0)
    }

    /// Seconds of computing that the removed records took.
    pub fn seconds(&self) -> f64 {
        self.records.iter().map(|record| record.seconds).sum()
    }
}

impl Store {
    /// What a collection would take. Writes nothing.
    pub fn plan_gc(&self, options: &GcOptions) -> Result<Gc, GcError> {
        self.plan_gc_at(options, now())
    }

    /// As [`Store::plan_gc`], at another time (seconds since 1970).
    pub fn plan_gc_at(&self, options: &GcOptions, now: u64) -> Result<Gc, GcError> {
        let history = History::read(self)?;
        let latest = self.latest_keys()?;
        let (held, torn) = self.held(&history, &latest)?;
        let needs = self.needs(&held)?;
        let old = |path: &Path| options.older_than.is_some_and(|age| untouched(path, now) > age.as_secs());
        // What isn't objects comes first: it counts in `max_size`.
        let journals = Pile::of(spare_journals(&history, now, options.older_than));
        let corrupt = Pile::of(entries(&self.root().join("corrupt"))?.into_iter().filter(|path| old(path)));
        let scratch = Pile::of(self.of_keys("scratch", |_, path| old(path))?);
        let beside = self.bytes_beside_objects()?;
        let beside = beside.saturating_sub(journals.bytes + corrupt.bytes + scratch.bytes);
        let mut gc = Gc { journals, corrupt, ..Gc::default() };
        let choice = choose(&held, &needs, options, now, beside);
        let gone = |key: &Digest| choice.going.contains(key);
        let recorded: BTreeSet<Digest> = held.iter().map(|held| held.record.key).collect();
        gc.scratch = Pile::of(self.of_keys("scratch", |key, path| gone(key) || old(path))?);
        gc.logs = Pile::of(self.of_keys("logs", |key, path| gone(key) || !recorded.contains(key) && old(path))?);
        let kept = held.iter().filter(|held| !gone(&held.record.key));
        let needed = kept.flat_map(|held| needs.of(&held.record)).map(|(digest, _)| digest).collect();
        self.add_unneeded(&needed, torn, &mut gc)?;
        gc.records = going(&held, &choice.going);
        gc.kept_records = (held.len() - gc.records.len()) as u64;
        gc.kept_bytes = choice.bytes;
        gc.over = options.max_size.and_then(|limit| choice.bytes.checked_sub(limit)).filter(|over| *over > 0);
        gc.of_no_known_stage = choice.of_no_known_stage;
        Ok(gc)
    }

    /// Objects and trees that no kept record needs, and what killed processes left among them.
    fn add_unneeded(&self, needed: &BTreeSet<Digest>, mut torn: Vec<PathBuf>, gc: &mut Gc) -> Result<(), EngineError> {
        let unneeded = |stored: &Stored| stored.digest.is_some_and(|digest| !needed.contains(&digest));
        let path = |stored: Stored| stored.path;
        gc.trees = Pile::of(self.stored("trees")?.into_iter().filter(unneeded).map(path));
        let (objects, strays): (Vec<_>, Vec<_>) = self.stored("objects")?.into_iter().partition(|o| o.digest.is_some());
        gc.objects = Pile::of(objects.into_iter().filter(unneeded).map(path));
        torn.extend(strays.into_iter().map(path).filter(|path| partial(path)));
        torn.extend(entries(&self.root().join("locks"))?);
        torn.extend(entries(&self.root().join("latest"))?.into_iter().filter(|path| partial(path)));
        gc.leftovers = Pile::of(torn);
        Ok(())
    }

    /// Records with what is known of their use, and torn temporary files among them.
    fn held(&self, history: &History, latest: &BTreeSet<Digest>) -> Result<(Vec<Held>, Vec<PathBuf>), GcError> {
        let (mut held, mut torn) = (Vec::new(), Vec::new());
        for stored in self.stored("actions")? {
            let Some(key) = stored.digest else {
                torn.extend(Some(stored.path).filter(|path| partial(path)));
                continue;
            };
            let record = match self.peek_record(key)? {
                Peek::Whole(record) => record,
                Peek::Absent => continue,
                Peek::Corrupt => return Err(GcError::Damaged { path: stored.path }),
            };
            let written = modified(&stored.path);
            let used = history.keys.get(&key).cloned().unwrap_or_default();
            let last = used.last.max(record.finished).max(written.as_secs());
            held.push(Held { latest: latest.contains(&key), stages: used.stages, last, written, record });
        }
        Ok((held, torn))
    }

    /// The objects of each output of these records. A corrupt listing hides what is needed: no collection then.
    fn needs(&self, held: &[Held]) -> Result<Needs, GcError> {
        let mut needs = Needs::default();
        for &tree in held.iter().flat_map(|held| held.record.outputs.values()) {
            if needs.0.contains_key(&tree) {
                continue;
            }
            let size = self.object(tree).metadata().map_or(0, |metadata| metadata.len());
            let files = match self.peek_listing(tree)? {
                Peek::Whole(listing) => listing.files,
                Peek::Absent => Vec::new(),
                Peek::Corrupt => return Err(GcError::Damaged { path: self.object(tree) }),
            };
            let objects = files.into_iter().map(|file| (file.sha256, file.size)).chain([(tree, size)]);
            needs.0.insert(tree, objects.collect::<BTreeMap<_, _>>());
        }
        Ok(needs)
    }

    /// What `latest/` names. A file that can't be read protects nothing, so that it must be repaired first.
    fn latest_keys(&self) -> Result<BTreeSet<Digest>, GcError> {
        let mut keys = BTreeSet::new();
        for (path, latest) in self.all_latest()? {
            keys.extend(latest.ok_or(GcError::Damaged { path })?.keys.into_values());
        }
        Ok(keys)
    }

    /// Files or folders named by a key that `goes`.
    fn of_keys(&self, folder: &str, goes: impl Fn(&Digest, &Path) -> bool) -> Result<Vec<PathBuf>, EngineError> {
        let mut paths = entries(&self.root().join(folder))?;
        paths.retain(|path| {
            let key = path.file_stem().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            key.is_some_and(|key| goes(&key, path))
        });
        Ok(paths)
    }
}

fn going(held: &[Held], going: &BTreeSet<Digest>) -> Vec<Going> {
    let mut records: Vec<Going> = held.iter().filter(|held| going.contains(&held.record.key)).map(Going::of).collect();
    records.sort_by_key(|record| (record.last_used, record.key));
    records
}

impl Going {
    fn of(held: &Held) -> Self {
        let Record { key, seconds, manifest, .. } = &held.record;
        let (stages, kind) = (held.stages.clone(), manifest.kind.clone());
        Going { key: *key, stages, kind, seconds: *seconds, last_used: held.last, latest: held.latest }
    }
}

/// Journals older than this, but for the newest of each pipeline: its history names stages and their durations.
fn spare_journals(history: &History, now: u64, older_than: Option<Duration>) -> Vec<PathBuf> {
    let Some(age) = older_than else { return Vec::new() };
    let mut newest: BTreeMap<&Option<String>, (u64, &Path)> = BTreeMap::new();
    for told in &history.journals {
        let best = newest.entry(&told.pipeline).or_insert((told.last, &told.path));
        *best = (*best).max((told.last, &told.path));
    }
    let spare = history.journals.iter().filter(|told| {
        let newest = newest.get(&told.pipeline).is_some_and(|(_, path)| *path == told.path);
        !newest && now.saturating_sub(told.last) > age.as_secs() && untouched(&told.path, now) > age.as_secs()
    });
    spare.map(|told| told.path.clone()).collect()
}

/// What a killed `write_atomic` left.
fn partial(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "partial")
}

fn files(path: &Path) -> impl Iterator<Item = std::fs::Metadata> {
    let walk = WalkDir::new(path).into_iter().filter_map(Result::ok);
    walk.filter(|entry| entry.file_type().is_file()).filter_map(|entry| entry.metadata().ok())
}

fn modified(path: &Path) -> Duration {
    let time = path.metadata().and_then(|metadata| metadata.modified()).ok();
    time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default()
}

/// Seconds since the newest change below a path, moving it into its place included.
fn untouched(path: &Path, now: u64) -> u64 {
    let walk = WalkDir::new(path).into_iter().filter_map(Result::ok);
    let newest = walk.filter_map(|entry| entry.metadata().ok()).map(|metadata| changed(&metadata)).max();
    now.saturating_sub(newest.unwrap_or(now))
}

#[cfg(unix)]
fn changed(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    u64::try_from(metadata.ctime().max(metadata.mtime())).unwrap_or(0)
}

#[cfg(not(unix))]
fn changed(metadata: &std::fs::Metadata) -> u64 {
    let time = metadata.modified().ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    time.unwrap_or_default().as_secs()
}
