use super::canvas::Canvas;
use super::{Phantom, ventricles};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// What a phantom shows. A new family is a variant, a row of the table and a file with its `draw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Short-axis cardiac MR at end-diastole and end-systole, like ACDC.
    #[default]
    Ventricles,
}

/// The painted slices of each volume of a case, with the volume's name.
pub type Sections = Vec<(&'static str, Vec<Canvas>)>;

struct Row {
    family: Family,
    classes: &'static [&'static str],
    draw: fn(&Phantom, &mut ChaCha8Rng) -> Sections,
}

const VENTRICLES: Row =
    Row { family: Family::Ventricles, classes: &["background", "RV", "MYO", "LV"], draw: ventricles::draw };

/// In the order of the variants.
const TABLE: [Row; 1] = [VENTRICLES];

impl Family {
    pub const ALL: [Family; TABLE.len()] = [TABLE[0].family];

    /// Names of the classes by label, background first.
    pub fn classes(self) -> &'static [&'static str] {
        self.row().classes
    }

    pub(super) fn draw(self, phantom: &Phantom, rng: &mut ChaCha8Rng) -> Sections {
        (self.row().draw)(phantom, rng)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}
