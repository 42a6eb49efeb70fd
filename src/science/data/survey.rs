//! What there is in a data set: counted over all of its cases, whatever their state.

use super::source::{Cases, Found};
use super::{DataError, UNLABELLED, Volume};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Counts over the volumes that can be read, and the faults of those that can't.
#[derive(Debug, Default)]
pub struct Survey {
    pub cases: usize,
    pub volumes: usize,
    pub slices: usize,
    /// What the owners split by (cameras, folders).
    pub groups: BTreeSet<String>,
    /// Volumes of each number of channels.
    pub channels: BTreeMap<usize, usize>,
    /// Volumes of each size (rows, columns).
    pub sizes: BTreeMap<[usize; 2], usize>,
    /// Of each volume, `[row, column]` in mm, sorted.
    pub spacings: Vec<[f64; 2]>,
    /// Least and greatest intensity.
    pub intensities: Option<[f32; 2]>,
    /// By label.
    pub classes: Vec<ClassCount>,
    /// Of pixels that nobody annotated. `slices` are those without any annotated pixel.
    pub unlabelled: ClassCount,
    /// Of all masks.
    pub mask_pixels: u64,
    /// Of all volumes that have a scribble.
    pub scribble_pixels: u64,
    pub scribbled_volumes: usize,
    /// Pixels that scribble and mask both label, and those of them that they label alike.
    pub shared_pixels: u64,
    pub agreeing_pixels: u64,
    /// By case, in order.
    pub faults: Vec<(String, DataError)>,
}

/// Where a class is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassCount {
    /// Of the masks.
    pub pixels: u64,
    /// Slices whose mask has it.
    pub slices: usize,
    /// Of the scribbles.
    pub scribble: u64,
}

impl Survey {
    /// Reads the cases of these indices, on all threads.
    pub fn of(cases: &dyn Cases, indices: &[usize]) -> Self {
        let (classes, names) = (cases.classes().len(), cases.names());
        let one = |&index: &usize| Survey::of_case(classes, &names[index], cases.survey(index));
        let each: Vec<Survey> = indices.par_iter().map(one).collect();
        let empty = Survey { classes: vec![ClassCount::default(); classes], ..Survey::default() };
        let mut whole = each.into_iter().fold(empty, Survey::with);
        whole.spacings.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        whole
    }

    fn of_case(classes: usize, case: &str, found: Found) -> Self {
        let mut survey = Survey { cases: 1, classes: vec![ClassCount::default(); classes], ..Survey::default() };
        found.volumes.iter().for_each(|volume| survey.add(volume));
        survey.faults = found.faults.into_iter().map(|fault| (case.to_owned(), fault)).collect();
        survey
    }

    fn add(&mut self, volume: &Volume) {
        self.volumes += 1;
        self.slices += volume.image.slices;
        self.groups.extend(volume.group.clone());
        *self.channels.entry(volume.image.channels).or_default() += 1;
        *self.sizes.entry([volume.image.height, volume.image.width]).or_default() += 1;
        self.spacings.push(volume.spacing);
        self.intensities = wider(self.intensities, range(&volume.image.data));
        self.mask_pixels += volume.mask.data.len() as u64;
        (0..volume.mask.slices).for_each(|slice| self.add_mask(volume.mask.slice(slice)));
        let Some(scribble) = &volume.scribble else { return };
        self.scribbled_volumes += 1;
        self.scribble_pixels += scribble.data.len() as u64;
        for (&drawn, &truth) in scribble.data.iter().zip(&volume.mask.data) {
            self.class(drawn).scribble += 1;
            let shared = drawn != UNLABELLED && truth != UNLABELLED;
            self.shared_pixels += u64::from(shared);
            self.agreeing_pixels += u64::from(shared && drawn == truth);
        }
    }

    fn add_mask(&mut self, slice: &[u8]) {
        let mut counts = [0_u64; 256];
        slice.iter().for_each(|&label| counts[usize::from(label)] += 1);
        for (label, &count) in (0..=u8::MAX).zip(&counts).filter(|(_, count)| **count > 0) {
            let is_whole = count == slice.len() as u64;
            let class = self.class(label);
            class.pixels += count;
            class.slices += usize::from(label != UNLABELLED || is_whole);
        }
    }

    fn class(&mut self, label: u8) -> &mut ClassCount {
        self.classes.get_mut(usize::from(label)).unwrap_or(&mut self.unlabelled)
    }

    /// Both together.
    fn with(mut self, other: Survey) -> Self {
        self.cases += other.cases;
        self.volumes += other.volumes;
        self.slices += other.slices;
        self.groups.extend(other.groups);
        other.channels.into_iter().for_each(|(key, count)| *self.channels.entry(key).or_default() += count);
        other.sizes.into_iter().for_each(|(key, count)| *self.sizes.entry(key).or_default() += count);
        self.spacings.extend(other.spacings);
        self.intensities = wider(self.intensities, other.intensities);
        let classes = self.classes.iter_mut().zip(&other.classes);
        classes.for_each(|(class, other)| class.add(other));
        self.unlabelled.add(&other.unlabelled);
        self.mask_pixels += other.mask_pixels;
        self.scribble_pixels += other.scribble_pixels;
        self.scribbled_volumes += other.scribbled_volumes;
        self.shared_pixels += other.shared_pixels;
        self.agreeing_pixels += other.agreeing_pixels;
        self.faults.extend(other.faults);
        self
    }
}

impl ClassCount {
    fn add(&mut self, other: &ClassCount) {
        self.pixels += other.pixels;
        self.slices += other.slices;
        self.scribble += other.scribble;
    }
}

fn range(values: &[f32]) -> Option<[f32; 2]> {
    let first = *values.first()?;
    Some(values.iter().fold([first; 2], |[low, high], &x| [low.min(x), high.max(x)]))
}

fn wider(a: Option<[f32; 2]>, b: Option<[f32; 2]>) -> Option<[f32; 2]> {
    match (a, b) {
        (Some([a, b]), Some([c, d])) => Some([a.min(c), b.max(d)]),
        (a, b) => a.or(b),
    }
}
