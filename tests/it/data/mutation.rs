//! No reader panics, hangs or takes memory without bound, whatever it is given.

use super::dicom_writer::{self, Writer, little, run_lengths};
use super::{jpeg_writer, nifti_writer};
use proptest::prelude::*;
use runner::science::data::{Place, dicom_file, nifti_file, picture_file};
use std::path::Path;

/// Gives the bytes to each reader. What they make of them is another matter.
fn read_all(bytes: &[u8]) {
    let place = Place::new("case", "file");
    drop(nifti_file::read_bytes(&place, bytes));
    drop(dicom_file::read_bytes(&place, bytes));
    drop(picture_file::read_bytes(&place, bytes));
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)).unwrap()
}

/// A good file of each kind.
fn good() -> Vec<Vec<u8>> {
    let values = dicom_writer::VALUES;
    let planes = [1, 0].map(|byte| values.iter().map(|value| value.to_le_bytes()[byte]).collect());
    let dicom = |syntax, pixels| Writer::default().syntax(syntax).pixels(pixels).file();
    vec![
        fixture("nifti/A07_uint16.nii"),
        fixture("nifti/A01_int16_scaled.nii.gz"),
        nifti_writer::Writer { second: true, big: true, ..nifti_writer::Writer::default() }.file(),
        fixture("ppss/pedestrian_parsing_dataset/data/171/0412_9.jpg"),
        fixture("ppss/pedestrian_parsing_dataset/data/171/0412_9_m.png"),
        fixture("chaos/MR/3/T1DUAL/DICOM_anon/InPhase/IMG-0006-00002.dcm"),
        jpeg_writer::blocks(&[100, 150]),
        dicom(dicom_writer::EXPLICIT, little(&values)),
        dicom(dicom_writer::DEFLATED, little(&values)),
        dicom(dicom_writer::RLE, run_lengths(&planes)),
        dicom(dicom_writer::JPEG_LOSSLESS, jpeg_writer::lossless(&values, [2, 3], 16)),
        dicom(dicom_writer::DEFLATED_FRAME, dicom_writer::deflate(&little(&values))),
    ]
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0..5usize) {
        let start: [&[u8]; 5] = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"DICM", b"\x1f\x8b\x08"];
        read_all(&[start[kind], &bytes].concat());
    }

    #[test]
    fn changed_files_do_no_harm(
        file in 0..12usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = good().swap_remove(file);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
    }
}
