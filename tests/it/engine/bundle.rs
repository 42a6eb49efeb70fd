use super::toys::{Project, TOY, files, runs};
use runner::contract::{ParameterError, Port, Source, Stage, StageContext, StageError};
use runner::digest::Digest;
use runner::engine::bundle::{
    BundleError, BundleManifest, Depth, Limits, Replay, Request, Role, Unpacked, agreements, create, manifest, replay,
    unpack, verify,
};
use runner::engine::compare::{Agreement, Comparer, Verdict};
use runner::engine::{Options, SilentObserver, run};
use runner::plan::Plan;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// data → weights → predictions → scores → table, by position: words of the user's own count as one step nearer to
/// the results than what their stage reads.
fn study(name: &str) -> Project {
    let count = |node: &str| json!({"text": node, "count": format!("{name} {node}")});
    let project = Project::new()
        .node("data", count("data"), &[])
        .node("weights", count("weights"), &[("a", 0)])
        .node("predictions", count("predictions"), &[("a", 1)])
        .node("scores", count("scores"), &[("a", 2)])
        .node("table", count("table"), &[("a", 3)])
        .publish("table", "tables");
    for (path, text) in [("pipelines/toys.yaml", "stages: {}\n"), ("experiments/training.yaml", "epochs: 3\n")] {
        fs::create_dir_all(project.path(path).parent().unwrap()).unwrap();
        fs::write(project.path(path), text).unwrap();
    }
    assert!(project.run().succeeded());
    project
}

fn request(project: &Project, depth: Depth) -> Request {
    let pipeline = project.path("pipelines/toys.yaml");
    Request { depth, pipeline, profile: None, set: vec![], license: Some("CC-BY-4.0".into()), authors: vec![] }
}

fn bundle(project: &Project, depth: Depth) -> PathBuf {
    let target = project.path(&format!("{depth}.tar.zst"));
    create(&project.plan, &project.store(), &request(project, depth), &target).unwrap();
    target
}

/// The plan as it stands in the unpacked folder.
fn moved(plan: &Plan, bundle: &Unpacked) -> Plan {
    Plan { root: bundle.folder.clone(), ..plan.clone() }
}

struct Bytes;

impl Comparer for Bytes {
    fn compare(&self, _: &str, recorded: &Path, again: &Path) -> Agreement {
        if fs::read(recorded).unwrap() == fs::read(again).unwrap() {
            Agreement::Identical { numbers: 0 }
        } else {
            Agreement::Incomparable
        }
    }
}

fn rerun(project: &Project, bundle: &Unpacked) -> (Replay, Vec<Verdict>) {
    let replay = replay(bundle, &moved(&project.plan, bundle), false).unwrap();
    let store = bundle.store();
    let options = Options { pinned: replay.pinned.clone(), jobs: 2, ..Options::default() };
    assert!(run(&replay.plan, &store, &options, &SilentObserver).unwrap().succeeded());
    let verdicts = agreements(bundle, &replay, &store, &Bytes).unwrap();
    (replay, verdicts.into_iter().map(|stage| stage.verdict).collect())
}

#[test]
fn each_depth_packs_what_it_needs_and_recomputes_the_rest() {
    let project = study("depths");
    let cases = [
        (Depth::Figures, vec!["table"], vec![]),
        (Depth::Scores, vec!["scores"], vec!["table"]),
        (Depth::Predictions, vec!["predictions"], vec!["scores", "table"]),
        (Depth::Weights, vec!["weights"], vec!["predictions", "scores", "table"]),
    ];
    for (depth, recorded, recomputed) in cases {
        let file = bundle(&project, depth);
        let unpacked = unpack(&file, &project.path(&format!("at {depth}")), &Limits::default()).unwrap();
        let manifest = &unpacked.contents.manifest;
        let of = |role: Role| -> Vec<&str> {
            manifest.stages.iter().filter(|stage| stage.role == role).map(|stage| stage.id.as_str()).collect()
        };
        assert_eq!((of(Role::Recorded), of(Role::Recomputed)), (recorded, recomputed.clone()), "{depth}");
        let before: Vec<u32> = ["data", "weights", "table"].map(|node| runs(&format!("depths {node}"))).to_vec();
        let (_, verdicts) = rerun(&project, &unpacked);
        assert_eq!(verdicts, vec![Verdict::Identical; recomputed.len()], "{depth}");
        assert_eq!(before[..2], ["data", "weights"].map(|node| runs(&format!("depths {node}"))), "{depth}");
        assert_eq!(runs("depths table") - before[2], u32::from(depth > Depth::Figures), "{depth}");
        let table = fs::read_to_string(unpacked.folder.join("results/tables/text.txt")).unwrap();
        assert_eq!(table, project.result("tables/text.txt"), "{depth}");
        assert_eq!(table, fs::read_to_string(unpacked.folder.join("recorded/tables/text.txt")).unwrap());
    }
}

