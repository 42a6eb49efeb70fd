//! The appearance kernel of one image by a grid: dense over positions, sparse over intensities.

use super::CrfError;
use super::axis::{Axis, Spot};
use super::intensity::coordinates;
use super::weighted::{LANES, Symmetric};
use crate::science::model::kernel::blur::{NOBODY, blur_axis, blur_blocks};

/// A node's values of [`LANES`] planes.
type Cell = [f32; LANES];

/// Nodes of the box around all intensities, which hold a number each while the grid is made.
const MOST_INTENSITIES: usize = 1 << 25;
/// Nodes of intensity that the pixels touch, each counted once a pixel.
const MOST_TOUCHED: usize = 1 << 26;
/// Cells of the grid: half a gigabyte.
const MOST_CELLS: usize = 1 << 25;

/// `sum_j exp(-|p_i - p_j|² / 2 alpha² - |I_i - I_j|² / 2 beta²) x_j`: splat, blur, slice.
///
/// The blur goes axis by axis over all nodes that lead from one node with pixels to another, so it is that of a dense grid.
/// It is symmetric, up to rounding.
#[derive(Debug)]
pub(super) struct Bilateral {
    pub rows: Axis,
    pub columns: Axis,
    /// One for each channel.
    intensities: Vec<Axis>,
    /// By pixel, the first node (by its place among those with pixels) of each run of three along the last axis.
    runs: Vec<u32>,
    pub stages: Vec<Stage>,
    /// Nodes of intensity that hold pixels.
    pub occupied: usize,
}

/// The blur along one axis of intensity.
#[derive(Debug)]
pub(super) struct Stage {
    pub taps: Vec<f32>,
    /// By output node and tap.
    pub neighbours: Vec<u32>,
}

impl Bilateral {
    /// `image: [channel, row, column]`; sigmas in pixels and in intensity; `cell` in sigmas.
    pub fn new(image: &[f32], size: [usize; 2], [alpha, beta]: [f64; 2], cell: f64) -> Result<Self, CrfError> {
        let [rows, columns] = size.map(|length| position(length, alpha, cell));
        let pixels = size[0] * size[1];
        // Each pixel touches so many nodes of intensity.
        let touched = 3f64.powf((image.len() / pixels) as f64);
        refuse(pixels as f64 * touched, MOST_TOUCHED)?;
        let axes = coordinates(image, pixels);
        let spread = |axis: &Vec<f64>| Axis::spread(axis.iter().map(|x| x / (cell * beta)), 1.0 / cell);
        let extent = |axis: &Vec<f64>| {
            let (least, greatest) = axis.iter().fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
            (greatest - least) / (cell * beta) + 4.0
        };
        refuse(axes.iter().map(extent).product(), MOST_INTENSITIES)?;
        let intensities: Vec<Axis> = axes.iter().map(spread).collect();
        let (runs, stages, occupied, most) = Nodes::new(&intensities).stages(&intensities);
        refuse(most as f64 * (rows.nodes * columns.nodes) as f64, MOST_CELLS)?;
        Ok(Bilateral { rows, columns, intensities, runs, stages, occupied })
    }

    /// By pixel, all cells that it touches and its weight in each: the same number for every pixel.
    pub fn touched(&self) -> (Vec<i32>, Vec<f32>) {
        let (mut cells, mut weights) = (vec![], vec![]);
        self.each_run(|_, share, row, column, run| {
            for (r, by_row) in row.weights.iter().enumerate() {
                for (c, by_column) in column.weights.iter().enumerate() {
                    cells.push((run + r * self.columns.nodes + c) as i32);
                    weights.push(share * by_row * by_column);
                }
            }
        });
        (cells, weights)
    }

    fn blur(&self, grid: Vec<Cell>) -> Vec<f32> {
        let block = self.rows.nodes * self.columns.nodes * LANES;
        let mut grid = grid.into_flattened();
        let mut other = vec![0.0; grid.len()];
        blur_axis(&grid, self.columns.nodes, LANES, &self.columns.taps, &mut other);
        blur_axis(&other, self.rows.nodes, self.columns.nodes * LANES, &self.rows.taps, &mut grid);
        for Stage { taps, neighbours } in &self.stages {
            other.resize(neighbours.len() / taps.len() * block, 0.0);
            blur_blocks(&grid, block, neighbours, taps, &mut other);
            std::mem::swap(&mut grid, &mut other);
        }
        grid
    }

