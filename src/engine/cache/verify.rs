use super::history::History;
use super::latest::Latest;
use super::layout::{Peek, Stored};
use super::remote::{Refusal, check_listing};
use super::{Record, Sealed, Store, lock_anyway, read_sealed};
use crate::digest::{Digest, Entry, digest_file};
use crate::engine::EngineError;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use walkdir::WalkDir;

/// Told of bytes done and bytes in all, from any thread.
pub type Meter<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// What a look at every byte of a store found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    pub objects: u64,
    pub bytes: u64,
    pub records: u64,
    pub trees: u64,
    /// In the order of their paths; empty if all is well.
    pub damages: Vec<Damage>,
    /// Records that can no longer be a hit, in the order of their keys.
    pub broken: Vec<Broken>,
}

/// Something in the store that isn't what it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Damage {
    pub path: PathBuf,
    pub part: Part,
    pub what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Object,
    Record,
    Tree,
    /// A file of `latest/`.
    LatestFile,
    /// What it says of a stage.
    Latest,
    /// The ledger of a pipeline's published files.
    Published,
    Memo,
    Journal,
}

/// A record that is corrupt itself, or whose objects are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Broken {
    pub key: Digest,
    /// `train[method=ours] of ablation`.
    pub stage: String,
    pub what: String,
}

impl Verification {
    pub fn is_sound(&self) -> bool {
        self.damages.is_empty() && self.broken.is_empty()
    }
}

impl Store {
    /// Re-hashes every object, in parallel, and holds records, trees and all else against them. Writes nothing.
    pub fn verify(&self, meter: Meter<'_>) -> Result<Verification, EngineError> {
        let history = History::read(self)?;
        let mut all = Verification::default();
        let objects = self.stored("objects")?;
        let bad = self.verify_objects(&objects, meter, &mut all)?;
        self.verify_records(&history, &bad, &mut all)?;
        self.verify_trees(&bad, &mut all)?;
        self.verify_pointers(&mut all)?;
        all.damages.extend(self.memo_damage());
        let torn = history.journals.iter().filter(|told| told.unreadable > 0);
        all.damages.extend(torn.map(|told| {
            let what = format!("{} of its lines cannot be read", told.unreadable);
            Damage { path: told.path.clone(), part: Part::Journal, what }
        }));
        all.damages.sort();
        all.broken.sort();
        Ok(all)
    }

