use super::choice::{Choice, Kept, Role, choose};
use super::manifest::{BundleManifest, BundledStage, FORMAT, object_path, record_path};
use super::{BundleError, Depth, plan_file, readme, ro_crate};
use crate::digest::{Digest, Entry, Listing, digest_file};
use crate::engine::cache::Record;
use crate::engine::{EngineError, Store, recompute};
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// What to pack, and how the pipeline was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    pub depth: Depth,
    /// The pipeline's file.
    pub pipeline: PathBuf,
    pub profile: Option<String>,
    pub set: Vec<String>,
    /// SPDX identifier of the licence under which the bundle is handed out.
    pub license: Option<String>,
    pub authors: Vec<String>,
}

/// What stands in a bundle instead of a path of the machine that made it.
const ELSEWHERE: &str = "not-in-this-bundle";

/// Where the bytes of an entry come from.
enum Content {
    Bytes(Vec<u8>),
    /// Digest and size are known, and hold still when it is written.
    File(PathBuf),
}

/// The entries by path.
#[derive(Default)]
struct Parts {
    contents: BTreeMap<String, Content>,
    entries: BTreeMap<String, Entry>,
    listings: BTreeMap<Digest, Listing>,
}

impl Parts {
    fn bytes(&mut self, path: &str, bytes: Vec<u8>) {
        let (size, sha256) = (bytes.len() as u64, Digest::of_bytes(&bytes));
        self.entries.insert(path.to_owned(), Entry { path: path.to_owned(), size, sha256 });
        self.contents.insert(path.to_owned(), Content::Bytes(bytes));
    }

    fn file(&mut self, path: String, file: PathBuf, size: u64, sha256: Digest) {
        self.entries.insert(path.clone(), Entry { path: path.clone(), size, sha256 });
        self.contents.insert(path, Content::File(file));
    }

    fn object(&mut self, store: &Store, size: u64, sha256: Digest) {
        self.file(object_path(sha256), store.object(sha256), size, sha256);
    }

    /// The listing of a folder and its files.
    fn tree(&mut self, store: &Store, tree: Digest) -> Result<(), BundleError> {
        let listing = store.listing(tree)?;
        let path = store.object(tree);
        let size = path.metadata().map_err(BundleError::io("read", &path))?.len();
        self.object(store, size, tree);
        listing.files.iter().for_each(|file| self.object(store, file.size, file.sha256));
        self.listings.insert(tree, listing);
        Ok(())
    }

    fn entries(&self) -> Vec<Entry> {
        self.entries.values().cloned().collect()
    }
}

/// Packs what re-makes the results of a plan, all of which must be cached, into the file `target`.
pub fn create(plan: &Plan, store: &Store, request: &Request, target: &Path) -> Result<BundleManifest, BundleError> {
    let Choice { kept, mut warnings } = choose(plan, request.depth);
    if kept.is_empty() {
        return Err(BundleError::Nothing);
    }
    let records = records(plan, store, &kept)?;
    let mut parts = Parts::default();
    for (kept, record) in kept.iter().zip(&records) {
        artifacts(plan, store, kept, record, &mut parts)?;
    }
    let pipeline = spec(plan, request, &mut parts)?;
    warnings.extend(local_paths(plan, &parts));
    warnings.extend(variables(&records));
    let plan_bytes = plan_file::snapshot(plan);
    let digest = Digest::of_bytes(&plan_bytes);
    parts.bytes("plan.json", plan_bytes);
    let mut manifest = BundleManifest {
        format: FORMAT,
        runner: env!("CARGO_PKG_VERSION").to_owned(),
        depth: request.depth,
        title: plan.title.clone(),
        pipeline,
        profile: request.profile.clone(),
        set: request.set.iter().map(|set| without_paths(plan, set)).collect(),
        plan: digest,
        stages: kept.iter().zip(&records).map(|(kept, record)| stage(plan, kept, record)).collect(),
        warnings,
        bytes: 0,
        files: Vec::new(),
    };
    documents(plan, request, &manifest, &mut parts)?;
    let files = parts.entries();
    let story = ro_crate::Story {
        plan,
        kept: &kept,
        records: &records,
        listings: &parts.listings,
        manifest: &manifest,
        files: &files,
        license: request.license.as_deref(),
        authors: &request.authors,
    };
    let metadata = pretty(&ro_crate::document(&story))?;
    parts.bytes(ro_crate::FILE, metadata);
    manifest.files = parts.entries();
    manifest.bytes = manifest.files.iter().map(|file| file.size).sum();
    // What we would refuse to read, we don't write.
    let manifest_bytes = pretty(&manifest)?;
    BundleManifest::parse(&manifest_bytes)?;
    write(target, &manifest_bytes, &manifest, &parts.contents)?;
    Ok(manifest)
}

