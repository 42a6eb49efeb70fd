//! Whatever stands in a pipeline's YAML, it is planned or refused, and the quick reader agrees with the full one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runner::spec::{Request, Source, load, parse_fully, read_quickly};
use std::cell::OnceCell;

thread_local! {
    static FOLDER: OnceCell<tempfile::TempDir> = const { OnceCell::new() };
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Source::file("study.yaml", text);
    if let Some(quick) = read_quickly(&source) {
        let full = parse_fully(&source, 0).expect("what is read quickly is YAML");
        assert_eq!(format!("{quick:?}"), format!("{full:?}"));
    }
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        let pipeline = folder.path().join("study.yaml");
        std::fs::write(&pipeline, text).expect("the temporary folder can be written");
        if let Ok(experiment) = load(&Request { pipeline, ..Request::default() }) {
            drop(runner::plan::resolve(&experiment, runner::stage::ALL));
        }
    });
});
