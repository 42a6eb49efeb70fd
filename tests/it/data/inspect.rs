//! `runner data inspect`, the real binary on small data sets.

use crate::cli::copy;
use std::path::Path;
use std::process::{Command, Output};

/// In `tests/fixtures`, so that no path of a machine is in what is printed.
fn inspect(arguments: &[&str]) -> Output {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut process = Command::new(env!("CARGO_BIN_EXE_runner"));
    process.current_dir(fixtures).env("NO_COLOR", "1").args(["data", "inspect"]).args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn each_layout_is_told_and_described() {
    for (folder, snapshot) in [("acdc", "acdc"), ("chaos", "chaos"), ("ppss", "ppss")] {
        let output = inspect(&[folder]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        insta::assert_snapshot!(snapshot, stdout(&output));
    }
}

#[test]
fn all_faults_are_listed_and_the_command_ends_with_2() {
    let scratch = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acdc"), scratch.path());
    let broken = |name: &str| std::fs::write(scratch.path().join(name), "").unwrap();
    broken("patient001/patient001_frame01.nii.gz");
    broken("patient001/patient001_frame12_gt.nii.gz");
    broken("patient005/Info.cfg");
    let sheet = scratch.path().join("sheet.png");
    let root = scratch.path().to_str().unwrap();
    let output = inspect(&[root, "--sheet", sheet.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no volume can be read"));
    insta::assert_snapshot!("faults", stdout(&output).replace(root, "FOLDER"));
}

#[test]
fn programs_get_json_and_people_a_contact_sheet() {
    let scratch = tempfile::tempdir().unwrap();
    let sheet = scratch.path().join("sheet.png");
    let output = inspect(&["ppss", "--as", "ppss", "--cases", "2", "--json", "--sheet", sheet.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&json["listed_cases"], &json["cases"], &json["kind"]), (&6.into(), &2.into(), &"ppss".into()));
    assert_eq!(json["sizes"][0], serde_json::json!({ "rows": 160, "columns": 80, "volumes": 2 }));
    // Golden 13_io: 200 of 12800 pixels are hair in both images.
    assert!((json["classes"][1]["mask_percent"].as_f64().unwrap() - 100.0 * 200.0 / 12800.0).abs() < 1e-12);
    let png = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(sheet).unwrap())).read_info().unwrap();
    assert!(png.info().width > 300 && png.info().height > 300);
}

#[test]
fn what_is_no_data_set_is_said_with_what_would_be() {
    let output = inspect(&["golden"]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("known data set") && error.contains("T1DUAL") && error.contains("kind: folder"), "{error}");
    let error = String::from_utf8_lossy(&inspect(&["acdc", "--as", "adcd"]).stderr).into_owned();
    assert!(error.contains("there is no data set `adcd`") && error.contains("did you mean `acdc`?"), "{error}");
    let error = String::from_utf8_lossy(&inspect(&["acdc", "--as", "phantom"]).stderr).into_owned();
    assert!(error.contains("makes phantoms"), "{error}");
    let error = String::from_utf8_lossy(&inspect(&["nowhere"]).stderr).into_owned();
    assert!(error.contains("cannot read folder nowhere"), "{error}");
}
