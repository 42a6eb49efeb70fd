use super::toys::{Project, chain, files, runs};
use runner::contract::{ParameterError, Port, SilentProgress, Stage, StageContext, StageError};
use runner::engine::compare::{Verdict, folders, verdict};
use runner::engine::recompute::{Again, known, recompute};
use runner::engine::{By, Compared};
use runner::report::compare::{Likeness, files as compare};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Writes its count to a table: `value` differs by 1e-9 each time, `count` by 1.
struct Counter;

impl Stage for Counter {
    fn kind(&self) -> &'static str {
        "counter"
    }
    fn summary(&self) -> &'static str {
        "is not deterministic"
    }
    fn revision(&self) -> u32 {
        1
    }
    fn inputs(&self) -> &'static [Port] {
        &[]
    }
    fn outputs(&self) -> &'static [Port] {
        const { &[Port::one("out", "text")] }
    }
    fn canonical(&self, with: &Value) -> Result<Value, ParameterError> {
        Ok(with.clone())
    }
    fn run(&self, context: &StageContext) -> Result<(), StageError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::SeqCst);
        let value = match context.params["varies"].as_str() {
            Some("a little") => 0.75 + 1e-9 * f64::from(count),
            _ => f64::from(count),
        };
        let path = context.output("out")?.join("table.csv");
        std::fs::write(path, format!("case,value\np1,{value}\n")).map_err(StageError::failed)
    }
}

struct Numbers;

impl runner::engine::compare::Comparer for Numbers {
    fn compare(&self, name: &str, was: &Path, is: &Path) -> runner::engine::compare::Agreement {
        use runner::engine::compare::Agreement;
        match compare(name, was, is, 1e-6) {
            Likeness::Same { numbers } => Agreement::Identical { numbers },
            Likeness::Close { numbers, largest } => Agreement::Within { numbers, largest },
            Likeness::Apart { numbers, what } => Agreement::Differs { numbers, what },
            Likeness::Unlike => Agreement::Incomparable,
        }
    }
}

fn again() -> Again {
    Again { executable: None, threads: 1, progress: Arc::new(SilentProgress), cancel: Arc::default() }
}

/// Runs a node again and compares; nothing in the store may change.
fn check(project: &Project, index: usize) -> Verdict {
    let store = project.store();
    let records = known(&project.plan, &store, &BTreeMap::new()).unwrap();
    let record = records[index].clone().unwrap();
    let objects = || [files(&project.path(".runner/objects")), files(&project.path(".runner/actions"))].concat();
    let before: Vec<_> = objects().iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    let outputs = recompute(&project.plan, &store, index, &record, &again()).unwrap();
    let (all, digests) = folders(&store, &record.outputs, &outputs.folders, &Numbers).unwrap();
    drop(outputs);
    let after: Vec<_> = objects().iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    assert!(before == after, "the store changed");
    assert_eq!(known(&project.plan, &store, &BTreeMap::new()).unwrap(), records);
    assert_eq!(verdict(&all, false) == Verdict::Identical, digests == record.outputs);
    verdict(&all, false)
}

#[test]
fn stages_that_are_deterministic_and_not() {
    static COUNTER: Counter = Counter;
    let mut project = chain().node("little", json!({"varies": "a little"}), &[]).node("much", json!({}), &[]);
    project.at("little").stage = &COUNTER;
    project.at("much").stage = &COUNTER;
    project.set("last", "count", "verify last");
    project.run();
    assert_eq!(check(&project, 2), Verdict::Identical);
    assert_eq!(runs("verify last"), 2, "it ran again");
    assert_eq!(check(&project, 3), Verdict::WithinTolerance);
    assert_eq!(check(&project, 4), Verdict::Divergent);
    // Nothing temporary stays.
    assert!(!files(&project.path(".runner/tmp")).iter().any(|path| path.ends_with("table.csv")));
}

