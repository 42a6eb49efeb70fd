//! The user's own data set, described by patterns.

use proptest::prelude::*;
use runner::science::data::folder::{Captures, FolderParameters, Pattern};
use runner::science::data::{Cases, UNLABELLED, Volume};
use serde_json::{Value, json};
use std::path::Path;

fn captures(pattern: &str, path: &str) -> Option<Captures> {
    Pattern::parse(pattern).unwrap().captures(path)
}

/// Case, volume and slice.
fn parts(pattern: &str, path: &str) -> Option<(Option<String>, Option<String>, Option<u64>)> {
    captures(pattern, path).map(|found| (found.case, found.volume, found.slice))
}

#[test]
fn patterns_take_paths_apart() {
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(parts("{case}/{volume}.nii.gz", "p1/ed.nii.gz"), Some((some("p1"), some("ed"), None)));
    assert_eq!(parts("{case}_{slice}.png", "a_b_007.png"), Some((some("a_b"), None, Some(7))));
    assert_eq!(parts("{case}/{case}_{slice}.png", "a/a_3.png"), Some((some("a"), None, Some(3))));
    assert_eq!(parts("{case}/{case}_{slice}.png", "a/b_3.png"), None);
    assert_eq!(parts("**/{case}.png", "a.png"), Some((some("a"), None, None)));
    assert_eq!(parts("**/{case}.png", "x/y/a.png"), Some((some("a"), None, None)));
    assert_eq!(parts("x*/{case}.p?g", "xyz/a.png"), Some((some("a"), None, None)));
    assert_eq!(parts("{case}.png", "x/a.png"), None);
    assert_eq!(parts("{case}_{slice}.png", "a_b.png"), None);
    assert_eq!(captures("{group}/{case}.png", "c1/é.png").unwrap().group, some("c1"));
}

#[test]
fn patterns_that_mean_nothing_are_refused() {
    let error = |text: &str| Pattern::parse(text).unwrap_err();
    assert!(error("{cases}.png").ends_with("did you mean {case}?"));
    assert!(error("{case.png").contains("has no }"));
    assert!(error("../{case}.png").contains("below the data set's root"));
    assert!(error("/data/{case}.png").contains("below the data set's root"));
    assert!(error(&"*".repeat(13)).contains("more than 12"));
}

proptest! {
    /// What is put in comes out, whatever else the path has.
    #[test]
    fn captures_find_what_was_put_in(case in "[a-z][a-z0-9]{0,8}", volume in "[a-z]{1,6}", slice in 0u64..5000, dirs in "([a-z]{1,3}/){0,3}") {
        let path = format!("{dirs}{case}/{volume}-{slice:04}.png");
        let found = captures("**/{case}/{volume}-{slice}.png", &path).unwrap();
        prop_assert_eq!((found.case, found.volume, found.slice), (Some(case), Some(volume), Some(slice)));
    }

    #[test]
    fn no_pattern_hangs_or_panics(pattern in "[a-c*?/{}]{0,24}", path in "[a-c/]{0,60}") {
        if let Ok(pattern) = Pattern::parse(&pattern) {
            let _ = pattern.captures(&path);
        }
    }
}

/// Two cases of three slices in PNG, with masks and one scribble. Slice 10 comes after slice 9.
fn data_set() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    for folder in ["images", "masks", "scribbles"] {
        std::fs::create_dir_all(scratch.path().join(folder)).unwrap();
    }
    for case in ["anna", "ben"] {
        for slice in [8_u8, 9, 10] {
            super::write_png(&scratch.path().join(format!("images/{case}-{slice}.png")), 4, 3, |i| {
                10 * slice + i as u8
            });
            super::write_png(&scratch.path().join(format!("masks/{case}-{slice}.png")), 4, 3, |i| {
                if i == 0 { 63 } else { 0 }
            });
        }
    }
    super::write_png(&scratch.path().join("scribbles/ben-9.png"), 4, 3, |i| [63, 0, 7][i.min(2)]);
    scratch
}

fn described(root: &Path, change: Value) -> FolderParameters {
    let mut value = json!({
        "root": root, "image": "images/{case}-{slice}.png", "mask": "masks/{case}-{slice}.png", "scribble": "scribbles/{case}-{slice}.png",
        "classes": [{ "name": "background", "codes": 0 }, { "name": "liver", "codes": [62, 63] }],
        "unlabelled": 7, "spacing_mm": [1.5, 1.2],
    });
    value.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    serde_json::from_value(value).unwrap()
}

fn open(root: &Path, change: Value) -> Result<Box<dyn Cases>, String> {
    described(root, change).open().map_err(|e| e.to_string().replace(root.to_str().unwrap(), "ROOT"))
}

