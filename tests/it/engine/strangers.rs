//! What bundles of strangers try.

use super::bundle::{bundle, study};
use super::forge::{entries, forged, parts, plain, raw, seal};
use super::toys::{Project, files};
use runner::digest::Digest;
use runner::engine::bundle::{BundleError, BundleManifest, Depth, Limits, unpack, verify};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;

/// It is refused by `verify` and by `unpack`, and nothing of it is left anywhere.
fn refused(project: &Project, file: &Path, why: &str) {
    let before = files(project.folder.path()).len();
    let found = verify(file, &Limits::default()).map(|_| ()).unwrap_err().to_string();
    assert!(found.contains(why), "{why}: {found}");
    let found = unpack(file, &project.path("victim/deep"), &Limits::default()).map(|_| ()).unwrap_err().to_string();
    assert!(found.contains(why), "{why}: {found}");
    assert!(!project.path("victim/deep").exists(), "{why}");
    assert_eq!(files(project.folder.path()).len(), before, "{why} left something");
}

#[test]
fn a_flipped_byte_in_any_part_is_found() {
    let project = study("flips");
    let file = bundle(&project, Depth::Weights);
    let whole = entries(&file);
    let forged = project.path("forged.tar.zst");
    for place in 1..whole.len() {
        let blocks: Vec<Vec<u8>> = whole
            .iter()
            .enumerate()
            .map(|(index, (name, bytes))| {
                let mut bytes = bytes.clone();
                let middle = bytes.len() / 2;
                if index == place {
                    bytes[middle] ^= 1;
                }
                plain(name, &bytes)
            })
            .collect();
        seal(&forged, &blocks);
        refused(&project, &forged, "is not what the bundle's manifest says");
    }
    // In the packed file itself.
    let packed = fs::read(&file).unwrap();
    for at in (0..packed.len()).step_by(packed.len() / 40) {
        let mut bytes = packed.clone();
        bytes[at] ^= 0x10;
        fs::write(&forged, &bytes).unwrap();
        assert!(verify(&forged, &Limits::default()).is_err(), "byte {at} of {}", packed.len());
    }
    for cut in [0, 10, packed.len() / 2, packed.len() - 1] {
        fs::write(&forged, &packed[..cut]).unwrap();
        assert!(verify(&forged, &Limits::default()).is_err(), "cut at {cut}");
    }
}

/// Whatever becomes of the bytes, reading ends with an answer, and what is let in is what was declared.
#[test]
fn random_damage_never_gets_through() {
    let project = study("damage");
    let honest = bundle(&project, Depth::Scores);
    let contents = verify(&honest, &Limits::default()).unwrap();
    let tar = zstd::stream::decode_all(fs::File::open(&honest).unwrap()).unwrap();
    let target = project.path("damaged.tar.zst");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..150 {
        let mut damaged = tar.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = (state >> 33) as usize % damaged.len();
            damaged[place] = (state >> 25) as u8;
        }
        fs::write(&target, zstd::stream::encode_all(damaged.as_slice(), 1).unwrap()).unwrap();
        // What no one reads, such as the padding after a file, may have changed.
        if let Ok(found) = verify(&target, &Limits::default()) {
            assert_eq!(found.manifest, contents.manifest);
        }
    }
}

#[test]
fn a_consistent_lie_is_found_where_it_contradicts_itself() {
    let project = study("lies");
    let parts = parts(&bundle(&project, Depth::Scores));
    let lie = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut parts = parts.clone();
        let path = parts.keys().find(|path| path.starts_with(name)).unwrap().clone();
        let mut value: Value = serde_json::from_slice(&parts[&path]).unwrap();
        change(&mut value);
        parts.insert(path, serde_json::to_vec(&value).unwrap());
        let target = project.path("lie.tar.zst");
        forged(&target, &parts, |_| {});
        target
    };
    let target = project.path("lie.tar.zst");
    forged(&target, &parts, |manifest| manifest.stages[0].id = "\u{1b}[2Jtable".into());
    refused(&project, &target, "is no name of a stage");
    refused(&project, &lie("records/", &|record| record["manifest"]["seed"] = 7.into()), "its key is not the digest");
    refused(
        &project,
        &lie("records/", &|record| record["outputs"]["out"] = json!("0".repeat(64))),
        "not the manifest's",
    );
    refused(&project, &lie("plan.json", &|plan| plan["title"] = "Other".into()), "not the plan");
    let graph = |crate_: &mut Value, id: &str, property: &str, value: Value| {
        let all = crate_["@graph"].as_array_mut().unwrap();
        all.iter_mut().find(|entity| entity["@id"] == id).unwrap()[property] = value;
    };
    let metadata = "ro-crate-metadata.json";
    refused(&project, &lie(metadata, &|c| graph(c, "README.md", "sha256", "0".into())), "described otherwise");
    refused(&project, &lie(metadata, &|c| graph(c, "./", "license", Value::Null)), "no `license`");
    refused(
        &project,
        &lie(metadata, &|c| graph(c, "#run", "instrument", json!({"@id": "#x"}))),
        "which is not described",
    );
    // An object that nothing needs is no part of a bundle.
    let mut more = parts.clone();
    let digest = Digest::of_bytes(b"more").to_string();
    more.insert(format!("objects/{}/{}", &digest[..2], &digest[2..]), b"more".to_vec());
    let target = project.path("lie.tar.zst");
    forged(&target, &more, |_| {});
    refused(&project, &target, "no stage of the bundle refers to it");
}