/// As they are packed: without the name of the machine and what the stage said, which may hold paths.
fn records(plan: &Plan, store: &Store, kept: &[Kept]) -> Result<Vec<Record>, BundleError> {
    let all = recompute::known(plan, store, &BTreeMap::new())?;
    let record = |kept: &Kept| {
        let node = || BundleError::NotRun { node: plan.nodes[kept.node].id.clone() };
        let mut record = all[kept.node].clone().ok_or_else(node)?;
        record.log_tail = Vec::new();
        record.machine = record.machine.split_once(", ").map_or(String::new(), |(_, rest)| rest.to_owned());
        Ok(record)
    };
    kept.iter().map(record).collect()
}

fn artifacts(plan: &Plan, store: &Store, kept: &Kept, record: &Record, parts: &mut Parts) -> Result<(), BundleError> {
    parts.bytes(&record_path(record.key), pretty(record)?);
    for port in &kept.packed {
        let Some(&tree) = record.outputs.get(port) else { continue };
        parts.tree(store, tree)?;
        let Some(folder) = plan.nodes[kept.node].publish.get(port) else { continue };
        // For people who look into the bundle by hand.
        for file in &store.listing(tree)?.files {
            let path = recorded_path(folder, &file.path);
            parts.file(path, store.object(file.sha256), file.size, file.sha256);
        }
    }
    Ok(())
}

fn recorded_path(folder: &Path, file: &str) -> String {
    let folder: Vec<_> = folder.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let parts = folder.iter().map(AsRef::as_ref).filter(|part| *part != ".");
    ["recorded"].into_iter().chain(parts).chain([file]).collect::<Vec<&str>>().join("/")
}

fn stage(plan: &Plan, kept: &Kept, record: &Record) -> BundledStage {
    let node = &plan.nodes[kept.node];
    let packed = kept.packed.iter().filter_map(|port| Some((port.clone(), *record.outputs.get(port)?))).collect();
    BundledStage { id: node.id.clone(), kind: node.stage.kind().to_owned(), role: kept.role, key: record.key, packed }
}

/// The pipeline and the catalogue; gives the pipeline's path in the bundle.
fn spec(plan: &Plan, request: &Request, parts: &mut Parts) -> Result<String, BundleError> {
    let name = request.pipeline.file_name().unwrap_or_default().to_string_lossy();
    let pipeline = format!("pipelines/{name}");
    parts.bytes(&pipeline, read(&request.pipeline)?);
    let folder = plan.root.join("experiments");
    let visible = |entry: &walkdir::DirEntry| !entry.file_name().as_encoded_bytes().starts_with(b".");
    for entry in WalkDir::new(&folder).follow_links(true).into_iter().filter_entry(visible) {
        let entry = match entry {
            Ok(entry) if entry.file_type().is_file() => entry,
            Ok(_) => continue,
            Err(_) if !folder.exists() => break,
            Err(error) => return Err(BundleError::io("read", &folder)(error.into())),
        };
        let relative = entry.path().strip_prefix(&plan.root).unwrap_or(entry.path());
        let names: Vec<_> = relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        parts.bytes(&names.join("/"), read(entry.path())?);
    }
    Ok(pipeline)
}

fn documents(plan: &Plan, request: &Request, manifest: &BundleManifest, parts: &mut Parts) -> Result<(), BundleError> {
    parts.bytes("README.md", readme::readme(manifest).into_bytes());
    let own = ["LICENSE", "LICENSE.txt", "LICENSE.md", "COPYING"].map(|name| plan.root.join(name));
    let license = match (&request.license, own.iter().find(|path| path.is_file())) {
        (Some(spdx), _) => format!("SPDX-License-Identifier: {spdx}\n").into_bytes(),
        (None, Some(path)) => read(path)?,
        (None, None) => readme::NO_LICENSE.as_bytes().to_vec(),
    };
    parts.bytes("LICENSE", license);
    Ok(())
}