#[test]
fn what_is_not_cached_is_not_known() {
    let mut project = chain();
    project.run();
    project.set("middle", "text", "other");
    let records = known(&project.plan, &project.store(), &BTreeMap::new()).unwrap();
    assert_eq!(records.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn the_ledger_keeps_every_sighting_and_passes_over_a_torn_line() {
    let project = chain();
    project.run();
    let store = project.store();
    let records = known(&project.plan, &store, &BTreeMap::new()).unwrap();
    let record = records[0].clone().unwrap();
    let before = store.seen(record.key).unwrap().len();
    store.note_outputs(record.key, &record.outputs, By::Run, None).unwrap();
    let ledger = files(&project.path(".runner/ledger"));
    let mut torn = std::fs::read(&ledger[0]).unwrap();
    torn.extend(b"{\"key\": \"ab");
    std::fs::write(&ledger[0], torn).unwrap();
    let path = ledger.iter().find(|path| path.ends_with(format!("{}.jsonl", &record.key.to_string()[..2]))).unwrap();
    assert!(path.is_file());
    store.note_outputs(record.key, &BTreeMap::new(), By::Verify, Some(Compared::Divergent)).unwrap();
    let seen = store.seen(record.key).unwrap();
    assert_eq!(seen.len(), before + 2);
    assert_eq!(seen[before].outputs, record.outputs);
    assert_eq!(seen[before + 1].compared, Some(Compared::Divergent));
    assert!(!seen[before].machine.is_empty() && seen[before].runner == env!("CARGO_PKG_VERSION"));
}

#[test]
fn numbers_are_compared_cell_by_cell() {
    let folder = tempfile::tempdir().unwrap();
    let two = |name: &str, was: &str, is: &str| {
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&a, was).unwrap();
        std::fs::write(&b, is).unwrap();
        compare(name, &a, &b, 1e-3)
    };
    let csv = "case,dice\n\"p,1\",0.5\np2,100\n";
    assert_eq!(two("t.csv", csv, csv), Likeness::Same { numbers: 2 });
    let Likeness::Close { numbers: 2, largest } = two("t.csv", csv, "case,dice\n\"p,1\",0.5\np2,100.01\n") else {
        panic!("close");
    };
    assert!((largest - 0.01 / 100.01).abs() < 1e-9, "{largest}");
    let apart = |likeness: Likeness| match likeness {
        Likeness::Apart { what, .. } => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(apart(two("t.csv", csv, "case,dice\n\"p,1\",0.6\np2,100\n")), "row 2, dice: 0.5 → 0.6");
    assert_eq!(apart(two("t.csv", csv, "case,dice\np3,0.5\np2,100\n")), "row 2, case: `p,1` → `p3`");
    assert_eq!(apart(two("t.csv", csv, "case,dice\n")), "2 values, where there were 6");
    assert_eq!(apart(two("t.json", "{\"a\":{\"b\":[1,2]}}", "{\"a\":{\"b\":[1,3]}}")), "a.b.1: 2 → 3");
    assert!(matches!(two("t.json", "{\"a\":1}", "{\"a\":1.0000001}"), Likeness::Close { .. }));
    assert_eq!(apart(two("t.json", "{\"a\":1}", "{\"b\":1}")), "b where there was a");
    assert!(matches!(two("t.md", "| Ours | 81.2 ± 3 |", "| Ours | 81.2001 ± 3 |"), Likeness::Close { numbers: 2, .. }));
    assert_eq!(apart(two("t.tex", "1 & 2", "1 & 3")), "line 1: 2 → 3");
    assert_eq!(apart(two("t.md", "-1", "1")), "1 values, where there were 2");
    assert_eq!(two("t.png", "a", "b"), Likeness::Unlike);
    assert_eq!(two("t.png", "a", "a"), Likeness::Same { numbers: 0 });
}

#[test]
fn parquet_is_compared_by_value() {
    use runner::report::scores::{Score, write};
    let folder = tempfile::tempdir().unwrap();
    let scores = |name: &str, value: Option<f64>| {
        let score = |case: &str, value| Score {
            coordinates: BTreeMap::new(),
            case: case.into(),
            volume: String::new(),
            class: "all".into(),
            metric: "dice".into(),
            value,
        };
        write(&folder.path().join(name), &[score("p1", Some(0.25)), score("p2", value)]).unwrap();
        folder.path().join(name).join("scores.parquet")
    };
    let was = scores("was", Some(0.5));
    let with = |value| compare("scores.parquet", &was, &scores("is", value), 1e-6);
    assert_eq!(with(Some(0.5)), Likeness::Same { numbers: 2 });
    assert!(matches!(with(Some(0.500_000_1)), Likeness::Close { numbers: 2, .. }));
    assert!(matches!(with(Some(0.6)), Likeness::Apart { what, .. } if what == "value, row 2: 0.5 → 0.6"));
    assert!(matches!(with(None), Likeness::Apart { .. }));
}

#[test]
fn tensors_are_compared_by_value() {
    use safetensors::{Dtype, serialize, tensor::TensorView};
    let folder = tempfile::tempdir().unwrap();
    let with = |is: &[f32], name: &str| {
        let file = |path: &str, values: &[f32], name: &str| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let view = TensorView::new(Dtype::F32, vec![values.len()], &bytes).unwrap();
            std::fs::write(folder.path().join(path), serialize([(name, view)], None).unwrap()).unwrap();
            folder.path().join(path)
        };
        compare("w.safetensors", &file("was", &[1.0, 200.0], "w"), &file("is", is, name), 1e-3)
    };
    assert_eq!(with(&[1.0, 200.0], "w"), Likeness::Same { numbers: 0 });
    assert_eq!(with(&[1.0, 200.125], "w"), Likeness::Close { numbers: 2, largest: 0.125 / 200.125 });
    let apart = |what: &str| Likeness::Apart { numbers: 2, what: what.into() };
    assert_eq!(with(&[1.5, 200.0], "w"), apart("tensor `w`, value 1: 1 → 1.5"));
    assert_eq!(with(&[1.0], "w"), apart("tensor `w`: other type or shape"));
    assert_eq!(with(&[1.0, 200.0], "v"), apart("tensor `v` was not there before"));
    assert!(matches!(with(&[f32::NAN, 200.0], "w"), Likeness::Apart { .. }));
}
