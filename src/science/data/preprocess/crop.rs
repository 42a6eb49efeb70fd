use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where the odd row or column goes when a difference in size does not halve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Offset {
    /// The smaller half before, the larger behind.
    #[default]
    FloorBefore,
    /// The larger half before.
    CeilBefore,
}

/// What one axis loses and gains to get to a size; it never does both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AxisCrop {
    /// The source pixels that stay are `crop_start..crop_end`.
    pub crop_start: usize,
    pub crop_end: usize,
    pub pad_before: usize,
    pub pad_after: usize,
}

impl AxisCrop {
    pub fn new(length: usize, size: usize, offset: Offset) -> Self {
        let before = |difference: usize| match offset {
            Offset::FloorBefore => difference / 2,
            Offset::CeilBefore => difference.div_ceil(2),
        };
        let crop_start = before(length.saturating_sub(size));
        let pad_before = before(size.saturating_sub(length));
        AxisCrop {
            crop_start,
            crop_end: crop_start + length.min(size),
            pad_before,
            pad_after: size.saturating_sub(length) - pad_before,
        }
    }

    /// For each pixel of the result the source pixel, and whether it is padding (then the nearest that stays).
    fn sources(&self) -> impl Iterator<Item = (usize, bool)> + Clone {
        let Self { crop_start, crop_end, pad_before, pad_after } = *self;
        let before = std::iter::repeat_n((crop_start, true), pad_before);
        let after = std::iter::repeat_n((crop_end.saturating_sub(1), true), pad_after);
        before.chain((crop_start..crop_end).map(|pixel| (pixel, false))).chain(after)
    }
}

/// Cropping or padding of planes of one shape.
#[derive(Debug, Clone, Copy)]
pub struct Crop {
    pub rows: AxisCrop,
    pub columns: AxisCrop,
    height: usize,
    width: usize,
}

impl Crop {
    /// From `shape` (rows, columns; not empty) to `size`.
    pub fn new(shape: [usize; 2], size: [usize; 2], offset: Offset) -> Self {
        let axis = |i: usize| AxisCrop::new(shape[i], size[i], offset);
        Crop { rows: axis(0), columns: axis(1), height: shape[0], width: shape[1] }
    }

    /// Rows and columns of the source that stay, and where the first of them lies in the result.
    pub fn window(&self) -> ([Range<usize>; 2], usize) {
        let [rows, columns] = [self.rows, self.columns];
        let width = columns.pad_before + columns.crop_end - columns.crop_start + columns.pad_after;
        let kept = [rows, columns].map(|axis| axis.crop_start..axis.crop_end);
        (kept, rows.pad_before * width + columns.pad_before)
    }

    /// The plane at its new size; `fill` goes where there was nothing, or the nearest pixel if it is `None`.
    pub fn apply<T: Copy>(&self, plane: &[T], fill: Option<T>) -> Vec<T> {
        let AxisCrop { crop_start, crop_end, pad_before, pad_after } = self.columns;
        let width = pad_before + crop_end - crop_start + pad_after;
        let mut result = Vec::new();
        for (row, is_padding) in self.rows.sources() {
            let source = &plane[row * self.width + crop_start..row * self.width + crop_end];
            let (Some(&first), Some(&last)) = (source.first(), source.last()) else { continue };
            match fill {
                Some(fill) if is_padding => result.extend(std::iter::repeat_n(fill, width)),
                _ => {
                    result.extend(std::iter::repeat_n(fill.unwrap_or(first), pad_before));
                    result.extend_from_slice(source);
                    result.extend(std::iter::repeat_n(fill.unwrap_or(last), pad_after));
                }
            }
        }
        result
    }

    /// Undoes [`Crop::apply`]: padding goes, and `fill` stands where pixels were cropped away.
    pub fn undo<T: Copy>(&self, plane: &[T], fill: T) -> Vec<T> {
        let AxisCrop { crop_start, crop_end, pad_before, pad_after } = self.columns;
        let kept = crop_end - crop_start;
        let from = self.rows.pad_before * (pad_before + kept + pad_after);
        let rows = plane.get(from..).unwrap_or_default().chunks_exact((pad_before + kept + pad_after).max(1));
        let mut result = vec![fill; self.height * self.width];
        let targets = result.chunks_exact_mut(self.width.max(1)).skip(self.rows.crop_start);
        for (target, row) in targets.zip(rows).take(self.rows.crop_end - self.rows.crop_start) {
            target[crop_start..crop_end].copy_from_slice(&row[pad_before..pad_before + kept]);
        }
        result
    }

    /// The source pixels that stay.
    pub fn kept<'a, T: Copy>(&'a self, plane: &'a [T]) -> impl Iterator<Item = T> + 'a {
        let row =
            move |row: usize| row * self.width + self.columns.crop_start..row * self.width + self.columns.crop_end;
        (self.rows.crop_start..self.rows.crop_end).flat_map(move |index| plane[row(index)].iter().copied())
    }
}
