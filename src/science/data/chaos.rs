//! The MR images of CHAOS as its owners distribute them: `MR/<subject>/T1DUAL/{DICOM_anon/InPhase/*.dcm, Ground/*.png}`
//! and `MR/<subject>/T2SPIR/{DICOM_anon/*.dcm, Ground/*.png}`, a slice's mask under its own stem.

use super::codes::{self, CodeTable};
use super::dicom_file::{self, Dicom};
use super::folder::Code;
use super::picture_file;
use super::plane::{self, Name, Plane};
use super::source::{self, Cases, Found};
use super::{DataError, Place};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of the classes by label.
pub const CLASSES: [&str; 5] = ["background", "liver", "right kidney", "left kidney", "spleen"];
pub const EXPECTED: &str = "CHAOS has folders 1, 2, 3, .. with T1DUAL and T2SPIR, there or in its folders MR, Train_Sets/MR or CHAOS_Train_Sets/Train_Sets/MR";

/// Grey values around 63, 126, 189 and 252, as the owners' description has them.
const CODES: [(i64, i64, u8); 5] = [(0, 0, 0), (55, 70, 1), (110, 135, 2), (175, 200, 3), (240, 255, 4)];
const KNOWN: &str =
    "0 is background, 55 to 70 liver, 110 to 135 right kidney, 175 to 200 left kidney, 240 to 255 spleen";

/// CHAOS as distributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChaosParameters {
    /// The folder of the subjects, or one above it: `MR`, `Train_Sets` or `CHAOS_Train_Sets`.
    pub root: PathBuf,
    /// Only the first so many cases; null: all.
    #[serde(default)]
    pub cases: Option<usize>,
}

/// Which of a subject's MR sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// The in-phase images of the dual-echo T1 sequence, which the paper uses.
    T1InPhase,
    T2,
}

impl Sequence {
    /// Folder of the sequence, and of its DICOM files within.
    fn folders(self) -> (&'static str, &'static str) {
        match self {
            Sequence::T1InPhase => ("T1DUAL", "DICOM_anon/InPhase"),
            Sequence::T2 => ("T2SPIR", "DICOM_anon"),
        }
    }

    fn volume(self) -> &'static str {
        match self {
            Sequence::T1InPhase => "t1in",
            Sequence::T2 => "t2",
        }
    }
}

pub fn open(root: &Path, sequence: Sequence) -> Result<Box<dyn Cases>, DataError> {
    source::check_root(root)?;
    let mut subjects = Vec::new();
    for folder in source::places(root, &["MR", "Train_Sets/MR", "CHAOS_Train_Sets/Train_Sets/MR"]) {
        for (name, path) in source::entries(&folder)? {
            let folder = path.join(sequence.folders().0);
            if let Some(number) = name.parse::<u32>().ok().filter(|_| folder.is_dir()) {
                subjects.push((number, folder));
            }
        }
    }
    subjects.sort();
    subjects.dedup_by_key(|(number, _)| *number);
    if subjects.is_empty() {
        return Err(DataError::NoCases { root: root.to_owned(), expected: EXPECTED });
    }
    Ok(Box::new(Chaos { subjects, sequence }))
}

struct Chaos {
    /// With the folder of the sequence, in the order of their numbers.
    subjects: Vec<(u32, PathBuf)>,
    sequence: Sequence,
}

impl Cases for Chaos {
    fn classes(&self) -> Vec<String> {
        source::owned(&CLASSES)
    }

    /// As the owners' description has them, each within a range of those that are met.
    fn codes(&self) -> Vec<Vec<Code>> {
        source::single(&[0, 63, 126, 189, 252])
    }

    /// `subject01`: as a bare number a name would be read as one from tables and lists.
    fn names(&self) -> Vec<String> {
        self.subjects.iter().map(|(number, _)| format!("subject{number:02}")).collect()
    }

    fn survey(&self, index: usize) -> Found {
        let (number, folder) = &self.subjects[index];
        let case = format!("subject{number:02}");
        let mut found = Found::default();
        let slices = slices(&case, folder, self.sequence, &mut found);
        let place = Place::new(&case, folder.display());
        let slices = found.note(one_series(slices, &place).and_then(|slices| in_order(slices, &place)));
        let planes: Vec<Plane> = slices.into_iter().flatten().map(|slice| slice.plane).collect();
        if found.faults.is_empty() {
            let name = Name { case: &case, volume: self.sequence.volume(), group: None };
            let volume = found.note(plane::stack(&name, &planes)).flatten();
            found.volumes.extend(volume);
        }
        found
    }
}

struct Slice {
    stem: String,
    place: Place,
    position: Option<f64>,
    location: Option<f64>,
    series: Option<String>,
    plane: Plane,
}

