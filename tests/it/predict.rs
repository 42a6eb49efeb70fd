//! `runner predict`, by the real binary and a network whose answer is known: a class for each range of the intensity.

use crate::cli::{stderr, stdout};
use runner::science::data::preprocess::{Fit, Normalisation};
use runner::science::data::{Place, Preparation, Preprocessing, dicom_file, nifti_file, picture_file};
use runner::science::model::{Arrays, Design, Segmentor, Weights};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A network that gives a pixel of intensity x (of the first channel, negative ones counting as 0) the last class k
/// whose threshold k is below x: its score of class k is k x minus the thresholds up to k.
fn thresholds(network: &Segmentor, thresholds: &[f32]) -> Weights {
    let device = burn::tensor::Device::flex();
    let mut weights = network.init(&mut <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(0), &device);
    let mut arrays: Arrays = weights.to_arrays();
    for (name, (_, values)) in &mut arrays {
        let is_weight = name.ends_with(".weight") || name.ends_with(".bias");
        values.iter_mut().filter(|_| is_weight).for_each(|value| *value = 0.0);
    }
    for block in ["encoder1.a", "encoder1.b", "decoder1.a", "decoder1.b"] {
        // The middle of the first kernel: the first channel goes through as it is.
        arrays.get_mut(&format!("{block}.weight")).unwrap().1[4] = 1.0;
    }
    let scores = &mut arrays.get_mut("gate1.weight").unwrap().1;
    scores.chunks_exact_mut(network.width).enumerate().for_each(|(class, row)| row[0] = class as f32);
    let sum = |class: usize| thresholds[..class].iter().sum::<f32>();
    arrays.get_mut("gate1.bias").unwrap().1 = (0..network.classes).map(|class| -sum(class)).collect();
    weights.load_arrays(arrays, &device).unwrap();
    weights
}

fn parameters(spacing_mm: Option<f64>, size: [usize; 2]) -> Preprocessing {
    Preprocessing { spacing_mm, size, normalisation: Normalisation::None, ..Preprocessing::default() }
}

/// A folder with weights and images to segment.
struct Bench(tempfile::TempDir);

impl Bench {
    /// `classes`: names with the codes on the disk; one threshold for each but the background.
    fn new(channels: usize, classes: &[(&str, Value)], limits: &[f32], preprocessing: Preprocessing) -> Self {
        let bench = Bench(tempfile::tempdir().unwrap());
        let classes: Vec<Value> = classes.iter().map(|(name, code)| json!({"name": name, "codes": [code]})).collect();
        let [height, width] = preprocessing.size;
        let preparation = json!({"classes": classes, "channels": channels, "height": height, "width": width,
            "preprocessing": preprocessing});
        let network = Segmentor {
            channels,
            classes: classes.len(),
            width: 2,
            gating: false,
            deep_classifiers: false,
            momentum: 0.1,
            design: Design::Paper,
        };
        let folder = bench.path("weights");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("weights.safetensors"), thresholds(&network, limits).to_bytes().unwrap()).unwrap();
        std::fs::write(folder.join("model.json"), json!({"segmentor": network}).to_string()).unwrap();
        std::fs::write(folder.join("preparation.json"), preparation.to_string()).unwrap();
        bench
    }

    /// Grey images: background, then `low` from 50 and `high` from 150.
    fn grey(preprocessing: Preprocessing) -> Self {
        let classes = [("background", json!(0)), ("low", json!(63)), ("high", json!(126))];
        Bench::new(1, &classes, &[50.0, 150.0], preprocessing)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runner"));
        command.current_dir(self.0.path()).env("NO_COLOR", "1").env_remove("RUNNER_STORE").stdin(Stdio::null());
        command.args(["predict", "--weights", "weights"]).args(arguments).output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|e| panic!("{e}: {}{}", stdout(&output), stderr(&output)))
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The class of an intensity by the limits 50 and 150.
fn class(value: f32) -> u8 {
    u8::from(value > 50.0) + u8::from(value > 150.0)
}

fn place() -> Place {
    Place::new("case", "file")
}

