//! PPSS (pedestrian parsing in surveillance scenes) as its owners distribute it:
//! `pedestrian_parsing_dataset/data/<camera 1..171>/<a>_<b>.jpg` with the mask `<a>_<b>_m.png`.

use super::codes::{self, CodeTable};
use super::folder::Code;
use super::picture_file::{self, Picture, PictureKind};
use super::plane::{self, Name, Plane};
use super::preprocess::Resampling;
use super::source::{self, Cases, Found};
use super::{DataError, Place};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

pub const EXPECTED: &str = "PPSS has folders 1, 2, .. 171 with files 3_4.jpg and 3_4_m.png, there or in its folder pedestrian_parsing_dataset/data";
const KNOWN: &str = "0 is background, 9 hair, 19 face, 29 upper clothes, 39 lower clothes, 50 arms, 60 legs, 62 shoes";

/// PPSS as distributed. A case is an image; its group is the camera's number, by which the paper splits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PpssParameters {
    /// The folder of the cameras, or one above it: `data` or `pedestrian_parsing_dataset`.
    pub root: PathBuf,
    /// Only the first so many cases; null: all.
    #[serde(default)]
    pub cases: Option<usize>,
    /// Which parts are classes. Default `seven`.
    #[serde(default)]
    pub parts: Parts,
    /// Which of photo and mask takes the size of the other. Default `image`.
    #[serde(default)]
    pub resize: Resize,
}

/// The paper names seven parts (hair, face, upper clothes, arms, legs, shoes, background), and the files have eight
/// codes: the paper leaves out 39, lower clothes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Parts {
    /// Lower clothes are legs: trousers cover them, so that the seven parts of the paper cover the whole image.
    #[default]
    Seven,
    /// As on the disk.
    Eight,
}

/// The paper: "provided segmentations have size 80x160, we resample all the images to the same spatial resolution".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// The photo, linearly, to its mask's size: the mask stays as it was drawn.
    #[default]
    Image,
    /// The mask, to the nearest pixel, to its photo's size.
    Mask,
}

impl Parts {
    fn classes(self) -> &'static [&'static str] {
        match self {
            Parts::Seven => &["background", "hair", "face", "upper clothes", "arms", "legs", "shoes"],
            Parts::Eight => &["background", "hair", "face", "upper clothes", "lower clothes", "arms", "legs", "shoes"],
        }
    }

    fn table(self) -> &'static CodeTable {
        match self {
            Parts::Seven => {
                &[(0, 0, 0), (9, 9, 1), (19, 19, 2), (29, 29, 3), (50, 50, 4), (39, 39, 5), (60, 60, 5), (62, 62, 6)]
            }
            Parts::Eight => {
                &[(0, 0, 0), (9, 9, 1), (19, 19, 2), (29, 29, 3), (39, 39, 4), (50, 50, 5), (60, 60, 6), (62, 62, 7)]
            }
        }
    }
}

impl PpssParameters {
    pub fn at(root: &Path) -> Self {
        let (root, parts, resize) = (root.to_owned(), Parts::default(), Resize::default());
        PpssParameters { root, cases: None, parts, resize }
    }

    pub fn open(&self) -> Result<Box<dyn Cases>, DataError> {
        source::check_root(&self.root)?;
        let below = ["data", "pedestrian_parsing_dataset/data"];
        let mut photos = Vec::new();
        for folder in source::places(&self.root, &below) {
            for (name, path) in source::entries(&folder)? {
                if let Some(camera) = name.parse::<u32>().ok().filter(|_| path.is_dir()) {
                    photos.extend(photos_of(camera, &path)?);
                }
            }
        }
        photos.sort();
        if photos.is_empty() {
            return Err(DataError::NoCases { root: self.root.clone(), expected: EXPECTED });
        }
        let (parts, resize) = (self.parts, self.resize);
        Ok(Box::new(Ppss { photos, parts, resize }))
    }
}

/// In the order of cameras, then of names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Photo {
    camera: u32,
    stem: String,
    image: PathBuf,
    mask: PathBuf,
}

impl Photo {
    /// `c012_3_4`
    fn case(&self) -> String {
        format!("c{:03}_{}", self.camera, self.stem)
    }
}

