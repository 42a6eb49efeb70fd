use super::cache::{Sealed, read_sealed, seal, write_atomic};
use super::prepare::Outputs;
use super::staging::{self, Staging};
use super::{EngineError, Store};
use crate::digest::{Digest, Entry};
use crate::plan::{Node, Plan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A file of `results/` that is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    pub node: String,
    pub sha256: Digest,
}

/// The files of a pipeline's results that are ours, by their path below `results` (itself below the root).
pub fn published(store: &Store, pipeline: &str, results: &Path) -> Result<BTreeMap<String, Published>, EngineError> {
    Ok(match read_sealed(&ledger(store, pipeline, results))? {
        Sealed::Whole(published) => published,
        Sealed::Absent | Sealed::Broken => BTreeMap::new(),
    })
}

/// A file of this many bytes is read once, to be checked and copied.
const SMALL: u64 = 1 << 20;

/// Copies outputs to `results/`, and takes away what an earlier run put there and this plan no longer has.
pub struct Publisher<'a> {
    plan: &'a Plan,
    store: &'a Store,
    results: PathBuf,
    /// Made when it is wanted; one for all that a run publishes.
    staging: Option<Staging>,
    staged: usize,
    /// Relative to `results`; from earlier runs of the pipeline.
    before: BTreeMap<String, Published>,
    now: BTreeMap<String, Published>,
}

impl<'a> Publisher<'a> {
    pub fn open(plan: &'a Plan, store: &'a Store) -> Result<Self, EngineError> {
        store.recall(&plan.name);
        let path = ledger(store, &plan.name, &plan.results);
        let before = match read_sealed(&path)? {
            Sealed::Whole(before) => before,
            Sealed::Absent => BTreeMap::new(),
            Sealed::Broken => {
                let (path, results) = (path.display(), plan.results.display());
                store.note(format!("{path} was corrupt and is made anew: what is no longer made stays in {results}"));
                BTreeMap::new()
            }
        };
        let results = plan.root.join(&plan.results);
        staging::sweep(&results);
        Ok(Publisher { plan, store, results, staging: None, staged: 0, before, now: BTreeMap::new() })
    }

