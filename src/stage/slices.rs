//! The artifacts that stages of the science hand to each other: how they lie in their folders.
//!
//! | artifact | files |
//! | --- | --- |
//! | `slices` | `slices.json`, one safetensors file a volume: `image` (f32), `mask`, `scribble` (u8) |
//! | `scribbles` | one safetensors file a volume: `scribble` (u8, 255 = unlabelled), by further annotators `scribble2`, `scribble3`, ..; `coverage.csv` |
//! | `split` | `split.yaml` |
//! | `predictions` | one safetensors file a test volume: `labels` (u8), `attention1..4` (f32) |

use crate::contract::StageError;
use crate::science::data::folder::Code;
use crate::science::data::split::Member;
use crate::science::data::{Image, Labels, Preparation, Preprocessing, Split, Volume};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `slices.json`: what every volume shares, and the volumes in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepared {
    /// Names of the classes, background first.
    pub classes: Vec<String>,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// In the masks on the disk, by class.
    codes: Vec<Vec<Code>>,
    preprocessing: Preprocessing,
    volumes: Vec<VolumeEntry>,
    #[serde(skip)]
    folder: PathBuf,
}

/// What is known of volumes before there are any.
pub struct Origin {
    pub classes: Vec<String>,
    /// [`crate::science::data::Cases::codes`]
    pub codes: Vec<Vec<Code>>,
    pub preprocessing: Preprocessing,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VolumeEntry {
    case: String,
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    spacing: [f64; 2],
    slices: usize,
}

/// File of a volume in any of the artifacts.
fn file_of(case: &str, name: &str) -> String {
    format!("{case}_{name}.safetensors")
}

impl Prepared {
    pub fn open(folder: &Path) -> Result<Self, StageError> {
        let mut prepared: Prepared = read_json(&folder.join("slices.json"))?;
        prepared.folder = folder.to_owned();
        // Files are named after them, and slices may come from a stranger's bundle.
        let names = prepared.volumes.iter().flat_map(|volume| [&volume.case, &volume.name]);
        if let Some(name) = names.into_iter().find(|name| name.contains(['/', '\\', '\0'])) {
            return Err(StageError::Failed(format!("`{}` is no name of a case or volume", name.escape_debug())));
        }
        Ok(prepared)
    }

    /// Writes prepared volumes; all have one size.
    pub fn write(folder: &Path, origin: Origin, volumes: &[Volume]) -> Result<(), StageError> {
        let Some(first) = volumes.first() else {
            return Err(StageError::Failed("the data set has no volume".to_owned()));
        };
        let Image { channels, height, width, .. } = first.image;
        let entry = |v: &Volume| VolumeEntry {
            case: v.case.clone(),
            name: v.name.clone(),
            group: v.group.clone(),
            spacing: v.spacing,
            slices: v.image.slices,
        };
        let Origin { classes, codes, preprocessing } = origin;
        let (volumes_of, folder_of) = (volumes.iter().map(entry).collect(), PathBuf::new());
        let prepared =
            Prepared { classes, channels, height, width, codes, preprocessing, volumes: volumes_of, folder: folder_of };
        for volume in volumes {
            write_volume(&folder.join(file_of(&volume.case, &volume.name)), volume)?;
        }
        write_json(&folder.join("slices.json"), &prepared)
    }

    /// What a network has to know that is trained on them: `train` writes it as `preparation.json`.
    pub fn preparation(&self) -> Preparation {
        Preparation {
            classes: Preparation::classes(self.classes.clone(), self.codes.clone()),
            channels: self.channels,
            height: self.height,
            width: self.width,
            preprocessing: self.preprocessing.clone(),
        }
    }

    /// Names of all cases, in order, each once.
    pub fn cases(&self) -> Vec<String> {
        let mut cases: Vec<String> = self.volumes.iter().map(|v| v.case.clone()).collect();
        cases.dedup();
        cases
    }

    /// All cases as a split sees them, each once.
    pub fn members(&self) -> Vec<Member> {
        let member = |v: &VolumeEntry| Member { case: v.case.clone(), group: v.group.clone() };
        let mut members: Vec<Member> = self.volumes.iter().map(member).collect();
        members.dedup_by(|a, b| a.case == b.case);
        members
    }

    /// Number of slices of some cases; no volume is opened.
    pub fn slices_of(&self, cases: &[String]) -> usize {
        self.volumes.iter().filter(|v| cases.contains(&v.case)).map(|v| v.slices).sum()
    }

