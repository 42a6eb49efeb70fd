//! Arrays of a case. All row-major, the last index fastest.

/// Label of a scribble pixel that nobody annotated. On disk ACDC uses 4; in memory it is always this.
pub const UNLABELLED: u8 = 255;

/// Images: `[slice, channel, row, column]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub slices: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub data: Vec<f32>,
}

/// Masks or scribbles: `[slice, row, column]`, one class index a pixel, background 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    pub slices: usize,
    pub height: usize,
    pub width: usize,
    pub data: Vec<u8>,
}

/// One acquisition of a case (ACDC: the end-diastolic or end-systolic frame).
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// The subject; splits are by case.
    pub case: String,
    /// Unique within the case, e.g. `frame01`.
    pub name: String,
    /// What the data set's owners split by, where that is not the case (PPSS: the camera).
    pub group: Option<String>,
    /// Pixel spacing `[row, column]` in millimetres.
    pub spacing: [f64; 2],
    pub image: Image,
    /// [`UNLABELLED`] where nobody drew a mask.
    pub mask: Labels,
    /// An expert's scribble, where the data set has one.
    pub scribble: Option<Labels>,
}

impl Image {
    /// One slice, `[channel, row, column]`.
    pub fn slice(&self, index: usize) -> &[f32] {
        let size = self.channels * self.height * self.width;
        &self.data[index * size..(index + 1) * size]
    }
}

impl Labels {
    /// One slice as labels of its own.
    pub fn only(&self, index: usize) -> Labels {
        Labels { slices: 1, data: self.slice(index).to_vec(), ..*self }
    }

    /// One slice, `[row, column]`.
    pub fn slice(&self, index: usize) -> &[u8] {
        let size = self.height * self.width;
        &self.data[index * size..(index + 1) * size]
    }
}
