//! Bundles by hand: taken apart, changed, and sealed again so that nothing else is wrong with them.

use runner::digest::Digest;
use runner::engine::bundle::BundleManifest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// The files of a bundle by path.
pub type Parts = BTreeMap<String, Vec<u8>>;

pub fn parts(bundle: &Path) -> Parts {
    entries(bundle).into_iter().collect()
}

/// Name and bytes of each entry.
pub fn entries(bundle: &Path) -> Vec<(String, Vec<u8>)> {
    let tar = zstd::stream::decode_all(fs::File::open(bundle).unwrap()).unwrap();
    let mut archive = tar::Archive::new(tar.as_slice());
    let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (String::from_utf8(entry.path_bytes().into_owned()).unwrap(), bytes)
    };
    archive.entries().unwrap().map(entry).collect()
}

/// An entry whose header says what it likes.
pub fn raw(name: &[u8], kind: u8, link: &str, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.as_old_mut().name[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    let mut block = header.as_bytes().to_vec();
    block.extend(bytes);
    block.resize(block.len().next_multiple_of(512), 0);
    block
}

pub fn plain(name: &str, bytes: &[u8]) -> Vec<u8> {
    raw(name.as_bytes(), b'0', "", bytes.len() as u64, bytes)
}

pub fn seal(target: &Path, blocks: &[Vec<u8>]) {
    let mut tar: Vec<u8> = blocks.concat();
    tar.extend([0; 1024]);
    fs::write(target, zstd::stream::encode_all(tar.as_slice(), 1).unwrap()).unwrap();
}

/// A bundle with other files, whose manifest agrees with them.
pub fn forged(target: &Path, files: &Parts, change: impl FnOnce(&mut BundleManifest)) {
    let mut manifest: BundleManifest = serde_json::from_slice(&files["manifest.json"]).unwrap();
    let listed = files.iter().filter(|(name, _)| *name != "manifest.json");
    let entry = |(name, bytes): (&String, &Vec<u8>)| runner::digest::Entry {
        path: name.clone(),
        size: bytes.len() as u64,
        sha256: Digest::of_bytes(bytes),
    };
    manifest.files = listed.clone().map(entry).collect();
    manifest.bytes = manifest.files.iter().map(|file| file.size).sum();
    change(&mut manifest);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut blocks = vec![plain("manifest.json", &manifest)];
    blocks.extend(listed.map(|(name, bytes)| plain(name, bytes)));
    seal(target, &blocks);
}

/// Makes the metadata tell of the files that there are, so that a lie isn't found by it.
pub fn recrate(parts: &mut Parts) {
    let mut document: Value = serde_json::from_slice(&parts["ro-crate-metadata.json"]).unwrap();
    let named = |name: &str| name != "manifest.json" && name != "ro-crate-metadata.json";
    let graph = document["@graph"].as_array_mut().unwrap();
    let is_file = |entity: &Value| entity["@type"] == "File" || entity["@type"][0] == "File";
    graph.retain(|entity| {
        !is_file(entity) || entity["@id"] == "manifest.json" || parts.contains_key(entity["@id"].as_str().unwrap())
    });
    for (name, bytes) in parts.iter().filter(|(name, _)| named(name)) {
        let known = graph.iter().position(|entity| entity["@id"] == **name);
        let place = known.unwrap_or_else(|| {
            graph.push(json!({"@id": name, "@type": "File"}));
            graph.len() - 1
        });
        graph[place]["sha256"] = Digest::of_bytes(bytes).to_string().into();
        graph[place]["contentSize"] = bytes.len().to_string().into();
    }
    let all: Vec<Value> = parts.keys().filter(|name| named(name)).map(|name| json!({"@id": name})).collect();
    for entity in graph.iter_mut().filter(|entity| entity["@type"] == "Collection") {
        if let Some(files) = entity["hasPart"].as_array_mut() {
            files.retain(|file| all.contains(file));
        }
    }
    graph.iter_mut().find(|entity| entity["@id"] == "./").unwrap()["hasPart"] = all.into();
    parts.insert("ro-crate-metadata.json".into(), serde_json::to_vec(&document).unwrap());
}

pub fn object(digest: Digest) -> String {
    let text = digest.to_string();
    format!("objects/{}/{}", &text[..2], &text[2..])
}

/// A bundle whose maker recorded something else than what came out, and made everything else agree with that.
pub fn lied(target: &Path, parts: &Parts, id: &str, port: &str, file: &str, change: impl Fn(&str) -> String) {
    let mut parts = parts.clone();
    let manifest: BundleManifest = serde_json::from_slice(&parts["manifest.json"]).unwrap();
    let stage = manifest.stages.iter().find(|stage| stage.id == id).unwrap().clone();
    let mut listing: Value = serde_json::from_slice(&parts.remove(&object(stage.packed[port])).unwrap()).unwrap();
    let entry = listing["files"].as_array_mut().unwrap().iter_mut().find(|entry| entry["path"] == file).unwrap();
    let was: Digest = entry["sha256"].as_str().unwrap().parse().unwrap();
    let text = change(std::str::from_utf8(&parts.remove(&object(was)).unwrap()).unwrap()).into_bytes();
    (entry["sha256"], entry["size"]) = (json!(Digest::of_bytes(&text)), text.len().into());
    parts.insert(object(Digest::of_bytes(&text)), text);
    let listing = listing.to_string().into_bytes();
    let tree = Digest::of_bytes(&listing);
    parts.insert(object(tree), listing);
    let record = format!("records/{}.json", stage.key);
    let mut value: Value = serde_json::from_slice(&parts[&record]).unwrap();
    value["outputs"][port] = json!(tree);
    parts.insert(record, serde_json::to_vec(&value).unwrap());
    recrate(&mut parts);
    forged(target, &parts, |manifest| {
        let stage = manifest.stages.iter_mut().find(|stage| stage.id == id).unwrap();
        stage.packed.insert(port.into(), tree);
    });
}