#[test]
fn nifti_masks_have_the_image_s_geometry_and_what_its_intensities_say() {
    // The network sees 32 x 32 pixels: the images are padded, and nothing is resampled.
    let bench = Bench::grey(parameters(None, [32, 32]));
    for name in
        ["A01_int16_scaled.nii.gz", "A04_oblique.nii.gz", "A05_bigendian.nii.gz", "A07_uint16.nii", "A08_qform.nii.gz"]
    {
        std::fs::copy(fixture("nifti").join(name), bench.path(name)).unwrap();
        let image = nifti_file::read("case", &bench.path(name)).unwrap();
        let told = bench.json(&[name]);
        let (stem, extension) = name.split_once('.').unwrap();
        let path = bench.path(&format!("{stem}_mask.{extension}"));
        let mask = nifti_file::read("case", &path).unwrap();
        let expected: Vec<f32> = image.data.iter().map(|&x| class(x).into()).collect();
        assert_eq!(mask.data, expected, "{name}");
        let geometry = |n: &nifti_file::Nifti| (n.slices, n.rows, n.columns, n.spacing, n.affine);
        assert_eq!(geometry(&mask), geometry(&image), "{name}");
        let zipped = std::fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]);
        assert_eq!(zipped, name.ends_with(".gz"));
        let written = &told["images"][0];
        let count = mask.data.iter().filter(|&&x| x == 1.0).count();
        assert_eq!((&written["classes"][0]["name"], &written["classes"][0]["pixels"]), (&json!("low"), &json!(count)));
        let ml = count as f64 * image.spacing[0] * image.spacing[1] * image.depth().unwrap() / 1000.0;
        assert!((written["classes"][0]["ml"].as_f64().unwrap() - ml).abs() < 1e-9);
        assert_eq!(written["mask"], json!(format!("{stem}_mask.{extension}")));
    }
    // Twice the same bytes, whatever the number of threads.
    let first = std::fs::read(bench.path("A04_oblique_mask.nii.gz")).unwrap();
    bench.text(&["A04_oblique.nii.gz", "--force", "--threads", "1"]);
    assert_eq!(std::fs::read(bench.path("A04_oblique_mask.nii.gz")).unwrap(), first);
    assert!(
        std::fs::read_dir(bench.path("")).unwrap().flatten().all(|e| !e.file_name().to_string_lossy().starts_with('.'))
    );
}

/// Bright on the right half of an image whose pixels are of 1 x 2 mm; the network sees pixels of 1.5 mm, cropped and padded.
#[test]
fn resampled_and_cropped_images_come_back_at_their_own_size() {
    use crate::data::nifti_writer::Writer;
    let bench = Bench::grey(parameters(Some(1.5), [32, 32]));
    let (columns, rows) = (60, 16);
    let bright = |i: usize| if i % columns >= 30 { 100 } else { 0 };
    let voxels: Vec<u8> = (0..columns * rows).map(bright).collect();
    let pixdim = [1.0, 1.0, 2.0, 8.0];
    let writer = Writer { dim: [2, 60, 16, 1, 1, 1, 1, 1], pixdim, voxels: voxels.clone(), ..Default::default() };
    std::fs::write(bench.path("flat.nii"), writer.file()).unwrap();
    let told = bench.json(&["flat.nii", "--out", "masks/new"]);
    let mask = nifti_file::read("case", &bench.path("masks/new/flat_mask.nii")).unwrap();
    assert_eq!((mask.rows, mask.columns, mask.header[40]), (16, 60, 2), "a slice stays of two dimensions");
    for (i, (&label, &value)) in mask.data.iter().zip(&voxels).enumerate() {
        // 60 mm are 40 pixels of 1.5 mm, of which 32 are seen: 6 mm are lost on either side.
        let seen = (6..54).contains(&(i % columns));
        let border =
            (28..32).contains(&(i % columns)) || (5..7).contains(&(i % columns)) || (53..55).contains(&(i % columns));
        let expected = if seen { class(value.into()) } else { 0 };
        assert!(border || label == f32::from(expected), "row {}, column {}: {label}", i / columns, i % columns);
    }
    // No third side, no volume.
    assert_eq!(told["images"][0]["classes"][0]["ml"], Value::Null);
    assert_eq!(told["images"][0]["spacing_mm"], json!([2.0, 1.0]));
}

