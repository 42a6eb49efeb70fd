//! What is remembered of the store saves work, and is never believed against what stands there.

use super::toys::{Project, chain, files};
use runner::digest::{Digest, canonical_json};
use runner::plan::manifest::{Input, Manifest, SourceContent};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Ran and was looked at, long enough ago for its files to count as settled.
fn remembered() -> Project {
    let project = chain();
    project.run();
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(project.run().cached.len(), 3);
    project
}

/// Replaces bytes in place, so that neither size, inode nor `mtime` tell.
fn tamper(path: &Path, was: &str, is: &str) {
    let (text, time) = (fs::read_to_string(path).unwrap(), path.metadata().unwrap().modified().unwrap());
    assert!(text.contains(was) && was.len() == is.len());
    let mut permissions = path.metadata().unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs::set_permissions(path, permissions).unwrap();
    fs::write(path, text.replace(was, is)).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn the_next_run_knows_what_the_last_one_found() {
    let project = remembered();
    let store = project.store();
    let seconds: BTreeMap<String, f64> =
        store.last_took("toys").into_iter().map(|(id, took)| (id, took.seconds)).collect();
    assert_eq!(seconds.keys().map(String::as_str).collect::<Vec<_>>(), ["first", "last", "middle"]);
    let keys: Vec<Digest> = files(&project.path(".runner/actions")).iter().map(|path| key(path)).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| store.known(*key).is_some()));
    assert!(keys.iter().all(|key| project.store().paranoid(true).known(*key).is_none()));
}

fn key(record: &Path) -> Digest {
    let part = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    (part(record.parent().unwrap()) + &part(record)).parse().unwrap()
}

#[test]
fn a_tampered_record_is_found() {
    let project = remembered();
    for record in files(&project.path(".runner/actions")) {
        tamper(&record, "\"toy\"", "\"boy\"");
    }
    assert_eq!(project.run().ran.len(), 3);
}

#[test]
fn a_tampered_listing_is_found() {
    let project = remembered();
    let listings = files(&project.path(".runner/objects")).into_iter();
    let listings: Vec<_> =
        listings.filter(|path| fs::read_to_string(path).unwrap().starts_with("{\"files\"")).collect();
    assert_eq!(listings.len(), 3);
    listings.iter().for_each(|path| tamper(path, "text.txt", "next.txt"));
    assert_eq!(project.run().ran.len(), 3);
}

#[test]
fn deleted_records_and_objects_are_found() {
    for folder in [".runner/actions", ".runner/objects"] {
        let project = remembered();
        fs::remove_dir_all(project.path(folder)).unwrap();
        assert_eq!(project.run().ran.len(), 3, "{folder}");
    }
}

#[test]
fn it_may_be_thrown_away_or_be_rubbish() {
    let project = remembered();
    for path in files(&project.path(".runner/recent")) {
        fs::write(path, "{\"sha256\":\"rubbish").unwrap();
    }
    assert_eq!(project.run().cached.len(), 3);
    fs::remove_dir_all(project.path(".runner/recent")).unwrap();
    assert_eq!(project.run().cached.len(), 3);
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
}

#[test]
fn an_edited_provenance_is_put_right() {
    let project = remembered();
    let path = project.path("results/provenance.json");
    let (text, time) = (fs::read_to_string(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
    project.run();
    assert_eq!(path.metadata().unwrap().modified().unwrap(), time);
    tamper(&path, "middle", "muddle");
    project.run();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::remove_file(&path).unwrap();
    project.run();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn manifests_are_written_as_their_canonical_json() {
    let odd = ["plain", "quo\"te", "back\\slash", "line\nbreak", "\u{1}", "ü→", "", "\u{7f}\u{2028}"];
    for text in odd {
        let digest = Digest::of_bytes(text.as_bytes());
        let coordinates = [(text.to_owned(), text.to_owned()), ("b".to_owned(), "c".to_owned())].into();
        let manifest = Manifest {
            kind: text.to_owned(),
            revision: 7,
            params: serde_json::json!({text: [1, -2.5, 1e300, null, true, text], "a": {"z": {}, "b": []}}).into(),
            inputs: vec![Input { port: text.to_owned(), coordinates, digest }],
            sources: vec![SourceContent { parameter: text.to_owned(), digest }],
            seed: (text.len() > 1).then_some(u64::MAX),
            numerics: (text.len() > 2).then(|| text.to_owned()),
            environment: [(text.to_owned(), Some(text.to_owned())), ("UNSET".to_owned(), None)].into(),
        };
        assert_eq!(manifest.canonical(), canonical_json(&serde_json::to_value(&manifest).unwrap()));
    }
}
