//! Whatever stands in an Info.cfg of ACDC, it gives two different frames from 1 or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runner::science::data::{Place, acdc};

fuzz_target!(|bytes: &[u8]| {
    if let Ok([ed, es]) = acdc::frames_from(&Place::new("case", "Info.cfg"), &String::from_utf8_lossy(bytes)) {
        assert!(ed >= 1 && es >= 1);
    }
});
