//! The ACDC data set as its owners distribute it, with the paper's expert scribbles beside it or in their zip.
//!
//! `{training,testing}/patientNNN/{Info.cfg, patientNNN_frameFF.nii.gz, .._gt.nii.gz, .._scribble.nii.gz}`

use super::nifti_file::{self, Nifti};
use super::scribble_files::ScribbleFiles;
use super::source::{self, Cases, Found};
use super::{DataError, Image, Labels, Place, UNLABELLED, Volume};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Names of the classes by label.
pub const CLASSES: [&str; 4] = ["background", "RV", "MYO", "LV"];
pub const EXPECTED: &str =
    "ACDC has folders patient001, patient002, .. there or in its folders `training` and `testing`";
const OTHER_SUBSET: &str = "its other folder (`training` or `testing`) is there; choose it by `subset`";
/// Label of an unlabelled pixel in the scribble files.
const UNLABELLED_ON_DISK: u8 = 4;
/// Of `Info.cfg`; the real ones have less than 100.
const INFO_BYTES: u64 = 64 << 10;

/// ACDC as distributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcdcParameters {
    /// The folder that holds `training/patientNNN`, or the folder of the patients itself.
    pub root: PathBuf,
    /// Only the first so many cases; null: all.
    #[serde(default)]
    pub cases: Option<usize>,
    /// Expert scribbles in place of those beside the masks: a folder of `patientNNN_frameFF_scribble.nii.gz`, or the
    /// released `acdc_scribbles.zip`, as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scribbles: Option<PathBuf>,
    /// Which of its folders. Default `training`: the paper's 100 patients.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subset: Subset,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Subset {
    #[default]
    Training,
    Testing,
    /// All 150; the group of each volume is then `training` or `testing`.
    Both,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl AcdcParameters {
    pub fn at(root: &Path) -> Self {
        AcdcParameters { root: root.to_owned(), cases: None, scribbles: None, subset: Subset::default() }
    }

    /// Whatever there is.
    pub fn whole(root: &Path) -> Self {
        let is_there = |name: &str| root.join(name).is_dir();
        let subset = match (is_there("training"), is_there("testing")) {
            (true, true) => Subset::Both,
            (false, true) => Subset::Testing,
            _ => Subset::Training,
        };
        AcdcParameters { subset, ..Self::at(root) }
    }

    pub fn open(&self) -> Result<Box<dyn Cases>, DataError> {
        let cases = patients(&self.root, self.subset)?;
        let scribbles = self.scribbles.as_deref().map(ScribbleFiles::open).transpose()?;
        Ok(Box::new(Acdc { cases, scribbles }))
    }
}

/// One patient's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Patient {
    /// `patientNNN`.
    name: String,
    folder: PathBuf,
    group: Option<String>,
}

/// The patients in name order.
fn patients(root: &Path, subset: Subset) -> Result<Vec<Patient>, DataError> {
    source::check_root(root)?;
    let folders: &[&str] = match subset {
        Subset::Training => &["training"],
        Subset::Testing => &["testing"],
        Subset::Both => &["training", "testing"],
    };
    let mut patients = Vec::new();
    for &part in folders {
        let group = (subset == Subset::Both).then(|| part.to_owned());
        patients.extend(patients_in(&root.join(part), &group)?);
    }
    if patients.is_empty() && !["training", "testing"].iter().any(|part| root.join(part).is_dir()) {
        patients = patients_in(root, &None)?;
    }
    patients.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = patients.windows(2).find(|pair| pair[0].name == pair[1].name) {
        let place = Place::new(&pair[0].name, pair[1].folder.display());
        let reason = format!("this patient is in {} too", pair[0].folder.display());
        return Err(DataError::Unfit { place, reason });
    }
    if !patients.is_empty() {
        return Ok(patients);
    }
    let others = ["training", "testing"].iter().any(|part| root.join(part).is_dir());
    let expected = if others { OTHER_SUBSET } else { EXPECTED };
    Err(DataError::NoCases { root: root.to_owned(), expected })
}

fn patients_in(folder: &Path, group: &Option<String>) -> Result<Vec<Patient>, DataError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let is_patient = |name: &str| name.strip_prefix("patient").is_some_and(|n| n.parse::<u32>().is_ok());
    let entries = source::entries(folder)?.into_iter();
    let patients = entries.filter(|(name, path)| is_patient(name) && path.is_dir());
    Ok(patients.map(|(name, folder)| Patient { name, folder, group: group.clone() }).collect())
}

struct Acdc {
    cases: Vec<Patient>,
    scribbles: Option<ScribbleFiles>,
}

impl Cases for Acdc {
    fn classes(&self) -> Vec<String> {
        source::owned(&CLASSES)
    }

    fn names(&self) -> Vec<String> {
        self.cases.iter().map(|case| case.name.clone()).collect()
    }

    /// The end-diastolic and the end-systolic volume, named after their files (`frame01`).
    fn survey(&self, index: usize) -> Found {
        let mut found = Found::default();
        let case = &self.cases[index];
        for frame in found.note(frames(case)).into_iter().flatten() {
            self.volume(case, &format!("frame{frame:02}"), &mut found);
        }
        found
    }
}

