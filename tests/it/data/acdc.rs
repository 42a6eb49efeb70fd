use crate::golden::npy;
use runner::science::data::acdc::{AcdcParameters, Subset, info};
use runner::science::data::{Cases, DataError, Labels, Survey, UNLABELLED, Volume};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/acdc")
}

fn open(root: &Path) -> Box<dyn Cases> {
    AcdcParameters::at(root).open().unwrap()
}

/// The error of a data set that cannot be opened.
fn refused(parameters: &AcdcParameters) -> DataError {
    parameters.open().err().expect("an error")
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

fn on_disk(scribble: &Labels) -> Vec<u8> {
    scribble.data.iter().map(|&x| if x == UNLABELLED { 4 } else { x }).collect()
}

#[test]
fn both_phases_are_read_as_they_were_written() {
    let cases = open(&root());
    assert_eq!(cases.names(), ["patient001", "patient005"]);
    let volumes: Vec<Volume> = (0..2).flat_map(|index| cases.read(index).unwrap()).collect();
    let names: Vec<&str> = volumes.iter().map(|volume| volume.name.as_str()).collect();
    assert_eq!(names, ["frame01", "frame12", "frame01", "frame13"]);
    assert_eq!(volumes[0].spacing, [1.5625, 1.5625]);
    for volume in &volumes {
        let path = root().join(format!("expected/{}_{}_image.npy", volume.case, volume.name));
        let (shape, values) = npy::read_i16(&path);
        assert_eq!([volume.image.width, volume.image.height, volume.image.slices], shape[..]);
        assert_eq!(volume.image.data, transposed(&shape, &values).iter().map(|&x| f32::from(x)).collect::<Vec<_>>());
        assert_eq!(volume.mask.data, expected_labels(volume, "labels"));
        let scribble = volume.scribble.as_ref().unwrap();
        assert!(!scribble.data.contains(&4) && scribble.data.contains(&UNLABELLED));
        assert_eq!(on_disk(scribble), expected_labels(volume, "scribble"));
    }
}

/// A copy of a patient in `root`, to spoil.
fn copy(patient: &str, to: &Path) -> PathBuf {
    let folder = to.join(patient);
    std::fs::create_dir_all(&folder).unwrap();
    for entry in std::fs::read_dir(root().join(patient)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
    folder
}

fn spoiled(spoil: impl Fn(&Path)) -> (Result<Vec<Volume>, DataError>, String) {
    let scratch = tempfile::tempdir().unwrap();
    spoil(&copy("patient001", &scratch.path().join("training")));
    let read = open(scratch.path()).read(0);
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
fn info_files_are_read_by_name() {
    let text = "ES: 4\r\nGroup: RV\r\nED : 11\r\nHeight: 170.0\r\n";
    assert_eq!((info(text, "ED"), info(text, "ES")), (Some(11), Some(4)));
    for wrong in ["ED: 0", "ED: 1.5", "ED: -1", "ED", "ED: 99999999999", "", "XED: 1"] {
        assert_eq!(info(wrong, "ED"), None, "{wrong}");
    }
    let (_, message) = spoiled(|folder| std::fs::write(folder.join("Info.cfg"), "ED: 1\nGroup: DCM\n").unwrap());
    assert!(message.starts_with("case patient001, ") && message.contains("expected a line `ES: "), "{message}");
    let (_, message) = spoiled(|folder| std::fs::write(folder.join("Info.cfg"), "ED: 1\nES: 1\n").unwrap());
    assert!(message.contains("ED and ES are both frame 1"), "{message}");
}

#[test]
fn end_systole_may_come_first() {
    let (read, _) = spoiled(|folder| std::fs::write(folder.join("Info.cfg"), "ED: 12\nES: 1\n").unwrap());
    assert_eq!(read.unwrap().iter().map(|volume| volume.name.clone()).collect::<Vec<_>>(), ["frame12", "frame01"]);
}

#[test]
fn files_of_another_size_label_or_length_are_refused() {
    let other = root().join("patient005/patient005_frame01_gt.nii.gz");
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

/// One case, three spoiled files, three faults: nobody wants to find them one run at a time.
#[test]
fn a_survey_finds_every_fault_of_a_case() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = copy("patient001", scratch.path());
    for name in ["patient001_frame01.nii.gz", "patient001_frame01_gt.nii.gz", "patient001_frame12_scribble.nii.gz"] {
        std::fs::write(folder.join(name), "").unwrap();
    }
    copy("patient005", scratch.path());
    let survey = Survey::of(&*open(scratch.path()), &[0, 1]);
    let faults: Vec<&str> = survey.faults.iter().map(|(case, _)| case.as_str()).collect();
    assert_eq!(faults, ["patient001"; 3]);
    assert_eq!((survey.cases, survey.volumes, survey.scribbled_volumes), (2, 2, 2));
}

#[test]
fn training_and_testing_folders_are_chosen() {
    let scratch = tempfile::tempdir().unwrap();
    copy("patient001", &scratch.path().join("training"));
    copy("patient005", &scratch.path().join("testing"));
    let of = |subset| {
        let cases = AcdcParameters { subset, ..AcdcParameters::at(scratch.path()) }.open().unwrap();
        let groups: Vec<_> = (0..cases.names().len()).map(|i| cases.read(i).unwrap().swap_remove(0).group).collect();
        (cases.names(), groups)
    };
    assert_eq!(of(Subset::Training), (vec!["patient001".to_owned()], vec![None]));
    assert_eq!(of(Subset::Testing), (vec!["patient005".to_owned()], vec![None]));
    let both = vec![Some("training".to_owned()), Some("testing".to_owned())];
    assert_eq!(of(Subset::Both), (vec!["patient001".to_owned(), "patient005".to_owned()], both));
    // The same patient twice would be in two parts of a split.
    copy("patient001", &scratch.path().join("testing"));
    let twice = refused(&AcdcParameters { subset: Subset::Both, ..AcdcParameters::at(scratch.path()) });
    assert!(twice.to_string().contains("this patient is in"), "{twice}");
    // Asked for what isn't there.
    std::fs::remove_dir_all(scratch.path().join("training")).unwrap();
    assert!(matches!(refused(&AcdcParameters::at(scratch.path())), DataError::NoCases { .. }));
}

/// What a zip holds: name and content.
fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn scribble(name: &str) -> Vec<u8> {
    std::fs::read(root().join("patient001").join(name)).unwrap()
}

/// Patient 1 without scribbles of its own, and a zip beside it.
fn with_zip(entries: &[(&str, &[u8])]) -> (tempfile::TempDir, AcdcParameters) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = copy("patient001", scratch.path());
    for frame in ["frame01", "frame12"] {
        std::fs::remove_file(folder.join(format!("patient001_{frame}_scribble.nii.gz"))).unwrap();
    }
    let path = scratch.path().join("scribbles.zip");
    std::fs::write(&path, zipped(entries)).unwrap();
    let parameters = AcdcParameters { scribbles: Some(path), ..AcdcParameters::at(scratch.path()) };
    (scratch, parameters)
}

const FIRST: &str = "patient001_frame01_scribble.nii.gz";
const SECOND: &str = "patient001_frame12_scribble.nii.gz";

#[test]
fn scribbles_come_from_the_released_zip() {
    let (first, second) = (scribble(FIRST), scribble(SECOND));
    let entries: [(&str, &[u8]); 4] = [
        ("__MACOSX/acdc_scribbles/._patient001_frame01_scribble.nii.gz", b"junk"),
        ("acdc_scribbles/._patient001_frame12_scribble.nii.gz", b"junk"),
        (&format!("acdc_scribbles/{FIRST}"), &first),
        // A path that would lead out of the folder leads nowhere: only its last part counts.
        (&format!("../../{SECOND}"), &second),
    ];
    let (scratch, parameters) = with_zip(&entries);
    let volumes = parameters.open().unwrap().read(0).unwrap();
    for volume in &volumes {
        assert_eq!(on_disk(volume.scribble.as_ref().unwrap()), expected_labels(volume, "scribble"));
    }
    let left: Vec<_> = std::fs::read_dir(scratch.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing is unpacked: {left:?}");

    // A folder of them does as well, and a frame without one has none.
    let folder = scratch.path().join("unpacked/deep");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(FIRST), &first).unwrap();
    let parameters = AcdcParameters { scribbles: Some(scratch.path().join("unpacked")), ..parameters };
    let volumes = parameters.open().unwrap().read(0).unwrap();
    assert_eq!(volumes.iter().map(|volume| volume.scribble.is_some()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn hostile_zips_are_refused() {
    let first = scribble(FIRST);
    let (_scratch, parameters) = with_zip(&[(&format!("a/{FIRST}"), &first), (&format!("b/{FIRST}"), &first)]);
    let fault = refused(&parameters).to_string();
    assert!(fault.contains("two files patient001_frame01_scribble"), "{fault}");

    let (_scratch, parameters) = with_zip(&[("readme.txt", b"hello")]);
    assert!(refused(&parameters).to_string().contains("there is no `*_scribble.nii.gz` in it"));

    // 65 MiB of zeros in 64 KiB.
    let (_scratch, parameters) = with_zip(&[(FIRST, &vec![0; 65 << 20])]);
    let fault = parameters.open().unwrap().read(0).unwrap_err();
    assert!(matches!(fault, DataError::TooLarge { .. }), "{fault}");

    let (_scratch, parameters) = with_zip(&[(FIRST, &first[..first.len() / 2])]);
    let fault = parameters.open().unwrap().read(0).unwrap_err().to_string();
    assert!(fault.contains("patient001_frame01_scribble in ") && fault.contains("ends too early"), "{fault}");

    // Any cut of the zip itself.
    let (_scratch, parameters) = with_zip(&[(FIRST, &first)]);
    let path = parameters.scribbles.clone().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in (0..bytes.len()).step_by(97) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(parameters.open().is_err(), "cut to {length}");
    }
}

#[test]
fn a_root_without_patients_is_said() {
    let scratch = tempfile::tempdir().unwrap();
    assert!(matches!(refused(&AcdcParameters::at(scratch.path())), DataError::NoCases { .. }));
    assert!(matches!(refused(&AcdcParameters::at(&scratch.path().join("none"))), DataError::Folder { .. }));
}

/// Three patients: 90's frames are 4 and 11.
#[test]
fn real_patients_are_read_with_the_released_zip() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/acdc");
    if !root.is_dir() {
        eprintln!("SKIPPED: no real ACDC data in {}", root.display());
        return;
    }
    let scribbles = Some(root.join("acdc_scribbles.zip"));
    let (beside, zipped) = (open(&root), AcdcParameters { scribbles, ..AcdcParameters::at(&root) }.open().unwrap());
    let names = beside.names();
    assert_eq!((names.len(), zipped.names()), (100, names.clone()));
    let mut slices = Vec::new();
    for name in ["patient001", "patient046", "patient090"] {
        let index = names.iter().position(|known| known == name).unwrap();
        let volumes = zipped.read(index).unwrap();
        assert_eq!(volumes, beside.read(index).unwrap(), "{name}");
        assert!(volumes.iter().all(|volume| volume.scribble.is_some()), "{name}");
        slices.push(volumes.iter().map(|volume| (volume.name.clone(), volume.image.slices)).collect::<Vec<_>>());
    }
    assert_eq!(slices[2].iter().map(|(frame, _)| frame.as_str()).collect::<Vec<_>>(), ["frame04", "frame11"]);
}
