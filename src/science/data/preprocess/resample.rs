use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How the pixels of the new grid lie over those of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Grid {
    /// Both grids span the same area, from edge to edge (scikit-image, torch `align_corners=False`).
    #[default]
    HalfPixel,
    /// The centres of the corner pixels coincide (SciPy's `zoom`).
    AlignCorners,
    /// The exact spacing, first centres coincide (SimpleITK).
    PhysicalOrigin,
    /// The exact spacing, first edges coincide.
    PhysicalCentre,
}

impl Grid {
    /// Source coordinate of each target pixel along one axis, clamped to the source's pixels.
    fn axis(self, source: usize, target: usize, spacing: f64, target_spacing: f64) -> Vec<f64> {
        let (n, m) = (source as f64, target as f64);
        let ratio = target_spacing / spacing;
        let coordinate = |i: usize| {
            let i = i as f64;
            match self {
                Grid::HalfPixel => (i + 0.5) * (n / m) - 0.5,
                Grid::AlignCorners if target == 1 => 0.0,
                Grid::AlignCorners => i * (n - 1.0) / (m - 1.0),
                Grid::PhysicalOrigin => i * ratio,
                Grid::PhysicalCentre => (i + 0.5) * ratio - 0.5,
            }
        };
        (0..target).map(|i| coordinate(i).clamp(0.0, n - 1.0)).collect()
    }
}

/// In-plane resampling of planes `[row, column]` of one shape.
#[derive(Debug, Clone)]
pub struct Resampling {
    width: usize,
    last: [usize; 2],
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Resampling {
    /// From `shape` (rows, columns; not empty) at `spacing` to `target` mm a pixel.
    pub fn new(shape: [usize; 2], spacing: [f64; 2], target: [f64; 2], grid: Grid) -> Self {
        let axis = |i: usize| {
            let length = Self::length(shape[i], spacing[i], target[i]) as usize;
            grid.axis(shape[i], length, spacing[i], target[i])
        };
        let last = shape.map(|side| side.saturating_sub(1));
        Resampling { width: shape[1], last, rows: axis(0), columns: axis(1) }
    }

    /// Undoes [`Resampling::new`] of the same arguments: from the planes that it makes to planes of `shape`. Each grid's
    /// coordinates are inverted by the same rule with the spacings exchanged.
    pub fn back(shape: [usize; 2], spacing: [f64; 2], target: [f64; 2], grid: Grid) -> Self {
        let from = [0, 1].map(|i| Self::length(shape[i], spacing[i], target[i]) as usize);
        let axis = |i: usize| grid.axis(from[i], shape[i], target[i], spacing[i]);
        let last = from.map(|side| side.saturating_sub(1));
        Resampling { width: from[1], last, rows: axis(0), columns: axis(1) }
    }

    /// From one size (rows, columns; not empty) to another, both over the same area.
    pub fn between(from: [usize; 2], to: [usize; 2]) -> Self {
        let axis = |i: usize| Grid::HalfPixel.axis(from[i], to[i].max(1), 1.0, 1.0);
        let last = from.map(|side| side.saturating_sub(1));
        Resampling { width: from[1], last, rows: axis(0), columns: axis(1) }
    }

    /// Pixels along an axis: rounded (half to even), at least one.
    pub fn length(pixels: usize, spacing: f64, target: f64) -> f64 {
        (pixels as f64 * spacing / target).round_ties_even().max(1.0)
    }

    /// Rows and columns of the result.
    pub fn shape(&self) -> [usize; 2] {
        [self.rows.len(), self.columns.len()]
    }

    /// Bilinear interpolation, edge values beyond the outer centres.
    pub fn linear<T: Copy + Into<f64>>(&self, plane: &[T]) -> Vec<f64> {
        let [rows, columns] = self.shape();
        let mut resampled = vec![0.0; rows * columns];
        self.linear_into(plane, [0..rows, 0..columns], &mut resampled, columns);
        resampled
    }

    /// A part of [`Resampling::linear`], to where its rows lie `stride` apart.
    pub fn linear_into<T: Copy + Into<f64>>(
        &self,
        plane: &[T],
        [rows, columns]: [Range<usize>; 2],
        target: &mut [f64],
        stride: usize,
    ) {
        let cells: Vec<_> = self.columns[columns].iter().map(|&x| cell(x, self.last[1])).collect();
        let across = |row: usize, values: &mut Vec<f64>| {
            let source = &plane[row * self.width..][..self.width];
            let pixel = |&(left, right, along): &(usize, usize, f64)| {
                source[left].into() * (1.0 - along) + source[right].into() * along
            };
            values.clear();
            values.extend(cells.iter().map(pixel));
        };
        // The source rows that the last row lay between: the next one mostly needs one of them again.
        let (mut upper, mut lower) = ((usize::MAX, Vec::new()), (usize::MAX, Vec::new()));
        for (&y, target) in self.rows[rows].iter().zip(target.chunks_mut(stride.max(1))) {
            let (top, bottom, down) = cell(y, self.last[0]);
            if lower.0 == top {
                std::mem::swap(&mut upper, &mut lower);
            }
            for (kept, row) in [(&mut upper, top), (&mut lower, bottom)] {
                if kept.0 != row {
                    across(row, &mut kept.1);
                    kept.0 = row;
                }
            }
            let rows = upper.1.iter().zip(&lower.1);
            target.iter_mut().zip(rows).for_each(|(x, (upper, lower))| *x = upper * (1.0 - down) + lower * down);
        }
    }

    /// The nearest pixel, the later one of two equally near.
    pub fn nearest<T: Copy>(&self, plane: &[T]) -> Vec<T> {
        let nearest = |coordinate: f64, last: usize| ((coordinate + 0.5).floor() as usize).min(last);
        let columns: Vec<usize> = self.columns.iter().map(|&x| nearest(x, self.last[1])).collect();
        let mut resampled = Vec::with_capacity(self.rows.len() * columns.len());
        for &y in &self.rows {
            let row = &plane[nearest(y, self.last[0]) * self.width..][..self.width];
            resampled.extend(columns.iter().map(|&column| row[column]));
        }
        resampled
    }
}

/// The pixels around a coordinate and how far it is past the first, from 0 to 1.
fn cell(coordinate: f64, last: usize) -> (usize, usize, f64) {
    let before = (coordinate as usize).min(last);
    (before, (before + 1).min(last), coordinate - before as f64)
}