/// Frame numbers of ED and ES.
fn frames(case: &Patient) -> Result<[u32; 2], DataError> {
    let path = case.folder.join("Info.cfg");
    let place = || Place::new(&case.name, path.display());
    let mut text = Vec::new();
    let read = std::fs::File::open(&path).and_then(|file| file.take(INFO_BYTES).read_to_end(&mut text));
    read.map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DataError::Missing { place: place() },
        _ => DataError::Read { place: place(), source },
    })?;
    let text = String::from_utf8_lossy(&text);
    let frame = |key| info(&text, key).ok_or_else(|| DataError::Info { place: place(), key });
    let [ed, es] = [frame("ED")?, frame("ES")?];
    if ed == es {
        let reason = format!("ED and ES are both frame {ed}");
        return Err(DataError::Unfit { place: place(), reason });
    }
    Ok([ed, es])
}

/// A whole number from 1 in the text of an `Info.cfg`, which has lines `Key: value`.
pub fn info(text: &str, key: &str) -> Option<u32> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let value = lines.filter(|(name, _)| name.trim() == key).find_map(|(_, value)| value.trim().parse().ok());
    value.filter(|&frame| frame >= 1)
}

impl Acdc {
    fn volume(&self, case: &Patient, frame: &str, found: &mut Found) {
        let stem = format!("{}_{frame}", case.name);
        let path = |suffix: &str| file(&case.folder, &format!("{stem}{suffix}"));
        let image = found.note(nifti_file::read(&case.name, &path("")));
        let mask = path("_gt");
        let mask = labels(&Place::new(&case.name, mask.display()), nifti_file::read(&case.name, &mask), image.as_ref());
        let mask = found.note(mask);
        let scribble = self.scribble(case, &stem, image.as_ref());
        let (Some(image), Some(mask), Some(scribble)) = (image, mask, found.note(scribble)) else { return };
        let Nifti { slices, rows: height, columns: width, spacing, data, .. } = image;
        let image = Image { slices, channels: 1, height, width, data };
        let (case, name, group) = (case.name.clone(), frame.to_owned(), case.group.clone());
        found.volumes.push(Volume { case, name, group, spacing, image, mask, scribble });
    }

    /// The owners' distribution has none: they are the paper's authors'.
    fn scribble(&self, case: &Patient, stem: &str, image: Option<&Nifti>) -> Result<Option<Labels>, DataError> {
        let name = format!("{stem}_scribble");
        let (place, file) = match &self.scribbles {
            Some(scribbles) => match scribbles.read(&case.name, &name) {
                Some(scribble) => scribble,
                None => return Ok(None),
            },
            None => {
                let path = file(&case.folder, &name);
                if !path.exists() {
                    return Ok(None);
                }
                (Place::new(&case.name, path.display()), nifti_file::read(&case.name, &path))
            }
        };
        scribbles(&place, file, image).map(Some)
    }
}

/// `.nii.gz` as distributed, or `.nii` where someone has unpacked it.
fn file(folder: &Path, stem: &str) -> PathBuf {
    let unpacked = folder.join(format!("{stem}.nii"));
    if unpacked.exists() { unpacked } else { folder.join(format!("{stem}.nii.gz")) }
}

fn labels(place: &Place, file: Result<Nifti, DataError>, image: Option<&Nifti>) -> Result<Labels, DataError> {
    checked(place, file?, image, 3, "0 (background), 1 (RV), 2 (MYO), 3 (LV)")
}

fn scribbles(place: &Place, file: Result<Nifti, DataError>, image: Option<&Nifti>) -> Result<Labels, DataError> {
    let allowed = "0 (background), 1 (RV), 2 (MYO), 3 (LV), 4 (unlabelled)";
    checked(place, file?, image, UNLABELLED_ON_DISK, allowed)
}

/// Without an image (it has a fault of its own) the size can't be checked.
fn checked(
    place: &Place,
    file: Nifti,
    image: Option<&Nifti>,
    greatest: u8,
    allowed: &'static str,
) -> Result<Labels, DataError> {
    let shape = |nifti: &Nifti| [nifti.slices, nifti.rows, nifti.columns];
    if let Some(image) = image.filter(|image| shape(image) != shape(&file)) {
        return Err(DataError::Shape { place: place.clone(), is: shape(&file), image: shape(image) });
    }
    let mut sound = true;
    let label = |&x: &f32| {
        // How many of 1 to 4 it reaches: itself, if it is a label. Not a cast, and no way out in the middle: so that it is
        // done by vectors.
        let label = (1..=UNLABELLED_ON_DISK).map(|step| u8::from(x >= f32::from(step))).sum::<u8>();
        sound &= f32::from(label) == x && label <= greatest;
        if label == UNLABELLED_ON_DISK { UNLABELLED } else { label }
    };
    let data = file.data.iter().map(label).collect();
    let is_label = |x: f32| x >= 0.0 && x <= f32::from(greatest) && x.fract() == 0.0;
    if let Some(&label) = file.data.iter().find(|&&x| !sound && !is_label(x)) {
        let count = file.data.iter().filter(|&&x| x == label).count();
        return Err(DataError::Label { place: place.clone(), label, count, allowed });
    }
    Ok(Labels { slices: file.slices, height: file.rows, width: file.columns, data })
}
