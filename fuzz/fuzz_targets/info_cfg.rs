//! Whatever stands in an Info.cfg of ACDC, a frame is a number from 1 or there is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runner::science::data::acdc;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for key in ["ED", "ES"] {
        assert!(acdc::info(&text, key).is_none_or(|frame| frame >= 1));
    }
});
