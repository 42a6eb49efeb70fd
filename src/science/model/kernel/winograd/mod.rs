//! 3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3): <https://arxiv.org/abs/1509.09308>.
//!
//! A tile of 4x4 outputs reads 6x6 inputs. Both the tile and the kernel are brought to 36 numbers by
//! linear maps, so that the convolution of the tile is their product, summed over channels: 36
//! multiplications a channel where the plain sum takes 144. For each of the 36 positions that is a matrix
//! product over channels and tiles. Rounding errors (root mean square, uniform random values) are
//! three to eight times those of the plain sum in single precision.
//!
//! Channels stand side by side, so that a vector holds the same pixel of many channels.

mod strip;
mod transform;
mod weights;

use super::buffer::Buffer;
use super::lanes::Vectorised;
use super::place::Place;
use super::scratch::Scratch;
use super::task::Work;
use std::ops::Range;
use weights::{Multiply, Weights, weights_of};

/// Side of a tile of outputs, and of the inputs that it reads.
const TILE: usize = 4;
const SPAN: usize = TILE + 2;
/// Numbers of a transformed tile.
const POSITIONS: usize = SPAN * SPAN;
/// Transformed floats of a chunk: half of a second-level cache.
const CHUNK: usize = 128 << 10;
/// Tiles that a chunk should have at least, since it reads all weights.
const CHUNK_TILES: usize = 32;
/// The same for the gradient of many weights, since it writes all of their sums.
const LARGE_CHUNK_TILES: usize = 256;
/// Parts that a sum over all tiles is split into, where their sums are small: enough for the cores of a
/// desktop, and the same on any number of them.
const PARTS: usize = 4;
/// Floats of transformed weights that count as small.
const SMALL: usize = 1 << 18;

/// Images by channel, `[batch, channel, h, w]`; the last channels maybe of half the size, each pixel
/// standing for four.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub whole: &'a [f32],
    pub half: &'a [f32],
    /// At full size, and at half.
    pub channels: [usize; 2],
}

/// The images of a convolution: zero padding of 1, so in- and outputs are of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct Images {
    pub batch: usize,
    pub height: usize,
    pub width: usize,
}

/// How weights `[out, in, 3, 3]` are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    /// From outputs to inputs, kernels turned over: the gradient of the input.
    Back,
}

/// Channels, padded to whole vectors.
fn padded(channels: usize) -> usize {
    channels.next_multiple_of(8)
}

/// Distance of two tiles: rows at a power of two would compete for one set of the cache.
fn row(channels: usize) -> usize {
    let padded = padded(channels);
    if padded.is_multiple_of(128) { padded + 16 } else { padded }
}

/// Transformed tiles, `[position][tile][channel]`.
#[derive(Clone, Copy)]
struct Layout {
    row: usize,
    position: usize,
}

impl Layout {
    fn new(channels: usize, tiles: usize) -> Self {
        let row = row(channels);
        // An odd number of cache lines: all positions of a tile are written at once.
        Layout { row, position: 16 * ((tiles * row).div_ceil(16) | 1) }
    }

    fn floats(self) -> usize {
        POSITIONS * self.position
    }
}

impl Images {
    /// Tiles of a strip, a row of tiles of one image.
    fn across(self) -> usize {
        self.width.div_ceil(TILE)
    }

    fn strips_of_image(self) -> usize {
        self.height.div_ceil(TILE)
    }

    fn strips(self) -> usize {
        self.batch * self.strips_of_image()
    }

    /// What the unsafe code below relies on.
    fn assert_holds(self, source: Source) {
        let pixels = self.batch * self.height * self.width;
        assert_eq!(source.whole.len(), source.channels[0] * pixels, "pixels at full size");
        assert_eq!(source.half.len(), source.channels[1] * (pixels / 4), "pixels at half size");
        assert!(source.channels[1] == 0 || self.height.is_multiple_of(2) && self.width.is_multiple_of(2));
    }

    /// Consecutive strips that are worked on together.
    fn chunks(self, channels: usize, least: usize) -> Vec<Range<usize>> {
        let tiles = (CHUNK / (POSITIONS * channels)).max(least);
        let strips = tiles.div_ceil(self.across());
        (0..self.strips()).step_by(strips).map(|first| first..self.strips().min(first + strips)).collect()
    }

