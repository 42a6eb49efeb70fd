//! No bytes make the reader panic, hang or take memory without bound; what is read is finite and fills its size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runner::science::data::{Place, nifti_file};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(image) = nifti_file::read_bytes(&Place::new("case", "file"), bytes) {
        assert_eq!(image.data.len(), image.slices * image.rows * image.columns);
        assert!(image.data.iter().all(|x| x.is_finite()));
    }
});