    /// All volumes of some cases, in the order of the cases. No file of another case is opened.
    pub fn volumes<S: AsRef<str>>(&self, cases: &[S]) -> Result<Vec<Volume>, StageError> {
        let mut found = Vec::new();
        for case in cases {
            let of_case: Vec<&VolumeEntry> = self.volumes.iter().filter(|v| v.case == case.as_ref()).collect();
            if of_case.is_empty() {
                let case = case.as_ref();
                return Err(StageError::Failed(format!("the split names case `{case}`, which the slices lack")));
            }
            for entry in of_case {
                found.push(self.read(entry)?);
            }
        }
        Ok(found)
    }

    /// The files of some cases, here and in another artifact with the same volumes.
    pub fn files(&self, cases: &[String], folder: &Path) -> Vec<PathBuf> {
        let of_cases = self.volumes.iter().filter(|v| cases.contains(&v.case));
        of_cases.map(|v| folder.join(file_of(&v.case, &v.name))).collect()
    }

    fn read(&self, entry: &VolumeEntry) -> Result<Volume, StageError> {
        let Prepared { channels, height, width, .. } = *self;
        let slices = entry.slices;
        let path = self.folder.join(file_of(&entry.case, &entry.name));
        let arrays = Arrays::read(&path)?;
        let labels = |data: Vec<u8>| Labels { slices, height, width, data };
        let size = slices * height * width;
        Ok(Volume {
            case: entry.case.clone(),
            name: entry.name.clone(),
            group: entry.group.clone(),
            spacing: entry.spacing,
            image: Image { slices, channels, height, width, data: arrays.f32("image", channels * size)? },
            mask: labels(arrays.u8("mask", size)?),
            scribble: arrays.has("scribble").then(|| arrays.u8("scribble", size)).transpose()?.map(labels),
        })
    }
}

fn write_volume(path: &Path, volume: &Volume) -> Result<(), StageError> {
    let Image { slices, channels, height, width, .. } = volume.image;
    let flat = [slices, height, width];
    let mut arrays = ArraysOut::default();
    arrays.put_f32("image", &[slices, channels, height, width], &volume.image.data);
    arrays.put_u8("mask", &flat, &volume.mask.data);
    if let Some(scribble) = &volume.scribble {
        arrays.put_u8("scribble", &flat, &scribble.data);
    }
    arrays.write(path)
}

/// Name of an annotator's array, counted from 0.
fn annotator(index: usize) -> String {
    if index == 0 { "scribble".to_owned() } else { format!("scribble{}", index + 1) }
}

/// One scribble an annotator.
pub fn write_scribbles(folder: &Path, volume: &Volume, scribbles: &[Labels]) -> Result<(), StageError> {
    let mut arrays = ArraysOut::default();
    for (index, scribble) in scribbles.iter().enumerate() {
        arrays.put_u8(&annotator(index), &[scribble.slices, scribble.height, scribble.width], &scribble.data);
    }
    arrays.write(&folder.join(file_of(&volume.case, &volume.name)))
}

/// The scribbles of a volume by all annotators, from a `scribbles` artifact.
pub fn read_scribbles(folder: &Path, volume: &Volume) -> Result<Vec<Labels>, StageError> {
    let arrays = Arrays::read(&folder.join(file_of(&volume.case, &volume.name)))?;
    let labels = |index: usize| {
        let data = arrays.u8(&annotator(index), volume.mask.data.len())?;
        Ok(Labels { data, ..volume.mask })
    };
    let further = (1..).take_while(|&index| arrays.has(&annotator(index)));
    std::iter::once(0).chain(further).map(labels).collect()
}

/// The scribble of a volume by the first annotator, from a `scribbles` artifact.
pub fn read_scribble(folder: &Path, volume: &Volume) -> Result<Labels, StageError> {
    let arrays = Arrays::read(&folder.join(file_of(&volume.case, &volume.name)))?;
    let data = arrays.u8("scribble", volume.mask.data.len())?;
    Ok(Labels { data, ..volume.mask })
}

/// What a method says of one test volume.
pub struct PredictedVolume {
    pub labels: Labels,
    /// By level, d = 1 first: height, width and `[slice, h, w]` values.
    pub attention: Vec<(usize, usize, Vec<f32>)>,
}

pub fn write_prediction(folder: &Path, volume: &Volume, prediction: &PredictedVolume) -> Result<(), StageError> {
    let Labels { slices, height, width, .. } = prediction.labels;
    let mut arrays = ArraysOut::default();
    arrays.put_u8("labels", &[slices, height, width], &prediction.labels.data);
    for (level, (h, w, map)) in prediction.attention.iter().enumerate() {
        arrays.put_f32(&format!("attention{}", level + 1), &[slices, *h, *w], map);
    }
    arrays.write(&folder.join(file_of(&volume.case, &volume.name)))
}

pub fn read_prediction(folder: &Path, volume: &Volume) -> Result<PredictedVolume, StageError> {
    let arrays = Arrays::read(&folder.join(file_of(&volume.case, &volume.name)))?;
    let labels = Labels { data: arrays.u8("labels", volume.mask.data.len())?, ..volume.mask };
    let mut attention = Vec::new();
    while let Some([_, h, w]) = arrays.shape(&format!("attention{}", attention.len() + 1)) {
        let name = format!("attention{}", attention.len() + 1);
        attention.push((h, w, arrays.f32(&name, volume.mask.slices * h * w)?));
    }
    Ok(PredictedVolume { labels, attention })
}

pub fn write_split(folder: &Path, split: &Split) -> Result<(), StageError> {
    let text = serde_saphyr::to_string(split).map_err(StageError::failed)?;
    write_file(&folder.join("split.yaml"), text.as_bytes())
}

pub fn read_split(folder: &Path) -> Result<Split, StageError> {
    let path = folder.join("split.yaml");
    let text = String::from_utf8_lossy(&read_file(&path)?).into_owned();
    serde_saphyr::from_str(&text).map_err(|e| StageError::Failed(format!("{}: {e}", path.display())))
}

pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), StageError> {
    std::fs::write(path, bytes).map_err(|source| StageError::Io { action: "write", path: path.to_owned(), source })
}