#[test]
fn a_bundle_has_the_same_bytes_each_time_and_tells_nothing_of_the_machine() {
    let mut project = study("bytes");
    fs::write(project.path("secret.txt"), "data").unwrap();
    let source = project.path("secret.txt").to_string_lossy().into_owned();
    project.set("data", "source", source.as_str());
    project.run();
    let long = format!("experiments/{}.yaml", "long".repeat(30));
    fs::write(project.path(&long), "x: 1\n").unwrap();
    let mut request = request(&project, Depth::Weights);
    request.set = vec![format!("data_root={source}")];
    let (one, two) = (project.path("one.tar.zst"), project.path("two.tar.zst"));
    for target in [&one, &two] {
        create(&project.plan, &project.store(), &request, target).unwrap();
    }
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    let contents = verify(&one, &Limits::default()).unwrap();
    assert_eq!(contents.manifest.set, ["data_root=not-in-this-bundle"]);
    assert!(contents.manifest.files.iter().any(|file| file.path == long), "a name with an entry of its own");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    for (name, bytes) in entries(&one) {
        let text = String::from_utf8_lossy(&bytes);
        let folder = project.path("").to_string_lossy().into_owned();
        assert!(!text.contains(&folder), "{name} holds a path");
        assert!(host.trim().is_empty() || !text.contains(host.trim()), "{name} holds the host's name");
    }
    // Read twice into one folder: it is the same bundle, and stays.
    let folder = project.path("unpacked");
    unpack(&one, &folder, &Limits::default()).unwrap();
    unpack(&two, &folder, &Limits::default()).unwrap();
    let other = bundle(&project, Depth::Scores);
    assert!(matches!(unpack(&other, &folder, &Limits::default()), Err(BundleError::NotEmpty { .. })));
    fs::write(folder.join("README.md"), "another").unwrap();
    assert!(matches!(unpack(&one, &folder, &Limits::default()), Err(BundleError::Digest { .. })));
}

#[test]
fn what_is_not_cached_is_not_packed() {
    let mut project = study("stale");
    project.set("weights", "text", "other");
    let target = project.path("no.tar.zst");
    let error = create(&project.plan, &project.store(), &request(&project, Depth::Scores), &target).unwrap_err();
    assert!(error.to_string().contains("is not cached"), "{error}");
    assert!(!target.exists());
}

#[test]
fn a_stage_that_gives_something_else_is_found() {
    static BAD: Wrong = Wrong;
    let mut project = study("wrong");
    project.at("table").stage = &BAD;
    project.run();
    let unpacked = unpack(&bundle(&project, Depth::Scores), &project.path("there"), &Limits::default()).unwrap();
    assert_eq!(rerun(&project, &unpacked).1, [Verdict::Divergent]);
}

/// Writes another number each time.
struct Wrong;

impl Stage for Wrong {
    fn kind(&self) -> &'static str {
        "wrong"
    }
    fn summary(&self) -> &'static str {
        "counts how often it ran"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [Port] {
        TOY.inputs()
    }
    fn outputs(&self) -> &'static [Port] {
        TOY.outputs()
    }
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        Ok(with.clone())
    }
    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        fs::write(context.output("out")?.join("text.txt"), count.to_string()).map_err(StageError::failed)
    }
}

