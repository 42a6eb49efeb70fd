//! No bytes make the reader panic, hang or take memory without bound; what is read is finite and fills its size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runner::science::data::{Place, dicom_file};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = dicom_file::read_bytes(&Place::new("case", "file"), bytes) {
        assert_eq!(image.data.len(), image.rows * image.columns * image.channels);
        assert!(image.data.iter().all(|x| x.is_finite()));
    }
});
