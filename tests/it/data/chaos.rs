//! CHAOS as distributed: golden 13_io, and what can be wrong with it.

use crate::cli::copy;
use crate::golden::npy;
use runner::science::data::chaos::{self, Sequence};
use runner::science::data::{Cases, Volume};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chaos")
}

fn read(cases: &dyn Cases, index: usize) -> Volume {
    cases.read(index).unwrap().swap_remove(0)
}

#[test]
fn both_sequences_are_read_as_the_golden_cases_say() {
    let text = std::fs::read_to_string(root().join("expected/cases.json")).unwrap();
    let subjects = serde_json::from_str::<Value>(&text).unwrap()["subjects"].as_array().unwrap().clone();
    let sequences = [(Sequence::T1InPhase, "T1-in", "t1in"), (Sequence::T2, "T2", "t2")];
    let mut compared = 0;
    for (sequence, key, name) in sequences {
        let cases = chaos::open(&root(), sequence).unwrap();
        for (index, case) in cases.names().iter().enumerate() {
            let is_it = |subject: &&Value| *case == format!("subject{:02}", subject["subject"].as_u64().unwrap());
            let expected = &subjects.iter().find(is_it).expect("a golden subject")["sequences"][key];
            let volume = read(&*cases, index);
            let file = |which: &str| root().join(expected[which].as_str().unwrap());
            let (shape, labels) = npy::read_u8(&file("labels_npy"));
            assert_eq!([volume.mask.slices, volume.mask.height, volume.mask.width], shape[..], "{case}");
            assert_eq!(volume.mask.data, labels, "{case}");
            let (_, image) = npy::read_u16(&file("image_npy"));
            assert_eq!(volume.image.data, image.iter().map(|&x| f32::from(x)).collect::<Vec<_>>(), "{case}");
            let spacing = &expected["pixel_spacing_row_col"];
            let is_near = |i: usize| (volume.spacing[i] - spacing[i].as_f64().unwrap()).abs() < 1e-9;
            assert!(is_near(0) && is_near(1), "{:?} {spacing}", volume.spacing);
            assert_eq!((volume.name.as_str(), volume.scribble.is_some()), (name, false));
            compared += 1;
        }
    }
    assert_eq!(compared, 4);
}

/// Subject 1 in a folder of its own, to spoil. The T1 folder is handed over.
fn spoiled(spoil: impl Fn(&Path)) -> Result<Volume, String> {
    let scratch = tempfile::tempdir().unwrap();
    copy(&root().join("MR/1"), &scratch.path().join("1"));
    spoil(&scratch.path().join("1/T1DUAL"));
    let found = chaos::open(scratch.path(), Sequence::T1InPhase).unwrap().read(0);
    found
        .map(|mut volumes| volumes.swap_remove(0))
        .map_err(|e| e.to_string().replace(scratch.path().to_str().unwrap(), ""))
}

fn rename(folder: &Path, from: &str, to: &str) {
    for file in [format!("DICOM_anon/InPhase/{from}.dcm"), format!("Ground/{from}.png")] {
        std::fs::rename(folder.join(&file), folder.join(file.replace(from, to))).unwrap();
    }
}

/// The paper's data have subjects whose file names run against the patient's axis.
#[test]
fn slices_are_in_the_order_of_their_positions_not_of_their_names() {
    let as_named = spoiled(|_| ()).unwrap();
    let renamed = spoiled(|folder| {
        for (from, to) in [("00002", "x"), ("00008", "00002"), ("x", "00008")] {
            rename(folder, &format!("IMG-0004-{from}"), &format!("IMG-0004-{to}"));
        }
    });
    assert_eq!(renamed.unwrap(), as_named);
}

#[test]
fn faults_name_case_file_and_what_is_wrong() {
    let in_phase = "DICOM_anon/InPhase";
    let message = |spoil: &dyn Fn(&Path)| spoiled(spoil).unwrap_err();
    let missing = message(&|folder| std::fs::remove_file(folder.join("Ground/IMG-0004-00004.png")).unwrap());
    assert_eq!(
        missing,
        "case subject01, /1/T1DUAL/DICOM_anon/InPhase/IMG-0004-00004.dcm: there is no mask Ground/IMG-0004-00004.png for it"
    );
    let orphan = message(&|folder| std::fs::remove_file(folder.join(in_phase).join("IMG-0004-00004.dcm")).unwrap());
    assert_eq!(orphan, "case subject01, /1/T1DUAL/Ground/IMG-0004-00004.png: a mask without a DICOM file of its name");
    let cut = message(&|folder| {
        let path = folder.join(in_phase).join("IMG-0004-00006.dcm");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(path, &bytes[..bytes.len() - 40]).unwrap();
    });
    assert!(cut.starts_with("case subject01, /1/T1DUAL/DICOM_anon/InPhase/IMG-0004-00006.dcm: "), "{cut}");
    let twice = message(&|folder| {
        let path = folder.join(in_phase);
        std::fs::copy(path.join("IMG-0004-00006.dcm"), path.join("IMG-0004-00010.dcm")).unwrap();
        std::fs::copy(folder.join("Ground/IMG-0004-00006.png"), folder.join("Ground/IMG-0004-00010.png")).unwrap();
    });
    assert!(twice.ends_with("slices IMG-0004-00006 and IMG-0004-00010 lie at one place"), "{twice}");
    let code = message(&|folder| {
        super::write_png(&folder.join("Ground/IMG-0004-00006.png"), 20, 24, |i| if i < 3 { 90 } else { 0 })
    });
    assert!(
        code.contains("IMG-0004-00006.png: no class has code 90 (3 pixels); 0 is background, 55 to 70 liver"),
        "{code}"
    );
    let size = message(&|folder| super::write_png(&folder.join("Ground/IMG-0004-00006.png"), 24, 20, |_| 0));
    assert!(size.contains("size [1, 20, 24] (slices, rows, columns) differs from the image's [1, 24, 20]"), "{size}");
}

/// The other echo in the folder of the first: its series has no masks, and is left out.
#[test]
fn a_series_without_masks_is_left_out() {
    let alone = spoiled(|_| ()).unwrap();
    let mixed = spoiled(|folder| copy(&folder.join("DICOM_anon/OutPhase"), &folder.join("DICOM_anon/InPhase")));
    assert_eq!(mixed.unwrap(), alone);
}
