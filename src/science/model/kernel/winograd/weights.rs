//! The linear maps of kernels, and their products with tiles.

use super::super::lanes::{Lanes, Vectorised};
use super::super::place::Place;
use super::super::product::Product;
use super::super::scratch::Scratch;
use super::super::task::Work;
use super::transform::{Map, both_ways, load_square, store_square};
use super::{Direction, Layout, POSITIONS, SPAN, padded};
use rayon::prelude::*;
use std::ops::Range;

/// Transformed weights, `[position][pair of vectors][depth][lane]`.
pub(super) struct Weights {
    values: Scratch,
    depth: usize,
    filters: usize,
}

impl Weights {
    pub fn new(weight: &[f32], [outputs, inputs]: [usize; 2], direction: Direction) -> Self {
        let (filters, depth, steps) = match direction {
            Direction::Forward => (outputs, inputs, [9 * inputs, 9]),
            Direction::Back => (inputs, outputs, [9, 9 * inputs]),
        };
        let mut values = Scratch::new(POSITIONS * depth * padded(filters));
        let to = Place::of(&mut values);
        let pair = pair_of_vectors(padded(filters));
        (0..padded(filters)).into_par_iter().step_by(pair).for_each(|first| {
            let last = padded(filters).min(first + pair);
            let turned = direction == Direction::Back;
            let work = WeightTransform { weight, steps, turned, depth, filters, lanes: first..last, to };
            // SAFETY: filters of its own.
            unsafe { work.run_widest(padded(filters)) }
        });
        Weights { values, depth, filters }
    }

    /// `to[position][tile] = from[position][tile] * weights[position]`, for all positions.
    pub fn multiply(&self, from: &[f32], left: Layout, tiles: usize, to: Place, right: Layout, within: Work) {
        let columns = padded(self.filters);
        let of_position = self.depth * columns;
        within.each(within.runs(0..POSITIONS), |positions, _| {
            for position in positions {
                // SAFETY: a position of its own; the layouts hold all tiles.
                unsafe {
                    let work = Multiply {
                        left: &from[position * left.position..],
                        right: &self.values[position * of_position..],
                        to: to.at(position * right.position),
                        rows: tiles,
                        depth: self.depth,
                        columns,
                        left_steps: [left.row, 1],
                        right_row: 0,
                        packed: true,
                        to_row: right.row,
                        add: false,
                    };
                    work.run_widest(columns);
                }
            }
        });
    }
}

/// Lanes of the two vectors that [`Product`] takes at once.
fn pair_of_vectors(columns: usize) -> usize {
    struct Width<'a>(&'a mut usize);
    impl Vectorised for Width<'_> {
        #[inline(always)]
        unsafe fn run<V: Lanes>(self) {
            *self.0 = 2 * V::WIDTH;
        }
    }
    let mut pair = 0;
    // SAFETY: it only reads a constant.
    unsafe { Width(&mut pair).run_widest(columns) };
    pair
}

/// The product of one position.
pub(super) struct Multiply<'a> {
    pub left: &'a [f32],
    pub right: &'a [f32],
    pub to: *mut f32,
    pub rows: usize,
    pub depth: usize,
    pub columns: usize,
    pub left_steps: [usize; 2],
    /// Where the right side is not packed by pairs of vectors.
    pub right_row: usize,
    pub packed: bool,
    pub to_row: usize,
    pub add: bool,
}

impl Vectorised for Multiply<'_> {
    /// # Safety
    /// The steps must stay inside of the slices and of what `to` points to.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let vectors = self.columns / V::WIDTH;
        let mut product = Product {
            rows: self.rows,
            depth: self.depth,
            vectors,
            left: self.left_steps,
            right: [self.right_row, 2 * V::WIDTH],
            to: self.to_row,
            add: self.add,
        };
        if !self.packed {
            return unsafe { product.run::<V>(self.left.as_ptr(), self.right.as_ptr(), self.to) };
        }
        let pairs = vectors / 2;
        product.right = [2 * V::WIDTH, 2 * V::WIDTH * self.depth];
        product.vectors = 2 * pairs;
        unsafe { product.run::<V>(self.left.as_ptr(), self.right.as_ptr(), self.to) };
        // A last vector alone is packed closer.
        let done = 2 * pairs * V::WIDTH;
        product.right[0] = V::WIDTH;
        product.vectors = vectors - 2 * pairs;
        unsafe {
            let right = self.right.as_ptr().add(done * self.depth);
            product.run::<V>(self.left.as_ptr(), right, self.to.add(done));
        }
    }
}

