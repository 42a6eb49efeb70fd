//! The quick reader gives what the full one gives, or nothing.

use proptest::prelude::*;
use runner::spec::{Source, Tree, Value, parse_fully, read_quickly};

/// Values with every place that they were written at.
fn shown(tree: &Tree) -> String {
    format!("{tree:?} {:?}", spans(tree))
}

fn spans(tree: &Tree) -> Vec<(usize, usize)> {
    let mut all = vec![tree.mark.span()];
    match &tree.value {
        Value::List(items) => all.extend(items.iter().flat_map(spans)),
        Value::Map(entries) => {
            all.extend(entries.iter().flat_map(|(key, value)| [vec![key.mark.span()], spans(value)].concat()));
        }
        _ => {}
    }
    all
}

/// Whether the quick reader took it; then it agrees with the full one.
fn agrees(text: &str) -> bool {
    let source = Source::file("a.yaml", text);
    let Some(quick) = read_quickly(&source) else { return false };
    let full = parse_fully(&source, 0).unwrap_or_else(|error| panic!("{error}: quick read {quick:?}\n{text}"));
    assert_eq!(shown(&quick), shown(&full), "{text}");
    true
}

const PLAIN: &str = "# A comment\nstages:\n  l1_2:\n    stage: command\n\n    inputs: { a: l0_2, b: [l0_3, l0_4] }\n    \
    seed: 3\n    outputs: { out: text }\n    with: { run: 'cksum a b > outputs/out/out.txt', count: 17, e: [], f: \"x y\" }\n    \
    publish: { out: l1_2 }\n  other:\n     stage: split   \n     with:\n        run: sort -u inputs/a/x > outputs/y\ntitle: Two words\n";

#[test]
fn plain_pipelines_are_read() {
    assert!(agrees(PLAIN));
    assert!(agrees("a: b\n"));
    assert!(agrees("a:\n  b:\n    c: 1\nd: {}"));
}

#[test]
fn all_else_is_left_to_the_full_reader() {
    let others = [
        "a: &x 1\nb: *x\n",
        "a: |\n  text\n",
        "a: 1\na: 2\n",
        "- a\n",
        "a:\n- b\n",
        "a: b\n  c\n",
        "a: 0x10\n",
        "a: 1.5\n",
        "a: yes\n",
        "a: ~\n",
        "a: \"\\n\"\n",
        "a: 'it''s'\n",
        "a: b # c\n",
        "a: ü\n",
        "a:\tb\n",
        "a: {b: 1,}\n",
        "? a\n: b\n",
        "a: {\n b: 1 }\n",
        "---\na: b\n",
        "a: b: c\n",
        "a:\n",
        "a: !t b\n",
        "<<: a\n",
        "a: [b\n",
        "true: 1\n",
        "1: a\n",
        "  a: b\nc: d\n",
    ];
    for text in others {
        assert!(!agrees(text), "{text}");
    }
}

#[test]
fn the_projects_own_files_agree() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["pipelines", "experiments"] {
        for entry in walkdir::WalkDir::new(root.join(folder)).into_iter().filter_map(Result::ok) {
            if entry.path().extension().is_some_and(|extension| extension == "yaml") {
                agrees(&std::fs::read_to_string(entry.path()).unwrap());
            }
        }
    }
}

proptest! {
    /// A few bytes of a plain pipeline changed, cut out or doubled: read alike, or not at all.
    #[test]
    fn damaged_texts_agree(
        changes in prop::collection::vec((0..PLAIN.len(), "[a-z0-9:{}\\[\\],'\"#&*!|>? \n-]{0,3}", 0_usize..4), 1..4)
    ) {
        let mut text = PLAIN.to_owned();
        for (at, with, length) in changes {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &with);
        }
        agrees(&text);
    }
}
