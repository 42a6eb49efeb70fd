use super::toys::{Project, chain, files, object, overwrite};
use runner::digest::Digest;
use runner::engine::cache::{Part, Repair, Verification};
use serde_json::json;
use std::path::{Path, PathBuf};

fn verify(project: &Project) -> Verification {
    project.store().verify(&|_, _| {}).unwrap()
}

fn repair(project: &Project) -> Repair {
    let store = project.store();
    store.repair(&store.verify(&|_, _| {}).unwrap()).unwrap()
}

/// Changes one bit in the middle of a file, whose mode stays.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let mode = path.metadata().unwrap().permissions();
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, mode).unwrap();
}

fn sound_again(project: &Project) {
    assert!(verify(project).is_sound(), "{:?}", verify(project));
    let summary = project.run();
    assert!(summary.succeeded(), "{summary:?}");
    assert_eq!(project.result("text/text.txt"), "3 a(2 a(1))");
    assert!(verify(project).is_sound());
    assert!(project.run().ran.is_empty());
}

#[test]
fn a_sound_store_is_said_to_be_sound_and_not_written_to() {
    let project = chain();
    project.run();
    let before: Vec<_> = files(&project.path(".runner"));
    let found = verify(&project);
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.objects, found.records, found.trees), (6, 3, 2));
    assert_eq!(files(&project.path(".runner")), before);
}

#[test]
fn a_flipped_bit_in_an_object_is_found_and_its_stage_runs_again() {
    let project = chain();
    project.run();
    flip(&object(&project, "2 a(1)"));
    let found = verify(&project);
    assert!(found.damages.iter().any(|damage| damage.part == Part::Object), "{found:?}");
    assert_eq!(found.broken.len(), 1, "{found:?}");
    assert_eq!(found.broken[0].stage, "middle of toys");
    let repair = repair(&project);
    assert_eq!(repair.run_again, ["middle of toys"]);
    assert_eq!(files(&project.path(".runner/corrupt")).len(), 1);
    sound_again(&project);
}

#[test]
fn a_flipped_bit_in_a_linked_object_is_found_in_its_tree_too() {
    let project = chain();
    project.run();
    // Written through its other name: both are one file.
    let tree = files(&project.path(".runner/trees")).remove(0);
    std::fs::set_permissions(&tree, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let mut bytes = std::fs::read(&tree).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&tree, bytes).unwrap();
    let parts: Vec<Part> = verify(&project).damages.iter().map(|damage| damage.part).collect();
    assert_eq!(parts, [Part::Object, Part::Tree]);
    repair(&project);
    sound_again(&project);
}

fn listing(project: &Project, text: &str) -> PathBuf {
    let is = |path: &PathBuf| {
        std::fs::read_to_string(path).is_ok_and(|listing| {
            listing.starts_with("{\"files\"") && listing.contains(&Digest::of_bytes(text.as_bytes()).to_string())
        })
    };
    files(&project.path(".runner/objects")).into_iter().find(is).unwrap()
}

#[test]
fn a_flipped_bit_in_each_other_kind_of_file_is_found_and_mended() {
    type Pick = Box<dyn Fn(&Project) -> PathBuf>;
    let first =
        |folder: &'static str| -> Pick { Box::new(move |project: &Project| files(&project.path(folder)).remove(0)) };
    let cases: [(Pick, Part); 6] = [
        (Box::new(|project| listing(project, "1")), Part::Object),
        (first(".runner/actions"), Part::Record),
        (first(".runner/trees"), Part::Tree),
        (first(".runner/latest"), Part::LatestFile),
        (Box::new(|project| project.path(".runner/memo.json")), Part::Memo),
        (first(".runner/published"), Part::Published),
    ];
    for (pick, part) in cases {
        let mut project = chain();
        std::fs::write(project.path("source"), "").unwrap();
        let source = project.path("source").to_string_lossy().into_owned();
        project.set("first", "source", source);
        // What changed this very second isn't remembered.
        std::thread::sleep(std::time::Duration::from_millis(if part == Part::Memo { 2100 } else { 0 }));
        project.run();
        let path = pick(&project);
        match part {
            // A digit of a digest, and a brace.
            Part::Memo => {
                let text = std::fs::read_to_string(&path).unwrap();
                let at = text.find("sha256").unwrap() + 9;
                let digit = if &text[at..=at] == "0" { "1" } else { "0" };
                overwrite(&path, &format!("{}{digit}{}", &text[..at], &text[at + 1..]));
            }
            Part::Published => overwrite(&path, &std::fs::read_to_string(&path).unwrap().replacen('{', ";", 1)),
            _ => flip(&path),
        }
        let found = verify(&project);
        assert!(found.damages.iter().any(|damage| damage.part == part), "{part:?}: {found:?}");
        repair(&project);
        sound_again(&project);
    }
}

#[test]
fn what_is_missing_is_said_and_made_again() {
    let project = chain();
    project.run();
    std::fs::remove_file(object(&project, "1")).unwrap();
    std::fs::remove_file(listing(&project, "3 a(2 a(1))")).unwrap();
    let found = verify(&project);
    let mut lost: Vec<_> = found.broken.iter().map(|broken| broken.stage.as_str()).collect();
    lost.sort_unstable();
    assert_eq!(lost, ["first of toys", "last of toys"]);
    assert_eq!(repair(&project).run_again, ["first of toys", "last of toys"]);
    sound_again(&project);
}

#[test]
fn a_listing_that_names_files_outside_of_its_folder_is_refused() {
    let project = chain();
    project.run();
    // Whoever can write to the store can write such a listing with the right digest, and a record of it.
    let file = json!({"path": "../evil", "size": 1, "sha256": Digest::of_bytes(b"1").to_string()});
    let text = runner::digest::canonical_json(&json!({"files": [file]}));
    let digest = Digest::of_bytes(text.as_bytes());
    std::fs::create_dir_all(project.store().object(digest).parent().unwrap()).unwrap();
    std::fs::write(project.store().object(digest), text).unwrap();
    let record = files(&project.path(".runner/actions")).remove(0);
    let mut value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    value["outputs"]["out"] = digest.to_string().into();
    std::fs::write(&record, value.to_string()).unwrap();
    let found = verify(&project);
    assert!(found.damages.iter().any(|damage| damage.what.contains("would leave its folder")), "{found:?}");
    repair(&project);
    sound_again(&project);
}

#[test]
fn the_meter_ends_at_all_bytes() {
    let project = chain();
    project.run();
    let most = std::sync::atomic::AtomicU64::new(0);
    let found = project
        .store()
        .verify(&|done, total| {
            assert!(done <= total);
            most.fetch_max(done, std::sync::atomic::Ordering::Relaxed);
        })
        .unwrap();
    assert_eq!(most.into_inner(), found.bytes);
    assert!(found.bytes > 0);
}
