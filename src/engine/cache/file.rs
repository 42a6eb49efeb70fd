use super::stat::Stat;
use crate::digest::Digest;
use crate::engine::EngineError;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
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

/// What a sealed file holds.
pub(crate) enum Sealed<T> {
    Absent,
    /// Torn, or not as it was written: a single wrong bit would make another digest or name of it.
    Broken,
    Whole(T),
}

/// The value with its own digest, as JSON: for files whose content nothing else would check.
pub(crate) fn seal(value: &impl serde::Serialize) -> io::Result<Vec<u8>> {
    let text = serde_json::to_string(value)?;
    Ok(format!("{{\"sha256\":\"{}\",\"value\":{text}}}", Digest::of_bytes(text.as_bytes())).into_bytes())
}

/// For what may be thrown away at any time.
pub(crate) fn read_if_whole<T: serde::de::DeserializeOwned>(path: &Path) -> Option<T> {
    match read_sealed(path) {
        Ok(Sealed::Whole(value)) => Some(value),
        _ => None,
    }
}

pub(crate) fn read_sealed<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Sealed<T>, EngineError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Sealed::Absent),
        Err(source) => return Err(EngineError::Io { action: "read", path: path.to_owned(), source }),
    };
    Ok(opened(&bytes).map_or(Sealed::Broken, Sealed::Whole))
}

fn opened<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let text = std::str::from_utf8(bytes).ok()?.strip_prefix("{\"sha256\":\"")?.strip_suffix('}')?;
    let (digest, value) = text.split_once("\",\"value\":")?;
    (digest.parse() == Ok(Digest::of_bytes(value.as_bytes()))).then(|| serde_json::from_str(value).ok())?
}

/// Removes a file or folder that may be absent, also when its folders are read-only, or deeper than a path can say.
pub(crate) fn remove_all(path: &Path) -> Result<(), EngineError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(metadata) if metadata.is_dir() => remove_folder(path),
        _ => fs::remove_file(path),
    }
    .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
    .map_err(EngineError::io("remove", path))
}

/// Levels that are gone down one by one. What is deeper is brought up to the top first, so that neither paths nor
/// the stack grow without bounds; std's own `remove_dir_all` keeps a descriptor a level.
const DEEPEST: usize = 32;

fn remove_folder(root: &Path) -> io::Result<()> {
    let mut deeper = Vec::new();
    let mut next = Some(root.to_owned());
    while let Some(folder) = next {
        empty(&folder, root, DEEPEST, &mut deeper)?;
        if folder != root {
            fs::remove_dir(&folder)?;
        }
        next = deeper.pop();
    }
    fs::remove_dir(root)
}

/// Takes everything out of a folder; what is too deep is moved into `root`, and named in `deeper`.
fn empty(folder: &Path, root: &Path, depth: usize, deeper: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = writable(folder, || fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>())?;
    for entry in entries {
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            writable(folder, || fs::remove_file(&path))?;
        } else if depth > 0 {
            empty(&path, root, depth - 1, deeper)?;
            writable(folder, || fs::remove_dir(&path))?;
        } else {
            let top =
                (0..).map(|count| root.join(format!(".deep-{count}"))).find(|top| fs::symlink_metadata(top).is_err());
            let top = top.unwrap_or_else(|| root.join(".deep"));
            writable(folder, || writable(&path, || fs::rename(&path, &top)))?;
            deeper.push(top);
        }
    }
    Ok(())
}

/// Does what needs a writable folder; makes it so only where it has to.
pub(super) fn writable<T>(folder: &Path, act: impl Fn() -> io::Result<T>) -> io::Result<T> {
    act().or_else(|error| match error.kind() {
        #[cfg(unix)]
        io::ErrorKind::PermissionDenied => {
            fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
            act()
        }
        _ => Err(error),
    })
}