fn read(root: &Path, change: Value) -> Result<Vec<Volume>, String> {
    let cases = open(root, change)?;
    let volumes = (0..cases.names().len()).map(|index| cases.read(index)).collect::<Result<Vec<_>, _>>();
    volumes.map(|volumes| volumes.concat()).map_err(|e| e.to_string().replace(root.to_str().unwrap(), "ROOT"))
}

#[test]
fn slices_are_stacked_by_number_with_masks_and_scribbles() {
    let scratch = data_set();
    let volumes = read(scratch.path(), json!({})).unwrap();
    assert_eq!(
        volumes.iter().map(|v| (v.case.as_str(), v.name.as_str())).collect::<Vec<_>>(),
        [("anna", "volume"), ("ben", "volume")]
    );
    let ben = &volumes[1];
    assert_eq!([ben.image.slices, ben.image.channels, ben.image.height, ben.image.width], [3, 1, 3, 4]);
    assert_eq!((0..3).map(|slice| ben.image.slice(slice)[0]).collect::<Vec<_>>(), [80.0, 90.0, 100.0]);
    assert_eq!(ben.spacing, [1.5, 1.2]);
    assert_eq!(ben.mask.slice(0), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let u = UNLABELLED;
    let scribble = ben.scribble.as_ref().unwrap();
    assert_eq!(scribble.slice(1), [1, 0, u, u, u, u, u, u, u, u, u, u]);
    assert_eq!(scribble.slice(0), [u; 12]);
    assert!(volumes[0].scribble.is_none());
}

#[test]
fn without_masks_everything_is_unlabelled() {
    let scratch = data_set();
    let volumes = read(scratch.path(), json!({ "mask": null, "scribble": null })).unwrap();
    assert!(volumes[0].mask.data.iter().all(|&label| label == UNLABELLED));
}

#[test]
fn colours_are_codes_and_channels_can_be_chosen() {
    let scratch = tempfile::tempdir().unwrap();
    let rgb = |path: &str, colour: fn(usize) -> [u8; 3]| super::write_rgb(&scratch.path().join(path), 2, 2, colour);
    rgb("a.png", |i| [100, 10 * i as u8, 0]);
    rgb("a_m.png", |i| if i == 3 { [255, 0, 0] } else { [0, 0, 5] });
    let classes = json!([{ "name": "background", "codes": "#000005" }, { "name": "red", "codes": "#ff0000" }]);
    let description = json!({ "image": "{case}.png", "mask": "{case}_m.png", "scribble": null, "classes": classes, "unlabelled": [], "channels": 1 });
    let volumes = read(scratch.path(), description.clone()).unwrap();
    assert_eq!((volumes.len(), volumes[0].case.as_str()), (1, "a"));
    assert_eq!(volumes[0].mask.data, [0, 0, 0, 1]);
    // 0.299 * 100 + 0.587 * 10
    assert!((volumes[0].image.data[1] - 35.77).abs() < 1e-4);
    let mut coloured = description.clone();
    coloured["channels"] = Value::Null;
    let volumes = read(scratch.path(), coloured).unwrap();
    assert_eq!(volumes[0].image.data, [100.0, 100.0, 100.0, 100.0, 0.0, 10.0, 20.0, 30.0, 0.0, 0.0, 0.0, 0.0]);
    let mut numbers = description;
    numbers["classes"] = json!([{ "name": "background", "codes": 0 }, { "name": "red", "codes": 1 }]);
    let error = read(scratch.path(), numbers).unwrap_err();
    assert!(error.contains("4 pixels of the mask are coloured"), "{error}");
}

#[test]
fn nifti_dicom_and_palette_files_are_told_by_their_content() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let scratch = tempfile::tempdir().unwrap();
    let put = |from: &str, to: &str| {
        std::fs::create_dir_all(scratch.path().join(to).parent().unwrap()).unwrap();
        std::fs::copy(fixtures.join(from), scratch.path().join(to)).unwrap();
    };
    put("acdc/patient001/patient001_frame01.nii.gz", "nifti/a.img");
    put("acdc/patient001/patient001_frame01_gt.nii.gz", "nifti/a.lab");
    put("chaos/MR/1/T2SPIR/DICOM_anon/IMG-0030-00001.dcm", "dicom/a.img");
    put("chaos/MR/1/T2SPIR/Ground/IMG-0030-00001.png", "dicom/a.lab");
    put("ppss/pedestrian_parsing_dataset/data/3/0024_15.jpg", "jpeg/a.img");
    put("ppss/pedestrian_parsing_dataset/data/3/0024_15_m.png", "jpeg/a.lab");
    let classes = |codes: &[&[u8]]| -> Value {
        codes.iter().enumerate().map(|(i, codes)| json!({ "name": format!("c{i}"), "codes": codes })).collect()
    };
    let read = |folder: &str, spacing: Value, codes: &[&[u8]]| {
        let change = json!({
            "image": format!("{folder}/{{case}}.img"), "mask": format!("{folder}/{{case}}.lab"), "scribble": null,
            "spacing_mm": spacing, "unlabelled": [], "classes": classes(codes)
        });
        read(scratch.path(), change)
    };
    let nifti = read("nifti", Value::Null, &[&[0], &[1], &[2], &[3]]).unwrap().swap_remove(0);
    assert_eq!((nifti.image.slices, nifti.spacing), (4, [1.5625, 1.5625]));
    assert_eq!(nifti.mask.data.iter().filter(|&&label| label == 1).count(), 90);
    let dicom = read("dicom", Value::Null, &[&[0], &[63], &[126], &[189], &[252]]).unwrap().swap_remove(0);
    assert_eq!((dicom.image.slices, dicom.spacing), (1, [1.6, 1.6]));
    let parts: &[&[u8]] = &[&[0], &[9, 19, 29, 39, 50, 60, 62]];
    let jpeg = read("jpeg", json!(1), parts).unwrap().swap_remove(0);
    assert_eq!((jpeg.image.channels, jpeg.mask.data.iter().filter(|&&label| label == 0).count()), (3, 9427));
    let error = read("jpeg", Value::Null, parts).unwrap_err();
    assert!(
        error.ends_with("it has no pixel spacing; give the data set's `spacing_mm` (1, where it has no meaning)"),
        "{error}"
    );
    let error = read("nifti", Value::Null, &[&[0], &[1]]).unwrap_err();
    assert_eq!(error, "case a, ROOT/nifti/a.lab: no class has code 2 (100 pixels), 3 (43 pixels); 0 is c0, 1 is c1");
}

