use super::nifti_writer::{Writer, gzip};
use crate::golden::npy;
use runner::science::data::nifti_file::{self, Nifti};
use runner::science::data::{DataError, Place};
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
            assert!(matches!(read, Err(DataError::Frames { .. })), "{case}");
            continue;
        }
        let nifti = read.unwrap();
        assert_eq!([nifti.columns, nifti.rows, nifti.slices], shape[..], "{case}");
        let spacing = |i: usize| case["expected"]["spacing"][i].as_f64().unwrap();
        assert_eq!(nifti.spacing, [spacing(1), spacing(0)], "{case}");
        for (row, expected) in nifti.affine.iter().zip(case["expected"]["affine"].as_array().unwrap()) {
            let expected = [0, 1, 2, 3].map(|i| expected[i].as_f64().unwrap());
            assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{case}: {row:?}");
        }
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

fn read(bytes: &[u8]) -> Result<Nifti, DataError> {
    nifti_file::read_bytes(&Place::new("case", "image.nii"), bytes)
}

/// Both versions, in both byte orders, packed and not.
#[test]
fn both_versions_are_read_in_both_byte_orders() {
    for (second, big) in [(false, false), (false, true), (true, false), (true, true)] {
        let file = Writer { second, big, slope: [2.0, -1.0], ..Writer::default() }.file();
        let nifti = read(&file).unwrap();
        assert_eq!(nifti.data, [1.0, 3.0, 5.0, 7.0, 9.0, 499.0]);
        assert_eq!([nifti.slices, nifti.rows, nifti.columns], [1, 2, 3]);
        assert_eq!(nifti.spacing, [1.25, 0.75]);
        assert_eq!(nifti.affine, [[0.75, 0.0, 0.0, 0.0], [0.0, 1.25, 0.0, 0.0], [0.0, 0.0, 8.0, 0.0]]);
        assert_eq!(nifti.header, file[..file.len() - 10]);
        assert_eq!(read(&gzip(&file)).unwrap(), nifti);
    }
}

#[test]
fn every_numeric_type_is_read() {
    let little: [(i16, Vec<u8>, f32); 10] = [
        (2, 200u8.to_le_bytes().to_vec(), 200.0),
        (256, (-3i8).to_le_bytes().to_vec(), -3.0),
        (4, (-300i16).to_le_bytes().to_vec(), -300.0),
        (512, 60000u16.to_le_bytes().to_vec(), 60000.0),
        (8, (-70000i32).to_le_bytes().to_vec(), -70000.0),
        (768, 4_000_000_000u32.to_le_bytes().to_vec(), 4e9),
        (1024, (-(1i64 << 40)).to_le_bytes().to_vec(), -((1i64 << 40) as f32)),
        (1280, (1u64 << 63).to_le_bytes().to_vec(), (1u64 << 63) as f32),
        (16, 0.3f32.to_le_bytes().to_vec(), 0.3),
        (64, (-0.1f64).to_le_bytes().to_vec(), -0.1),
    ];
    for (datatype, bytes, value) in little {
        for (second, big) in [(false, false), (true, true)] {
            let voxel: Vec<u8> = if big { bytes.iter().rev().copied().collect() } else { bytes.clone() };
            let file = Writer { second, big, datatype, voxels: voxel.repeat(6), ..Writer::default() }.file();
            assert_eq!(read(&file).unwrap().data, [value; 6], "type {datatype}");
        }
    }
}

#[test]
fn a_slope_that_is_none_leaves_values_as_they_are() {
    for slope in [[0.0, 5.0], [f64::NAN, 0.0], [f64::INFINITY, 0.0], [1.0, f64::NAN]] {
        let file = Writer { slope, ..Writer::default() }.file();
        assert_eq!(read(&file).unwrap().data, [1.0, 2.0, 3.0, 4.0, 5.0, 250.0]);
    }
}

#[test]
fn spacing_is_in_millimetres() {
    let spacing = |units, pixdim| read(&Writer { units, pixdim, ..Writer::default() }.file()).unwrap().spacing;
    assert_eq!(spacing(0, [1.0, 2.0, -4.0, 1.0]), [4.0, 2.0]);
    assert_eq!(spacing(1, [1.0, 0.002, 0.004, 1.0]).map(|x| (x * 1e6).round()), [4e6, 2e6]);
    assert_eq!(spacing(3 | 8, [1.0, 500.0, 250.0, 1.0]), [0.25, 0.5]);
}

