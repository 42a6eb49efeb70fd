//! No reader panics, hangs or takes memory without bound, whatever it is given (`fuzz/` searches longer).

use proptest::prelude::*;
use runner::science::data::{Place, dicom_file, nifti_file, picture_file};
use std::path::Path;
use std::sync::LazyLock;

/// How many readers can read the bytes.
fn readers(bytes: &[u8]) -> usize {
    let place = Place::new("case", "file");
    let read = [
        nifti_file::read_bytes(&place, bytes).is_ok(),
        dicom_file::read_bytes(&place, bytes).is_ok(),
        picture_file::read_bytes(&place, bytes).is_ok(),
    ];
    read.into_iter().filter(|&read| read).count()
}

/// A good file of each kind.
static GOOD: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let small = std::fs::read_dir(fixtures.join("small")).unwrap().map(|entry| entry.unwrap().path());
    let others = [
        "nifti/A07_uint16.nii",
        "nifti/A01_int16_scaled.nii.gz",
        "ppss/pedestrian_parsing_dataset/data/171/0412_9.jpg",
        "ppss/pedestrian_parsing_dataset/data/171/0412_9_m.png",
        "chaos/MR/3/T1DUAL/DICOM_anon/InPhase/IMG-0006-00002.dcm",
    ];
    let files = small.chain(others.map(|file| fixtures.join(file)));
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end != "md")).collect();
    files.sort();
    files.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
});

#[test]
fn each_good_file_is_of_one_kind() {
    assert_eq!(GOOD.len(), 24);
    assert!(GOOD.iter().all(|bytes| readers(bytes) == 1));
}

proptest! {
    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600), kind in 0..5usize) {
        let start: [&[u8]; 5] = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"DICM", b"\x1f\x8b\x08"];
        prop_assert!(readers(&[start[kind], &bytes].concat()) <= 1);
    }

    #[test]
    fn changed_files_do_no_harm(
        file in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let mut bytes = file.get(&GOOD).clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        prop_assert!(readers(&bytes) <= 1);
    }
}
