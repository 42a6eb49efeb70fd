use crate::golden::npy;
use runner::science::data::{DataError, nifti_file};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nifti")
}

fn cases(kind: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("cases.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[kind].as_array().unwrap().clone()
}

#[test]
fn good_files_give_their_values_and_spacing() {
    for case in cases("valid") {
        let read = nifti_file::read("case", &folder().join(case["file"].as_str().unwrap()));
        let (shape, values) = npy::read_f64(&folder().join(case["expected"]["npy"].as_str().unwrap()));
        if shape.len() > 3 {
            assert!(matches!(read, Err(DataError::NotNifti { .. })), "{case}");
            continue;
        }
        let nifti = read.unwrap();
        assert_eq!([nifti.columns, nifti.rows, nifti.slices], shape[..], "{case}");
        let spacing = |i: usize| case["expected"]["spacing"][i].as_f64().unwrap();
        assert_eq!(nifti.spacing, [spacing(1), spacing(0)], "{case}");
        for x in 0..nifti.columns {
            for y in 0..nifti.rows {
                for z in 0..nifti.slices {
                    let read = f64::from(nifti.data[(z * nifti.rows + y) * nifti.columns + x]);
                    let expected = values[(x * nifti.rows + y) * nifti.slices + z];
                    assert!((read - expected).abs() <= 1e-6 * expected.abs(), "{case}: {read} {expected}");
                }
            }
        }
    }
}

#[test]
fn corrupt_files_give_errors_that_name_file_and_reason() {
    let expected = [
        ("AX1_truncated.nii.gz", "ends too early"),
        ("AX2_magic.nii.gz", "does not have the mark"),
        ("AX3_dims.nii.gz", "54000000000000 bytes"),
        ("AX4_nan.nii.gz", "2 voxels are not finite"),
        ("AX5_empty.nii.gz", "the file is empty"),
        ("AX9_absent.nii.gz", "the file is missing"),
    ];
    for (file, reason) in expected {
        let message = nifti_file::read("case", &folder().join(file)).unwrap_err().to_string();
        assert!(message.contains(file) && message.contains(reason), "{message}");
    }
}

/// Every prefix of a file is noticed, whether the cut is in the header, the voxels or the checksum.
#[test]
fn cut_files_are_never_read() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("cut.nii.gz");
    for file in ["A01_int16_scaled.nii.gz", "A07_uint16.nii"] {
        let bytes = std::fs::read(folder().join(file)).unwrap();
        for length in 0..bytes.len() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(nifti_file::read("case", &path).is_err(), "{file} cut to {length} bytes");
        }
    }
}
