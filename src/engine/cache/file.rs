use super::stat::Stat;
use crate::engine::EngineError;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file so that a reader, or the next run after a crash, sees the old bytes or the new, never a part.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8], durable: bool) -> Result<(), EngineError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(EngineError::io("create", folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let partial = folder.join(format!(".{name}.{}-{count}.partial", std::process::id()));
    let write = || -> io::Result<()> {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&partial, path)
    };
    write().map_err(|source| {
        // Best effort: the first error is the one to tell.
        let _ = fs::remove_file(&partial);
        EngineError::Io { action: "write", path: path.to_owned(), source }
    })
}

/// The bytes of a file, and what `stat` says of the very file that they came from.
pub(super) fn read_with_stat(path: &Path) -> io::Result<(Stat, Vec<u8>)> {
    let mut file = File::open(path)?;
    let stat = Stat::of(&file.metadata()?);
    let mut bytes = Vec::with_capacity(usize::try_from(stat.size()).unwrap_or_default());
    file.read_to_end(&mut bytes)?;
    Ok((stat, bytes))
}

/// `None` if the file is absent or holds no such value: a torn or foreign file is never trusted.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, EngineError> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(EngineError::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// Removes a file or folder that may be absent, also when its folders are read-only.
pub(crate) fn remove_all(path: &Path) -> Result<(), EngineError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    }
    .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    .map_err(EngineError::io("remove", path))
}
