//! `runner data inspect`, the real binary on small data sets.

use crate::cli::copy;
use runner::report::figure::Figure;
use runner::report::figure::sheet::{Frame, Sheet};
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
fn no_layout_is_taken_for_another() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let told = |folder: &str| super::layouts_of(&fixtures.join(folder));
    assert_eq!(told("acdc"), ["acdc"]);
    assert_eq!(told("chaos"), ["chaos_t1", "chaos_t2"]);
    assert_eq!(told("chaos/MR"), ["chaos_t1", "chaos_t2"]);
    assert_eq!(told("ppss"), ["ppss"]);
    assert_eq!(told("ppss/pedestrian_parsing_dataset/data"), ["ppss"]);
    assert!(told("golden").is_empty());
}

/// One slice with a square of class 1, and a pixel of background scribbled.
fn frame() -> Frame {
    let mask = (0..64).map(|i| u8::from((2..6).contains(&(i / 8)) && (2..6).contains(&(i % 8)))).collect();
    let scribble = (0..64).map(|i| if i == 0 { 0 } else { 255 }).collect();
    let image = (0..64).map(|i| i as f32).collect();
    let (title, subtitle) = ("case".to_owned(), "volume".to_owned());
    Frame { title, subtitle, width: 8, height: 8, image, mask, scribble }
}

#[test]
fn sheets_show_borders_and_scribbles() {
    let classes = vec!["background".to_owned(), "liver".to_owned()];
    let sheet = |frame: Frame| {
        let (title, subtitle) = ("title".to_owned(), "subtitle".to_owned());
        Sheet { title, subtitle, classes: classes.clone(), frames: vec![frame] }.checked()
    };
    let picture = sheet(frame()).unwrap().pictures().swap_remove(0);
    // 400 pixels of the PNG for 8: each is 50 wide.
    assert_eq!([picture.width, picture.height], [400, 400]);
    let at = |y: usize, x: usize| &picture.rgb[3 * (y * 400 + x)..][..3];
    let (border, scribble) = ([230, 159, 0], [150, 100, 220]);
    assert_eq!([at(0, 0), at(49, 49)], [scribble; 2]);
    assert_eq!([at(100, 200), at(101, 200), at(298, 299), at(150, 100)], [border; 4]);
    let is_grey = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
    assert!([at(99, 200), at(102, 200), at(200, 200), at(50, 50)].into_iter().all(is_grey));
    assert!(sheet(Frame { mask: vec![0; 63], ..frame() }).is_err());
    assert!(sheet(Frame { image: vec![0.0; 128], ..frame() }).is_err());
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
    assert!(error.contains("known data set") && error.contains("T1DUAL") && error.contains("--as NAME"), "{error}");
    let error = String::from_utf8_lossy(&inspect(&["acdc", "--as", "adcd"]).stderr).into_owned();
    assert!(error.contains("there is no data set `adcd`") && error.contains("did you mean `acdc`?"), "{error}");
    let error = String::from_utf8_lossy(&inspect(&["acdc", "--as", "phantom"]).stderr).into_owned();
    assert!(error.contains("makes phantoms"), "{error}");
    let error = String::from_utf8_lossy(&inspect(&["nowhere"]).stderr).into_owned();
    assert!(error.contains("cannot read folder nowhere"), "{error}");
}
