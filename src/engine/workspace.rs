use super::cache::{lock_anyway, remove_all};
use super::{EngineError, Store};
use crate::plan::Node;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Working folders of a run's stages. One that a stage has left is emptied and serves the next stage with the same
/// outputs: to make and remove half a dozen folders a stage by turns is slow on some file systems (ext4 without a
/// journal looks, for each new one, at all that were removed lately).
#[derive(Default)]
pub struct Workspaces {
    /// Empty ones, by the outputs that they have folders for.
    spare: Mutex<BTreeMap<Vec<String>, Vec<PathBuf>>>,
}

/// An empty folder that waits to be some stage's scratch, beside what the stage sees.
const SCRATCH: &str = ".scratch";

impl Workspaces {
    /// A folder with nothing in it but `outputs/PORT`, `inputs` and `tmp`, or less than these; and a stage's scratch,
    /// which may hold what an interrupted try left.
    pub fn open(&self, node: &Node, scratch: &Path, store: &Store) -> Result<PathBuf, EngineError> {
        let spare = lock_anyway(&self.spare).get_mut(&outputs(node)).and_then(Vec::pop);
        let folder = match spare {
            Some(folder) => folder,
            None => store.temporary("work")?,
        };
        // Fails where there is no spare one, or where an interrupted try left something.
        if fs::rename(folder.join(SCRATCH), scratch).is_err() {
            remove_all(&folder.join(SCRATCH))?;
            fs::create_dir_all(scratch).map_err(EngineError::io("create", scratch))?;
        }
        Ok(folder)
    }

    /// Takes a folder back. Nothing of what the stage left stays; a stage that succeeded has done with its scratch.
    pub fn close(&self, folder: PathBuf, node: &Node, scratch: &Path, succeeded: bool) -> Result<(), EngineError> {
        let outputs = outputs(node);
        if empty(&folder, &kept(&folder, &outputs)).is_err() {
            // Whatever is the matter with it, the thorough way knows how to go about it.
            remove_all(&folder)?;
            return if succeeded { remove_all(scratch) } else { Ok(()) };
        }
        let is_empty = || fs::read_dir(scratch).is_ok_and(|mut inside| inside.next().is_none());
        if succeeded && !(is_empty() && fs::rename(scratch, folder.join(SCRATCH)).is_ok()) {
            remove_all(scratch)?;
        }
        lock_anyway(&self.spare).entry(outputs).or_default().push(folder);
        Ok(())
    }
}

fn outputs(node: &Node) -> Vec<String> {
    node.outputs().iter().map(|port| port.name.to_string()).collect()
}

/// Folders that every stage with these outputs wants.
fn kept(folder: &Path, outputs: &[String]) -> Vec<PathBuf> {
    let all = folder.join("outputs");
    let mut kept: Vec<PathBuf> = outputs.iter().map(|port| all.join(port)).collect();
    kept.extend([all, folder.join("inputs"), folder.join("tmp")]);
    kept
}

/// Takes everything out of a folder but the folders in `kept`, which are emptied too.
fn empty(folder: &Path, kept: &[PathBuf]) -> io::Result<()> {
    if !is_usable(folder)? {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        match kind.is_dir() {
            true if kept.contains(&path) => empty(&path, kept)?,
            true => remove_all(&path).map_err(io::Error::other)?,
            false => fs::remove_file(&path)?,
        }
    }
    Ok(())
}

/// Whether the stage left the folder's permissions so that another can work in it.
#[cfg(unix)]
fn is_usable(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::symlink_metadata(folder)?.permissions().mode() & 0o700 == 0o700)
}

#[cfg(not(unix))]
fn is_usable(folder: &Path) -> io::Result<bool> {
    Ok(!fs::symlink_metadata(folder)?.permissions().readonly())
}