/// A stage of kind `command`, which may read a source.
struct Program;

impl Stage for Program {
    fn kind(&self) -> &'static str {
        "command"
    }
    fn summary(&self) -> &'static str {
        "runs a program"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [Port] {
        TOY.inputs()
    }
    fn outputs(&self) -> &'static [Port] {
        TOY.outputs()
    }
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        Ok(with.clone())
    }
    fn sources(&self, canonical: &Value) -> Vec<Source> {
        TOY.sources(canonical)
    }
    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        TOY.run(context)
    }
}

#[test]
fn commands_run_only_when_allowed_and_sources_are_never_read() {
    static PROGRAM: Program = Program;
    let mut project = study("command");
    project.at("table").stage = &PROGRAM;
    project.run();
    let unpacked = unpack(&bundle(&project, Depth::Scores), &project.path("there"), &Limits::default()).unwrap();
    let mut plan = moved(&project.plan, &unpacked);
    let refused = replay(&unpacked, &plan, false).err().unwrap();
    assert!(matches!(refused, BundleError::Command { .. }), "{refused}");
    assert!(replay(&unpacked, &plan, true).is_ok());
    plan.nodes.last_mut().unwrap().params["source"] = "/etc/hostname".into();
    let refused = replay(&unpacked, &plan, true).err().unwrap();
    assert!(matches!(refused, BundleError::Source { .. }), "{refused}");
    // A pipeline whose root turns out to be elsewhere would publish there.
    let refused = replay(&unpacked, &project.plan, true).err().unwrap();
    assert!(matches!(refused, BundleError::Outside { .. }), "{refused}");
    // A stage that reads a source is never recomputed: it comes as it was recorded.
    fs::write(project.path("script.py"), "print()").unwrap();
    let script = project.path("script.py").to_string_lossy().into_owned();
    project.set("table", "source", script.as_str());
    project.run();
    let roles = manifest(&bundle(&project, Depth::Scores)).unwrap().stages;
    assert_eq!(roles.iter().map(|stage| stage.role).collect::<Vec<_>>(), [Role::Recorded]);
}

// Bundles by hand.

/// The files of a bundle by path.
pub type Parts = BTreeMap<String, Vec<u8>>;

pub fn parts(bundle: &Path) -> Parts {
    entries(bundle).into_iter().collect()
}

