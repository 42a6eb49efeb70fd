use super::{Gc, GcError, GcOptions, Pile};
use crate::digest::Digest;
use crate::engine::EngineError;
use crate::engine::cache::Store;
use crate::engine::cache::file::remove_all;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

impl Store {
    /// Holds the store alone, and plans: what the plan says is true until the store is closed.
    pub fn begin_gc(&self, options: &GcOptions) -> Result<Gc, GcError> {
        if !self.root().exists() {
            return Ok(Gc::default());
        }
        if !self.hold_alone()? {
            return Err(GcError::InUse { store: self.root().to_owned() });
        }
        // Opens our session, which sweeps what dead ones left.
        self.temporary("gc")?;
        self.plan_gc(options)
    }
}

impl Gc {
    /// The first half: no record promises any longer what the second half takes.
    pub fn delete_records(&self, store: &Store) -> Result<(), EngineError> {
        let paths: Vec<PathBuf> = self.records.iter().map(|record| store.record_path(record.key)).collect();
        paths.iter().try_for_each(|path| remove_all(path))?;
        let gone: BTreeSet<Digest> = self.records.iter().map(|record| record.key).collect();
        store.forget_latest(&|key| gone.contains(&key))?;
        store.forget_recent()?;
        // On the disk before any object goes: power loss must not undo this half alone.
        let shards: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
        shards.into_iter().try_for_each(sync)
    }

    /// The second half, in parallel. Cut short, it leaves what the next collection takes.
    pub fn delete_rest(&self) -> Result<(), EngineError> {
        let remove = |pile: &Pile| pile.paths.par_iter().try_for_each(|path| remove_all(path));
        // Trees first: they are links to objects, whose bytes are free once the last link is gone.
        [&self.trees, &self.objects, &self.scratch, &self.logs, &self.journals, &self.corrupt, &self.leftovers]
            .into_iter()
            .try_for_each(remove)
    }
}

#[cfg(unix)]
fn sync(folder: &Path) -> Result<(), EngineError> {
    match File::open(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        file => file.and_then(|file| file.sync_all()).map_err(EngineError::io("write", folder)),
    }
}

#[cfg(not(unix))]
fn sync(_: &Path) -> Result<(), EngineError> {
    Ok(())
}