#[test]
fn a_listing_cannot_lead_out_of_its_folder() {
    let project = study("listing");
    let parts = parts(&bundle(&project, Depth::Scores));
    let original: BundleManifest = serde_json::from_slice(&parts["manifest.json"]).unwrap();
    let scores = &original.stages[0];
    let place = |digest: &Digest| {
        let text = digest.to_string();
        format!("objects/{}/{}", &text[..2], &text[2..])
    };
    for path in ["../../../../escaped", "/tmp/escaped", "a/../../b", "a\\..\\b", "", "./a"] {
        let mut parts = parts.clone();
        let mut listing: Value = serde_json::from_slice(&parts.remove(&place(&scores.packed["out"])).unwrap()).unwrap();
        listing["files"][0]["path"] = path.into();
        let listing = listing.to_string().into_bytes();
        let tree = Digest::of_bytes(&listing);
        parts.insert(place(&tree), listing);
        let record = format!("records/{}.json", scores.key);
        let mut value: Value = serde_json::from_slice(&parts[&record]).unwrap();
        value["outputs"]["out"] = json!(tree);
        parts.insert(record, serde_json::to_vec(&value).unwrap());
        let target = project.path("listing.tar.zst");
        forged(&target, &parts, |manifest| {
            manifest.stages[0].packed.insert("out".into(), tree);
        });
        refused(&project, &target, "it lists");
    }
}

#[test]
fn no_name_leads_out_of_the_folder() {
    let project = study("names");
    let parts = parts(&bundle(&project, Depth::Scores));
    let names = [
        ("../evil", "`.` or `..`"),
        ("experiments/../../evil", "`.` or `..`"),
        ("/etc/evil", "absolute"),
        ("experiments//evil", "absolute, or has an empty part"),
        ("experiments\\evil", "backslash"),
        (".runner/memo.json", "hidden"),
        ("experiments/.git/hooks", "hidden"),
        ("evil.sh", "no such file"),
        ("results/table.md", "no such file"),
        ("experiments/Training.yaml", "in case only"),
        ("EXPERIMENTS/x.yaml", "no such file"),
        ("experiments/nul.yaml", "device"),
        ("experiments/x.", "dot or a space"),
        ("experiments/a:b", "not every system"),
        ("experiments/training.yaml/x", "a file and a folder"),
        ("experiments/\u{1}", "not every system"),
    ];
    for (name, why) in names {
        let mut parts = parts.clone();
        parts.insert(name.to_owned(), b"evil".to_vec());
        let target = project.path("names.tar.zst");
        forged(&target, &parts, |_| {});
        refused(&project, &target, why);
    }
    let target = project.path("names.tar.zst");
    forged(&target, &parts, |manifest| manifest.files.push(manifest.files[0].clone()));
    refused(&project, &target, "not sorted, or occur twice");
}

