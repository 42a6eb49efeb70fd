use super::contents::{Contents, Documents};
use super::manifest::BundleManifest;
use super::read::{Limits, Visitor, read};
use super::{BundleError, path};
use crate::digest::{Digest, Entry, digest_file};
use crate::engine::Store;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A bundle in a folder of its own.
#[derive(Debug)]
pub struct Unpacked {
    /// Absolute; a project with a store of its own.
    pub folder: PathBuf,
    pub contents: Contents,
}

impl Unpacked {
    pub fn pipeline(&self) -> PathBuf {
        self.folder.join(&self.contents.manifest.pipeline)
    }

    /// The folder's own store: nothing of the user's is read or written.
    pub fn store(&self) -> Store {
        Store::open(self.folder.join(".runner"))
    }
}

/// Checks all of a bundle: digests, keys, listings and metadata. Nothing is written.
pub fn verify(bundle: &Path, limits: &Limits) -> Result<Contents, BundleError> {
    let mut check = Check::default();
    let manifest = read(bundle, limits, &mut check)?;
    check.0.check(manifest)
}

#[derive(Default)]
struct Check(Documents);

impl Visitor for Check {
    fn begin(&mut self, manifest: &BundleManifest, _: &[u8]) -> Result<(), BundleError> {
        self.0 = Documents::of(manifest);
        Ok(())
    }

    fn file(&mut self, file: &Entry, content: &mut dyn Read) -> Result<(), BundleError> {
        self.0.take(file, content).map(|_| ())
    }
}

/// Unpacks into `folder`, which must be empty, absent, or hold this very bundle. All is checked before the folder has
/// its name, so that a bundle that was cut or tampered with leaves nothing.
pub fn unpack(bundle: &Path, folder: &Path, limits: &Limits) -> Result<Unpacked, BundleError> {
    let folder = std::path::absolute(folder).map_err(BundleError::io("find", folder))?;
    let empty = match fs::read_dir(&folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(source) => return Err(BundleError::Io { action: "read", path: folder, source }),
    };
    if !empty {
        return again(bundle, folder, limits);
    }
    let parent = folder.parent().unwrap_or(&folder).to_owned();
    fs::create_dir_all(&parent).map_err(BundleError::io("create", &parent))?;
    let staging = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(&parent);
    let staging = staging.map_err(BundleError::io("create a folder in", &parent))?;
    let mut writer = Writer { folder: staging.path().to_owned(), documents: Documents::default() };
    let manifest = read(bundle, limits, &mut writer)?;
    let contents = writer.documents.check(manifest)?;
    // The project's root is sought upwards by its `experiments`: this one ends the search here.
    let experiments = staging.path().join("experiments");
    fs::create_dir_all(&experiments).map_err(BundleError::io("create", &experiments))?;
    link_objects(staging.path(), &contents)?;
    open_to_others(staging.path());
    fs::rename(staging.path(), &folder).map_err(BundleError::io("create", &folder))?;
    Ok(Unpacked { folder, contents })
}

/// The folder holds something: this very bundle, whole and untouched, or it is refused.
fn again(bundle: &Path, folder: PathBuf, limits: &Limits) -> Result<Unpacked, BundleError> {
    let contents = verify(bundle, limits)?;
    let other = || BundleError::NotEmpty { path: folder.clone() };
    let held = fs::read(folder.join("manifest.json")).map_err(|_| other())?;
    if BundleManifest::parse(&held).map_err(|_| other())? != contents.manifest {
        return Err(other());
    }
    for file in &contents.manifest.files {
        let path = folder.join(&file.path);
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            return Err(BundleError::inconsistent(&file.path, "it is no plain file in the folder any more"));
        }
        let found = digest_file(&path).map_err(BundleError::io("read", &path))?;
        if found != file.sha256 {
            return Err(BundleError::Digest { path: file.path.clone(), expected: file.sha256, found });
        }
    }
    link_objects(&folder, &contents)?;
    Ok(Unpacked { folder, contents })
}

struct Writer {
    /// Fresh, and ours alone: no link can stand in it.
    folder: PathBuf,
    documents: Documents,
}

impl Visitor for Writer {
    fn begin(&mut self, manifest: &BundleManifest, bytes: &[u8]) -> Result<(), BundleError> {
        let free = free_bytes(&self.folder).unwrap_or(u64::MAX);
        if manifest.bytes > free {
            return Err(BundleError::NoSpace { declared: manifest.bytes, free, path: self.folder.clone() });
        }
        self.documents = Documents::of(manifest);
        let path = self.folder.join("manifest.json");
        fs::write(&path, bytes).map_err(BundleError::io("write", &path))
    }

    fn file(&mut self, file: &Entry, content: &mut dyn Read) -> Result<(), BundleError> {
        // The manifest was checked as a whole; once more where it matters.
        path::check(&file.path)?;
        let target = self.folder.join(&file.path);
        let parent = target.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent).map_err(BundleError::io("create", parent))?;
        let failed = |error| BundleError::io("write", &target)(error);
        let mut new = File::options().write(true).create_new(true).open(&target).map_err(failed)?;
        match self.documents.take(file, content)? {
            Some(mut bytes) => io::copy(&mut bytes, &mut new),
            None => io::copy(content, &mut new),
        }
        .map_err(failed)?;
        if file.path.starts_with("objects/") {
            let mut permissions = new.metadata().map_err(failed)?.permissions();
            permissions.set_readonly(true);
            new.set_permissions(permissions).map_err(failed)?;
        }
        Ok(())
    }
}

/// Gives the folder's store the bundle's objects, by hard links: the bundle stays as it came.
fn link_objects(folder: &Path, contents: &Contents) -> Result<(), BundleError> {
    let store = Store::open(folder.join(".runner"));
    let objects = contents.manifest.files.iter().filter_map(|file| {
        let digest: Digest = file.path.strip_prefix("objects/")?.replace('/', "").parse().ok()?;
        Some((digest, folder.join(&file.path)))
    });
    for (digest, from) in objects {
        let to = store.object(digest);
        if to.is_file() {
            continue;
        }
        let parent = to.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(BundleError::io("create", parent))?;
        fs::hard_link(&from, &to)
            .or_else(|_| fs::copy(&from, &to).map(|_| ()))
            .map_err(BundleError::io("link", &to))?;
    }
    Ok(())
}

/// A temporary folder is closed to others; a folder that stays is as any other.
#[cfg(unix)]
fn open_to_others(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    // Where it fails, the folder is its owner's alone, and works.
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) {}

/// Bytes that an ordinary user may still write; `None` where the system doesn't say.
#[cfg(unix)]
#[allow(clippy::unnecessary_cast, reason = "the fields have other types on other systems")]
fn free_bytes(folder: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(folder.as_os_str().as_bytes()).ok()?;
    // SAFETY: `path` ends with a NUL, and `statvfs` is a plain struct for which zeros are valid.
    let (failed, space) = unsafe {
        let mut space: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &raw mut space), space)
    };
    (failed == 0).then(|| (space.f_bavail as u64).saturating_mul(space.f_frsize as u64))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