/// `--set data_root=/home/me/acdc` names a place that no reviewer has, and that is nobody's business.
fn without_paths(plan: &Plan, set: &str) -> String {
    let Some((name, value)) = set.split_once('=') else { return set.to_owned() };
    let paths = source_paths(plan);
    if paths.iter().any(|path| path == value.trim().trim_matches(['"', '\''])) {
        return format!("{name}={ELSEWHERE}");
    }
    // Inside of a larger value only what can't be anything else.
    let absolute = paths.iter().filter(|path| Path::new(path).is_absolute());
    let value = absolute.fold(value.to_owned(), |value, path| value.replace(path.as_str(), ELSEWHERE));
    format!("{name}={value}")
}

/// Longest first, so that a path inside of another goes as a whole.
fn source_paths(plan: &Plan) -> Vec<String> {
    let paths = plan.nodes.iter().flat_map(|node| node.stage.sources(&node.params));
    let paths: BTreeSet<String> = paths.map(|source| source.path.to_string_lossy().into_owned()).collect();
    let mut paths: Vec<String> = paths.into_iter().filter(|path| path.len() > 1).collect();
    paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
    paths
}

/// Files of the user's are packed as they are: who wrote a path into one should know.
fn local_paths(plan: &Plan, parts: &Parts) -> Vec<String> {
    let paths: Vec<String> = source_paths(plan).into_iter().filter(|path| Path::new(path).is_absolute()).collect();
    let mut warnings = Vec::new();
    for (name, content) in &parts.contents {
        let Content::Bytes(bytes) = content else { continue };
        let text = String::from_utf8_lossy(bytes);
        if let Some(path) = paths.iter().find(|path| text.contains(path.as_str())) {
            warnings.push(format!("{name} names {path}, a place on this machine; a setting could name it instead"));
        }
    }
    warnings
}

/// The key of a stage that sees variables is made with their values, so that its record can't be without them.
fn variables(records: &[Record]) -> Option<String> {
    let names: BTreeSet<&str> =
        records.iter().flat_map(|record| record.manifest.environment.keys().map(String::as_str)).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let what = "the records hold the values of environment variables that stages saw";
    (!names.is_empty()).then(|| format!("{what} ({}): is any of them secret?", names.join(", ")))
}

fn write(
    target: &Path,
    manifest_bytes: &[u8],
    manifest: &BundleManifest,
    contents: &BTreeMap<String, Content>,
) -> Result<(), BundleError> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let partial = target.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let written = archive(&partial, manifest_bytes, manifest, contents)
        .and_then(|()| fs::rename(&partial, target).map_err(BundleError::io("write", target)));
    if written.is_err() {
        // Best effort: the first error is the one to tell.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Of zstd: fast, and windows that every reader accepts.
const LEVEL: i32 = 6;

fn archive(
    path: &Path,
    manifest_bytes: &[u8],
    manifest: &BundleManifest,
    contents: &BTreeMap<String, Content>,
) -> Result<(), BundleError> {
    let failed = |error| BundleError::io("write", path)(error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(BundleError::io("create", folder))?;
    }
    let file = File::create(path).map_err(failed)?;
    let mut encoder = zstd::stream::Encoder::new(file, LEVEL).map_err(failed)?;
    encoder.include_checksum(true).map_err(failed)?;
    let mut tar = tar::Builder::new(encoder);
    append(&mut tar, "manifest.json", manifest_bytes.len() as u64, manifest_bytes).map_err(failed)?;
    for entry in &manifest.files {
        match &contents[&entry.path] {
            Content::Bytes(bytes) => append(&mut tar, &entry.path, entry.size, bytes.as_slice()).map_err(failed)?,
            Content::File(file) => {
                // A corrupt object is found before it is handed out.
                if digest_file(file).map_err(BundleError::io("read", file))? != entry.sha256 {
                    return Err(EngineError::Lost { digest: entry.sha256 }.into());
                }
                let content = BufReader::new(File::open(file).map_err(BundleError::io("read", file))?);
                append(&mut tar, &entry.path, entry.size, content).map_err(failed)?;
            }
        }
    }
    let file = tar.into_inner().and_then(|encoder| encoder.finish()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

/// Nothing but name, size and bytes: no time, no owner.
fn append(tar: &mut tar::Builder<impl Write>, path: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, path, content)
}

fn read(path: &Path) -> Result<Vec<u8>, BundleError> {
    fs::read(path).map_err(BundleError::io("read", path))
}

fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>, BundleError> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from);
    Ok((text.map_err(BundleError::io("write", Path::new("the bundle")))? + "\n").into_bytes())
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Recomputed => "recomputed",
            Role::Recorded => "as recorded",
        }
    }
}
