//! The ACDC data set as its owners distribute it, with the paper's expert scribbles beside it.
//!
//! `training/patientNNN/{Info.cfg, patientNNN_frameFF.nii.gz, .._gt.nii.gz, .._scribble.nii.gz}`

use super::nifti_file::{self, Nifti};
use super::{DataError, Image, Labels, Place, UNLABELLED, Volume};
use std::path::{Path, PathBuf};

/// Names of the classes by label.
pub const CLASSES: [&str; 4] = ["background", "RV", "MYO", "LV"];
/// Label of an unlabelled pixel in the scribble files.
const UNLABELLED_ON_DISK: u8 = 4;

/// One patient's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcdcCase {
    /// `patientNNN`.
    pub name: String,
    pub folder: PathBuf,
}

/// The patients in name order. `root` is the folder that has `training/`, or the folder of the patients itself.
pub fn cases(root: &Path) -> Result<Vec<AcdcCase>, DataError> {
    let training = root.join("training");
    let folder = if training.is_dir() { training } else { root.to_owned() };
    let failed = |source| DataError::Folder { path: folder.clone(), source };
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_patient = name.strip_prefix("patient").is_some_and(|n| n.parse::<u32>().is_ok());
        if is_patient && entry.path().is_dir() {
            cases.push(AcdcCase { name, folder: entry.path() });
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    if cases.is_empty() {
        let expected = "ACDC has folders patient001, patient002, .. there or in its folder `training`";
        return Err(DataError::NoCases { root: root.to_owned(), expected });
    }
    Ok(cases)
}

/// The end-diastolic and the end-systolic volume, named after their files (`frame01`).
pub fn read(case: &AcdcCase) -> Result<Vec<Volume>, DataError> {
    let frames = frames(case)?;
    frames.into_iter().map(|frame| volume(case, &format!("frame{frame:02}"))).collect()
}

/// Frame numbers of ED and ES.
fn frames(case: &AcdcCase) -> Result<[u32; 2], DataError> {
    let path = case.folder.join("Info.cfg");
    let place = || Place::new(&case.name, path.display());
    let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DataError::Missing { place: place() },
        _ => DataError::Read { place: place(), source },
    })?;
    let frame = |key: &'static str| {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        let value = lines.filter(|(name, _)| name.trim() == key).find_map(|(_, value)| value.trim().parse().ok());
        value.filter(|&frame: &u32| frame >= 1).ok_or_else(|| DataError::Info { place: place(), key })
    };
    Ok([frame("ED")?, frame("ES")?])
}

fn volume(case: &AcdcCase, frame: &str) -> Result<Volume, DataError> {
    let path = |suffix: &str| file(&case.folder, &format!("{}_{frame}{suffix}", case.name));
    let image = nifti_file::read(&case.name, &path(""))?;
    let read_labels = |path: PathBuf, unlabelled| {
        let file = nifti_file::read(&case.name, &path)?;
        labels(&Place::new(&case.name, path.display()), &image, file, unlabelled)
    };
    let mask = read_labels(path("_gt"), false)?;
    let scribble_path = path("_scribble");
    // The owners' distribution has no scribbles: they are the paper's authors'.
    let scribble = scribble_path.exists().then(|| read_labels(scribble_path, true)).transpose()?;
    let Nifti { slices, rows: height, columns: width, spacing, data, .. } = image;
    let image = Image { slices, channels: 1, height, width, data };
    Ok(Volume { case: case.name.clone(), name: frame.to_owned(), group: None, spacing, image, mask, scribble })
}

/// `.nii.gz` as distributed, or `.nii` where someone has unpacked it.
fn file(folder: &Path, stem: &str) -> PathBuf {
    let unpacked = folder.join(format!("{stem}.nii"));
    if unpacked.exists() { unpacked } else { folder.join(format!("{stem}.nii.gz")) }
}

fn labels(place: &Place, image: &Nifti, file: Nifti, unlabelled: bool) -> Result<Labels, DataError> {
    let shape = |nifti: &Nifti| [nifti.slices, nifti.rows, nifti.columns];
    if shape(image) != shape(&file) {
        return Err(DataError::Shape { place: place.clone(), is: shape(&file), image: shape(image) });
    }
    let (greatest, allowed) = match unlabelled {
        true => (UNLABELLED_ON_DISK, "0 (background), 1 (RV), 2 (MYO), 3 (LV), 4 (unlabelled)"),
        false => (3, "0 (background), 1 (RV), 2 (MYO), 3 (LV)"),
    };
    let is_label = |x: f32| x.fract() == 0.0 && (0.0..=f32::from(greatest)).contains(&x);
    if let Some(&label) = file.data.iter().find(|&&x| !is_label(x)) {
        let count = file.data.iter().filter(|&&x| x == label).count();
        return Err(DataError::Label { place: place.clone(), label, count, allowed });
    }
    let label = |x: f32| if x as u8 == UNLABELLED_ON_DISK { UNLABELLED } else { x as u8 };
    let data = file.data.into_iter().map(label).collect();
    Ok(Labels { slices: file.slices, height: file.rows, width: file.columns, data })
}
