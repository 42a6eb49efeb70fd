use super::abdomen::{self, Contrast};
use super::camera::Camera;
use super::canvas::Canvas;
use super::scanner::Scan;
use super::{Phantom, Subject, pedestrians, ring, ventricles};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What a phantom shows. A new family is a variant, a row of the table and a file with its `draw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Short-axis cardiac MR at end-diastole and end-systole, like ACDC.
    #[default]
    Ventricles,
    /// The same hearts with thinner walls, and the myocardium alone labelled, like LVSC.
    Ring,
    /// Axial abdominal MR, T1 in phase, like CHAOS.
    AbdomenT1,
    /// The same abdomens, T2 with suppressed fat, like CHAOS.
    AbdomenT2,
    /// One person a photo, in colour, twice as high as wide, sometimes half hidden, like PPSS. A case is one
    /// photo, its group the camera.
    Pedestrians,
}

/// The painted slices of each volume of a case, with the volume's name.
pub type Sections = Vec<(&'static str, Vec<Canvas>)>;

struct Row {
    family: Family,
    classes: &'static [&'static str],
    draw: fn(&Phantom, Subject, &mut ChaCha8Rng) -> Sections,
    /// What takes the pictures.
    device: Device,
}

#[derive(Clone, Copy)]
enum Device {
    Scanner,
    Camera,
}

const VENTRICLES: Row = Row {
    family: Family::Ventricles,
    classes: &["background", "RV", "MYO", "LV"],
    draw: |phantom, _, rng| ventricles::draw(phantom, rng),
    device: Device::Scanner,
};

const RING: Row = Row {
    family: Family::Ring,
    classes: &["background", "MYO"],
    draw: |phantom, _, rng| ring::draw(phantom, rng),
    device: Device::Scanner,
};

const ABDOMEN: &[&str] = &["background", "liver", "right kidney", "left kidney", "spleen"];

const ABDOMEN_T1: Row = Row {
    family: Family::AbdomenT1,
    classes: ABDOMEN,
    draw: |phantom, _, rng| abdomen::draw(phantom, &Contrast::T1_IN_PHASE, rng),
    device: Device::Scanner,
};

const ABDOMEN_T2: Row = Row {
    family: Family::AbdomenT2,
    draw: |phantom, _, rng| abdomen::draw(phantom, &Contrast::T2_SPIR, rng),
    ..ABDOMEN_T1
};

const PEDESTRIANS: Row = Row {
    family: Family::Pedestrians,
    classes: &["background", "hair", "face", "upper clothes", "lower clothes", "arms", "legs", "shoes"],
    draw: pedestrians::draw,
    device: Device::Camera,
};

/// In the order of the variants.
const TABLE: [Row; 5] = [VENTRICLES, RING, ABDOMEN_T1, ABDOMEN_T2, PEDESTRIANS];

impl Family {
    pub const ALL: [Family; TABLE.len()] =
        [TABLE[0].family, TABLE[1].family, TABLE[2].family, TABLE[3].family, TABLE[4].family];

    /// Names of the classes by label, background first.
    pub fn classes(self) -> &'static [&'static str] {
        self.row().classes
    }

    /// Name of the camera that took a case, where there are several cameras.
    pub(super) fn group(self, subject: Subject) -> Option<String> {
        matches!(self.row().device, Device::Camera).then(|| pedestrians::camera_name(subject))
    }

    pub(super) fn draw(self, phantom: &Phantom, subject: Subject, rng: &mut ChaCha8Rng) -> Sections {
        (self.row().draw)(phantom, subject, rng)
    }

    pub(super) fn imaging(self, phantom: &Phantom, subject: Subject, rng: &mut ChaCha8Rng) -> Imaging {
        match self.row().device {
            Device::Scanner => Imaging::Scanner(Scan::new(phantom, rng)),
            Device::Camera => Imaging::Camera(Camera::new(phantom, &mut pedestrians::camera(subject).1)),
        }
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

/// How a case becomes images.
pub enum Imaging {
    Scanner(Scan),
    Camera(Camera),
}

impl Imaging {
    /// One slice, `[channel, row, column]`, in whole grey levels.
    pub fn image(&self, section: &Canvas, rng: &mut ChaCha8Rng) -> Vec<f32> {
        match self {
            Imaging::Scanner(scan) => scan.image(section, rng),
            Imaging::Camera(camera) => camera.image(section, rng),
        }
    }
}
