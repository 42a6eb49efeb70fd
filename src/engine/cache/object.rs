use super::file::writable;
use super::{Store, sharded};
use crate::digest::Digest;
use crate::engine::EngineError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

impl Store {
    /// Where the object with this digest stands, if it does.
    pub fn object(&self, digest: Digest) -> PathBuf {
        sharded(&self.root.join("objects"), digest)
    }

    /// Cheap: its bytes are checked when it is used.
    pub(super) fn has_object(&self, digest: Digest, size: u64) -> bool {
        fs::metadata(self.object(digest)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
    }

    pub(super) fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, EngineError> {
        let digest = Digest::of_bytes(bytes);
        if self.has_object(digest, bytes.len() as u64) {
            return Ok(digest);
        }
        let path = self.temporary_file("object")?;
        fs::write(&path, bytes).map_err(EngineError::io("write", &path))?;
        self.put_file(&path, digest, bytes.len() as u64)?;
        Ok(digest)
    }

    /// Moves a file of `tmp/` into the store. A record that names it waits until it is on the disk.
    pub(super) fn put_file(&self, path: &Path, digest: Digest, size: u64) -> Result<(), EngineError> {
        if self.has_object(digest, size) {
            return Ok(());
        }
        let own = if shared(path) { own_copy(path)? } else { path.to_owned() };
        let read_only = || -> std::io::Result<()> {
            let mut permissions = fs::metadata(&own)?.permissions();
            permissions.set_readonly(true);
            fs::set_permissions(&own, permissions)
        };
        read_only().map_err(EngineError::io("write", &own))?;
        let object = self.object(digest);
        let folder = object.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(EngineError::io("create", folder))?;
        // A stage may have made its output read-only.
        let from = own.parent().unwrap_or(&self.root);
        writable(from, || fs::rename(&own, &object)).map_err(EngineError::io("store", &object))
    }

    /// Sets an object aside whose bytes aren't what its name says, so that its stage runs again.
    pub(super) fn quarantine(&self, digest: Digest) {
        let object = self.object(digest);
        if object.exists() {
            self.set_aside("object", digest, &object, &digest.to_string());
        }
    }

    /// A store that can't be written to keeps what is corrupt: it is no hit all the same.
    pub(super) fn set_aside(&self, what: &str, digest: Digest, path: &Path, name: &str) {
        let folder = self.root.join("corrupt");
        let aside = folder.join(name);
        let (what, shown) = (format!("{what} {} was corrupt", digest.short()), aside.display());
        match fs::create_dir_all(&folder).and_then(|()| fs::rename(path, &aside)) {
            Ok(()) => self.note(format!("{what}; it is set aside as {shown}")),
            // Another runner was faster.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.note(format!("{what}, and cannot be set aside as {shown}: {error}")),
        }
    }
}

/// A stage may have hard-linked a file that others still write to.
#[cfg(unix)]
fn shared(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.nlink() > 1)
}

#[cfg(not(unix))]
fn shared(_: &Path) -> bool {
    true
}

/// Under a short name: its own may be as long as names can be.
fn own_copy(path: &Path) -> Result<PathBuf, EngineError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let copy = path.with_file_name(format!(".runner-copy-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    let folder = path.parent().unwrap_or(path);
    writable(folder, || fs::copy(path, &copy)).map_err(EngineError::io("copy", path))?;
    Ok(copy)
}
