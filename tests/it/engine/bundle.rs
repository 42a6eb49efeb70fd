use super::forge::{entries, forged, lied, parts, recrate};
use super::toys::{Project, TOY, runs};
use runner::contract::{ParameterError, Port, Source, Stage, StageContext, StageError};
use runner::digest::Digest;
use runner::engine::bundle::{
    BundleError, Depth, Limits, Replay, Request, Role, Unpacked, agreements, create, manifest, replay, unpack, verify,
};
use runner::engine::compare::{Agreement, Comparer, Verdict};
use runner::engine::{Options, SilentObserver, run};
use runner::plan::Plan;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// data → weights → predictions → scores → table, by position: words of the user's own count as one step nearer to
/// the results than what their stage reads.
pub fn study(name: &str) -> Project {
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

pub fn bundle(project: &Project, depth: Depth) -> PathBuf {
    let target = project.path(&format!("{depth}.tar.zst"));
    create(&project.plan, &project.store(), &request(project, depth), &target).unwrap();
    target
}

/// The plan as it stands in the unpacked folder.
pub fn moved(plan: &Plan, bundle: &Unpacked) -> Plan {
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

pub fn rerun(project: &Project, bundle: &Unpacked) -> (Replay, Vec<Verdict>) {
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
    fs::write(project.path("acdc"), "data").unwrap();
    let source = project.path("acdc").to_string_lossy().into_owned();
    project.set("data", "source", source.as_str());
    project.set("weights", "source", "acdc");
    project.run();
    let long = format!("experiments/{}.yaml", "long".repeat(30));
    fs::write(project.path(&long), "x: 1\n").unwrap();
    let mut request = request(&project, Depth::Weights);
    request.set =
        vec![format!("root={source}"), "root=acdc".into(), format!("x={{ a: '{source}' }}"), "x=acdc2".into()];
    let (one, two) = (project.path("one.tar.zst"), project.path("two.tar.zst"));
    for target in [&one, &two] {
        create(&project.plan, &project.store(), &request, target).unwrap();
    }
    assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap());
    let contents = verify(&one, &Limits::default()).unwrap();
    let place = "not-in-this-bundle";
    let set = [format!("root={place}"), format!("root={place}"), format!("x={{ a: '{place}' }}"), "x=acdc2".into()];
    assert_eq!(contents.manifest.set, set);
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
    Arc::make_mut(&mut plan.nodes.last_mut().unwrap().params)["source"] = "/etc/hostname".into();
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
        Arc::make_mut(&mut plan.nodes.last_mut().unwrap().params)["deep"] = json!({"files": [name]});
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
