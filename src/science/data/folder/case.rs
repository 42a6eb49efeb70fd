//! The files of one case, and the volumes that they make.

use super::file::{self, Codes, Slices};
use super::pattern::Captures;
use crate::science::data::plane::{self, Name, Plane};
use crate::science::data::source::Found;
use crate::science::data::{DataError, Place, codes};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How files are read.
pub(super) struct Rules {
    pub table: Vec<(i64, i64, u8)>,
    /// The codes with their classes, for people.
    pub known: String,
    /// Whether the codes are colours.
    pub colours: bool,
    pub spacing: Option<[f64; 2]>,
    pub channels: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Image,
    Mask,
    Scribble,
}

#[derive(Debug, Default)]
pub(super) struct Files {
    pub image: Option<PathBuf>,
    pub mask: Option<PathBuf>,
    pub scribble: Option<PathBuf>,
}

#[derive(Debug)]
pub(super) struct Case {
    pub name: String,
    group: Option<String>,
    /// By volume, then by slice.
    volumes: BTreeMap<String, BTreeMap<Option<u64>, Files>>,
    /// Files that another one stands for already: the file and the other.
    twice: Vec<(PathBuf, PathBuf)>,
}

impl Case {
    pub fn new(name: String) -> Self {
        Case { name, group: None, volumes: BTreeMap::new(), twice: Vec::new() }
    }

    pub fn add(&mut self, role: Role, captures: Captures, path: PathBuf) {
        self.group = self.group.take().or(captures.group);
        let volume = captures.volume.unwrap_or_else(|| "volume".to_owned());
        let files = self.volumes.entry(volume).or_default().entry(captures.slice).or_default();
        let place = match role {
            Role::Image => &mut files.image,
            Role::Mask => &mut files.mask,
            Role::Scribble => &mut files.scribble,
        };
        match place {
            Some(other) => self.twice.push((path, other.clone())),
            None => *place = Some(path),
        }
    }

    /// Whether any of its files is so.
    pub fn any(&self, is: fn(&Files) -> bool) -> bool {
        self.volumes.values().flat_map(BTreeMap::values).any(is)
    }

    pub fn survey(&self, rules: &Rules, masked: bool) -> Found {
        let mut found = Found::default();
        for (path, other) in &self.twice {
            let reason = format!("the pattern gives it the place of {} too", other.display());
            found.faults.push(DataError::Unfit { place: Place::new(&self.name, path.display()), reason });
        }
        for (volume, slices) in &self.volumes {
            let faults = found.faults.len();
            let planes: Vec<Plane> =
                slices.values().flat_map(|files| self.planes(files, rules, masked, &mut found)).collect();
            if found.faults.len() == faults {
                let name = Name { case: &self.name, volume, group: self.group.clone() };
                let volume = found.note(plane::stack(&name, &planes)).flatten();
                found.volumes.extend(volume);
            }
        }
        found
    }

    /// The slices of one image file with what belongs to them.
    fn planes(&self, files: &Files, rules: &Rules, masked: bool, found: &mut Found) -> Vec<Plane> {
        let place = |path: &Path| Place::new(&self.name, path.display());
        let Some(path) = &files.image else {
            if let Some(path) = files.mask.as_ref().or(files.scribble.as_ref()) {
                let lacks = "there is no image for it".to_owned();
                found.faults.push(DataError::Unpaired { place: place(path), lacks });
            }
            return Vec::new();
        };
        if masked && files.mask.is_none() {
            let lacks = "an image without a mask".to_owned();
            found.faults.push(DataError::Unpaired { place: place(path), lacks });
        }
        let image = file::image(&self.name, path).and_then(|image| rules.image(image, &place(path)));
        let image = found.note(image);
        let mut labels = |path: &Option<PathBuf>| {
            let path = path.as_deref()?;
            found.note(rules.labels(&self.name, path, image.as_ref()))
        };
        let (mask, scribble) = (labels(&files.mask), labels(&files.scribble));
        image.map_or(Vec::new(), |image| cut(&image, mask.as_deref(), scribble.as_deref()))
    }
}

impl Rules {
    /// With the channels and the spacing that were asked for.
    fn image(&self, image: Slices, place: &Place) -> Result<Slices, DataError> {
        let unfit = |reason: String| DataError::Unfit { place: place.clone(), reason };
        let spacing = self.spacing.or(image.spacing);
        if spacing.is_none() {
            return Err(unfit(
                "it has no pixel spacing; give the data set's `spacing_mm` (1, where it has no meaning)".to_owned(),
            ));
        }
        let size = image.height * image.width;
        let (channels, values) = match (image.channels, self.channels) {
            (is, None) => (is, image.values),
            (is, Some(asked)) if is == asked => (is, image.values),
            (3, Some(1)) => {
                (1, image.values.chunks_exact(3 * size.max(1)).flat_map(|slice| grey(slice, size)).collect())
            }
            (1, Some(3)) => (3, image.values.chunks_exact(size.max(1)).flat_map(|slice| slice.repeat(3)).collect()),
            (is, Some(asked)) => return Err(unfit(format!("it has {is} channels, and {asked} are asked for"))),
        };
        Ok(Slices { channels, values, spacing, ..image })
    }

    /// Of the image's size; without an image (it has a fault of its own) of any.
    fn labels(&self, case: &str, path: &Path, image: Option<&Slices>) -> Result<Vec<u8>, DataError> {
        let place = Place::new(case, path.display());
        let Codes { slices, height, width, codes } = file::mask(case, path, self.colours)?;
        let is = [slices, height, width];
        if let Some(image) = image.map(|image| [image.slices, image.height, image.width]).filter(|image| *image != is) {
            return Err(DataError::Shape { place, is, image });
        }
        codes::labels(&place, &codes, &self.table, &self.known)
    }
}

/// Luma of red, green and blue (Rec. 601). `[3, row, column]` → `[row, column]`.
fn grey(slice: &[f32], size: usize) -> Vec<f32> {
    (0..size).map(|i| 0.299 * slice[i] + 0.587 * slice[size + i] + 0.114 * slice[2 * size + i]).collect()
}

fn cut(image: &Slices, mask: Option<&[u8]>, scribble: Option<&[u8]>) -> Vec<Plane> {
    let Slices { slices, channels, height, width, spacing, ref values } = *image;
    let size = height * width;
    let plane = |i: usize| {
        let labels = |labels: Option<&[u8]>| labels.map(|labels| labels[i * size..(i + 1) * size].to_vec());
        let image = values[i * channels * size..(i + 1) * channels * size].to_vec();
        let spacing = spacing.unwrap_or([1.0; 2]);
        Plane { height, width, channels, spacing, image, mask: labels(mask), scribble: labels(scribble) }
    };
    (0..slices).map(plane).collect()
}