struct WeightTransform<'a> {
    weight: &'a [f32],
    /// Of two filters and of two inputs.
    steps: [usize; 2],
    turned: bool,
    depth: usize,
    filters: usize,
    /// Filters of this piece, with padding: one or two vectors.
    lanes: Range<usize>,
    to: Place,
}

impl Vectorised for WeightTransform<'_> {
    /// # Safety
    /// `to` must have room for all filters, and nobody else may use those of `lanes`.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let padded = self.filters.next_multiple_of(8);
        for first in self.lanes.clone().step_by(V::WIDTH) {
            let in_pair = first - self.lanes.start;
            for depth in 0..self.depth {
                let mut taps = [[0.0f32; 16]; 9];
                let filters = first..self.filters.min(first + V::WIDTH);
                for (lane, filter) in filters.enumerate() {
                    let at = filter * self.steps[0] + depth * self.steps[1];
                    for (tap, value) in self.weight[at..at + 9].iter().enumerate() {
                        taps[if self.turned { 8 - tap } else { tap }][lane] = *value;
                    }
                }
                unsafe {
                    let square = load_square::<V, 3>(taps.as_ptr().cast(), [48, 16]);
                    let square = both_ways::<V, WeightMap, 3, SPAN>(square);
                    let at = self.lanes.start * self.depth + depth * self.lanes.len() + in_pair;
                    let position = self.depth * padded;
                    store_square(square, self.to.at(at), [SPAN * position, position]);
                }
            }
        }
    }
}

struct WeightMap;

impl Map<3, SPAN> for WeightMap {
    #[inline(always)]
    unsafe fn apply<V: Lanes>([a, b, c]: [V; 3]) -> [V; SPAN] {
        unsafe {
            let (outer, inner) = (a.plus(c).times(-1.0 / 6.0), b.times(1.0 / 6.0));
            let outer2 = a.times_plus(0.25, c).times(1.0 / 6.0);
            let inner2 = b.times(1.0 / 12.0);
            let (minus, plus) = (outer.minus(inner), outer.plus(inner));
            [a.times(0.25), minus, plus, outer2.plus(inner2), outer2.minus(inner2), c]
        }
    }
}

/// Gradient of the weights, `[out, in, 3, 3]`, from the sums over tiles.
pub(super) fn weights_of(sums: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let mut weights = vec![0.0; outputs * inputs * 9];
    let to = Place::of(&mut weights);
    (0..padded(outputs)).into_par_iter().step_by(16).for_each(|first| {
        let last = padded(outputs).min(first + 16);
        let work = WeightGradient { sums, inputs, outputs, filters: first..last, to };
        // SAFETY: filters of its own.
        unsafe { work.run_widest(last - first) }
    });
    weights
}

/// From the sums over tiles to `[out, in, 3, 3]`.
struct WeightGradient<'a> {
    /// `[position][input][output, padded]`
    sums: &'a [f32],
    inputs: usize,
    outputs: usize,
    filters: Range<usize>,
    to: Place,
}

impl Vectorised for WeightGradient<'_> {
    /// # Safety
    /// `to` must have room for all filters, and nobody else may use those of this piece.
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let padded = self.outputs.next_multiple_of(8);
        let position = self.inputs * padded;
        for first in self.filters.step_by(V::WIDTH) {
            for input in 0..self.inputs {
                let mut taps = [[0.0f32; 16]; 9];
                unsafe {
                    let from = self.sums.as_ptr().add(input * padded + first);
                    let square = load_square::<V, SPAN>(from, [SPAN * position, position]);
                    let square = both_ways::<V, WeightGradientMap, SPAN, 3>(square);
                    store_square(square, taps.as_mut_ptr().cast(), [48, 16]);
                    let filters = first..self.outputs.min(first + V::WIDTH);
                    for (lane, filter) in filters.enumerate() {
                        let to = self.to.at((filter * self.inputs + input) * 9);
                        for (tap, values) in taps.iter().enumerate() {
                            *to.add(tap) = values[lane];
                        }
                    }
                }
            }
        }
    }
}

struct WeightGradientMap;

impl Map<SPAN, 3> for WeightGradientMap {
    #[inline(always)]
    unsafe fn apply<V: Lanes>([a, b, c, d, e, f]: [V; SPAN]) -> [V; 3] {
        unsafe {
            let (sum, sum2) = (b.plus(c).times(-1.0 / 6.0), d.plus(e).times(1.0 / 6.0));
            [
                a.plus(sum2).times_plus(0.25, sum),
                c.minus(b).times_plus(1.0 / 6.0, d.minus(e).times(1.0 / 12.0)),
                sum.plus(sum2).plus(f),
            ]
        }
    }
}
