//! Files that are there whole or not at all.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum WriteError {
    #[error("cannot write {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path} came to be there meanwhile; --force replaces it")]
    Exists { path: PathBuf },
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    |source| WriteError::Io { path, source }
}

/// Written under another name in the same folder and renamed, so that whoever looks sees it whole.
pub fn file(path: &Path, bytes: &[u8], force: bool) -> Result<(), WriteError> {
    let temporary = written(path, bytes).map_err(failed(path))?;
    let persisted = if force { temporary.persist(path) } else { temporary.persist_noclobber(path) };
    persisted.map(drop).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists if !force => WriteError::Exists { path: path.to_owned() },
        _ => WriteError::Io { path: path.to_owned(), source: error.error },
    })
}

fn written(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut temporary = builder().tempfile_in(parent(path))?;
    temporary.write_all(bytes)?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Hidden while it is written; with the permissions that any new file gets, where the default is the owner's alone.
fn builder() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".runner-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// A folder of files by the names of others: all of them or none. In a folder that is there already (with `force`) each file by
/// itself; others in it stay.
pub fn folder(path: &Path, files: &[(&Path, Vec<u8>)], force: bool) -> Result<(), WriteError> {
    let name = |image: &Path| image.file_name().map(|name| name.to_owned()).unwrap_or_default();
    if path.is_dir() && force {
        return files.iter().try_for_each(|(image, bytes)| file(&path.join(name(image)), bytes, true));
    }
    let mut builder = Builder::new();
    builder.prefix(".runner-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let temporary = builder.tempdir_in(parent(path)).map_err(failed(path))?;
    for (image, bytes) in files {
        file(&temporary.path().join(name(image)), bytes, false)?;
    }
    if path.symlink_metadata().is_ok() {
        return Err(WriteError::Exists { path: path.to_owned() });
    }
    fs::rename(temporary.path(), path).map_err(failed(path))?;
    // It has another name now: there is nothing to clear away.
    let _ = temporary.keep();
    Ok(())
}
