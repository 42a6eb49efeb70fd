//! Walks every golden case in the folder named by `RUNNER_GOLDEN`, else `tests/fixtures/golden`.

mod aag;
mod clr;
mod crf;
mod dice;
mod hausdorff;
mod lsgan;
pub mod npy;
mod preproc;
mod random_walk;
mod skeleton;
mod spectral_norm;
mod tensors;
mod wilcoxon;
mod wpce;

use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    std::env::var_os("RUNNER_GOLDEN")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden"), PathBuf::from)
}

/// Folder of one section, e.g. `01_dice`.
pub fn section(name: &str) -> PathBuf {
    root().join(name)
}

/// `cases.json` of a section.
pub fn cases(section_name: &str) -> Value {
    let path = section(section_name).join("cases.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All cases of one group of a section: a list, or a single one that stands by itself.
pub struct Walk {
    what: String,
    cases: Vec<Value>,
}

impl Walk {
    pub fn of(section_name: &str, group: &str) -> Walk {
        let what = format!("golden {section_name} {group}");
        let cases = match cases(section_name)[group].take() {
            Value::Array(cases) => cases,
            single @ Value::Object(_) => vec![single],
            other => panic!("{what}: no cases but {other}"),
        };
        assert!(!cases.is_empty(), "{what}: no cases");
        Walk { what, cases }
    }

    /// Shows `check` every case with its id, and counts. `check` panics on a kind of case that it doesn't know.
    pub fn each(self, mut check: impl FnMut(&str, &Value)) {
        for (index, case) in self.cases.iter().enumerate() {
            let id = case["id"].as_str().map_or_else(|| format!("#{index}"), str::to_owned);
            check(&id, case);
        }
        println!("{}: {} cases", self.what, self.cases.len());
    }
}

/// Whether a value of `cases.json` is a group of cases, not a note.
fn is_group(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(Value::is_object) && !items.is_empty(),
        other => other.is_object(),
    }
}

/// The text of all tests.
fn tests(folder: &Path) -> Vec<String> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    files.map(|file| std::fs::read_to_string(file.path()).unwrap()).collect()
}

/// A new section or group in the golden folder is not passed over: some test names it.
#[test]
fn every_group_of_every_section_has_a_walker() {
    let tests = tests(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    let mut groups = 0;
    for entry in std::fs::read_dir(root()).unwrap().map(Result::unwrap) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().join("cases.json").exists() {
            continue;
        }
        for (group, _) in cases(&name).as_object().unwrap().iter().filter(|(_, value)| is_group(value)) {
            let [section_name, group_name] = [&name, group].map(|text| format!("\"{text}\""));
            let walked = tests.iter().any(|test| test.contains(&section_name) && test.contains(&group_name));
            assert!(walked, "no test walks {group_name} of {section_name}");
            groups += 1;
        }
    }
    println!("golden: {groups} groups");
    assert!(groups >= 25, "only {groups} groups in {}", root().display());
}