    fn splat(&self, cells: &[Cell], grid: &mut [Cell]) {
        self.each_run(|pixel, share, row, column, run| {
            let value = cells[pixel].map(|value| value * share);
            for (weight, start) in row.weights.iter().zip((0..3).map(|r| run + r * self.columns.nodes)) {
                let value = value.map(|value| value * weight);
                for (cell, weight) in grid[start..start + 3].iter_mut().zip(&column.weights) {
                    cell.iter_mut().zip(&value).for_each(|(cell, value)| *cell += value * weight);
                }
            }
        });
    }

    fn slice(&self, grid: &[Cell], cells: &mut [Cell]) {
        cells.fill([0.0; LANES]);
        self.each_run(|pixel, share, row, column, run| {
            let mut sum = [0.0; LANES];
            for (weight, start) in row.weights.iter().zip((0..3).map(|r| run + r * self.columns.nodes)) {
                let mut of_row = [0.0; LANES];
                for (cell, weight) in grid[start..start + 3].iter().zip(&column.weights) {
                    of_row.iter_mut().zip(cell).for_each(|(sum, value)| *sum += value * weight);
                }
                sum.iter_mut().zip(of_row).for_each(|(sum, value)| *sum += value * weight);
            }
            cells[pixel].iter_mut().zip(sum).for_each(|(cell, value)| *cell += value * share);
        });
    }

    /// Calls `visit` with each pixel, the share of each intensity node that it touches, its spots of row and column, and the
    /// first cell of them in that node.
    #[inline(always)]
    fn each_run(&self, mut visit: impl FnMut(usize, f32, &Spot, &Spot, usize)) {
        let runs = self.runs.len() / (self.rows.spots.len() * self.columns.spots.len());
        let block = self.rows.nodes * self.columns.nodes;
        let Some((last, others)) = self.intensities.split_last() else { return };
        let mut pixel = 0;
        for row in &self.rows.spots {
            for column in &self.columns.spots {
                let first = row.first * self.columns.nodes + column.first;
                for (run, start) in self.runs[pixel * runs..][..runs].iter().enumerate() {
                    let share = share(others, pixel, run);
                    for (k, weight) in last.spots[pixel].weights.iter().enumerate() {
                        visit(pixel, share * weight, row, column, (*start as usize + k) * block + first);
                    }
                }
                pixel += 1;
            }
        }
    }
}

impl Symmetric for Bilateral {
    fn apply(&self, planes: &mut [f32]) {
        let pixels = self.rows.spots.len() * self.columns.spots.len();
        let mut cells = vec![[0.0; LANES]; pixels];
        for (lane, plane) in planes.chunks_exact(pixels).enumerate() {
            cells.iter_mut().zip(plane).for_each(|(cell, value)| cell[lane] = *value);
        }
        let mut grid = vec![[0.0; LANES]; self.occupied * self.rows.nodes * self.columns.nodes];
        self.splat(&cells, &mut grid);
        self.slice(self.blur(grid).as_chunks().0, &mut cells);
        for (lane, plane) in planes.chunks_exact_mut(pixels).enumerate() {
            plane.iter_mut().zip(&cells).for_each(|(value, cell)| *value = cell[lane]);
        }
    }

    fn echo(&self, pixel: usize) -> f32 {
        let width = self.columns.spots.len();
        let along = |axis: &Axis, at: usize| axis.echo(&axis.spots[at]);
        let intensities: f32 = self.intensities.iter().map(|axis| along(axis, pixel)).product();
        along(&self.rows, pixel / width) * along(&self.columns, pixel % width) * intensities
    }
}

/// The weight of a run: its number has a digit of base 3 for each axis but the last.
#[inline(always)]
fn share(others: &[Axis], pixel: usize, mut run: usize) -> f32 {
    let mut share = 1.0;
    for axis in others.iter().rev() {
        share *= axis.spots[pixel].weights[run % 3];
        run /= 3;
    }
    share
}

fn position(length: usize, sigma: f64, cell: f64) -> Axis {
    match cell * sigma > 1.0 {
        true => Axis::spread((0..length).map(|x| x as f64 / (cell * sigma)), 1.0 / cell),
        false => Axis::exact(length, sigma),
    }
}

fn refuse(cells: f64, limit: usize) -> Result<(), CrfError> {
    // Not `>`: the number may be none.
    match cells <= limit as f64 {
        true => Ok(()),
        false => Err(CrfError::Grid { cells, limit }),
    }
}