#[test]
fn nothing_but_the_declared_plain_files_is_taken() {
    let project = study("entries");
    let whole = entries(&bundle(&project, Depth::Scores));
    let honest: Vec<Vec<u8>> = whole.iter().map(|(name, bytes)| plain(name, bytes)).collect();
    let target = project.path("entries.tar.zst");
    seal(&target, &honest);
    verify(&target, &Limits::default()).unwrap();
    let last = whole.len() - 1;
    let (name, bytes) = &whole[last];
    let size = bytes.len() as u64;
    let kinds: [(u8, &str); 10] = [
        (b'1', "Link"),
        (b'2', "Symlink"),
        (b'3', "Char"),
        (b'4', "Block"),
        (b'5', "Directory"),
        (b'6', "Fifo"),
        (b'S', "GNUSparse"),
        (b'x', "XHeader"),
        (b'g', "XGlobalHeader"),
        (b'K', "GNULongLink"),
    ];
    let with = |block: Vec<u8>| {
        let mut blocks = honest.clone();
        blocks[last] = block;
        seal(&target, &blocks);
    };
    for (kind, word) in kinds {
        with(raw(name.as_bytes(), kind, "/etc/passwd", size, bytes));
        refused(&project, &target, word);
    }
    with(raw(name.as_bytes(), b'0', "/etc/passwd", size, bytes));
    refused(&project, &target, "of type Regular");
    for other in ["../evil", "/etc/evil", "README.MD"] {
        with(plain(other, bytes));
        refused(&project, &target, "should be `");
    }
    with(raw(b"ro-crate-\xff\xfe.json", b'0', "", size, bytes));
    refused(&project, &target, "should be `");
    // A name in an entry of its own leads nowhere else, and can't be huge.
    with([raw(b"././@LongLink", b'L', "", 8, b"../evil\0"), plain(name, bytes)].concat());
    refused(&project, &target, "should be `");
    with([raw(b"././@LongLink", b'L', "", 1 << 20, &vec![b'a'; 1 << 20]), plain(name, bytes)].concat());
    refused(&project, &target, "a name of 1048576 bytes");
    // One more, one fewer, in another order, twice, or something behind the end.
    seal(&target, &[honest.clone(), vec![plain("README.md", b"again")]].concat());
    refused(&project, &target, "one more entry");
    seal(&target, &honest[..last]);
    refused(&project, &target, "is the end");
    let mut order = honest.clone();
    order.swap(1, 2);
    seal(&target, &order);
    refused(&project, &target, "should be `");
    seal(&target, &honest[1..]);
    refused(&project, &target, "should be `manifest.json`");
    let mut file = fs::File::options().append(true).open(bundle(&project, Depth::Scores)).unwrap();
    file.write_all(&zstd::stream::encode_all(&b"hidden"[..], 1).unwrap()).unwrap();
    refused(&project, &project.path("scores.tar.zst"), "something follows");
}

#[test]
fn a_bundle_cannot_fill_the_disk_or_the_memory() {
    let project = study("sizes");
    let parts = parts(&bundle(&project, Depth::Scores));
    let target = project.path("sizes.tar.zst");
    // Declared honestly: refused before anything is written.
    let declare = |size: u64| {
        forged(&target, &parts, |manifest| {
            manifest.bytes += size - manifest.files[0].size;
            manifest.files[0].size = size;
        });
    };
    declare(21 << 30);
    refused(&project, &target, "--max-size");
    declare(1 << 62);
    let unlimited = Limits { bytes: u64::MAX };
    let error = unpack(&target, &project.path("victim/deep"), &unlimited).unwrap_err();
    assert!(matches!(error, BundleError::NoSpace { .. }), "{error}");
    // Declared as small: not a byte more is taken.
    forged(&target, &parts, |manifest| manifest.bytes = 1);
    refused(&project, &target, "don't add up");
    let mut bomb = parts.clone();
    bomb.insert("LICENSE".into(), vec![0; 64 << 20]);
    forged(&target, &bomb, |manifest| {
        manifest.bytes -= manifest.files[0].size - 10;
        manifest.files[0].size = 10;
    });
    assert!(target.metadata().unwrap().len() < 1 << 20, "64 MiB of zeros are small when packed");
    refused(&project, &target, "67108864 bytes, not 10");
    // A manifest that never ends.
    seal(&target, &[raw(b"manifest.json", b'0', "", 65 << 20, &vec![b' '; 65 << 20])]);
    refused(&project, &target, "more than 67108864");
    // A window that would take the decoder 128 MiB.
    let mut encoder = zstd::stream::Encoder::new(fs::File::create(&target).unwrap(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&plain("manifest.json", b"{}")).unwrap();
    encoder.write_all(&vec![0; 1 << 20]).unwrap();
    encoder.finish().unwrap();
    assert!(verify(&target, &Limits::default()).is_err());
    // Not this format.
    forged(&target, &parts, |manifest| manifest.format = 2);
    refused(&project, &target, "use a newer runner");
    fs::write(&target, "no archive").unwrap();
    assert!(verify(&target, &Limits::default()).is_err());
}
