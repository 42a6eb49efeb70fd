use super::{Digest, append, write_list, write_text};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// One file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Relative to the folder, with `/` between parts.
    pub path: String,
    pub size: u64,
    pub sha256: Digest,
}

/// The files of a folder, sorted by path. Its digest is the digest of its canonical JSON, so that it
/// depends on names and contents only: not on times, owners or empty folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub files: Vec<Entry>,
}

impl Listing {
    pub fn canonical(&self) -> String {
        let mut text = String::with_capacity(16 + 128 * self.files.len());
        text.push_str("{\"files\":");
        write_list(&mut text, &self.files, |text, file| {
            text.push_str("{\"path\":");
            write_text(text, &file.path);
            text.push_str(",\"sha256\":");
            file.sha256.write_json(text);
            text.push_str(",\"size\":");
            append(text, file.size);
            text.push('}');
        });
        text.push('}');
        text
    }

    pub fn digest(&self) -> Digest {
        Digest::of_bytes(self.canonical().as_bytes())
    }
}

/// Bytes read at a time: they stay in a core's own cache while they are digested.
const PIECE: usize = 256 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// Digest of one file, read in pieces.
pub fn digest_file(path: &Path) -> io::Result<Digest> {
    digest_open(File::open(path)?)
}

/// Digest of what is left to read of a file.
pub fn digest_open(mut file: File) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    // Most files of a stage are small, and a thread that sees one or two of them needs no large buffer.
    let mut small = [0; 8 << 10];
    for _ in 0..2 {
        match file.read(&mut small)? {
            0 => return Ok(Digest(hasher.finalize().into())),
            n => hasher.update(&small[..n]),
        }
    }
    BUFFER.with_borrow_mut(|buffer| {
        loop {
            match file.read(buffer)? {
                0 => return Ok(Digest(hasher.finalize().into())),
                n => hasher.update(&buffer[..n]),
            }
        }
    })
}

/// A relative path as text, with `/` between parts. Bytes that are no UTF-8 are spelled out: names that differ must
/// not become equal.
pub fn name_of(relative: &Path) -> String {
    let text = |part: &OsStr| -> String {
        let chunks = part.as_encoded_bytes().utf8_chunks();
        let chunk = |chunk: std::str::Utf8Chunk| {
            let odd: String = chunk.invalid().iter().map(|byte| format!("\u{fffd}{byte:02x}")).collect();
            chunk.valid().to_owned() + &odd
        };
        chunks.map(chunk).collect()
    };
    relative.components().map(|part| text(part.as_os_str())).collect::<Vec<_>>().join("/")
}

/// Reads a folder (links are followed), digesting its files in parallel. A single file lists as itself.
pub fn list(root: &Path) -> io::Result<Listing> {
    list_by(root, |path| {
        let file = File::open(path)?;
        Ok((file.metadata()?.len(), digest_open(file)?))
    })
}

/// As [`list`], with another way to the size and digest of a file.
pub fn list_by(root: &Path, digest: impl Fn(&Path) -> io::Result<(u64, Digest)> + Sync) -> io::Result<Listing> {
    let file = |path: &PathBuf| {
        let (size, sha256) = digest(path)?;
        Ok(Entry { path: relative(root, path), size, sha256 })
    };
    let paths = files(root)?;
    // A handful of files isn't worth waking other threads.
    let files: io::Result<Vec<Entry>> =
        if paths.len() < 4 { paths.iter().map(file).collect() } else { paths.par_iter().map(file).collect() };
    let mut files = files?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Listing { files })
}

fn files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in WalkDir::new(root).follow_links(true) {
        let entry = entry?;
        if entry.file_type().is_file() {
            paths.push(entry.into_path());
        }
    }
    Ok(paths)
}

fn relative(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let relative =
        if relative.as_os_str().is_empty() { path.file_name().map_or(relative, Path::new) } else { relative };
    match relative.to_str().filter(|_| cfg!(unix)) {
        // The walk put it together, so that it is plain.
        Some(text) => text.to_owned(),
        None => name_of(relative),
    }
}
