use crate::report::figure::sheet::{Frame, Sheet};
use crate::report::figure::{self};
use crate::science::data::acdc::AcdcParameters;
use crate::science::data::{Cases, DataError, LAYOUTS, Layout, Survey, UNLABELLED, Volume};
use crate::stage::preprocess::Dataset;
use serde::Serialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What `runner data inspect` looks at.
pub struct Inspect {
    pub root: PathBuf,
    /// A kind of data set; none: told by the layout.
    pub layout: Option<String>,
    /// The `source` of a file in `experiments/datasets`, in place of a layout.
    pub source: Option<Value>,
    /// Expert scribbles that lie apart (ACDC).
    pub scribbles: Option<PathBuf>,
    /// At most so many cases; none: all.
    pub most: Option<usize>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    pub root: PathBuf,
    /// The kind of data set that it was read as.
    pub kind: String,
    /// Other kinds whose layout fits.
    pub also: Vec<String>,
    /// Cases that there are, and those that were read.
    pub listed_cases: usize,
    pub cases: usize,
    pub volumes: usize,
    pub slices: usize,
    pub groups: Vec<String>,
    pub channels: Vec<usize>,
    /// The commonest first.
    pub sizes: Vec<Size>,
    /// Least, median and greatest side of a pixel.
    pub spacing_mm: Option<[f64; 3]>,
    /// Least and greatest intensity.
    pub intensities: Option<[f32; 2]>,
    pub classes: Vec<ClassShare>,
    /// Pixels that nobody annotated; its slices are those without any annotated pixel.
    pub unlabelled: ClassShare,
    pub scribbled_volumes: usize,
    /// Percent of the pixels that scribble and mask both label.
    pub scribbles_agree: Option<f64>,
    pub faults: Vec<Fault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Size {
    pub rows: usize,
    pub columns: usize,
    pub volumes: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassShare {
    pub name: String,
    /// Percent of the pixels of all masks.
    pub mask_percent: f64,
    /// Slices whose mask has it.
    pub slices: usize,
    /// Percent of the pixels of all volumes with scribbles.
    pub scribble_percent: Option<f64>,
}

/// A fault of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub case: String,
    /// The file, or the volume, as a path below the data set's root.
    pub file: String,
    pub fault: String,
}

impl Fault {
    /// `root`: left out of paths, so that what is written does not depend on where the data lie.
    pub fn new(case: &str, mut error: DataError, root: Option<&Path>) -> Self {
        let prefix = root.map(|root| format!("{}/", root.display())).unwrap_or_default();
        let short = |text: &str| if prefix.len() > 1 { text.replace(&prefix, "") } else { text.to_owned() };
        let mut file = String::new();
        if let Some(place) = error.place_mut() {
            place.item = short(&place.item);
            file.clone_from(&place.item);
        }
        Fault { case: case.to_owned(), file, fault: short(&error.to_string()) }
    }
}

/// The kinds of data set that are told by their layout.
pub fn layouts() -> Vec<String> {
    LAYOUTS.iter().map(|layout| layout.name.to_owned()).collect()
}

/// A data set with the name of its kind, and of other kinds that fit.
struct Opened {
    kind: String,
    also: Vec<String>,
    cases: Box<dyn Cases>,
}

/// Slices on a contact sheet.
const FRAMES: usize = 20;

impl Inspect {
    /// `sheet`: whether a contact sheet is wanted too, as a PNG.
    pub fn run(&self, sheet: bool) -> Result<(Inspection, Option<Vec<u8>>), String> {
        let Opened { kind, also, cases } = self.open()?;
        let names = cases.names();
        let indices: Vec<usize> = (0..names.len().min(self.most.unwrap_or(usize::MAX))).collect();
        let survey = Survey::of(&*cases, &indices);
        let inspection = self.inspection(kind, also, &*cases, survey);
        let png = if sheet { contact_sheet(&inspection, &*cases, &indices)? } else { None };
        Ok((inspection, png))
    }

    fn open(&self) -> Result<Opened, String> {
        if let Some(source) = &self.source {
            let mut source = source.clone();
            if let Some(map) = source.as_object_mut() {
                map.insert("root".to_owned(), self.root.display().to_string().into());
            }
            let dataset: Dataset = serde_path_to_error::deserialize(source).map_err(|e| e.to_string())?;
            let cases = dataset.open(0).map_err(|e| e.to_string())?;
            let kind = self.layout.clone().unwrap_or_default();
            return Ok(Opened { kind, also: Vec::new(), cases });
        }
        if let Some(name) = &self.layout {
            let layout = LAYOUTS.iter().find(|layout| layout.name == *name);
            let layout = layout.ok_or_else(|| format!("there is no kind of data set `{name}`"))?;
            let cases = self.open_as(layout).map_err(|e| e.to_string())?;
            return Ok(Opened { kind: layout.name.to_owned(), also: Vec::new(), cases });
        }
        self.guess()
    }

    fn open_as(&self, layout: &Layout) -> Result<Box<dyn Cases>, DataError> {
        match &self.scribbles {
            Some(scribbles) if layout.name == "acdc" => {
                let scribbles = Some(scribbles.clone());
                AcdcParameters { scribbles, ..AcdcParameters::whole(&self.root) }.open()
            }
            Some(_) => {
                let message = format!("{} has no scribbles of its own; only acdc does", layout.name);
                Err(DataError::Parameter { name: "scribbles", message })
            }
            None => (layout.open)(&self.root),
        }
    }

