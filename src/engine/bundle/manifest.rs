use super::choice::Role;
use super::{BundleError, Depth, path};
use crate::digest::{Digest, Entry};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The layout that this runner writes and reads.
pub const FORMAT: u32 = 1;

/// The first entry of a bundle: what it is, and every other entry with size and digest, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BundleManifest {
    pub format: u32,
    /// Version of the runner that made it.
    pub runner: String,
    pub depth: Depth,
    pub title: String,
    /// The pipeline's file in the bundle.
    pub pipeline: String,
    pub profile: Option<String>,
    /// `--set` arguments, without paths of the machine on which the bundle was made.
    pub set: Vec<String>,
    /// Digest of `plan.json`.
    pub plan: Digest,
    pub stages: Vec<BundledStage>,
    /// What the maker was warned of.
    pub warnings: Vec<String>,
    /// Bytes of all files together: who unpacks knows this before anything is written.
    pub bytes: u64,
    pub files: Vec<Entry>,
}

/// A stage of which the bundle holds the record, `records/KEY.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledStage {
    pub id: String,
    pub kind: String,
    pub role: Role,
    pub key: Digest,
    /// Output ports whose files are in the bundle, with the digests of their listings.
    pub packed: BTreeMap<String, Digest>,
}

impl BundleManifest {
    /// Parses and checks what a stranger wrote.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let format = |value: serde_json::Value| value.get("format").and_then(serde_json::Value::as_u64);
        let found = serde_json::from_slice(bytes).map(format);
        let not = |what: String| BundleError::NotABundle { what };
        match found {
            Ok(Some(found)) if found == u64::from(FORMAT) => {}
            Ok(Some(found)) => return Err(BundleError::Format { found: found as u32, known: FORMAT }),
            Ok(None) => return Err(not("its manifest.json has no format".into())),
            Err(error) => return Err(not(format!("its manifest.json is no JSON: {error}"))),
        }
        let manifest: BundleManifest =
            serde_json::from_slice(bytes).map_err(|error| not(format!("its manifest.json: {error}")))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), BundleError> {
        path::check_all(self.files.iter().map(|file| file.path.as_str()))?;
        let bytes = self.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size));
        if bytes != Some(self.bytes) {
            return Err(BundleError::inconsistent("manifest.json", "the sizes of its files don't add up to its total"));
        }
        // They are printed, and the other texts are made printable where they are.
        let names =
            self.stages.iter().flat_map(|stage| [&stage.id, &stage.kind].into_iter().chain(stage.packed.keys()));
        if let Some(name) = names.into_iter().find(|name| name.contains(char::is_control)) {
            return Err(BundleError::inconsistent("manifest.json", format!("`{name}` is no name of a stage")));
        }
        let has = |path: &str| self.files.iter().any(|file| file.path == path);
        if !self.pipeline.starts_with("pipelines/") || !has(&self.pipeline) {
            return Err(BundleError::inconsistent("manifest.json", "its pipeline is no file of the bundle"));
        }
        Ok(())
    }

    /// How many of the stages have this role.
    pub fn count(&self, role: Role) -> usize {
        self.stages.iter().filter(|stage| stage.role == role).count()
    }
}

/// Where a stage's record stands in a bundle.
pub(super) fn record_path(key: Digest) -> String {
    format!("records/{key}.json")
}

/// Where an object stands in a bundle.
pub(super) fn object_path(digest: Digest) -> String {
    let text = digest.to_string();
    format!("objects/{}/{}", &text[..2], &text[2..])
}