#[test]
fn faults_say_what_to_change() {
    let scratch = data_set();
    let root = scratch.path();
    let error = |change| read(root, change).unwrap_err();
    assert_eq!(
        error(json!({ "mask": "mask/{case}-{slice}.png" })),
        "parameter `mask`: pattern `mask/{case}-{slice}.png` matches none of the 13 files below ROOT \
         (images/anna-10.png, images/anna-8.png, images/anna-9.png, ..)"
    );
    assert!(error(json!({ "image": "images/*.png" })).contains("has no {case}"));
    assert_eq!(
        error(json!({ "mask": "masks/{case}-*.png" })),
        "parameter `mask`: its placeholders are {case}, and the image's {case}, {slice}; they must be the same"
    );
    assert!(error(json!({ "classes": [{ "name": "background", "codes": 0 }] })).contains("from 2 to 255 are needed"));
    let twice = json!([{ "name": "background", "codes": 0 }, { "name": "liver", "codes": [0, 63] }]);
    assert!(error(json!({ "classes": twice })).contains("code 0 is given twice, at last to `liver`"));
    assert!(error(json!({ "spacing_mm": -1.0 })).contains("spacing_mm"));
    assert!(error(json!({ "channels": 2 })).contains("channels"));

    std::fs::remove_file(root.join("masks/anna-9.png")).unwrap();
    assert_eq!(error(json!({})), "case anna, ROOT/images/anna-9.png: an image without a mask");
    super::write_png(&root.join("masks/anna-9.png"), 3, 4, |_| 0);
    let shape = "size [1, 4, 3] (slices, rows, columns) differs from the image's [1, 3, 4]";
    assert_eq!(error(json!({})), format!("case anna, ROOT/masks/anna-9.png: {shape}"));
    super::write_png(&root.join("masks/anna-9.png"), 4, 3, |_| 0);
    super::write_png(&root.join("images/anna-9.png"), 5, 3, |_| 0);
    super::write_png(&root.join("masks/anna-9.png"), 5, 3, |_| 0);
    assert!(error(json!({})).starts_with("case anna, volume volume: slice 2 is 3 x 5 pixels"), "{}", error(json!({})));
    std::fs::remove_file(root.join("images/anna-9.png")).unwrap();
    assert_eq!(error(json!({})), "case anna, ROOT/masks/anna-9.png: there is no image for it");
}

#[test]
fn the_real_livers_are_read_as_the_worked_example_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/chaos_ct_sample");
    if !root.is_dir() {
        eprintln!("SKIPPED: no CT sample in {}", root.display());
        return;
    }
    let entry = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments/datasets/own_folder.yaml");
    let entry: Value = serde_saphyr::from_str(&std::fs::read_to_string(entry).unwrap()).unwrap();
    let mut source = entry["source"].clone();
    source.as_object_mut().unwrap().remove("kind");
    source["root"] = json!(root);
    let parameters: FolderParameters = serde_json::from_value(source).unwrap();
    let cases = parameters.open().unwrap();
    assert_eq!(cases.names(), ["1"]);
    let volume = cases.read(0).unwrap().swap_remove(0);
    assert_eq!([volume.image.slices, volume.image.height, volume.image.width], [20, 512, 512]);
    assert!((0..20).all(|slice| volume.mask.slice(slice).contains(&1)));
}