/// The box of the nodes of all axes of intensity.
struct Nodes {
    strides: Vec<usize>,
    lengths: Vec<usize>,
    /// By pixel, the first nodes of the runs.
    runs: Vec<usize>,
}

impl Nodes {
    fn new(axes: &[Axis]) -> Self {
        let lengths: Vec<usize> = axes.iter().map(|axis| axis.nodes).collect();
        let strides: Vec<usize> = (0..lengths.len()).map(|axis| lengths[axis + 1..].iter().product()).collect();
        let pixels = axes.first().map_or(0, |axis| axis.spots.len());
        let others = axes.len().saturating_sub(1);
        let run = |pixel: usize, run: usize| -> usize {
            let digit = |axis: usize| if axis < others { run / 3usize.pow((others - 1 - axis) as u32) % 3 } else { 0 };
            (0..axes.len()).map(|axis| (axes[axis].spots[pixel].first + digit(axis)) * strides[axis]).sum()
        };
        let runs = 3usize.pow(others as u32);
        let runs =
            (0..pixels).flat_map(|pixel| (0..runs).map(move |at| (pixel, at))).map(|(p, at)| run(p, at)).collect();
        Nodes { strides, lengths, runs }
    }

    /// The runs by the place of their first nodes among those that hold pixels, the blurs, the number of nodes that hold
    /// pixels, and the greatest number of nodes that any blur needs.
    fn stages(&self, axes: &[Axis]) -> (Vec<u32>, Vec<Stage>, usize, usize) {
        let mut occupied = vec![false; self.lengths.iter().product()];
        self.runs.iter().for_each(|&run| occupied[run..run + 3].fill(true));
        // What a blur must leave behind for those after it.
        let mut wanted = vec![occupied.clone()];
        for axis in (1..axes.len()).rev() {
            wanted.push(self.dilated(&wanted[wanted.len() - 1], axis, axes[axis].taps.len() - 1));
        }
        let places = places(&occupied);
        let runs = self.runs.iter().map(|&run| places[run]).collect();
        let (mut stages, mut from, mut most) = (vec![], occupied.clone(), 0);
        for (axis, wanted) in wanted.into_iter().rev().enumerate() {
            let reach = axes[axis].taps.len() - 1;
            let mut to = self.dilated(&from, axis, reach);
            to.iter_mut().zip(wanted).for_each(|(to, wanted)| *to &= wanted);
            stages.push(self.stage(&from, &to, axis, &axes[axis].taps));
            most = most.max(count(&to));
            from = to;
        }
        (runs, stages, count(&occupied), most)
    }

    fn stage(&self, from: &[bool], to: &[bool], axis: usize, half: &[f32]) -> Stage {
        let (places, reach) = (places(from), half.len() - 1);
        let neighbour = |node: usize, k: usize| {
            let at = (node / self.strides[axis] % self.lengths[axis] + k).checked_sub(reach);
            let at = at.filter(|&at| at < self.lengths[axis])?;
            let node =
                node - node / self.strides[axis] % self.lengths[axis] * self.strides[axis] + at * self.strides[axis];
            from[node].then(|| places[node])
        };
        let nodes = (0..to.len()).filter(|&node| to[node]);
        let neighbours = nodes.flat_map(|node| (0..=2 * reach).map(move |k| (node, k)));
        let neighbours = neighbours.map(|(node, k)| neighbour(node, k).unwrap_or(NOBODY)).collect();
        Stage { taps: (0..=2 * reach).map(|k| half[k.abs_diff(reach)]).collect(), neighbours }
    }

    /// All nodes within `reach` along an axis.
    fn dilated(&self, set: &[bool], axis: usize, reach: usize) -> Vec<bool> {
        let (stride, length) = (self.strides[axis], self.lengths[axis]);
        let mut result = vec![false; set.len()];
        for node in (0..set.len()).filter(|&node| set[node]) {
            let at = node / stride % length;
            for other in at.saturating_sub(reach)..length.min(at + reach + 1) {
                result[node - at * stride + other * stride] = true;
            }
        }
        result
    }
}

/// The number of each node among those that are set.
fn places(set: &[bool]) -> Vec<u32> {
    set.iter().scan(0, |next, &set| Some(std::mem::replace(next, *next + u32::from(set)))).collect()
}

fn count(set: &[bool]) -> usize {
    set.iter().filter(|&&set| set).count()
}
