use crate::golden::npy;
use runner::science::data::acdc::{self, AcdcCase};
use runner::science::data::{DataError, Labels, UNLABELLED, Volume};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acdc")
}

/// `[x, y, z]` → `[z, y, x]`.
fn transposed<T: Copy>(shape: &[usize], values: &[T]) -> Vec<T> {
    let [nx, ny, nz] = *shape else { panic!("{shape:?}") };
    let at = |i: usize| values[(i % nx * ny + i / nx % ny) * nz + i / (nx * ny)];
    (0..nx * ny * nz).map(at).collect()
}

fn expected_labels(volume: &Volume, what: &str) -> Vec<u8> {
    let (shape, values) = npy::read_u8(&root().join(format!("expected/{}_{}_{what}.npy", volume.case, volume.name)));
    transposed(&shape, &values)
}

#[test]
fn both_phases_are_read_as_they_were_written() {
    let cases = acdc::cases(&root()).unwrap();
    assert_eq!(cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), ["patient001", "patient005"]);
    let volumes: Vec<Volume> = cases.iter().flat_map(|case| acdc::read(case).unwrap()).collect();
    let names: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
    assert_eq!(names, ["frame01", "frame12", "frame01", "frame13"]);
    assert_eq!(volumes[0].spacing, [1.5625, 1.5625]);
    for volume in &volumes {
        let path = root().join(format!("expected/{}_{}_image.npy", volume.case, volume.name));
        let (shape, values) = npy::read_i16(&path);
        assert_eq!([volume.image.width, volume.image.height, volume.image.slices], shape[..]);
        assert_eq!(volume.image.data, transposed(&shape, &values).iter().map(|&x| f32::from(x)).collect::<Vec<_>>());
        assert_eq!(volume.mask.data, expected_labels(volume, "labels"));
        let on_disk = |x: u8| if x == UNLABELLED { 4 } else { x };
        let scribble = volume.scribble.as_ref().unwrap();
        assert!(!scribble.data.contains(&4) && scribble.data.contains(&UNLABELLED));
        let scribble: Vec<u8> = scribble.data.iter().map(|&x| on_disk(x)).collect();
        assert_eq!(scribble, expected_labels(volume, "scribble"));
    }
}

/// A copy of patient001 in `training/`, to spoil.
fn copy(scratch: &Path) -> AcdcCase {
    let folder = scratch.join("training/patient001");
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(root().join("patient001")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    acdc::cases(scratch).unwrap().remove(0)
}

fn spoiled(spoil: impl Fn(&Path)) -> (Result<Vec<Volume>, DataError>, String) {
    let scratch = tempfile::tempdir().unwrap();
    let case = copy(scratch.path());
    spoil(&case.folder);
    let read = acdc::read(&case);
    let message = read.as_ref().err().map(ToString::to_string).unwrap_or_default();
    (read, message)
}

#[test]
fn scribbles_may_be_absent_and_masks_may_not() {
    let remove = |name: &'static str| move |folder: &Path| std::fs::remove_file(folder.join(name)).unwrap();
    let (read, _) = spoiled(remove("patient001_frame12_scribble.nii.gz"));
    assert_eq!(read.unwrap().iter().map(|volume| volume.scribble.is_some()).collect::<Vec<_>>(), [true, false]);
    let (read, message) = spoiled(remove("patient001_frame12_gt.nii.gz"));
    assert!(matches!(read, Err(DataError::Missing { .. })));
    assert!(message.contains("patient001_frame12_gt.nii.gz"), "{message}");
    let (read, message) = spoiled(remove("Info.cfg"));
    assert!(matches!(read, Err(DataError::Missing { .. })) && message.contains("Info.cfg"), "{message}");
}

#[test]
fn a_wrong_info_file_is_said() {
    let (_, message) = spoiled(|folder| std::fs::write(folder.join("Info.cfg"), "ED: 1\nGroup: DCM\n").unwrap());
    assert!(message.starts_with("case patient001, ") && message.contains("expected a line `ES: "), "{message}");
}

#[test]
fn files_of_another_size_label_or_length_are_refused() {
    let other = root().join("../acdc/patient005/patient005_frame01_gt.nii.gz");
    let mask = "patient001_frame01_gt.nii.gz";
    let replace = |by: &Path| {
        let bytes = std::fs::read(by).unwrap();
        move |folder: &Path| std::fs::write(folder.join(mask), &bytes).unwrap()
    };
    let (read, message) = spoiled(replace(&other));
    assert!(matches!(read, Err(DataError::Shape { is: [4, 18, 22], image: [4, 22, 18], .. })), "{message}");
    assert!(message.contains(mask), "{message}");

    // A scribble in the mask's place has label 4.
    let scribble = root().join("patient001/patient001_frame01_scribble.nii.gz");
    let (read, message) = spoiled(replace(&scribble));
    assert!(matches!(read, Err(DataError::Label { label: 4.0, count: 1268, .. })), "{message}");

    let (read, message) = spoiled(|folder| {
        let bytes = std::fs::read(folder.join(mask)).unwrap();
        std::fs::write(folder.join(mask), &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(matches!(read, Err(DataError::Truncated { .. })) && message.contains(mask), "{message}");
}

#[test]
fn a_root_without_patients_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    assert!(matches!(acdc::cases(scratch.path()), Err(DataError::NoCases { .. })));
    assert!(matches!(acdc::cases(&scratch.path().join("none")), Err(DataError::Folder { .. })));
}

#[test]
fn the_real_training_set_is_read_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/acdc");
    if !root.is_dir() {
        eprintln!("SKIPPED: no real ACDC data in {}", root.display());
        return;
    }
    let cases = acdc::cases(&root).unwrap();
    assert_eq!(cases.len(), 100);
    let slices = |volumes: &[Volume]| volumes.iter().map(|volume| volume.image.slices).sum::<usize>();
    let empty = |labels: &Labels| (0..labels.slices).filter(|&i| labels.slice(i).iter().all(|&x| x == 0)).count();
    let mut counts = [0; 3];
    for case in &cases {
        let volumes = acdc::read(case).unwrap();
        assert!(volumes.iter().all(|volume| volume.scribble.is_some()));
        counts[0] += volumes.len();
        counts[1] += slices(&volumes);
        counts[2] += volumes.iter().map(|volume| empty(&volume.mask)).sum::<usize>();
    }
    assert_eq!(counts, [200, 1902, 61]);
}