    /// Convolution of `from` by `weight: [out, in, 3, 3]` of `[outputs, inputs]`, forward or back. The result
    /// has `channels` at full and at half size, as a [`Source`]; what comes to those of half size is summed
    /// over the four pixels of each.
    pub fn convolve(
        self,
        from: Source,
        weight: &[f32],
        [outputs, inputs]: [usize; 2],
        direction: Direction,
        channels: [usize; 2],
    ) -> [Buffer; 2] {
        let [filters, depth] = match direction {
            Direction::Forward => [outputs, inputs],
            Direction::Back => [inputs, outputs],
        };
        self.assert_holds(from);
        assert!(from.channels.iter().sum::<usize>() == depth && channels.iter().sum::<usize>() == filters);
        let weights = Weights::new(weight, [outputs, inputs], direction);
        let pixels = self.batch * self.height * self.width;
        let lengths = [channels[0] * pixels, channels[1] * pixels / 4];
        let mut results = lengths.map(Buffer::new);
        let to = results.each_mut().map(|values| Place::of(values));
        let chunks = self.chunks(depth + filters, CHUNK_TILES);
        Work::of(chunks.len()).each(chunks, |strips, within| {
            let tiles = strips.len() * self.across();
            let (left, right) = (Layout::new(depth, tiles), Layout::new(filters, tiles));
            let mut transformed = Scratch::new(left.floats());
            let mut products = Scratch::new(right.floats());
            self.transform_inputs(from, strips.clone(), Place::of(&mut transformed), left, within);
            weights.multiply(&transformed, left, tiles, Place::of(&mut products), right, within);
            within.each(within.runs(strips.clone()), |run, _| {
                let mut columns = Scratch::new(TILE * TILE * self.across() * padded(filters));
                for strip in run {
                    let tile = (strip - strips.start) * self.across();
                    self.transform_outputs(&products[tile * right.row..], right, filters, &mut columns);
                    // SAFETY: a strip writes pixel rows of its own.
                    unsafe { self.give(&columns, strip, to, channels) };
                }
            });
        });
        results
    }

    /// Gradient of the weights, `[out, in, 3, 3]`: `from` is the input, `gradient: [batch, out, h, w]` that of
    /// the output.
    pub fn weight_gradient(self, from: Source, gradient: &[f32], outputs: usize) -> Vec<f32> {
        let inputs = from.channels[0] + from.channels[1];
        let gradient = Source { whole: gradient, half: &[], channels: [outputs, 0] };
        self.assert_holds(from);
        self.assert_holds(gradient);
        let size = POSITIONS * inputs * padded(outputs);
        let (parts, least) = if size <= SMALL { (PARTS, CHUNK_TILES) } else { (1, LARGE_CHUNK_TILES) };
        let chunks = self.chunks(inputs + outputs, least);
        let parts: Vec<&[Range<usize>]> = chunks.chunks(chunks.len().div_ceil(parts)).collect();
        let sums: Vec<Scratch> = Work::of(parts.len()).map(parts, |chunks, within| {
            let mut sums = Scratch::new(size);
            for (index, strips) in chunks.iter().enumerate() {
                self.add_chunk(from, gradient, strips.clone(), index > 0, &mut sums, within);
            }
            sums
        });
        let mut sums = sums.into_iter();
        let Some(mut total) = sums.next() else { return vec![0.0; outputs * inputs * 9] };
        for part in sums {
            total.iter_mut().zip(part.iter()).for_each(|(total, part)| *total += part);
        }
        weights_of(&total, inputs, outputs)
    }

    /// Puts the products of some strips into `sums: [position][input][output, padded]`, or adds them.
    fn add_chunk(
        self,
        from: Source,
        gradient: Source,
        strips: Range<usize>,
        add: bool,
        sums: &mut [f32],
        within: Work,
    ) {
        let tiles = strips.len() * self.across();
        let (inputs, outputs) = (from.channels[0] + from.channels[1], gradient.channels[0]);
        let (left, right) = (Layout::new(inputs, tiles), Layout::new(outputs, tiles));
        let mut transformed = [Scratch::new(left.floats()), Scratch::new(right.floats())];
        self.transform_inputs(from, strips.clone(), Place::of(&mut transformed[0]), left, within);
        self.transform_gradient(gradient, strips, Place::of(&mut transformed[1]), right, within);
        let transformed = transformed.each_ref().map(|values| &**values);
        let filters = padded(outputs);
        let of_position = inputs * filters;
        let sums = Place::of(sums);
        within.each(within.runs(0..POSITIONS), |positions, _| {
            for position in positions {
                let work = Multiply {
                    left: &transformed[0][position * left.position..],
                    right: &transformed[1][position * right.position..],
                    // SAFETY: a position's own sums.
                    to: unsafe { sums.at(position * of_position) },
                    rows: inputs,
                    depth: tiles,
                    columns: filters,
                    left_steps: [1, left.row],
                    right_row: right.row,
                    packed: false,
                    to_row: filters,
                    add,
                };
                // SAFETY: the layouts hold all tiles.
                unsafe { work.run_widest(filters) }
            }
        });
    }
}