pub fn read_file(path: &Path) -> Result<Vec<u8>, StageError> {
    std::fs::read(path).map_err(|source| StageError::Io { action: "read", path: path.to_owned(), source })
}

pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StageError> {
    let mut text = serde_json::to_string_pretty(value).map_err(StageError::failed)?;
    text.push('\n');
    write_file(path, text.as_bytes())
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, StageError> {
    let bytes = read_file(path)?;
    serde_json::from_slice(&bytes).map_err(|e| StageError::Failed(format!("{}: {e}", path.display())))
}

/// Arrays to be written, by name.
#[derive(Default)]
struct ArraysOut(BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>);

impl ArraysOut {
    fn put_f32(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.0.insert(name.to_owned(), (Dtype::F32, shape.to_vec(), bytes));
    }

    fn put_u8(&mut self, name: &str, shape: &[usize], values: &[u8]) {
        self.0.insert(name.to_owned(), (Dtype::U8, shape.to_vec(), values.to_vec()));
    }

    fn write(&self, path: &Path) -> Result<(), StageError> {
        let views = self
            .0
            .iter()
            .map(|(name, (dtype, shape, bytes))| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(StageError::failed)?;
        write_file(path, &safetensors::serialize(views, None).map_err(StageError::failed)?)
    }
}

/// Arrays read from a file.
struct Arrays {
    path: PathBuf,
    arrays: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Arrays {
    fn read(path: &Path) -> Result<Self, StageError> {
        let bytes = read_file(path)?;
        let file = SafeTensors::deserialize(&bytes)
            .map_err(|e| StageError::Failed(format!("{}: not a safetensors file: {e}", path.display())))?;
        let array =
            |(name, view): (String, TensorView)| (name, (view.dtype(), view.shape().to_vec(), view.data().to_vec()));
        Ok(Arrays { path: path.to_owned(), arrays: file.tensors().into_iter().map(array).collect() })
    }

    fn has(&self, name: &str) -> bool {
        self.arrays.contains_key(name)
    }

    fn shape(&self, name: &str) -> Option<[usize; 3]> {
        self.arrays.get(name).and_then(|(_, shape, _)| shape.as_slice().try_into().ok())
    }

    fn bytes(&self, name: &str, expected: Dtype, length: usize) -> Result<&[u8], StageError> {
        let wrong = |what: String| StageError::Failed(format!("{}: {what}", self.path.display()));
        let (dtype, shape, bytes) = self.arrays.get(name).ok_or_else(|| wrong(format!("no array `{name}`")))?;
        if *dtype != expected || shape.iter().product::<usize>() != length {
            return Err(wrong(format!("`{name}` is {dtype:?} {shape:?}, not {expected:?} of {length} values")));
        }
        Ok(bytes)
    }

    fn f32(&self, name: &str, length: usize) -> Result<Vec<f32>, StageError> {
        let bytes = self.bytes(name, Dtype::F32, length)?;
        Ok(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
    }

    fn u8(&self, name: &str, length: usize) -> Result<Vec<u8>, StageError> {
        Ok(self.bytes(name, Dtype::U8, length)?.to_vec())
    }
}
