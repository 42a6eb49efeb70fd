//! PPSS as distributed: golden 13_io, and the readings of its parts.

use crate::golden::npy;
use runner::science::data::ppss::{Parts, PpssParameters, Resize};
use runner::science::data::preprocess::{Fit, Normalisation};
use runner::science::data::{Preprocessing, Volume, preprocess};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/ppss")
}

fn golden() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("expected/cases.json")).unwrap()).unwrap()
}

fn volumes(parameters: &PpssParameters) -> Vec<Volume> {
    let cases = parameters.open().unwrap();
    (0..cases.names().len()).flat_map(|index| cases.read(index).unwrap()).collect()
}

fn parts(parts: Parts) -> PpssParameters {
    PpssParameters { parts, ..PpssParameters::at(&root()) }
}

#[test]
fn photos_and_masks_are_read_as_the_golden_cases_say() {
    let golden = golden();
    let items = golden["items"].as_array().unwrap();
    let readings = [(Parts::Seven, "paper_7 (lower clothes merged into legs)"), (Parts::Eight, "all_8")];
    for (reading, key) in readings {
        let codes = &golden["class_readings"][key];
        let volumes = volumes(&parts(reading));
        assert_eq!(volumes.len(), items.len());
        for item in items {
            let (camera, stem) =
                (item["video"].as_u64().unwrap(), item["id"].as_str().unwrap().split_once('_').unwrap().1);
            let is_it = |volume: &&Volume| volume.case == format!("c{camera:03}_{stem}");
            let volume = volumes.iter().find(is_it).expect("a case");
            assert_eq!(volume.group, Some(camera.to_string()));
            let (shape, indices) = npy::read_u8(&root().join(item["mask_codes_npy"].as_str().unwrap()));
            assert_eq!([volume.mask.height, volume.mask.width], shape[..]);
            let label = |code: &u8| codes[code.to_string()].as_u64().unwrap() as u8;
            assert_eq!(volume.mask.data, indices.iter().map(label).collect::<Vec<_>>(), "{}", volume.case);
        }
    }
}

/// Colour by colour, within one level: decoders of JPEG differ.
#[test]
fn photos_have_the_golden_means() {
    let photos = volumes(&PpssParameters { resize: Resize::Mask, ..PpssParameters::at(&root()) });
    for (item, volume) in golden()["items"].as_array().unwrap().iter().zip(order(&photos)) {
        let jpeg = &item["decoded_jpeg"];
        let [height, width] = [0, 1].map(|i| jpeg["shape"][i].as_u64().unwrap() as usize);
        assert_eq!([volume.image.height, volume.image.width], [height, width]);
        for channel in 0..3 {
            let plane = &volume.image.data[channel * height * width..(channel + 1) * height * width];
            let mean = plane.iter().map(|&x| f64::from(x)).sum::<f64>() / plane.len() as f64;
            let expected = jpeg["mean_per_channel"][channel].as_f64().unwrap();
            assert!((mean - expected).abs() < 1.0, "{}: {mean} {expected}", volume.case);
        }
    }
}

/// The golden items are in the order of cameras, and of `15` before `4`.
fn order(volumes: &[Volume]) -> Vec<&Volume> {
    let mut volumes: Vec<&Volume> = volumes.iter().collect();
    volumes.sort_by(|a, b| a.case.cmp(&b.case));
    volumes
}

#[test]
fn either_takes_the_size_of_the_other() {
    let of = |resize| {
        let volumes = volumes(&PpssParameters { resize, ..PpssParameters::at(&root()) });
        let volume = volumes.into_iter().find(|volume| volume.case == "c101_0007_3").unwrap();
        assert_eq!([volume.image.height, volume.image.width], [volume.mask.height, volume.mask.width]);
        volume
    };
    let (image, mask) = (of(Resize::Image), of(Resize::Mask));
    assert_eq!([image.mask.height, image.mask.width], [160, 80]);
    assert_eq!([mask.mask.height, mask.mask.width], [190, 95]);
    // The nearest label, pixel by pixel: row 100 of 190 lies over row 84 of 160.
    let at = |row: usize, column: usize| mask.mask.data[row * 95 + column];
    let nearest = |row: usize, column: usize| {
        let over = |i: usize, from: f64, to: f64| (((i as f64 + 0.5) * to / from - 0.5) + 0.5).floor() as usize;
        image.mask.data[over(row, 190.0, 160.0) * 80 + over(column, 95.0, 80.0)]
    };
    assert!((0..190).all(|row| (0..95).all(|column| at(row, column) == nearest(row, column))));
}

/// Section IV-A: 160 rows and 80 columns, from 0 to 1.
#[test]
fn the_papers_preprocessing_keeps_masks_and_scales_photos() {
    let parameters = Preprocessing {
        spacing_mm: None,
        size: [160, 80],
        fit: Fit::Stretch,
        normalisation: Normalisation::Max,
        ..Preprocessing::default()
    };
    for volume in volumes(&PpssParameters::at(&root())) {
        let prepared = preprocess(&volume, &parameters).unwrap();
        assert_eq!(prepared.mask, volume.mask);
        let greatest = prepared.image.data.iter().copied().fold(0.0, f32::max);
        assert_eq!(greatest, 1.0);
        assert!(prepared.image.data.iter().all(|&x| x >= 0.0));
    }
}

#[test]
fn a_missing_mask_and_an_unknown_code_are_said() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("data/7");
    std::fs::create_dir_all(&folder).unwrap();
    let from = root().join("pedestrian_parsing_dataset/data/3");
    std::fs::copy(from.join("0024_4.jpg"), folder.join("1_2.jpg")).unwrap();
    let read = || PpssParameters::at(scratch.path()).open().unwrap().read(0).unwrap_err().to_string();
    assert!(read().starts_with("case c007_1_2, ") && read().ends_with("1_2_m.png: the file is missing"), "{}", read());
    super::write_png(&folder.join("1_2_m.png"), 80, 160, |i| if i == 5 { 61 } else { 60 });
    assert!(read().contains("no class has code 61 (1 pixel); 0 is background, 9 hair"), "{}", read());
}

#[test]
fn real_photos_are_read_in_their_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/ccp_ppss_like");
    if !root.is_dir() {
        eprintln!("SKIPPED: no real photos in {}", root.display());
        return;
    }
    let cases = PpssParameters::at(&root).open().unwrap();
    assert_eq!(cases.names().len(), 300);
    for index in [0, 150, 299] {
        let volume = cases.read(index).unwrap().swap_remove(0);
        assert_eq!((volume.image.channels, volume.image.height), (3, 160));
        assert!(volume.mask.data.iter().any(|&label| label > 0));
    }
}