#[test]
fn wrong_headers_give_errors_that_say_what_is_wrong() {
    let writer = Writer::default;
    let dim = |dim| Writer { dim, ..Writer::default() }.file();
    let mut pair = writer().file();
    pair[345] = b'i';
    let mut size = writer().file();
    size[0] = 0;
    let mut second = Writer { second: true, ..writer() }.file();
    second[5] = b'-';
    let expected = [
        (vec![0; 400], "does not have the mark `n+1`"),
        (pair, "half of a pair"),
        (size, "the size of its header is neither 348 nor 540"),
        (second, "does not have the mark `n+2` of a single-file NIfTI-2 at byte 4"),
        (dim([1, 6, 1, 1, 1, 1, 1, 1]), "2 or 3 dimensions"),
        (dim([8, 3, 2, 1, 1, 1, 1, 1]), "2 or 3 dimensions"),
        (dim([-1, 3, 2, 1, 1, 1, 1, 1]), "2 or 3 dimensions"),
        (dim([5, 3, 2, 1, 1, 3, 1, 1]), "its sides are [3, 2, 1, 1, 3], and an image of 2 or 3 dimensions is needed"),
        (dim([4, 3, 2, 1, 2, 1, 1, 1]), "it has 2 frames, and one image is needed: pick one, 1 to 2"),
        (dim([3, 3, 2, 0, 1, 1, 1, 1]), "its sides are [3, 2, 0], and each must be at least 1"),
        (dim([3, 3, -2, 1, 1, 1, 1, 1]), "each must be at least 1"),
        (dim([3, 30000, 30000, 30000, 1, 1, 1, 1]), "asks for 27000000000000 bytes"),
        (Writer { second: true, dim: [3, i64::MAX, i64::MAX, i64::MAX, 1, 1, 1, 1], ..writer() }.file(), "at least 1"),
        (
            Writer { second: true, dim: [3, 1 << 39, 1 << 39, 1 << 39, 1, 1, 1, 1], ..writer() }.file(),
            "bytes, more than",
        ),
        (Writer { offset: 100, ..writer() }.file(), "its voxels start at byte 100"),
        (Writer { second: true, offset: i64::MIN, ..writer() }.file(), "its voxels start at byte -9"),
        (Writer { offset: 900_000_000, ..writer() }.file(), "its voxels start behind its end"),
        (Writer { datatype: 32, ..writer() }.file(), "complex numbers (type 32)"),
        (Writer { datatype: 1792, ..writer() }.file(), "complex numbers (type 1792)"),
        (Writer { datatype: 128, ..writer() }.file(), "colours (RGB) (type 128)"),
        (Writer { datatype: 2304, ..writer() }.file(), "colours (RGB) (type 2304)"),
        (Writer { datatype: 7, ..writer() }.file(), "of type 7, which does not exist"),
        (Writer { slope: [1e38, 0.0], datatype: 2, ..writer() }.file(), "3 voxels are not finite"),
        (Writer { pixdim: [1.0, 0.0, 1.0, 1.0], ..writer() }.file(), "pixel spacing [1.0, 0.0] mm is not positive"),
        (Writer { pixdim: [1.0, 1.0, f64::NAN, 1.0], ..writer() }.file(), "is not positive"),
    ];
    for (file, reason) in expected {
        for bytes in [file.clone(), gzip(&file)] {
            let message = read(&bytes).unwrap_err().to_string();
            assert!(message.starts_with("case case, image.nii: ") && message.contains(reason), "{reason}: {message}");
        }
    }
}

/// A header may not ask for more than deflate can have packed, and gets no memory for what is not there.
#[test]
fn a_lying_gzip_is_refused() {
    let voxels: Vec<u8> = (0..1000u32).map(|i| (i * i % 251) as u8).collect();
    let dim = [3, 3000, 3000, 30, 1, 1, 1, 1];
    let lie = gzip(&Writer { dim, voxels: voxels.clone(), ..Writer::default() }.file());
    assert!(read(&lie).unwrap_err().to_string().contains("270000000 bytes, more than the"));
    let dim = [3, 300, 300, 3, 1, 1, 1, 1];
    let lie = gzip(&Writer { dim, voxels, ..Writer::default() }.file());
    assert!(matches!(read(&lie).unwrap_err(), DataError::Truncated { .. }));
    let mut damaged = gzip(&Writer::default().file());
    let at = damaged.len() - 6;
    damaged[at] ^= 1;
    assert!(read(&damaged).unwrap_err().to_string().contains("cannot be read: corrupt gzip"));
}