    /// The first layout that fits, and the names of the others that do.
    fn guess(&self) -> Result<Opened, String> {
        let mut fitting = Vec::new();
        for layout in LAYOUTS.iter().filter(|layout| self.scribbles.is_none() || layout.name == "acdc") {
            match self.open_as(layout) {
                Ok(cases) => fitting.push((layout.name.to_owned(), cases)),
                Err(DataError::NoCases { .. }) => {}
                Err(fault) => return Err(fault.to_string()),
            }
        }
        if fitting.is_empty() {
            let mut expected: Vec<&str> = LAYOUTS.iter().map(|layout| layout.expected).collect();
            expected.dedup();
            return Err(format!(
                "{} has the layout of no known data set:\n  {}\nA layout of your own: describe it in experiments/datasets/NAME.yaml \
                 (kind: folder), and give --as NAME",
                self.root.display(),
                expected.join("\n  ")
            ));
        }
        let (kind, cases) = fitting.remove(0);
        let also = fitting.into_iter().map(|(name, _)| name).collect();
        Ok(Opened { kind, also, cases })
    }

    fn inspection(&self, kind: String, also: Vec<String>, cases: &dyn Cases, survey: Survey) -> Inspection {
        let percent = |count: u64, of: u64| if of == 0 { 0.0 } else { 100.0 * count as f64 / of as f64 };
        let share = |name: &str, count: &crate::science::data::ClassCount| ClassShare {
            name: name.to_owned(),
            mask_percent: percent(count.pixels, survey.mask_pixels),
            slices: count.slices,
            scribble_percent: (survey.scribbled_volumes > 0).then(|| percent(count.scribble, survey.scribble_pixels)),
        };
        let classes = cases.classes().iter().zip(&survey.classes).map(|(name, count)| share(name, count)).collect();
        let size = |(&[rows, columns], &volumes): (&[usize; 2], &usize)| Size { rows, columns, volumes };
        let mut sizes: Vec<Size> = survey.sizes.iter().map(size).collect();
        sizes.sort_by_key(|size| (std::cmp::Reverse(size.volumes), size.rows, size.columns));
        Inspection {
            root: self.root.clone(),
            kind,
            also,
            listed_cases: cases.names().len(),
            cases: survey.cases,
            volumes: survey.volumes,
            slices: survey.slices,
            groups: in_order(survey.groups),
            channels: survey.channels.keys().copied().collect(),
            sizes,
            spacing_mm: spacing(&survey.spacings),
            intensities: survey.intensities,
            classes,
            unlabelled: share("unlabelled", &survey.unlabelled),
            scribbled_volumes: survey.scribbled_volumes,
            scribbles_agree: (survey.shared_pixels > 0).then(|| percent(survey.agreeing_pixels, survey.shared_pixels)),
            faults: survey.faults.into_iter().map(|(case, e)| Fault::new(&case, e, Some(&self.root))).collect(),
        }
    }
}

/// Numbers by their value.
fn in_order(groups: std::collections::BTreeSet<String>) -> Vec<String> {
    let mut groups: Vec<String> = groups.into_iter().collect();
    groups.sort_by_key(|group| group.parse::<u64>().unwrap_or(u64::MAX));
    groups
}

fn spacing(spacings: &[[f64; 2]]) -> Option<[f64; 3]> {
    let mut sides: Vec<f64> = spacings.iter().flatten().copied().collect();
    sides.sort_by(f64::total_cmp);
    Some([*sides.first()?, sides[sides.len() / 2], *sides.last()?])
}

/// Where in a volume the slice of the first, second, ... case lies: not only the easy middle.
const DEPTHS: [f64; 4] = [0.5, 0.3, 0.7, 0.4];

/// None where no volume can be read.
fn contact_sheet(inspection: &Inspection, cases: &dyn Cases, indices: &[usize]) -> Result<Option<Vec<u8>>, String> {
    let count = indices.len().min(FRAMES);
    // Evenly over the cases.
    let shown = (0..count).map(|i| indices[i * indices.len() / count]);
    let frame = |(i, index): (usize, usize)| {
        let volumes = cases.survey(index).volumes;
        let volume = volumes.get(i % volumes.len().max(1))?;
        Some(frame(volume, (DEPTHS[i % DEPTHS.len()] * (volume.image.slices as f64 - 1.0)).round() as usize))
    };
    let frames: Vec<Frame> = shown.enumerate().filter_map(frame).collect();
    if frames.is_empty() {
        return Ok(None);
    }
    let Inspection { kind, cases: read, volumes, slices, .. } = inspection;
    let sheet = Sheet {
        title: format!("{} as {kind}", inspection.root.display()),
        subtitle: format!("cases: {read}, volumes: {volumes}, slices: {slices}; here {} of them", frames.len()),
        classes: inspection.classes.iter().map(|class| class.name.clone()).collect(),
        frames,
    };
    let png = sheet.checked().and_then(|sheet| figure::png_bytes(&sheet, super::MADE_BY));
    png.map(Some).map_err(|e| e.to_string())
}

fn frame(volume: &Volume, slice: usize) -> Frame {
    let mask = volume.mask.slice(slice).to_vec();
    let annotated = mask.iter().any(|&label| label != UNLABELLED);
    let note = if annotated { "" } else { ", no mask" };
    let place = match volume.image.slices {
        1 => String::new(),
        slices => format!(", slice {} of {slices}", slice + 1),
    };
    Frame {
        title: volume.case.clone(),
        subtitle: format!("{}{place}{note}", volume.name),
        width: volume.image.width,
        height: volume.image.height,
        image: volume.image.slice(slice).to_vec(),
        mask,
        scribble: volume.scribble.as_ref().map_or(Vec::new(), |scribble| scribble.slice(slice).to_vec()),
    }
}
