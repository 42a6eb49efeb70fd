use super::cache::{read_json, write_atomic};
use super::prepare::Outputs;
use super::{EngineError, Store};
use crate::digest::{Digest, Entry};
use crate::plan::{Node, Plan};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// A file of `results/` that is ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Published {
    node: String,
    sha256: Digest,
}

/// A file of this many bytes is read once, to be checked and copied.
const SMALL: u64 = 1 << 20;

/// A folder beside the results for what isn't whole yet. It is made when it is wanted.
struct Staging {
    folder: PathBuf,
    count: Cell<usize>,
}

impl Staging {
    /// A path that nothing stands at.
    fn place(&self) -> Result<PathBuf, EngineError> {
        if self.count.get() == 0 {
            fs::create_dir_all(&self.folder).map_err(EngineError::io("create", &self.folder))?;
        }
        self.count.set(self.count.get() + 1);
        Ok(self.folder.join(self.count.get().to_string()))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if self.count.get() > 0 {
            // What may be left there is of no use to anyone, and in nobody's way.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Copies outputs to `results/`, and takes away what an earlier run put there and this plan no longer has.
pub struct Publisher<'a> {
    plan: &'a Plan,
    store: &'a Store,
    results: PathBuf,
    staging: Staging,
    /// Relative to `results`; from earlier runs of the pipeline.
    before: BTreeMap<String, Published>,
    now: BTreeMap<String, Published>,
}

impl<'a> Publisher<'a> {
    pub fn open(plan: &'a Plan, store: &'a Store) -> Result<Self, EngineError> {
        store.recall(&plan.name);
        let before = read_json(&ledger(plan, store))?.unwrap_or_default();
        let results = plan.root.join(&plan.results);
        let folder = results.join(format!(".publishing-{}", std::process::id()));
        let staging = Staging { folder, count: Cell::new(0) };
        Ok(Publisher { plan, store, results, staging, before, now: BTreeMap::new() })
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
    fn copy(&self, files: &[(PathBuf, &Entry)]) -> Result<(), EngineError> {
        let unchanged = |path: &Path, file: &Entry| {
            self.store.sized_digest(path).is_ok_and(|(size, digest)| size == file.size && digest == file.sha256)
        };
        let changed: Vec<_> = files.iter().filter(|(path, file)| !unchanged(&self.results.join(path), file)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let staged = changed.iter().map(|(_, file)| self.stage(file)).collect::<Result<Vec<PathBuf>, _>>()?;
        staged.iter().zip(&changed).try_for_each(|(staged, (path, _))| swap(staged, &self.results.join(path)))
    }

    /// A copy (a reflink where the file system has them), never a hard link: who edits a result must not edit the
    /// store.
    fn stage(&self, file: &Entry) -> Result<PathBuf, EngineError> {
        let copy = self.staging.place()?;
        if file.size > SMALL {
            self.store.check(file)?;
            let object = self.store.object(file.sha256);
            fs::copy(&object, &copy).map_err(EngineError::io("copy", &object))?;
            make_writable(&copy)?;
        } else {
            fs::write(&copy, self.store.checked_bytes(file)?).map_err(EngineError::io("write", &copy))?;
        }
        Ok(copy)
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
        let path = ledger(self.plan, self.store);
        if self.now != self.before {
            let text = serde_json::to_vec_pretty(&self.now).map_err(std::io::Error::from);
            write_atomic(&path, &text.map_err(EngineError::io("write", &path))?, false)?;
        }
        Ok(())
    }
}

fn ledger(plan: &Plan, store: &Store) -> PathBuf {
    // Two pipelines may share a name, not a results folder.
    let name = format!("{}\n{}", plan.name, plan.results.display());
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
