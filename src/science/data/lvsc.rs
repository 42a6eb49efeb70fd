//! LVSC (the CAP challenge) as its owners distribute it:
//! `CAP_challenge_training_set/DET0000101/DET0000101_SA<slice>_ph<phase>.{dcm,png}`.
//!
//! Slices count from 1, phases from 0. `_LA` files are long-axis views and left out. A mask's first channel is above 0
//! in the myocardium; an all-black mask says that there is none; without a mask a slice is not annotated.

use super::dicom_file::{self, Dicom};
use super::folder::Code;
use super::picture_file::{self, Picture, PictureKind};
use super::plane::{self, Name, Plane};
use super::source::{self, Cases, Found};
use super::{DataError, Place};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names of the classes by label.
pub const CLASSES: [&str; 2] = ["background", "MYO"];
pub const EXPECTED: &str = "LVSC has folders DET0000101, .. with files DET0000101_SA1_ph0.dcm, there or in its folder CAP_challenge_training_set";

/// LVSC as distributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LvscParameters {
    /// The folder of the subjects, or `CAP_challenge_training_set`'s.
    pub root: PathBuf,
    /// Only the first so many cases; null: all.
    #[serde(default)]
    pub cases: Option<usize>,
    /// Which phases of the heart's cycle are volumes. Default `ed_es`, as in the paper.
    #[serde(default)]
    pub phases: Phases,
    /// What becomes of slices that nobody drew a mask for. Default `drop`: they can neither be scored nor get a
    /// scribble, and the paper speaks of segmented slices only. `keep` has them with an unlabelled mask.
    #[serde(default)]
    pub unannotated: Unannotated,
}