/// All slices that can be read. Each mask needs its DICOM file.
fn slices(case: &str, folder: &Path, sequence: Sequence, found: &mut Found) -> Vec<Slice> {
    let files = |folder: PathBuf, extension: &str| -> Result<BTreeMap<String, PathBuf>, DataError> {
        let stem = |(name, path): (String, PathBuf)| Some((source::stem_of(&name, extension)?.to_owned(), path));
        Ok(source::entries(&folder)?.into_iter().filter_map(stem).collect())
    };
    let images = found.note(files(folder.join(sequence.folders().1), "dcm")).unwrap_or_default();
    let masks = found.note(files(folder.join("Ground"), "png")).unwrap_or_default();
    for (_, path) in masks.iter().filter(|(stem, _)| !images.contains_key(*stem)) {
        let lacks = "a mask without a DICOM file of its name".to_owned();
        found.faults.push(DataError::Unpaired { place: Place::new(case, path.display()), lacks });
    }
    if images.is_empty() && found.faults.is_empty() {
        let reason = "there is no DICOM file in it".to_owned();
        found.faults.push(DataError::Unfit { place: Place::new(case, folder.display()), reason });
    }
    let slice = |(stem, path): (&String, &PathBuf)| {
        let slice = slice(case, stem, path, masks.get(stem).map(PathBuf::as_path));
        found.note(slice)
    };
    images.iter().filter_map(slice).collect()
}

fn slice(case: &str, stem: &str, path: &Path, mask: Option<&Path>) -> Result<Slice, DataError> {
    let place = Place::new(case, path.display());
    let dicom = dicom_file::read(case, path)?;
    let mask = mask.map(|mask| read_mask(case, mask, [dicom.rows, dicom.columns])).transpose()?;
    let Some(spacing) = dicom.spacing else {
        return Err(DataError::Unfit { place, reason: "its header has no pixel spacing (0028,0030)".to_owned() });
    };
    let Dicom { rows: height, columns: width, channels, slice_location, position, series, data, .. } = dicom;
    if channels != 1 {
        return Err(DataError::Unfit { place, reason: format!("it has {channels} channels; MR images have one") });
    }
    let plane = Plane { height, width, channels, spacing, image: data, mask, scribble: None };
    let position = position.map(|[_, _, z]| z);
    Ok(Slice { stem: stem.to_owned(), place, position, location: slice_location, series, plane })
}

/// Labels of a mask of the image's size.
fn read_mask(case: &str, path: &Path, image: [usize; 2]) -> Result<Vec<u8>, DataError> {
    let place = Place::new(case, path.display());
    let picture = picture_file::read(case, path)?;
    let ([rows, columns], is) = (image, [1, picture.rows, picture.columns]);
    if is != [1, rows, columns] {
        return Err(DataError::Shape { place, is, image: [1, rows, columns] });
    }
    let grey: Vec<i64> = picture.data.iter().step_by(picture.channels.max(1)).map(|&x| i64::from(x)).collect();
    codes::labels(&place, &grey, const { &CODES as &CodeTable }, KNOWN)
}

/// A folder may hold several series: the volume is the one that has masks, and then each of its slices has one.
fn one_series(mut slices: Vec<Slice>, place: &Place) -> Result<Vec<Slice>, DataError> {
    let masked = slices.iter().filter(|slice| slice.plane.mask.is_some());
    let series: BTreeSet<Option<String>> = masked.map(|slice| slice.series.clone()).collect();
    if series.len() > 1 {
        let reason = format!("its slices with masks are of {} series; keep the files of one", series.len());
        return Err(DataError::Unfit { place: place.clone(), reason });
    }
    slices.retain(|slice| series.is_empty() || series.contains(&slice.series));
    match slices.iter().find(|slice| slice.plane.mask.is_none()) {
        None => Ok(slices),
        Some(slice) => {
            let lacks = format!("there is no mask Ground/{}.png for it", slice.stem);
            Err(DataError::Unpaired { place: slice.place.clone(), lacks })
        }
    }
}

/// By position along the patient's axis, from the feet up; where a header lacks it by slice location, and where that is
/// lacking too by the number at the end of the name. Names alone are no order: in some subjects they run downwards.
fn in_order(mut slices: Vec<Slice>, place: &Place) -> Result<Vec<Slice>, DataError> {
    let keys: [fn(&Slice) -> Option<f64>; 3] = [|slice| slice.position, |slice| slice.location, number];
    let Some(key) = keys.into_iter().find(|key| slices.iter().all(|slice| key(slice).is_some())) else {
        let reason = "neither positions nor locations nor names put its slices in order".to_owned();
        return Err(DataError::Unfit { place: place.clone(), reason });
    };
    slices.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal));
    match slices.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
        None => Ok(slices),
        Some(pair) => {
            let reason = format!("slices {} and {} lie at one place", pair[0].stem, pair[1].stem);
            Err(DataError::Unfit { place: place.clone(), reason })
        }
    }
}

/// At the end of its name.
fn number(slice: &Slice) -> Option<f64> {
    let digits = slice.stem.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok())
}
