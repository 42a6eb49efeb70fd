//! Built-in data: seeded, synthetic cases that look and behave like the data sets of the paper.
//!
//! An image is painted tissue by tissue ([`canvas`]), the anatomy of each [`Family`] in its own file, and then
//! goes through what an MR scanner ([`scanner`]) or a surveillance camera ([`camera`]) does to it.

mod abdomen;
mod camera;
mod canvas;
mod family;
mod pedestrians;
mod person;
mod ring;
mod scanner;
mod shape;
mod smooth;
mod ventricles;

pub use family::Family;

use super::{DataError, Image, Labels, Volume};
use canvas::Canvas;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A synthetic data set. Lengths of the anatomy are in millimetres, so `size * spacing_mm` is the field of view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Phantom {
    /// What is shown. Default `ventricles`.
    pub family: Family,
    /// Number of cases. Default 40.
    pub cases: usize,
    /// Slices of a volume, from the base to the apex of the heart, from the diaphragm to the kidneys. Default 8.
    /// A photo of a pedestrian is one slice, whatever this says.
    pub slices: usize,
    /// Rows, and columns too but for pedestrians, who get half as many columns. Default 96.
    pub size: usize,
    /// Side of a pixel. Default 1.8: a field of view of 173 mm, what a crop around the heart shows. Pedestrians
    /// fill their picture at any spacing, as a detector's crops do.
    pub spacing_mm: f64,
    /// Standard deviation of the noise, as a share of the intensity of blood (fat in the abdomen, white in
    /// photos); Rician in MR. Default 0.06.
    pub noise: f64,
    /// How much the coil's sensitivity, or the light, changes over the image, as a share. Default 0.4.
    pub bias: f64,
    /// Contrast of the tissue's texture, as a share of its intensity. Default 0.12.
    pub texture: f64,
    /// Standard deviation of the blur, in mm. Default 1.0.
    pub blur_mm: f64,
    /// Things elsewhere in the image that have the intensities of the organs. Default 6.
    pub distractors: usize,
}

impl Default for Phantom {
    fn default() -> Self {
        Phantom {
            family: Family::Ventricles,
            cases: 40,
            slices: 8,
            size: 96,
            spacing_mm: 1.8,
            noise: 0.06,
            bias: 0.4,
            texture: 0.12,
            blur_mm: 1.0,
            distractors: 6,
        }
    }
}

impl Phantom {
    /// Names of all cases, `phantom001` onwards.
    pub fn names(&self) -> Vec<String> {
        (0..self.cases).map(Self::name).collect()
    }

    fn name(index: usize) -> String {
        format!("phantom{:03}", index + 1)
    }

    /// The volumes of case `index` (from 0). Depends on the parameters, `index` and `seed` alone, not on other
    /// cases, so cases can be made in any order and at the same time.
    pub fn case(&self, index: usize, seed: u64) -> Vec<Volume> {
        let subject = Subject { index, seed };
        let mut rng = subject.generator(0);
        let sections = self.family.draw(self, subject, &mut rng);
        let imaging = self.family.imaging(self, subject, &mut rng);
        let volume = |(number, (name, sections)): (usize, (&'static str, Vec<Canvas>))| {
            let mut rng = subject.generator(1 + number as u64);
            let image = sections.iter().flat_map(|section| imaging.image(section, &mut rng)).collect();
            self.volume(subject, name, image, sections)
        };
        sections.into_iter().enumerate().map(volume).collect()
    }

    fn volume(&self, subject: Subject, name: &str, image: Vec<f32>, sections: Vec<Canvas>) -> Volume {
        let shape = sections.first().map_or((0, 0, 1), |section| (section.rows, section.columns, section.planes.len()));
        let ((height, width, channels), slices) = (shape, sections.len());
        let mask = sections.into_iter().flat_map(|section| section.labels).collect();
        Volume {
            case: Self::name(subject.index),
            name: name.to_owned(),
            spacing: [self.spacing_mm; 2],
            image: Image { slices, channels, height, width, data: image },
            mask: Labels { slices, height, width, data: mask },
            group: self.family.group(subject),
            scribble: None,
        }
    }

    /// Says which parameter makes no sense.
    pub fn check(&self) -> Result<(), DataError> {
        let wrong = |name, message: &str| Err(DataError::Parameter { name, message: message.to_owned() });
        let counts = [("cases", self.cases, 100_000), ("slices", self.slices, 1000), ("size", self.size, 4096)];
        for (name, count, most) in counts {
            if !(1..=most).contains(&count) {
                return wrong(name, &format!("must be from 1 to {most}"));
            }
        }
        if !(self.spacing_mm.is_finite() && self.spacing_mm > 0.0) {
            return wrong("spacing_mm", "must be a positive number of millimetres");
        }
        let shares = [("noise", self.noise), ("bias", self.bias), ("texture", self.texture), ("blur_mm", self.blur_mm)];
        for (name, share) in shares {
            if !(0.0..=10.0).contains(&share) {
                return wrong(name, "must be from 0 to 10");
            }
        }
        if self.distractors > 1000 { wrong("distractors", "must be at most 1000") } else { Ok(()) }
    }
}

/// Which case is drawn.
#[derive(Debug, Clone, Copy)]
struct Subject {
    index: usize,
    seed: u64,
}

impl Subject {
    /// An independent generator for each use within each case.
    fn generator(self, stream: u64) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&(self.index as u64).to_le_bytes());
        key[16..24].copy_from_slice(b"phantom\0");
        key[24..].copy_from_slice(&stream.to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }
}

/// Uniform.
fn between(rng: &mut impl Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// With probability `share`.
fn chance(rng: &mut impl Rng, share: f64) -> bool {
    rng.random::<f64>() < share
}
