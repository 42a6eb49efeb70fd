//! Walks every golden case in the folder named by `RUNNER_GOLDEN`, else `tests/fixtures/golden`.

mod aag;
mod clr;
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

use std::path::PathBuf;

/// Folder of one section, e.g. `01_dice`.
pub fn section(name: &str) -> PathBuf {
    let root = std::env::var_os("RUNNER_GOLDEN")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden"), PathBuf::from);
    root.join(name)
}

/// `cases.json` of a section.
pub fn cases(section_name: &str) -> serde_json::Value {
    let path = section(section_name).join("cases.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