    /// Publishes a node's outputs. Files that are as they should be aren't touched.
    /// [`EngineError::Lost`] says that the node has to run again.
    pub fn publish(&mut self, node: &Node, outputs: &Outputs) -> Result<Vec<PathBuf>, EngineError> {
        let mut published = Vec::new();
        for (port, folder) in &node.publish {
            let Some(&tree) = outputs.get(port) else { continue };
            if !folder.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
                return Err(EngineError::PublishOutside { node: node.id.clone(), path: folder.clone() });
            }
            let listing = self.store.shared_listing(tree)?;
            let files: Vec<_> = listing.files.iter().map(|file| (folder.join(&file.path), file)).collect();
            self.claim(node, &files)?;
            self.copy(&files)?;
            published.extend(files.into_iter().map(|(path, _)| self.plan.results.join(path)));
        }
        Ok(published)
    }

    /// Two nodes must not write one file: the order in which they end would decide.
    fn claim(&mut self, node: &Node, files: &[(PathBuf, &Entry)]) -> Result<(), EngineError> {
        for (path, file) in files {
            let name = path.to_string_lossy().into_owned();
            match self.now.get(&name) {
                Some(other) if other.node != node.id => {
                    let (one, other) = (other.node.clone(), node.id.clone());
                    return Err(EngineError::PublishedTwice { one, other, path: self.results.join(path) });
                }
                _ => self.now.insert(name, Published { node: node.id.clone(), sha256: file.sha256 }),
            };
        }
        Ok(())
    }

    /// All that changed is staged beside the results, then swapped in file by file.
    fn copy(&mut self, files: &[(PathBuf, &Entry)]) -> Result<(), EngineError> {
        let unchanged = |path: &Path, file: &Entry| {
            self.store.sized_digest(path).is_ok_and(|(size, digest)| size == file.size && digest == file.sha256)
        };
        let changed: Vec<_> = files.iter().filter(|(path, file)| !unchanged(&self.results.join(path), file)).collect();
        let staged = changed.iter().map(|(_, file)| self.stage(file)).collect::<Result<Vec<PathBuf>, _>>()?;
        staged.iter().zip(&changed).try_for_each(|(staged, (path, _))| swap(staged, &self.results.join(path)))
    }

    /// A copy (a reflink where the file system has them), never a hard link: who edits a result must not edit the
    /// store.
    fn stage(&mut self, file: &Entry) -> Result<PathBuf, EngineError> {
        let copy = self.place()?;
        if file.size > SMALL {
            self.store.check(file)?;
            fs::copy(self.store.object(file.sha256), &copy).map_err(EngineError::io("copy an object to", &copy))?;
            make_writable(&copy)?;
        } else {
            let bytes = self.store.checked_bytes(file)?;
            fs::write(&copy, bytes).map_err(EngineError::io("copy an object to", &copy))?;
        }
        Ok(copy)
    }

    /// A path in the staging folder that nothing stands at.
    fn place(&mut self) -> Result<PathBuf, EngineError> {
        let staging = match self.staging.take() {
            Some(staging) => staging,
            None => Staging::open(&self.results)?,
        };
        self.staged += 1;
        Ok(self.staging.insert(staging).path(&self.staged.to_string()))
    }

    /// Ends a run. Files of nodes in `kept`, which didn't come to publish this time, stay; other files of earlier
    /// runs go, unless somebody edited them.
    pub fn finish(mut self, kept: &dyn Fn(&str) -> bool) -> Result<(), EngineError> {
        for (name, file) in &self.before {
            if self.now.contains_key(name) {
                continue;
            }
            if kept(&file.node) {
                self.now.insert(name.clone(), file.clone());
                continue;
            }
            let path = self.results.join(name);
            if path.is_file() && self.store.file_digest(&path).is_ok_and(|digest| digest == file.sha256) {
                fs::remove_file(&path).map_err(EngineError::io("remove", &path))?;
                remove_empty_folders(path.parent(), &self.results);
            }
        }
        let path = ledger(self.store, &self.plan.name, &self.plan.results);
        if self.now != self.before {
            write_atomic(&path, &seal(&self.now).map_err(EngineError::io("write", &path))?, false)?;
        }
        Ok(())
    }
}

fn ledger(store: &Store, pipeline: &str, results: &Path) -> PathBuf {
    // Two pipelines may share a name, not a results folder.
    let name = format!("{pipeline}\n{}", results.display());
    store.root().join("published").join(format!("{}.json", Digest::of_bytes(name.as_bytes())))
}

fn swap(staged: &Path, target: &Path) -> Result<(), EngineError> {
    fs::rename(staged, target)
        .or_else(|_| {
            fs::create_dir_all(target.parent().unwrap_or(target))?;
            fs::rename(staged, target)
        })
        .map_err(EngineError::io("publish", target))
}

/// `fs::copy` copies the object's read-only mode too.
fn make_writable(path: &Path) -> Result<(), EngineError> {
    let set = || -> std::io::Result<()> {
        let mut permissions = fs::metadata(path)?.permissions();
        #[cfg(unix)]
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
        #[cfg(not(unix))]
        permissions.set_readonly(false);
        fs::set_permissions(path, permissions)
    };
    set().map_err(EngineError::io("make writable", path))
}

/// Up to `root`, which stays.
fn remove_empty_folders(folder: Option<&Path>, root: &Path) {
    let mut folder = folder;
    // Fails on the first that still holds something, which ends the walk.
    while let Some(path) = folder.filter(|path| *path != root && path.starts_with(root) && fs::remove_dir(path).is_ok())
    {
        folder = path.parent();
    }
}
