use super::history::History;
use super::layout::{Peek, entries};
use super::{Record, Store};
use crate::digest::Digest;
use crate::engine::EngineError;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use walkdir::WalkDir;

/// What a store holds and what it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    pub objects: Size,
    pub records: Size,
    /// Folders of hard links to objects: `shared` of their bytes are the objects' own.
    pub trees: Size,
    pub scratch: Size,
    pub logs: Size,
    pub journals: Size,
    pub corrupt: Size,
    /// Work in progress, and what killed runs left.
    pub tmp: Size,
    /// All files of the store, each counted once however many names it has.
    pub bytes: u64,
    /// Objects that no record needs: `gc` frees them.
    pub unneeded: Size,
    pub pipelines: Vec<Holding>,
}

/// A number of things and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Size {
    pub count: u64,
    pub bytes: u64,
    /// Of these bytes, those in files with a second name elsewhere in the store.
    pub shared: u64,
}

/// What the latest results of a pipeline hold. What two pipelines share counts in both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holding {
    pub pipeline: String,
    pub stages: u64,
    pub objects: u64,
    pub bytes: u64,
}

impl Store {
    /// Counts what the store holds. Reads names, sizes, records and journals, no object but listings.
    pub fn usage(&self) -> Result<Usage, EngineError> {
        let mut seen = BTreeSet::new();
        let mut usage = Usage { objects: self.folder("objects", &mut seen, Deep::Files), ..Usage::default() };
        usage.records = self.folder("actions", &mut seen, Deep::Files);
        usage.trees = self.folder("trees", &mut seen, Deep::At(2));
        usage.scratch = self.folder("scratch", &mut seen, Deep::At(1));
        usage.logs = self.folder("logs", &mut seen, Deep::Files);
        usage.journals = self.folder("journal", &mut seen, Deep::Files);
        usage.corrupt = self.folder("corrupt", &mut seen, Deep::Files);
        usage.tmp = self.folder("tmp", &mut seen, Deep::At(1));
        self.folder("", &mut seen, Deep::Files);
        usage.bytes = seen.iter().map(|file| file.2).sum();
        let history = History::read(self)?;
        let records = self.whole_records()?;
        let needed = self.needed(records.values())?;
        usage.unneeded = self.unneeded(&needed)?;
        usage.pipelines = self.holdings(&history)?;
        Ok(usage)
    }

    /// Records that can be a hit, by key. Those that are torn are left out.
    pub(super) fn whole_records(&self) -> Result<BTreeMap<Digest, Record>, EngineError> {
        let mut records = BTreeMap::new();
        for key in self.stored("actions")?.into_iter().filter_map(|stored| stored.digest) {
            if let Peek::Whole(record) = self.peek_record(key)? {
                records.insert(key, record);
            }
        }
        Ok(records)
    }

    /// Every object that these records need, with its size: listings, and the files in them.
    pub(super) fn needed<'a>(
        &self,
        records: impl Iterator<Item = &'a Record>,
    ) -> Result<BTreeMap<Digest, u64>, EngineError> {
        let trees: BTreeSet<Digest> = records.flat_map(|record| record.outputs.values().copied()).collect();
        let mut needed = BTreeMap::new();
        for tree in trees {
            needed.insert(tree, self.object(tree).metadata().map_or(0, |metadata| metadata.len()));
            if let Peek::Whole(listing) = self.peek_listing(tree)? {
                needed.extend(listing.files.iter().map(|file| (file.sha256, file.size)));
            }
        }
        Ok(needed)
    }

    fn unneeded(&self, needed: &BTreeMap<Digest, u64>) -> Result<Size, EngineError> {
        let mut size = Size::default();
        for stored in self.stored("objects")? {
            if stored.digest.is_none_or(|digest| !needed.contains_key(&digest)) {
                size.count += 1;
                size.bytes += stored.path.metadata().map_or(0, |metadata| metadata.len());
            }
        }
        Ok(size)
    }

    /// By pipelines that a journal names; their stages' newest records are asked for by name.
    fn holdings(&self, history: &History) -> Result<Vec<Holding>, EngineError> {
        let mut stages: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (pipeline, node) in history.keys.values().flat_map(|used| &used.stages) {
            stages.entry(pipeline).or_default().insert(node);
        }
        let mut holdings = Vec::new();
        for (pipeline, nodes) in stages {
            let mut records = Vec::new();
            for node in nodes {
                if let Some(key) = self.latest_key(pipeline, node)
                    && let Peek::Whole(record) = self.peek_record(key)?
                {
                    records.push(record);
                }
            }
            let needed = self.needed(records.iter())?;
            let (objects, bytes) = (needed.len() as u64, needed.values().sum());
            holdings.push(Holding { pipeline: pipeline.to_owned(), stages: records.len() as u64, objects, bytes });
        }
        Ok(holdings)
    }

    /// Sizes of a folder; `seen` gathers its files, so that a second name of one adds nothing.
    fn folder(&self, name: &str, seen: &mut BTreeSet<File>, deep: Deep) -> Size {
        let folder = if name.is_empty() { self.root().to_owned() } else { self.root().join(name) };
        let mut size = Size::default();
        for entry in WalkDir::new(&folder).into_iter().filter_map(Result::ok) {
            let kind = entry.file_type();
            size.count += u64::from(match deep {
                Deep::Files => kind.is_file(),
                Deep::At(depth) => kind.is_dir() && entry.depth() == depth,
            });
            if let Some(file) =
                entry.metadata().ok().filter(|_| kind.is_file()).map(|metadata| file(&metadata, entry.path()))
            {
                size.bytes += file.2;
                size.shared += if seen.insert(file) { 0 } else { file.2 };
            }
        }
        size
    }

    /// Bytes of all that is neither an object nor a tree of links to objects.
    pub(super) fn bytes_beside_objects(&self) -> Result<u64, EngineError> {
        let mut seen = BTreeSet::new();
        self.folder("objects", &mut seen, Deep::Files);
        let objects: u64 = seen.iter().map(|file| file.2).sum();
        for path in entries(self.root())? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            self.folder(&name, &mut seen, Deep::Files);
        }
        let all: u64 = seen.iter().map(|file| file.2).sum();
        Ok(all - objects)
    }
}

/// What of a folder is counted.
#[derive(Clone, Copy)]
enum Deep {
    Files,
    /// Folders this far below.
    At(usize),
}

/// Device, inode and bytes.
type File = (u64, u64, u64);

#[cfg(unix)]
fn file(metadata: &std::fs::Metadata, _: &Path) -> File {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino(), metadata.len())
}

/// Without inodes each name counts as a file of its own.
#[cfg(not(unix))]
fn file(metadata: &std::fs::Metadata, path: &Path) -> File {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    (0, hasher.finish(), metadata.len())
}

/// `17 bytes`, `3.4 KiB`, `1.2 GiB`.
pub fn shown_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < 1000.0 {
            return if unit == "bytes" { format!("{bytes} bytes") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}
