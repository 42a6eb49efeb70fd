//! What a network has to know of its data set to segment an image that no data set has.

use super::folder::Code;
use super::{DataError, Preprocessing};
use serde::{Deserialize, Serialize};

/// How the images were prepared that a network was trained on, and what its classes are. Stands as `preparation.json`
/// beside the network's weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// By label, background first.
    pub classes: Vec<PreparedClass>,
    pub channels: usize,
    /// Rows and columns of a prepared slice.
    pub height: usize,
    pub width: usize,
    pub preprocessing: Preprocessing,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedClass {
    pub name: String,
    /// In the masks that the data set has on the disk; the first one is the one to write.
    pub codes: Vec<Code>,
}

impl Preparation {
    /// `codes`: those of each class ([`super::Cases::codes`]).
    pub fn classes(names: Vec<String>, codes: Vec<Vec<Code>>) -> Vec<PreparedClass> {
        let codes = codes.into_iter().chain(std::iter::repeat_with(Vec::new));
        names.into_iter().zip(codes).map(|(name, codes)| PreparedClass { name, codes }).collect()
    }

    /// Whether its parts agree; it may come from a stranger's bundle.
    pub fn check(&self) -> Result<(), DataError> {
        let wrong = |name, message: String| Err(DataError::Parameter { name, message });
        if !(2..=255).contains(&self.classes.len()) {
            return wrong("classes", format!("there are {}; 2 to 255 are possible", self.classes.len()));
        }
        if !matches!(self.channels, 1..=64) {
            return wrong("channels", format!("{} is not from 1 to 64", self.channels));
        }
        if self.preprocessing.size != [self.height, self.width] {
            let [rows, columns] = self.preprocessing.size;
            let (height, width) = (self.height, self.width);
            return wrong("size", format!("slices of {height} x {width} are not prepared to {rows} x {columns}"));
        }
        Ok(())
    }
}
