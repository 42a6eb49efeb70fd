//! Reads a bundle as a stream. Whatever it holds, nothing but the files that its manifest names, with the sizes and
//! digests that it gives, reaches a visitor.

use super::BundleError;
use super::manifest::BundleManifest;
use crate::digest::{Digest, Entry};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use tar::{Archive, EntryType};

/// How much a bundle may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
}

impl Default for Limits {
    /// 20 GiB.
    fn default() -> Self {
        Limits { bytes: 20 << 30 }
    }
}

/// A manifest of half a million files has about as much.
const MANIFEST_BYTES: u64 = 64 << 20;
/// The decoder's memory: 16 MiB, twice what `create` asks for.
const WINDOW_LOG: u32 = 24;
/// Of a name that has an entry of its own.
const NAME_BYTES: u64 = 2048;

/// Told what a bundle holds, in its order.
pub(super) trait Visitor {
    fn begin(&mut self, manifest: &BundleManifest, bytes: &[u8]) -> Result<(), BundleError>;
    /// `content` ends after `file.size` bytes; its digest is checked afterwards.
    fn file(&mut self, file: &Entry, content: &mut dyn Read) -> Result<(), BundleError>;
}

/// Reads the manifest alone.
pub fn manifest(path: &Path) -> Result<BundleManifest, BundleError> {
    let mut archive = open(path)?;
    let mut entries = archive.entries().map_err(broken)?.raw(true);
    Ok(first(&mut entries)?.0)
}

/// Reads all of it.
pub(super) fn read(path: &Path, limits: &Limits, visitor: &mut dyn Visitor) -> Result<BundleManifest, BundleError> {
    let mut archive = open(path)?;
    let mut entries = archive.entries().map_err(broken)?.raw(true);
    let (manifest, bytes) = first(&mut entries)?;
    if manifest.bytes > limits.bytes {
        return Err(BundleError::TooLarge { declared: manifest.bytes, limit: limits.bytes });
    }
    visitor.begin(&manifest, &bytes)?;
    for (index, file) in manifest.files.iter().enumerate() {
        let mut content = next(&mut entries, index + 1, &file.path, Some(file.size))?;
        let mut hashing = Hashing { content: &mut content, hasher: Sha256::new(), read: 0, path: &file.path };
        visitor.file(file, &mut hashing)?;
        hashing.finish(file)?;
    }
    if entries.next().is_some() {
        let (index, found) = (manifest.files.len() + 1, "one more entry".to_owned());
        return Err(BundleError::Entry { index, expected: "the end".into(), found });
    }
    nothing_follows(archive.into_inner())?;
    Ok(manifest)
}

type Decoder = zstd::stream::read::Decoder<'static, io::BufReader<File>>;
type Entries<'a> = tar::Entries<'a, Decoder>;

fn open(path: &Path) -> Result<Archive<Decoder>, BundleError> {
    let file = File::open(path).map_err(BundleError::io("open", path))?;
    let mut decoder = Decoder::new(file).map_err(BundleError::io("read", path))?;
    decoder.window_log_max(WINDOW_LOG).map_err(BundleError::io("read", path))?;
    Ok(Archive::new(decoder))
}

fn broken(error: io::Error) -> BundleError {
    BundleError::NotABundle { what: error.to_string() }
}

fn first(entries: &mut Entries<'_>) -> Result<(BundleManifest, Vec<u8>), BundleError> {
    let entry = next(entries, 0, "manifest.json", None)?;
    if entry.size() > MANIFEST_BYTES {
        let what = format!("its manifest.json has {} bytes, more than {MANIFEST_BYTES}", entry.size());
        return Err(BundleError::NotABundle { what });
    }
    let mut bytes = Vec::new();
    entry.take(MANIFEST_BYTES).read_to_end(&mut bytes).map_err(broken)?;
    Ok((BundleManifest::parse(&bytes)?, bytes))
}

/// The next entry, which must be the plain file `path`.
fn next<'a>(
    entries: &mut Entries<'a>,
    index: usize,
    path: &str,
    size: Option<u64>,
) -> Result<tar::Entry<'a, Decoder>, BundleError> {
    let wrong = |found: String| BundleError::Entry { index, expected: path.to_owned(), found };
    let mut take = || entries.next().ok_or_else(|| wrong("the end".into()))?.map_err(broken);
    let mut entry = take()?;
    let mut name = None;
    if entry.header().entry_type().is_gnu_longname() {
        if entry.size() > NAME_BYTES {
            return Err(wrong(format!("a name of {} bytes", entry.size())));
        }
        let mut bytes = Vec::new();
        entry.take(NAME_BYTES).read_to_end(&mut bytes).map_err(broken)?;
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        name = Some(bytes);
        entry = take()?;
    }
    let name = name.unwrap_or_else(|| entry.path_bytes().into_owned());
    let header = entry.header();
    match header.entry_type() {
        EntryType::Regular if header.link_name_bytes().is_none() => {}
        kind => return Err(wrong(format!("`{}` of type {kind:?}", String::from_utf8_lossy(&name)))),
    }
    if name != path.as_bytes() {
        return Err(wrong(format!("`{}`", String::from_utf8_lossy(&name))));
    }
    match size {
        Some(size) if entry.size() != size => Err(wrong(format!("{} bytes, not {size}", entry.size()))),
        _ => Ok(entry),
    }
}

/// Digests what is read through it.
struct Hashing<'a, R> {
    content: &'a mut R,
    hasher: Sha256,
    read: u64,
    path: &'a str,
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.read += count as u64;
        Ok(count)
    }
}

impl<R: Read> Hashing<'_, R> {
    /// Also of what the visitor left.
    fn finish(mut self, file: &Entry) -> Result<(), BundleError> {
        io::copy(&mut self, &mut io::sink()).map_err(broken)?;
        if self.read != file.size {
            return Err(BundleError::inconsistent(self.path, format!("it ends after {} bytes", self.read)));
        }
        let hex: String = self.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let found: Digest = hex.parse().map_err(|_| BundleError::inconsistent(self.path, "no digest"))?;
        if found != file.sha256 {
            return Err(BundleError::Digest { path: file.path.clone(), expected: file.sha256, found });
        }
        Ok(())
    }
}

/// Nothing is hidden behind the last entry: zeros at most, as tar pads with them.
fn nothing_follows(mut rest: Decoder) -> Result<(), BundleError> {
    const PADDING: usize = 10_240;
    let mut bytes = Vec::new();
    (&mut rest).take(PADDING as u64 + 1).read_to_end(&mut bytes).map_err(broken)?;
    if bytes.len() > PADDING || bytes.iter().any(|byte| *byte != 0) {
        return Err(BundleError::NotABundle { what: "something follows its last entry".into() });
    }
    Ok(())
}
