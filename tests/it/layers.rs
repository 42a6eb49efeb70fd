//! Holds the import table of `src/lib.rs` against the code: imports point one way only.

use std::path::{Path, PathBuf};

/// Layer → the layers it may name.
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("digest", &[]),
    ("spec", &["digest"]),
    ("contract", &["digest"]),
    ("plan", &["digest", "spec", "contract"]),
    ("engine", &["digest", "contract", "plan"]),
    ("science", &[]),
    ("report", &["science"]),
    ("stage", &["digest", "contract", "science", "report"]),
    ("cli", &["digest", "spec", "contract", "plan", "engine", "report", "stage"]),
];

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    entries.map(|entry| entry.into_path()).filter(|path| path.extension().is_some_and(|e| e == "rs")).collect()
}

/// Every `crate::layer` in code, comments left out.
fn named_layers(text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .flat_map(|(number, line)| {
            line.split("crate::").skip(1).map(move |rest| {
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                (number + 1, name)
            })
        })
        .collect()
}

#[test]
fn imports_follow_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (layer, allowed) in MAY_IMPORT {
        let files = rust_files(&source.join(layer));
        assert!(!files.is_empty(), "no file in src/{layer}");
        for path in files {
            for (line, name) in named_layers(&std::fs::read_to_string(&path).unwrap()) {
                let known = MAY_IMPORT.iter().any(|(known, _)| *known == name);
                if known && name != layer && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{}:{line}: {layer} may not import {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_an_import() {
    let text = "use crate::plan::Node;\n// crate::cli in a comment\nlet x = crate::spec::load();\n";
    assert_eq!(named_layers(text), [(1, "plan".to_owned()), (3, "spec".to_owned())]);
}