/// Phases by name or by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged, expecting = "expected `ed_es`, `annotated` or a list of phases ([0, 9])")]
pub enum Phases {
    Named(NamedPhases),
    Numbers(BTreeSet<u32>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedPhases {
    /// End-diastole and end-systole. Neither file nor paper says which they are: here those in which the myocardium
    /// encloses the most and the least, over the slices that all well annotated phases share.
    #[default]
    EdEs,
    /// Each phase that has a mask.
    Annotated,
}

impl Default for Phases {
    fn default() -> Self {
        Phases::Named(NamedPhases::default())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unannotated {
    #[default]
    Drop,
    Keep,
}

impl LvscParameters {
    pub fn at(root: &Path) -> Self {
        let (root, phases, unannotated) = (root.to_owned(), Phases::default(), Unannotated::default());
        LvscParameters { root, cases: None, phases, unannotated }
    }

    pub fn open(&self) -> Result<Box<dyn Cases>, DataError> {
        source::check_root(&self.root)?;
        let mut subjects = Vec::new();
        for folder in source::places(&self.root, &["CAP_challenge_training_set"]) {
            let is_subject = |name: &str| name.strip_prefix("DET").is_some_and(|n| n.parse::<u64>().is_ok());
            let entries = source::entries(&folder)?.into_iter();
            subjects.extend(entries.filter(|(name, path)| is_subject(name) && path.is_dir()));
        }
        subjects.sort();
        subjects.dedup_by(|a, b| a.0 == b.0);
        if subjects.is_empty() {
            return Err(DataError::NoCases { root: self.root.clone(), expected: EXPECTED });
        }
        let (phases, keep) = (self.phases.clone(), self.unannotated == Unannotated::Keep);
        Ok(Box::new(Lvsc { subjects, phases, keep }))
    }
}

struct Lvsc {
    subjects: Vec<(String, PathBuf)>,
    phases: Phases,
    keep: bool,
}

/// The files of one slice at one phase.
#[derive(Debug, Default)]
struct Files {
    image: Option<PathBuf>,
    mask: Option<PathBuf>,
}

/// By phase and slice.
type Subject = BTreeMap<u32, BTreeMap<u32, Files>>;

/// The mask of one slice at its own size: true in the myocardium.
struct Mask {
    rows: usize,
    columns: usize,
    inside: Vec<bool>,
}

impl Cases for Lvsc {
    fn classes(&self) -> Vec<String> {
        source::owned(&CLASSES)
    }

    /// White, though anything above 0 in the first channel counts.
    fn codes(&self) -> Vec<Vec<Code>> {
        source::single(&[0, 255])
    }

    fn names(&self) -> Vec<String> {
        self.subjects.iter().map(|(name, _)| name.clone()).collect()
    }

    /// A volume for each phase, `ph00`. Slices of other sizes or spacings than its first make volumes of their own,
    /// `ph00_2` and so on: nothing says how one would lie over the other.
    fn survey(&self, index: usize) -> Found {
        let (case, folder) = &self.subjects[index];
        let mut found = Found::default();
        let Some(entries) = found.note(source::entries(folder)) else { return found };
        let subject = files(case, entries);
        let place = Place::new(case, folder.display());
        let Some(phases) = found.note(self.phases(&subject, &place)) else { return found };
        for phase in phases {
            let planes = self.planes(case, &subject, phase, &mut found);
            for (number, planes) in of_one_size(planes).into_iter().enumerate() {
                let suffix = if number == 0 { String::new() } else { format!("_{}", number + 1) };
                let name = Name { case, volume: &format!("ph{phase:02}{suffix}"), group: None };
                let volume = found.note(plane::stack(&name, &planes)).flatten();
                found.volumes.extend(volume);
            }
        }
        found
    }
}

/// `DET0000101_SA3_ph12` → slice 3, phase 12.
fn slice_and_phase(case: &str, stem: &str) -> Option<(u32, u32)> {
    let (slice, phase) = stem.strip_prefix(case)?.strip_prefix("_SA")?.split_once("_ph")?;
    Some((slice.parse().ok()?, phase.parse().ok()?))
}

fn files(case: &str, entries: Vec<(String, PathBuf)>) -> Subject {
    let mut subject = Subject::new();
    for (name, path) in entries {
        let (image, mask) = (source::stem_of(&name, "dcm"), source::stem_of(&name, "png"));
        let Some((slice, phase)) = image.or(mask).and_then(|stem| slice_and_phase(case, stem)) else { continue };
        let files = subject.entry(phase).or_default().entry(slice).or_default();
        *(if image.is_some() { &mut files.image } else { &mut files.mask }) = Some(path);
    }
    subject
}

impl Lvsc {
    fn phases(&self, subject: &Subject, place: &Place) -> Result<Vec<u32>, DataError> {
        let annotated = |phase: &u32| subject[phase].values().any(|files| files.mask.is_some());
        let annotated: Vec<u32> = subject.keys().copied().filter(annotated).collect();
        let unfit = |reason: String| DataError::Unfit { place: place.clone(), reason };
        match &self.phases {
            Phases::Numbers(numbers) => match numbers.iter().find(|phase| !subject.contains_key(phase)) {
                None => Ok(numbers.iter().copied().collect()),
                Some(phase) => Err(unfit(format!("it has no phase {phase}"))),
            },
            _ if annotated.is_empty() => Err(unfit("no short-axis slice has a mask beside it".to_owned())),
            Phases::Named(NamedPhases::Annotated) => Ok(annotated),
            Phases::Named(NamedPhases::EdEs) if annotated.len() <= 2 => Ok(annotated),
            Phases::Named(NamedPhases::EdEs) => end_phases(subject, &annotated, place),
        }
    }

    /// The slices of a phase in the order of their numbers.
    fn planes(&self, case: &str, subject: &Subject, phase: u32, found: &mut Found) -> Vec<Plane> {
        let slices = subject.get(&phase).into_iter().flatten();
        let plane = |(_, files): (&u32, &Files)| match files {
            Files { image: None, mask: Some(mask) } => {
                let lacks = "a mask without a DICOM file of its name".to_owned();
                found.faults.push(DataError::Unpaired { place: Place::new(case, mask.display()), lacks });
                None
            }
            Files { image: Some(image), mask } if self.keep || mask.is_some() => {
                found.note(read_plane(case, image, mask.as_deref()))
            }
            _ => None,
        };
        slices.filter_map(plane).collect()
    }
}

fn read_plane(case: &str, path: &Path, mask: Option<&Path>) -> Result<Plane, DataError> {
    let place = Place::new(case, path.display());
    let Dicom { rows: height, columns: width, channels, spacing, data, .. } = dicom_file::read(case, path)?;
    let Some(spacing) = spacing else {
        return Err(DataError::Unfit { place, reason: "its header has no pixel spacing (0028,0030)".to_owned() });
    };
    if channels != 1 {
        return Err(DataError::Unfit { place, reason: format!("it has {channels} channels; MR images have one") });
    }
    let mask = mask.map(|path| read_mask(case, path)).transpose()?;
    let resized = |mask: Mask| -> Vec<u8> {
        let inside = plane::resized(&mask.inside, [mask.rows, mask.columns], [height, width]);
        inside.into_iter().map(u8::from).collect()
    };
    Ok(Plane { height, width, channels, spacing, image: data, mask: mask.map(resized), scribble: None })
}

fn read_mask(case: &str, path: &Path) -> Result<Mask, DataError> {
    let Picture { rows, columns, channels, kind, data, palette, .. } = picture_file::read(case, path)?;
    let red = |&value: &u16| match kind {
        PictureKind::Palette => palette.get(usize::from(value)).is_some_and(|colour| colour[0] > 0),
        _ => value > 0,
    };
    Ok(Mask { rows, columns, inside: data.iter().step_by(channels.max(1)).map(red).collect() })
}

fn of_one_size(planes: Vec<Plane>) -> Vec<Vec<Plane>> {
    let mut groups: Vec<Vec<Plane>> = Vec::new();
    for plane in planes {
        match groups.iter_mut().find(|group| group[0].fits(&plane)) {
            Some(group) => group.push(plane),
            None => groups.push(vec![plane]),
        }
    }
    groups
}

/// ED and ES: where the myocardium encloses the most and the least. Phases with fewer than half as many masks as the
/// best annotated one don't count. See [`NamedPhases::EdEs`].
fn end_phases(subject: &Subject, annotated: &[u32], place: &Place) -> Result<Vec<u32>, DataError> {
    let slices = |phase: &u32| -> BTreeSet<u32> {
        subject[phase].iter().filter(|(_, files)| files.mask.is_some()).map(|(slice, _)| *slice).collect()
    };
    let most = annotated.iter().map(|phase| slices(phase).len()).max().unwrap_or(0);
    let phases: Vec<u32> = annotated.iter().copied().filter(|phase| 2 * slices(phase).len() >= most).collect();
    let shared = phases.iter().map(&slices).reduce(|a, b| &a & &b).unwrap_or_default();
    let mut cavities = Vec::new();
    for &phase in &phases {
        let mut cavity = 0.0;
        for slice in &shared {
            if let Some(path) = &subject[&phase][slice].mask {
                cavity += enclosed(&read_mask(&place.case, path)?);
            }
        }
        cavities.push((cavity, phase));
    }
    // The earlier of equals.
    let greater = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1));
    let less = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    match (cavities.iter().max_by(|a, b| greater(a, b)), cavities.iter().min_by(|a, b| less(a, b))) {
        (Some(ed), Some(es)) if ed.0 > es.0 => Ok(vec![ed.1, es.1]),
        _ => {
            let reason = "its masks don't tell end-diastole from end-systole; name the phases, `phases: [0, 9]`";
            Err(DataError::Unfit { place: place.clone(), reason: reason.to_owned() })
        }
    }
}

/// Share of the image that the myocardium encloses: no myocardium itself, and cut off from the border by it.
fn enclosed(mask: &Mask) -> f64 {
    let Mask { rows, columns, ref inside } = *mask;
    let mut reached = inside.clone();
    let border = |i: usize| {
        let (row, column) = (i / columns, i % columns);
        row == 0 || row + 1 == rows || column == 0 || column + 1 == columns
    };
    let mut open: Vec<usize> = (0..inside.len()).filter(|&i| border(i) && !inside[i]).collect();
    open.iter().for_each(|&i| reached[i] = true);
    while let Some(i) = open.pop() {
        let (row, column) = (i / columns, i % columns);
        let steps = [
            (row > 0).then(|| i - columns),
            (row + 1 < rows).then(|| i + columns),
            (column > 0).then(|| i - 1),
            (column + 1 < columns).then(|| i + 1),
        ];
        for next in steps.into_iter().flatten() {
            if !std::mem::replace(&mut reached[next], true) {
                open.push(next);
            }
        }
    }
    reached.iter().filter(|&&reached| !reached).count() as f64 / inside.len().max(1) as f64
}
