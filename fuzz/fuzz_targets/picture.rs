//! No bytes make the reader panic, hang or take memory without bound; what is read fills its size and its bits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runner::science::data::{Place, picture_file};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = picture_file::read_bytes(&Place::new("case", "file"), bytes) {
        assert_eq!(picture.data.len(), picture.rows * picture.columns * picture.channels);
        assert_eq!(picture.channels, picture.kind.channels());
        assert!(picture.data.iter().all(|&x| u32::from(x) < 1 << picture.bits));
    }
});
