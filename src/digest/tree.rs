use super::Digest;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
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
    pub fn digest(&self) -> Digest {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|f| serde_json::json!({"path": f.path, "size": f.size, "sha256": f.sha256.to_string()}))
            .collect();
        Digest::of_value(&serde_json::json!({ "files": files }))
    }
}

/// Digest of one file, read in pieces of 1 MiB.
pub fn digest_file(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest(hasher.finalize().into())),
            n => hasher.update(&buffer[..n]),
        }
    }
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
    let mut paths = Vec::new();
    for entry in WalkDir::new(root).follow_links(true) {
        let entry = entry?;
        if entry.file_type().is_file() {
            paths.push(entry.into_path());
        }
    }
    let mut files = paths
        .par_iter()
        .map(|path| {
            let relative = path.strip_prefix(root).unwrap_or(path);
            let relative =
                if relative.as_os_str().is_empty() { path.file_name().map_or(relative, Path::new) } else { relative };
            Ok(Entry { path: name_of(relative), size: path.metadata()?.len(), sha256: digest_file(path)? })
        })
        .collect::<io::Result<Vec<_>>>()?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Listing { files })
}
