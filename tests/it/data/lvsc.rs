//! LVSC as distributed. Its owners give no sample, so that a subject is put together from CHAOS's DICOM files (24 x 20
//! pixels) and masks drawn here.

use runner::science::data::lvsc::{LvscParameters, NamedPhases, Phases, Unannotated};
use runner::science::data::{UNLABELLED, Volume};
use std::path::Path;

const SUBJECT: &str = "DET0000101";

/// A square ring of myocardium around a cavity of `inner` x `inner` pixels, 24 x 20 pixels; 0: no ring.
fn ring(inner: usize) -> impl Fn(usize) -> u8 {
    move |i: usize| {
        let (row, column) = ((i / 20) as isize - 4, (i % 20) as isize - 4);
        let within = |at: isize, side: isize| (0..side).contains(&at);
        let side = inner as isize;
        let outside = within(row + 1, side + 2) && within(column + 1, side + 2);
        if inner > 0 && outside && !(within(row, side) && within(column, side)) { 255 } else { 0 }
    }
}

fn dicom(folder: &Path, slice: u32, phase: u32, extension: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chaos/MR/1/T2SPIR/DICOM_anon");
    let name = format!("{SUBJECT}_SA{slice}_ph{phase}.{extension}");
    std::fs::copy(from.join("IMG-0030-00001.dcm"), folder.join(name)).unwrap();
}

fn mask(folder: &Path, slice: u32, phase: u32, inner: usize) {
    super::write_png(&folder.join(format!("{SUBJECT}_SA{slice}_ph{phase}.png")), 20, 24, ring(inner));
}

/// Three slices, of which the third has masks at no phase, and phases 0 to 3 with cavities of 6, 8, 3 and 5 pixels' side.
fn subject() -> (tempfile::TempDir, std::path::PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("CAP_challenge_training_set").join(SUBJECT);
    std::fs::create_dir_all(&folder).unwrap();
    for (phase, inner) in [(0, 6), (1, 8), (2, 3), (3, 5)] {
        for slice in 1..=3 {
            dicom(&folder, slice, phase, if slice == 2 { "DCM" } else { "dcm" });
        }
        mask(&folder, 1, phase, inner);
        mask(&folder, 2, phase, 0);
    }
    std::fs::copy(folder.join(format!("{SUBJECT}_SA1_ph0.dcm")), folder.join(format!("{SUBJECT}_LA1_ph0.dcm")))
        .unwrap();
    (scratch, folder)
}

fn read(parameters: &LvscParameters) -> Result<Vec<Volume>, String> {
    parameters.open().unwrap().read(0).map_err(|e| e.to_string())
}

fn named(volumes: &[Volume]) -> Vec<(&str, usize)> {
    volumes.iter().map(|volume| (volume.name.as_str(), volume.image.slices)).collect()
}

#[test]
fn end_diastole_and_end_systole_have_the_largest_and_the_smallest_cavity() {
    let (scratch, _) = subject();
    let parameters = LvscParameters::at(scratch.path());
    assert_eq!(parameters.open().unwrap().names(), [SUBJECT]);
    let volumes = read(&parameters).unwrap();
    assert_eq!(named(&volumes), [("ph01", 2), ("ph02", 2)]);
    // The ring around 8 x 8 pixels has 10 * 10 - 8 * 8; the second slice has no myocardium, and says so.
    let pixels = |volume: &Volume, slice| volume.mask.slice(slice).iter().filter(|&&x| x == 1).count();
    assert_eq!([0, 1].map(|slice| pixels(&volumes[0], slice)), [36, 0]);
    assert_eq!([0, 1].map(|slice| pixels(&volumes[1], slice)), [16, 0]);
    assert!(!volumes[0].mask.data.contains(&UNLABELLED));
}

#[test]
fn the_layout_is_told() {
    let (scratch, _) = subject();
    assert_eq!(super::layouts_of(scratch.path()), ["lvsc"]);
    assert_eq!(super::layouts_of(&scratch.path().join("CAP_challenge_training_set")), ["lvsc"]);
}

#[test]
fn phases_and_unannotated_slices_are_options() {
    let (scratch, _) = subject();
    let parameters = LvscParameters::at(scratch.path());
    let all = LvscParameters { phases: Phases::Named(NamedPhases::Annotated), ..parameters.clone() };
    assert_eq!(named(&read(&all).unwrap()), [("ph00", 2), ("ph01", 2), ("ph02", 2), ("ph03", 2)]);
    let third: LvscParameters =
        serde_json::from_value(serde_json::json!({ "root": scratch.path(), "phases": [3], "unannotated": "keep" }))
            .unwrap();
    let volumes = read(&third).unwrap();
    assert_eq!(named(&volumes), [("ph03", 3)]);
    assert!(volumes[0].mask.slice(2).iter().all(|&x| x == UNLABELLED));
    let ninth = LvscParameters { phases: Phases::Numbers([9].into()), unannotated: Unannotated::Drop, ..parameters };
    assert!(read(&ninth).unwrap_err().ends_with("it has no phase 9"));
    let wrong = serde_json::json!({ "root": "x", "phases": "es" });
    let error = serde_json::from_value::<LvscParameters>(wrong).unwrap_err().to_string();
    assert!(error.contains("`ed_es`"), "{error}");
}

#[test]
fn a_mask_of_another_size_is_brought_to_its_images() {
    let (scratch, folder) = subject();
    // Twice as large: each pixel four times.
    let large = |i: usize| ring(8)(i / 40 / 2 * 20 + i % 40 / 2);
    super::write_png(&folder.join(format!("{SUBJECT}_SA1_ph1.png")), 40, 48, large);
    let volumes = read(&LvscParameters::at(scratch.path())).unwrap();
    let expected: Vec<u8> = (0..480).map(|i| u8::from(ring(8)(i) > 0)).collect();
    assert_eq!(volumes[0].mask.slice(0), expected);
}

#[test]
fn slices_of_another_spacing_make_a_volume_of_their_own() {
    let (scratch, folder) = subject();
    let from =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chaos/MR/3/T2SPIR/DICOM_anon/IMG-0032-00001.dcm");
    std::fs::copy(from, folder.join(format!("{SUBJECT}_SA2_ph1.DCM"))).unwrap();
    let volumes = read(&LvscParameters::at(scratch.path())).unwrap();
    assert_eq!(named(&volumes), [("ph01", 1), ("ph01_2", 1), ("ph02", 2)]);
    assert_ne!(volumes[0].spacing, volumes[1].spacing);
}

#[test]
fn what_is_missing_or_cannot_be_told_is_said() {
    let (scratch, folder) = subject();
    std::fs::remove_file(folder.join(format!("{SUBJECT}_SA1_ph1.dcm"))).unwrap();
    let error = read(&LvscParameters::at(scratch.path())).unwrap_err();
    assert!(error.ends_with("DET0000101_SA1_ph1.png: a mask without a DICOM file of its name"), "{error}");
    for phase in 0..4 {
        mask(&folder, 1, phase, 0);
    }
    let error = read(&LvscParameters::at(scratch.path())).unwrap_err();
    assert!(error.contains("name the phases"), "{error}");
    for (phase, slice) in (0..4).flat_map(|phase| [1, 2].map(|slice| (phase, slice))) {
        std::fs::remove_file(folder.join(format!("{SUBJECT}_SA{slice}_ph{phase}.png"))).unwrap();
    }
    let error = read(&LvscParameters::at(scratch.path())).unwrap_err();
    assert!(error.contains("no short-axis slice has a mask"), "{error}");
}
