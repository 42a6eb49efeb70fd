use super::BundleError;
use super::manifest::{BundleManifest, object_path, record_path};
use super::path::relative;
use super::ro_check;
use super::ro_crate::FILE;
use crate::digest::{Digest, Entry, Listing};
use crate::engine::cache::Record;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

/// What a checked bundle says.
#[derive(Debug, Clone)]
pub struct Contents {
    pub manifest: BundleManifest,
    /// One for each of the manifest's stages, with all outputs, packed or not.
    pub records: Vec<Record>,
    /// Of the packed outputs.
    pub listings: BTreeMap<Digest, Listing>,
    pub(super) plan: Vec<u8>,
}

/// The documents of a bundle, read into memory on the way: records, listings, the plan and the metadata.
#[derive(Debug, Default)]
pub(super) struct Documents {
    listings: BTreeSet<String>,
    bytes: BTreeMap<String, Vec<u8>>,
    held: u64,
}

/// Of all documents together.
const MOST: u64 = 256 << 20;

impl Documents {
    pub fn of(manifest: &BundleManifest) -> Self {
        let trees = manifest.stages.iter().flat_map(|stage| stage.packed.values());
        Documents { listings: trees.map(|tree| object_path(*tree)).collect(), ..Documents::default() }
    }

    /// The bytes of a file that is a document; of others nothing is read.
    pub fn take(&mut self, file: &Entry, content: &mut dyn Read) -> Result<Option<&[u8]>, BundleError> {
        let path = file.path.as_str();
        let wanted =
            path.starts_with("records/") || path == "plan.json" || path == FILE || self.listings.contains(path);
        if !wanted {
            return Ok(None);
        }
        self.held += file.size;
        if self.held > MOST {
            return Err(BundleError::inconsistent(path, "records and listings are larger than 256 MiB"));
        }
        let mut bytes = Vec::new();
        content
            .read_to_end(&mut bytes)
            .map_err(|error: io::Error| BundleError::NotABundle { what: error.to_string() })?;
        self.bytes.insert(path.to_owned(), bytes);
        Ok(self.bytes.get(path).map(Vec::as_slice))
    }

    fn get(&self, path: &str) -> Result<&[u8], BundleError> {
        self.bytes.get(path).map(Vec::as_slice).ok_or_else(|| BundleError::inconsistent(path, "it is missing"))
    }

    /// Checks that manifest, records, listings, objects and metadata tell the same.
    pub fn check(mut self, manifest: BundleManifest) -> Result<Contents, BundleError> {
        let plan = self.bytes.remove("plan.json").unwrap_or_default();
        if Digest::of_bytes(&plan) != manifest.plan {
            return Err(BundleError::inconsistent("plan.json", "it is not the plan that the manifest names"));
        }
        let files: BTreeMap<&str, u64> = manifest.files.iter().map(|file| (file.path.as_str(), file.size)).collect();
        let (mut used, mut listings, mut records) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
        for stage in &manifest.stages {
            let path = record_path(stage.key);
            let record = self.record(&path, stage.key)?;
            for (port, tree) in &stage.packed {
                if record.outputs.get(port) != Some(tree) {
                    return Err(BundleError::inconsistent(&path, format!("its `{port}` is not the manifest's")));
                }
                let listing = self.listing(*tree, &files)?;
                used.insert(object_path(*tree));
                used.extend(listing.files.iter().map(|file| object_path(file.sha256)));
                listings.insert(*tree, listing);
            }
            used.insert(path);
            records.push(record);
        }
        let idle =
            |path: &&str| (path.starts_with("objects/") || path.starts_with("records/")) && !used.contains(*path);
        if let Some(path) = files.keys().copied().find(idle) {
            return Err(BundleError::inconsistent(path, "no stage of the bundle refers to it"));
        }
        ro_check::check(self.get(FILE)?, &manifest)?;
        Ok(Contents { manifest, records, listings, plan })
    }

    fn record(&self, path: &str, key: Digest) -> Result<Record, BundleError> {
        let record = serde_json::from_slice::<Record>(self.get(path)?);
        let record = record.map_err(|error| BundleError::inconsistent(path, format!("it is no record: {error}")))?;
        if record.key != key || record.manifest.key() != key {
            return Err(BundleError::inconsistent(path, "its key is not the digest of its manifest"));
        }
        Ok(record)
    }

    /// A stranger's listing decides where files are written: its paths must stay in their folder.
    fn listing(&self, tree: Digest, files: &BTreeMap<&str, u64>) -> Result<Listing, BundleError> {
        let path = object_path(tree);
        let listing = serde_json::from_slice::<Listing>(self.get(&path)?);
        let listing =
            listing.map_err(|error| BundleError::inconsistent(&path, format!("it is no listing: {error}")))?;
        let mut last: Option<&str> = None;
        for file in &listing.files {
            if let Some(what) = relative(&file.path) {
                return Err(BundleError::inconsistent(&path, format!("it lists `{}`: {what}", file.path)));
            }
            if last.is_some_and(|last| last >= file.path.as_str()) {
                return Err(BundleError::inconsistent(&path, format!("it lists `{}` twice or unsorted", file.path)));
            }
            last = Some(&file.path);
            let object = object_path(file.sha256);
            if files.get(object.as_str()) != Some(&file.size) {
                return Err(BundleError::inconsistent(&object, "a packed output lacks it, or has it in another size"));
            }
        }
        Ok(listing)
    }
}