/// Name and bytes of each entry.
fn entries(bundle: &Path) -> Vec<(String, Vec<u8>)> {
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
fn raw(name: &[u8], kind: u8, link: &str, size: u64, bytes: &[u8]) -> Vec<u8> {
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

fn plain(name: &str, bytes: &[u8]) -> Vec<u8> {
    raw(name.as_bytes(), b'0', "", bytes.len() as u64, bytes)
}

fn seal(target: &Path, blocks: &[Vec<u8>]) {
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

#[test]
fn a_bundle_without_settings_does_not_take_those_of_the_project_around_it() {
    let project = study("around");
    let mut parts = parts(&bundle(&project, Depth::Scores));
    parts.retain(|name, _| !name.starts_with("experiments/"));
    recrate(&mut parts);
    let target = project.path("bare.tar.zst");
    forged(&target, &parts, |_| {});
    // `experiments/` of the project around it must not be found by who looks for it upwards.
    let unpacked = unpack(&target, &project.path("inside"), &Limits::default()).unwrap();
    assert!(unpacked.folder.join("experiments").is_dir());
    assert_eq!(rerun(&project, &unpacked).1, [Verdict::Identical]);
}

#[test]
fn a_record_that_is_not_what_comes_out_is_found() {
    let project = study("liar");
    let target = project.path("lied.tar.zst");
    let honest = parts(&bundle(&project, Depth::Scores));
    lied(&target, &honest, "table", "out", "text.txt", |text| text.replace("table", "better table"));
    let unpacked = unpack(&target, &project.path("liar"), &Limits::default()).unwrap();
    assert_eq!(rerun(&project, &unpacked).1, [Verdict::Divergent]);
    // From other scores comes another table: the lie is in what the table was made from.
    lied(&target, &honest, "scores", "out", "text.txt", |text| text.replace("scores", "better scores"));
    let unpacked = unpack(&target, &project.path("liar too"), &Limits::default()).unwrap();
    assert_eq!(rerun(&project, &unpacked).1, [Verdict::Divergent]);
}

#[test]
fn names_that_lead_away_are_refused_before_anything_runs() {
    let project = study("away");
    let unpacked = unpack(&bundle(&project, Depth::Scores), &project.path("there"), &Limits::default()).unwrap();
    let with = |name: &str| {
        let mut plan = moved(&project.plan, &unpacked);
        plan.nodes.last_mut().unwrap().params["deep"] = json!({"files": [name]});
        replay(&unpacked, &plan, false).err().map(|error| error.to_string())
    };
    for name in ["../x", "a/../../x", "/etc/x", "..\\x", "C:\\x", "\\\\host\\x", "a\0b"] {
        assert!(with(name).is_some_and(|error| error.contains("lead out of the folder")), "{name}");
    }
    for name in ["Dice / HD95", "A: ours", "...", "1..2", "~", "tables/x"] {
        assert_eq!(with(name), None, "{name}");
    }
    let mut plan = moved(&project.plan, &unpacked);
    plan.nodes.last_mut().unwrap().coordinates.insert("fraction".into(), "../../x".into());
    assert!(replay(&unpacked, &plan, false).is_err());
}

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

#[test]
fn the_metadata_is_a_provenance_run_crate() {
    let project = study("crate");
    let parts = parts(&bundle(&project, Depth::Predictions));
    let document: Value = serde_json::from_slice(&parts["ro-crate-metadata.json"]).unwrap();
    let graph = document["@graph"].as_array().unwrap();
    let ids: BTreeMap<&str, &Value> = graph.iter().map(|entity| (entity["@id"].as_str().unwrap(), entity)).collect();
    assert_eq!(ids.len(), graph.len(), "each @id once");
    fn references<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
        match value {
            Value::Object(map) if map.len() == 1 && map.contains_key("@id") => all.extend(map["@id"].as_str()),
            Value::Object(map) => map.values().for_each(|value| references(value, all)),
            Value::Array(items) => items.iter().for_each(|value| references(value, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    references(&document["@graph"], &mut all);
    let open: Vec<&&str> = all
        .iter()
        .filter(|id| {
            !ids.contains_key(**id) && !id.starts_with("http://schema.org/") && **id != "https://w3id.org/ro/crate/1.1"
        })
        .collect();
    assert!(open.is_empty(), "{open:?}");
    let root = ids["./"];
    assert_eq!(root["license"]["@id"], "https://spdx.org/licenses/CC-BY-4.0");
    assert_eq!(root["author"], Value::Null, "nobody is named unasked");
    let kinds = |kind: &str| -> Vec<&Value> {
        let is = |entity: &&Value| {
            entity["@type"] == kind || entity["@type"].as_array().is_some_and(|k| k.contains(&kind.into()))
        };
        graph.iter().filter(is).collect()
    };
    // The run and each kept stage; orchestration of each stage; all files with their digests.
    assert_eq!(kinds("CreateAction").len(), 1 + 3);
    assert_eq!(kinds("ControlAction").len(), 3);
    assert_eq!(kinds("OrganizeAction").len(), 1);
    assert_eq!(kinds("HowToStep").len(), 5);
    for action in kinds("CreateAction") {
        assert!(ids.contains_key(action["instrument"]["@id"].as_str().unwrap()));
        assert!(!action["result"].as_array().unwrap().is_empty());
    }
    for (name, bytes) in
        parts.iter().filter(|(name, _)| !["manifest.json", "ro-crate-metadata.json"].contains(&name.as_str()))
    {
        assert_eq!(ids[name.as_str()]["sha256"], Digest::of_bytes(bytes).to_string(), "{name}");
    }
}