    /// The objects whose bytes aren't what their names say.
    fn verify_objects(
        &self,
        objects: &[Stored],
        meter: Meter<'_>,
        all: &mut Verification,
    ) -> Result<BTreeSet<Digest>, EngineError> {
        let size = |stored: &Stored| fs::metadata(&stored.path).map_or(0, |metadata| metadata.len());
        let sizes: Vec<u64> = objects.par_iter().map(size).collect();
        let (done, total) = (AtomicU64::new(0), sizes.iter().sum());
        let bad: Mutex<BTreeMap<Digest, Damage>> = Mutex::default();
        let strays: Mutex<Vec<Damage>> = Mutex::default();
        objects.par_iter().zip(&sizes).try_for_each(|(stored, &size)| {
            let damage = |what: String| Damage { path: stored.path.clone(), part: Part::Object, what };
            match (stored.digest, digest_file(&stored.path)) {
                (None, _) if stored.path.extension().is_some_and(|e| e == "partial") => {}
                (None, _) => lock_anyway(&strays).push(damage("its name is no digest".to_owned())),
                // Cleaned away since its folder was read.
                (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
                (Some(digest), Err(error)) => {
                    lock_anyway(&bad).insert(digest, damage(format!("cannot be read: {error}")));
                }
                (Some(digest), Ok(found)) if found != digest => {
                    let what = format!("{size} bytes with the digest {}", found.short());
                    lock_anyway(&bad).insert(digest, damage(what));
                }
                _ => {}
            }
            meter(done.fetch_add(size, Ordering::Relaxed) + size, total);
            Ok::<(), EngineError>(())
        })?;
        (all.objects, all.bytes) = (objects.len() as u64, total);
        let bad = std::mem::take(&mut *lock_anyway(&bad));
        all.damages.extend(std::mem::take(&mut *lock_anyway(&strays)));
        all.damages.extend(bad.values().cloned());
        Ok(bad.into_keys().collect())
    }

    fn verify_records(
        &self,
        history: &History,
        bad: &BTreeSet<Digest>,
        all: &mut Verification,
    ) -> Result<(), EngineError> {
        for stored in self.stored("actions")? {
            let Some(key) = stored.digest else { continue };
            all.records += 1;
            match self.peek_record(key)? {
                Peek::Absent => {}
                Peek::Corrupt => {
                    let what = "torn, or not of the key that it stands for".to_owned();
                    all.broken.push(Broken {
                        key,
                        stage: history.name(key, None),
                        what: "its record is corrupt".into(),
                    });
                    all.damages.push(Damage { path: stored.path, part: Part::Record, what });
                }
                Peek::Whole(record) => {
                    if let Some(what) = self.broken(&record, bad, all)? {
                        let stage = history.name(key, Some(&record.manifest.kind));
                        all.broken.push(Broken { key, stage, what });
                    }
                }
            }
        }
        Ok(())
    }

    /// What of a record's outputs is missing or corrupt.
    fn broken(
        &self,
        record: &Record,
        bad: &BTreeSet<Digest>,
        all: &mut Verification,
    ) -> Result<Option<String>, EngineError> {
        for (port, &tree) in &record.outputs {
            let listing = match self.peek_listing(tree)? {
                Peek::Whole(listing) => listing,
                Peek::Absent => return Ok(Some(format!("{port}: its listing {} is missing", tree.short()))),
                Peek::Corrupt => return Ok(Some(format!("{port}: its listing {} is corrupt", tree.short()))),
            };
            if let Err(Refusal { what }) = check_listing(&listing, tree) {
                let damage = Damage { path: self.object(tree), part: Part::Object, what };
                if !all.damages.contains(&damage) {
                    all.damages.push(damage);
                }
                return Ok(Some(format!("{port}: its listing {} is not one of ours", tree.short())));
            }
            let wrong = |file: &&Entry| bad.contains(&file.sha256) || !self.has_object(file.sha256, file.size);
            if let Some(file) = listing.files.iter().find(wrong) {
                let how = if self.object(file.sha256).exists() { "corrupt" } else { "missing" };
                return Ok(Some(format!("{port}: {} ({}) is {how}", file.path, file.sha256.short())));
            }
        }
        Ok(None)
    }

    fn verify_trees(&self, bad: &BTreeSet<Digest>, all: &mut Verification) -> Result<(), EngineError> {
        let trees = self.stored("trees")?;
        all.trees = trees.len() as u64;
        let damages = trees.par_iter().map(|stored| {
            let what = match stored.digest {
                None => Some("its name is no digest".to_owned()),
                Some(tree) => self.tree_damage(tree, &stored.path, bad)?,
            };
            Ok(what.map(|what| Damage { path: stored.path.clone(), part: Part::Tree, what }))
        });
        let damages = damages.collect::<Result<Vec<_>, EngineError>>()?;
        all.damages.extend(damages.into_iter().flatten());
        Ok(())
    }

    /// A file that is a link to its object was read with it; others are read here.
    fn tree_damage(&self, tree: Digest, path: &Path, bad: &BTreeSet<Digest>) -> Result<Option<String>, EngineError> {
        let Peek::Whole(listing) = self.peek_listing(tree)? else {
            return Ok(Some("its listing is missing or corrupt".to_owned()));
        };
        for file in &listing.files {
            let (own, object) = (path.join(&file.path), self.object(file.sha256));
            let right = if same_file(&own, &object) {
                !bad.contains(&file.sha256)
            } else {
                digest_file(&own).is_ok_and(|digest| digest == file.sha256)
            };
            if !right && path.exists() {
                return Ok(Some(format!("{} is not the file that it should be", file.path)));
            }
        }
        let walk = WalkDir::new(path).into_iter().filter_map(Result::ok);
        let count = walk.filter(|entry| !entry.file_type().is_dir()).count();
        let more = count > listing.files.len();
        Ok(more.then(|| format!("it holds {count} files instead of {}", listing.files.len())))
    }

    /// `latest/` and `published/`: small files that others of the store's promises rest on.
    fn verify_pointers(&self, all: &mut Verification) -> Result<(), EngineError> {
        for (path, latest) in self.all_latest()? {
            let damage = |part, what: String| Damage { path: path.clone(), part, what };
            let Some(Latest { pipeline, keys }) = latest else {
                all.damages.push(damage(Part::LatestFile, "it is torn, or was edited".to_owned()));
                continue;
            };
            let lost = keys.into_iter().filter(|(_, key)| !self.record_path(*key).exists());
            let lost = lost.map(|(node, key)| format!("{node} of {pipeline}: there is no record {}", key.short()));
            all.damages.extend(lost.map(|what| damage(Part::Latest, what)));
        }
        for path in super::layout::entries(&self.root().join("published"))? {
            let json = path.extension().is_some_and(|extension| extension == "json");
            if json && is_broken(&path)? {
                all.damages.push(Damage { path, part: Part::Published, what: "it is torn, or was edited".to_owned() });
            }
        }
        Ok(())
    }

    /// Files that the memo knows are read again: a wrong digest there would make wrong keys.
    fn memo_damage(&self) -> Option<Damage> {
        let path = self.root().join("memo.json");
        let damage = |what: String| Damage { path: path.clone(), part: Part::Memo, what };
        if is_broken(&path).ok()? {
            return Some(damage("it is torn, or was edited".to_owned()));
        }
        let wrong = |name: &String| {
            let (known, found) = (self.file_digest(Path::new(name)).ok()?, digest_file(Path::new(name)).ok()?);
            (known != found).then(|| damage(format!("its digest of {name} is wrong")))
        };
        self.memo_names().par_iter().find_map_first(wrong)
    }
}

/// Whether a file that holds its own digest is not as it was written.
fn is_broken(path: &Path) -> Result<bool, EngineError> {
    Ok(matches!(read_sealed::<serde_json::Value>(path)?, Sealed::Broken))
}

#[cfg(unix)]
fn same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::symlink_metadata(one), fs::symlink_metadata(other)) {
        (Ok(one), Ok(other)) => one.ino() == other.ino() && one.dev() == other.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(_: &Path, _: &Path) -> bool {
    false
}