#[test]
fn one_frame_of_a_4d_file_is_picked() {
    let bench = Bench::grey(parameters(None, [32, 32]));
    std::fs::copy(fixture("nifti/A06_4d.nii.gz"), bench.path("cine.nii.gz")).unwrap();
    let refused = bench.run(&["cine.nii.gz"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        stderr(&refused).contains("it has 4 frames") && stderr(&refused).contains("1 to 4 by --frame"),
        "{}",
        stderr(&refused)
    );
    assert!(!bench.path("cine_mask.nii.gz").exists());
    bench.text(&["cine.nii.gz", "--frame", "3"]);
    let image = nifti_file::read_frame("case", &bench.path("cine.nii.gz"), Some(3)).unwrap();
    let mask = nifti_file::read("case", &bench.path("cine_mask.nii.gz")).unwrap();
    assert_eq!(mask.data, image.data.iter().map(|&x| class(x).into()).collect::<Vec<f32>>());
    assert_eq!(mask.affine, image.affine);
}

#[test]
fn a_dicom_series_and_a_slice_of_it() {
    let bench = Bench::grey(parameters(Some(1.6), [32, 32]));
    let series = fixture("chaos/MR/1/T1DUAL/DICOM_anon/InPhase");
    crate::cli::copy(&series, &bench.path("InPhase"));
    std::fs::write(bench.path("InPhase/notes.txt"), "not a slice").unwrap();
    let told = bench.json(&["InPhase", "--codes", "--out", "masks"]);
    let written = &told["images"][0];
    // 9 mm from slice to slice, by their positions.
    assert_eq!((&written["slices"], &written["slice_distance_mm"]), (&json!(4), &json!(9.0)));
    let mut uids = std::collections::BTreeSet::new();
    let mut counts = [0; 3];
    for entry in std::fs::read_dir(&series).unwrap().flatten() {
        let bytes = std::fs::read(bench.path("masks/InPhase_mask").join(entry.file_name())).unwrap();
        let (image, mask) =
            (dicom_file::read("case", &entry.path()).unwrap(), dicom_file::read_bytes(&place(), &bytes).unwrap());
        let codes = [0.0, 63.0, 126.0];
        assert_eq!(mask.data, image.data.iter().map(|&x| codes[usize::from(class(x))]).collect::<Vec<f32>>());
        assert_eq!((mask.position, mask.orientation, mask.spacing), (image.position, image.orientation, image.spacing));
        assert_ne!(mask.series, image.series);
        image.data.iter().for_each(|&x| counts[usize::from(class(x))] += 1);
        let object = dicom_object::from_reader(&bytes[..]).unwrap();
        let text = |name: &str| object.element_by_name(name).unwrap().to_str().unwrap().into_owned();
        assert!(
            text("DerivationDescription").ends_with(": 0 background, 63 low, 126 high"),
            "{}",
            text("DerivationDescription")
        );
        uids.insert((mask.series.clone(), text("StudyInstanceUID")));
    }
    assert!(counts[1..].iter().all(|&count| count > 0), "{counts:?}");
    assert_eq!(uids.len(), 1);
    assert_eq!((&written["classes"][0]["value"], &written["classes"][0]["pixels"]), (&json!(63), &json!(counts[1])));
    assert_eq!(std::fs::read_dir(bench.path("masks/InPhase_mask")).unwrap().count(), 4);

    let text = bench.text(&["InPhase/IMG-0004-00002.dcm"]);
    assert!(text.contains("InPhase/IMG-0004-00002_mask.dcm: low ") && text.contains(" ml, high "), "{text}");
    // The folder has a mask in it now, of another series.
    let mixed = bench.run(&["InPhase"]);
    assert_eq!(mixed.status.code(), Some(1));
    let message = stderr(&mixed);
    assert!(message.contains("of 2 series (") && message.contains("labels by runner: 1 files"), "{message}");
}

#[test]
fn pictures_become_palette_images_of_their_size() {
    let stretch = Preprocessing { fit: Fit::Stretch, ..parameters(None, [32, 16]) };
    let classes = [("background", json!("#102030")), ("dark", json!("#000000")), ("bright", json!("#ffffff"))];
    let bench = Bench::new(3, &classes, &[50.0, 150.0], stretch);
    let photo = "0412_9.jpg";
    std::fs::copy(fixture("ppss/pedestrian_parsing_dataset/data/171").join(photo), bench.path(photo)).unwrap();
    let told = bench.json(&[photo]);
    let image = picture_file::read("case", &bench.path(photo)).unwrap();
    let mask = picture_file::read("case", &bench.path("0412_9_mask.png")).unwrap();
    assert_eq!((mask.rows, mask.columns), (image.rows, image.columns));
    // The colours of the report's figures.
    assert_eq!(mask.palette, [[0, 0, 0], [230, 159, 0], [0, 158, 115]]);
    let agree = mask
        .data
        .iter()
        .zip(image.data.chunks_exact(3))
        .filter(|(label, pixel)| **label == u16::from(class(pixel[0].into())))
        .count();
    assert!(agree as f64 > 0.7 * mask.data.len() as f64, "{agree} of {}", mask.data.len());
    assert_eq!(
        (&told["images"][0]["spacing_mm"], &told["images"][0]["classes"][0]["ml"]),
        (&Value::Null, &Value::Null)
    );
    bench.text(&[photo, "--codes", "--force"]);
    let mask = picture_file::read("case", &bench.path("0412_9_mask.png")).unwrap();
    assert_eq!(mask.palette, [[16, 32, 48], [0, 0, 0], [255, 255, 255]]);

    // A grey picture for a network of colours; its red is its grey. Of the size that the network sees.
    crate::data::write_png(&bench.path("grey.png"), 16, 32, |i| (i / 2) as u8);
    bench.text(&["grey.png"]);
    let mask = picture_file::read("case", &bench.path("grey_mask.png")).unwrap();
    assert_eq!(mask.data, (0..512).map(|i| class((i / 2) as f32).into()).collect::<Vec<u16>>());
}

#[test]
fn a_picture_needs_a_spacing_where_the_network_has_one() {
    let bench = Bench::grey(parameters(Some(2.0), [32, 32]));
    crate::data::write_rgb(&bench.path("grey.png"), 40, 40, |i| [(i / 40 * 6) as u8; 3]);
    let refused = bench.run(&["grey.png"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("trained on pixels of 2 mm: say it by --spacing"), "{}", stderr(&refused));
    let told = bench.json(&["grey.png", "--spacing", "2"]);
    assert_eq!(told["images"][0]["spacing_mm"], json!([2.0, 2.0]));
    // Its colours are all grey, so that it is one channel; 40 x 40 pixels were cropped to 32 x 32.
    let mask = picture_file::read("case", &bench.path("grey_mask.png")).unwrap();
    let expected = |i: usize| {
        let (row, column) = (i / 40, i % 40);
        let seen = (4..36).contains(&row) && (4..36).contains(&column);
        if seen { class((row * 6) as f32).into() } else { 0 }
    };
    assert_eq!(mask.data, (0..1600).map(expected).collect::<Vec<u16>>());
    let wrong = bench.run(&["grey.png", "--spacing", "0", "--force"]);
    assert!(wrong.status.code() == Some(2) && stderr(&wrong).contains("must be above 0"), "{}", stderr(&wrong));
}

/// Every bad image is named with what is wrong, and the good one between them is segmented.
#[test]
fn bad_images_do_not_stop_the_others() {
    let bench = Bench::grey(parameters(None, [32, 32]));
    for (from, to) in [
        ("nifti/AX1_truncated.nii.gz", "cut.nii.gz"),
        ("nifti/A08_qform.nii.gz", "good.nii.gz"),
        ("nifti/A08_qform.nii.gz", "there.nii.gz"),
        ("ppss/pedestrian_parsing_dataset/data/171/0412_9.jpg", "colour.jpg"),
    ] {
        std::fs::copy(fixture(from), bench.path(to)).unwrap();
    }
    std::fs::write(bench.path("there_mask.nii.gz"), "somebody's work").unwrap();
    std::fs::write(bench.path("text.nii"), "not an image").unwrap();
    std::fs::create_dir_all(bench.path("empty")).unwrap();
    let images =
        ["cut.nii.gz", "good.nii.gz", "there.nii.gz", "colour.jpg", "text.nii", "empty", "absent.nii", "./good.nii.gz"];
    let output = bench.run(&[&images[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let expected = [
        Some("ends too early"),
        None,
        Some("there_mask.nii.gz is there already; --force replaces it"),
        Some("it has 3 channels (red, green, blue), and the network was trained on 1 channel (grey)"),
        Some("neither a NIfTI, a DICOM, a PNG nor a JPEG file"),
        Some("there is no DICOM file in it"),
        Some("the file is missing"),
        Some("its mask would be ./good_mask.nii.gz, as that of good.nii.gz"),
    ];
    for ((name, expected), outcome) in images.iter().zip(expected).zip(told["images"].as_array().unwrap()) {
        let error = outcome["error"].as_str();
        assert_eq!(error.is_some(), expected.is_some(), "{outcome}");
        if let (Some(error), Some(expected)) = (error, expected) {
            let bare = name.trim_start_matches("./");
            assert!(error.contains(expected) && error.contains(bare) && stderr(&output).contains(error), "{error}");
        }
    }
    assert!(stderr(&output).contains("7 of 8 images could not be segmented"));
    assert_eq!(std::fs::read(bench.path("there_mask.nii.gz")).unwrap(), b"somebody's work");
    let masks = std::fs::read_dir(bench.path("")).unwrap().flatten();
    assert_eq!(masks.filter(|entry| entry.file_name().to_string_lossy().contains("_mask")).count(), 2);
    // A folder that can't be made, and one of the images as the mask of another.
    let unwritable = bench.run(&["good.nii.gz", "--out", "text.nii/masks"]);
    assert_eq!(unwritable.status.code(), Some(2));
    assert!(stderr(&unwritable).contains("cannot make the folder text.nii/masks"), "{}", stderr(&unwritable));
    let itself = bench.run(&["good.nii.gz", "good_mask.nii.gz", "--force"]);
    assert!(stderr(&itself).contains("which is an image to be segmented"), "{}", stderr(&itself));
}

#[test]
fn weights_that_cannot_be_used_are_said() {
    let bench = Bench::grey(parameters(None, [32, 32]));
    std::fs::copy(fixture("nifti/A08_qform.nii.gz"), bench.path("good.nii.gz")).unwrap();
    let refused = |hint: &str| {
        let output = bench.run(&["good.nii.gz"]);
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        let message = stderr(&output).replace("\n  │ ", " ");
        assert!(message.contains(hint), "{message}");
    };
    let swap = |name: &str, bytes: &[u8], hint: &str| {
        let path = bench.path("weights").join(name);
        let was = std::fs::read(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        refused(hint);
        std::fs::write(&path, was).unwrap();
    };
    let model = |width: usize, classes: usize| {
        let segmentor = json!({"channels": 1, "classes": classes, "width": width, "gating": false,
            "deep_classifiers": false, "momentum": 0.1});
        json!({"segmentor": segmentor}).to_string()
    };
    swap("model.json", b"{", "model.json: not as a training writes it");
    swap("model.json", model(2, 4).as_bytes(), "4 classes and 3");
    swap("model.json", model(1, 3).as_bytes(), "has shape");
    swap("model.json", model(1 << 40, 3).as_bytes(), "for a network of width");
    swap("weights.safetensors", &[7; 100_000], "not a safetensors file");
    let preparation = std::fs::read_to_string(bench.path("weights/preparation.json")).unwrap();
    swap("preparation.json", preparation.replace("\"height\":32", "\"height\":48").as_bytes(), "not prepared to");
    std::fs::remove_file(bench.path("weights/preparation.json")).unwrap();
    refused("has no preparation.json");
    std::fs::remove_file(bench.path("weights/weights.safetensors")).unwrap();
    refused("has no weights.safetensors");
    // The classes' codes must fit where they are written.
    let classes = [("background", json!(0)), ("far", json!(300))];
    let bench = Bench::new(1, &classes, &[50.0], parameters(None, [32, 32]));
    std::fs::copy(fixture("nifti/A08_qform.nii.gz"), bench.path("good.nii.gz")).unwrap();
    let output = bench.run(&["good.nii.gz", "--codes"]);
    assert!(output.status.code() == Some(2) && stderr(&output).contains("code 300"), "{}", stderr(&output));
}

/// What stands in `preparation.json`, to the letter.
#[test]
fn the_preparation_is_plain_json() {
    let text = r##"{
  "classes": [
    { "name": "background", "codes": [0] },
    { "name": "legs", "codes": [60, "#ff0000"] }
  ],
  "channels": 1,
  "height": 224,
  "width": 224,
  "preprocessing": {
    "spacing_mm": 1.51, "size": [224, 224], "interpolation": "linear", "grid": "half_pixel", "offset": "floor_before",
    "fill": "zero", "normalisation": "median_iqr", "clip_percentiles": null, "order": "resample_normalise_crop"
  }
}"##;
    let preparation: Preparation = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&preparation).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    preparation.check().unwrap();
    let wrong = Preparation { channels: 0, ..preparation };
    assert!(wrong.check().unwrap_err().to_string().contains("channels"));
}