/// A folder of a camera has photos with masks; other folders of numbers are other data sets'.
fn photos_of(camera: u32, folder: &Path) -> Result<Vec<Photo>, DataError> {
    let entries = source::entries(folder)?;
    let photo = |(name, path): &(String, PathBuf)| {
        let stem = source::stem_of(name, "jpg")?.to_owned();
        Some(Photo { camera, mask: folder.join(format!("{stem}_m.png")), stem, image: path.clone() })
    };
    Ok(entries.iter().filter_map(photo).collect())
}

struct Ppss {
    photos: Vec<Photo>,
    parts: Parts,
    resize: Resize,
}

impl Cases for Ppss {
    fn classes(&self) -> Vec<String> {
        source::owned(self.parts.classes())
    }

    /// Of seven parts legs have their own code first, and that of lower clothes.
    fn codes(&self) -> Vec<Vec<Code>> {
        let codes = |label: usize| {
            let rows = self.parts.table().iter().rev().filter(move |row| usize::from(row.2) == label);
            rows.filter_map(|row| i32::try_from(row.0).ok()).map(Code::Number).collect()
        };
        (0..self.parts.classes().len()).map(codes).collect()
    }

    fn names(&self) -> Vec<String> {
        self.photos.iter().map(Photo::case).collect()
    }

    fn survey(&self, index: usize) -> Found {
        let photo = &self.photos[index];
        let case = photo.case();
        let mut found = Found::default();
        let image = found.note(read_image(&case, &photo.image));
        let mask = found.note(read_mask(&case, &photo.mask, self.parts));
        let (Some(image), Some(mask)) = (image, mask) else { return found };
        let name = Name { case: &case, volume: "photo", group: Some(photo.camera.to_string()) };
        let volume = plane::stack(&name, &[self.resize.plane(image, mask)]);
        let volume = found.note(volume).flatten();
        found.volumes.extend(volume);
        found
    }
}

/// Red, green and blue: `[channel, row, column]`, from 0 to 255.
struct Colours {
    size: [usize; 2],
    data: Vec<f32>,
}

struct Mask {
    size: [usize; 2],
    labels: Vec<u8>,
}

impl Resize {
    /// A photo has no spacing: a pixel counts as 1 mm.
    fn plane(self, image: Colours, mask: Mask) -> Plane {
        let size = match self {
            Resize::Image => mask.size,
            Resize::Mask => image.size,
        };
        let labels = plane::resized(&mask.labels, mask.size, size);
        let data = if image.size == size { image.data } else { resampled(&image, size) };
        let [height, width] = size;
        Plane { height, width, channels: 3, spacing: [1.0; 2], image: data, mask: Some(labels), scribble: None }
    }
}

fn resampled(image: &Colours, size: [usize; 2]) -> Vec<f32> {
    let resampling = Resampling::between(image.size, size);
    let channel = |values: &[f32]| {
        let values: Vec<f64> = values.iter().map(|&x| f64::from(x)).collect();
        resampling.linear(&values)
    };
    let channels = image.data.chunks_exact(image.size[0] * image.size[1]);
    channels.flat_map(channel).map(|x| x as f32).collect()
}

fn read_image(case: &str, path: &Path) -> Result<Colours, DataError> {
    let Picture { rows, columns, channels, kind, data, .. } = picture_file::read(case, path)?;
    let values: Vec<f32> = data.into_iter().map(f32::from).collect();
    let data = match kind {
        PictureKind::Rgb => plane::channels_first(&values, channels),
        // Some cameras may be black and white.
        PictureKind::Grey => values.repeat(3),
        other => {
            let reason = format!("a photo of {other:?}; grey or RGB is expected");
            return Err(DataError::Unfit { place: Place::new(case, path.display()), reason });
        }
    };
    Ok(Colours { size: [rows, columns], data })
}

/// The raw indices of a palette image: the colours are only for show.
fn read_mask(case: &str, path: &Path, parts: Parts) -> Result<Mask, DataError> {
    let place = Place::new(case, path.display());
    let picture = picture_file::read(case, path)?;
    if picture.channels != 1 {
        let reason = format!("a mask of {:?}; palette indices or grey values are expected", picture.kind);
        return Err(DataError::Unfit { place, reason });
    }
    let codes: Vec<i64> = picture.data.iter().map(|&code| i64::from(code)).collect();
    let labels = codes::labels(&place, &codes, parts.table(), KNOWN)?;
    Ok(Mask { size: [picture.rows, picture.columns], labels })
}
