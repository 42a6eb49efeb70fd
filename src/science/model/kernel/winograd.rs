//! 3x3 convolutions by Winograd's minimal filtering F(4x4, 3x3): <https://arxiv.org/abs/1509.09308>.
//!
//! A tile of 4x4 outputs reads 6x6 inputs. Both the tile and the kernel are brought to 36 numbers by
//! linear maps, so that the convolution of the tile is their product, summed over channels: 36
//! multiplications a channel where the plain sum takes 144. For each of the 36 positions that is a matrix
//! product over channels and tiles. Rounding errors are those of the plain sum times about ten.
//!
//! Channels stand side by side, so that a vector holds the same pixel of many channels.

use super::buffer::Buffer;
use super::lanes::{Lanes, Vectorised};
use super::product::Product;
use super::scratch::Scratch;
use super::task::Work;
use super::transpose::Transpose;
use rayon::prelude::*;
use std::ops::Range;

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

/// A place that parallel tasks write different parts of.
#[derive(Clone, Copy)]
struct Place(*mut f32);

// SAFETY: each use says which part of the place is its own.
unsafe impl Send for Place {}
unsafe impl Sync for Place {}

impl Place {
    fn of(values: &mut [f32]) -> Self {
        Place(values.as_mut_ptr())
    }

    /// Part of the place; a method, so that closures hold the `Place` and not the pointer.
    unsafe fn at(self, index: usize) -> *mut f32 {
        unsafe { self.0.add(index) }
    }
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

    /// Consecutive strips that are worked on together.
    fn chunks(self, channels: usize, least: usize) -> Vec<Range<usize>> {
        let tiles = (CHUNK / (POSITIONS * channels)).max(least);
        let strips = tiles.div_ceil(self.across());
        (0..self.strips()).step_by(strips).map(|first| first..self.strips().min(first + strips)).collect()
    }

    /// Image and first pixel row of a strip.
    fn place(self, strip: usize) -> (usize, usize) {
        (strip / self.strips_of_image(), strip % self.strips_of_image() * TILE)
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
        let mut weights = vec![0.0; outputs * inputs * 9];
        let to = Place::of(&mut weights);
        (0..padded(outputs)).into_par_iter().step_by(16).for_each(|first| {
            let last = padded(outputs).min(first + 16);
            let work = WeightGradient { sums: &total, inputs, outputs, filters: first..last, to };
            // SAFETY: filters of its own.
            unsafe { work.run_widest(last - first) }
        });
        weights
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

    /// The inputs of a strip's tiles and zeros around, `[row][column][channel]`. `next`: what is there are
    /// the inputs of the strip before.
    fn take_inputs(self, from: Source, strip: usize, next: bool, to: &mut [f32]) {
        let columns = TILE * self.across() + 2;
        let line = columns * padded(from.channels[0] + from.channels[1]);
        let (_, first) = self.place(strip);
        // The last rows of a strip are the first ones of the next.
        let known = if next && first > 0 { SPAN - TILE } else { 0 };
        to.copy_within(TILE * line..(TILE + known) * line, 0);
        self.take(from, strip, known..SPAN, columns, 1, to);
    }

    /// The pixels of a strip's tiles, `[row][column][channel]`.
    fn take_outputs(self, from: Source, strip: usize, to: &mut [f32]) {
        self.take(from, strip, 0..TILE, TILE * self.across(), 0, to);
    }

    fn take(self, from: Source, strip: usize, rows: Range<usize>, columns: usize, margin: usize, to: &mut [f32]) {
        let (image, first) = self.place(strip);
        let [whole, half] = from.channels;
        let step = padded(whole + half);
        for (i, to) in rows.clone().zip(to.chunks_exact_mut(columns * step).skip(rows.start)) {
            let row = (first + i).wrapping_sub(margin);
            if row >= self.height {
                to.fill(0.0);
                continue;
            }
            if step > whole + half {
                to.fill(0.0);
            } else {
                to[..margin * step].fill(0.0);
                to[(margin + self.width) * step..].fill(0.0);
            }
            let to = to[margin * step..].as_mut_ptr();
            let pixels = self.height * self.width;
            let from_whole = from.whole[image * whole * pixels + row * self.width..].as_ptr();
            // SAFETY: a row of `width` pixels of every channel is there, and `to` has room for it.
            unsafe {
                let turn = Transpose { rows: whole, columns: self.width, from_step: pixels, to_step: step, repeat: 1 };
                turn.run(from_whole, to);
            }
            if half > 0 {
                let (pixels, width) = (pixels / 4, self.width / 2);
                let from_half = from.half[image * half * pixels + row / 2 * width..].as_ptr();
                // SAFETY: as above.
                unsafe {
                    let turn = Transpose { rows: half, columns: width, from_step: pixels, to_step: step, repeat: 2 };
                    turn.run(from_half, to.add(whole));
                }
            }
        }
    }

    /// Writes a strip's outputs `[row][column][channel]` where they belong.
    ///
    /// # Safety
    /// `to` must be laid out as [`Source`] says, and nobody else may use the strip's rows of it.
    unsafe fn give(self, columns: &[f32], strip: usize, to: [Place; 2], [whole, half]: [usize; 2]) {
        let (image, first) = self.place(strip);
        let step = padded(whole + half);
        let row_step = TILE * self.across() * step;
        let pixels = self.height * self.width;
        let rows = TILE.min(self.height - first);
        for (i, from) in columns.chunks_exact(row_step).take(rows).enumerate() {
            let at = image * whole * pixels + (first + i) * self.width;
            let turn = Transpose { rows: self.width, columns: whole, from_step: step, to_step: pixels, repeat: 1 };
            unsafe { turn.run(from.as_ptr(), to[0].at(at)) };
        }
        if half == 0 {
            return;
        }
        let (pixels, width) = (pixels / 4, self.width / 2);
        let mut sums = Scratch::new(width * half);
        for i in 0..rows / 2 {
            let rows = [0, 1].map(|row| &columns[(2 * i + row) * row_step..]);
            for (x, sums) in sums.chunks_exact_mut(half).enumerate() {
                let four = [0, 1].map(|row| [0, 1].map(|column| &rows[row][(2 * x + column) * step + whole..][..half]));
                for (channel, sum) in sums.iter_mut().enumerate() {
                    *sum = (four[0][0][channel] + four[0][1][channel]) + (four[1][0][channel] + four[1][1][channel]);
                }
            }
            let at = image * half * pixels + (first / 2 + i) * width;
            let turn = Transpose { rows: width, columns: half, from_step: half, to_step: pixels, repeat: 1 };
            unsafe { turn.run(sums.as_ptr(), to[1].at(at)) };
        }
    }

    fn transform_inputs(self, from: Source, strips: Range<usize>, to: Place, layout: Layout, within: Work) {
        let channels = from.channels[0] + from.channels[1];
        within.each(within.runs(strips.clone()), |run, _| {
            let mut columns = Scratch::new(SPAN * (TILE * self.across() + 2) * padded(channels));
            for strip in run.clone() {
                self.take_inputs(from, strip, strip > run.start, &mut columns);
                // SAFETY: tiles of its own, which the layout has room for.
                unsafe {
                    let to = to.at((strip - strips.start) * self.across() * layout.row);
                    let map = TileMap::new(self.across(), 2, channels, layout);
                    InputTransform { map, from: &columns, to }.run_widest(padded(channels));
                }
            }
        });
    }

    fn transform_gradient(self, from: Source, strips: Range<usize>, to: Place, layout: Layout, within: Work) {
        let channels = from.channels[0];
        within.each(within.runs(strips.clone()), |run, _| {
            let mut columns = Scratch::new(TILE * TILE * self.across() * padded(channels));
            for strip in run {
                self.take_outputs(from, strip, &mut columns);
                // SAFETY: as above.
                unsafe {
                    let to = to.at((strip - strips.start) * self.across() * layout.row);
                    let map = TileMap::new(self.across(), 0, channels, layout);
                    GradientTransform { map, from: &columns, to }.run_widest(padded(channels));
                }
            }
        });
    }

    fn transform_outputs(self, from: &[f32], layout: Layout, channels: usize, to: &mut [f32]) {
        let map = TileMap::new(self.across(), 0, channels, layout);
        // SAFETY: the buffers are of the sizes that the layout asks for.
        unsafe { OutputTransform { map, from, to }.run_widest(padded(channels)) }
    }
}

/// Transformed weights, `[position][pair of vectors][depth][lane]`.
struct Weights {
    values: Scratch,
    depth: usize,
    filters: usize,
}

impl Weights {
    fn new(weight: &[f32], [outputs, inputs]: [usize; 2], direction: Direction) -> Self {
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
    fn multiply(&self, from: &[f32], left: Layout, tiles: usize, to: Place, right: Layout, within: Work) {
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
struct Multiply<'a> {
    left: &'a [f32],
    right: &'a [f32],
    to: *mut f32,
    rows: usize,
    depth: usize,
    columns: usize,
    left_steps: [usize; 2],
    /// Where the right side is not packed by pairs of vectors.
    right_row: usize,
    packed: bool,
    to_row: usize,
    add: bool,
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

/// Between pixels `[row][column][channel]` of a strip and its transformed tiles.
#[derive(Clone, Copy)]
struct TileMap {
    tiles: usize,
    /// Columns beyond the tiles'.
    margin: usize,
    channels: usize,
    to_row: usize,
    position: usize,
}

impl TileMap {
    fn new(tiles: usize, margin: usize, channels: usize, Layout { row, position }: Layout) -> Self {
        TileMap { tiles, margin, channels, to_row: row, position }
    }

    #[inline(always)]
    fn column(&self) -> usize {
        self.channels.next_multiple_of(8)
    }

    #[inline(always)]
    fn line(&self) -> usize {
        (TILE * self.tiles + self.margin) * self.column()
    }

    /// Where the pixels of a tile start.
    #[inline(always)]
    fn pixel(&self, tile: usize) -> usize {
        TILE * tile * self.column()
    }
}

/// A linear map of `N` numbers to `M`. A trait and not a closure, which would not be compiled for the
/// instructions at hand.
trait Map<const N: usize, const M: usize> {
    unsafe fn apply<V: Lanes>(values: [V; N]) -> [V; M];
}

/// Applies a map to the rows of a square, then to its columns.
#[inline(always)]
unsafe fn both_ways<V: Lanes, F: Map<N, M>, const N: usize, const M: usize>(from: [[V; N]; N]) -> [[V; M]; M] {
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; M]; N];
        for row in 0..N {
            half[row] = F::apply(from[row]);
        }
        let mut result = [[zero; M]; M];
        for column in 0..M {
            let mut values = [zero; N];
            for row in 0..N {
                values[row] = half[row][column];
            }
            let values = F::apply(values);
            for row in 0..M {
                result[row][column] = values[row];
            }
        }
        result
    }
}

#[inline(always)]
unsafe fn load_square<V: Lanes, const N: usize>(from: *const f32, [row, column]: [usize; 2]) -> [[V; N]; N] {
    let mut square = unsafe { [[V::splat(0.0); N]; N] };
    for (i, line) in square.iter_mut().enumerate() {
        for (j, value) in line.iter_mut().enumerate() {
            *value = unsafe { V::load(from.add(i * row + j * column)) };
        }
    }
    square
}

#[inline(always)]
unsafe fn store_square<V: Lanes, const N: usize>(square: [[V; N]; N], to: *mut f32, [row, column]: [usize; 2]) {
    for (i, line) in square.into_iter().enumerate() {
        for (j, value) in line.into_iter().enumerate() {
            unsafe { value.store(to.add(i * row + j * column)) };
        }
    }
}

struct InputTransform<'a> {
    map: TileMap,
    from: &'a [f32],
    to: *mut f32,
}

impl Vectorised for InputTransform<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let TileMap { position, .. } = self.map;
        let (from, to) = (self.from.as_ptr(), self.to);
        for tile in 0..self.map.tiles {
            for channel in (0..self.map.column()).step_by(V::WIDTH) {
                let (pixel, tile) = (self.map.pixel(tile) + channel, tile * self.map.to_row + channel);
                unsafe {
                    let square = load_square::<V, SPAN>(from.add(pixel), [self.map.line(), self.map.column()]);
                    let square = both_ways::<V, InputMap, SPAN, SPAN>(square);
                    store_square(square, to.add(tile), [SPAN * position, position]);
                }
            }
        }
    }
}

struct InputMap;

impl Map<SPAN, SPAN> for InputMap {
    #[inline(always)]
    unsafe fn apply<V: Lanes>([a, b, c, d, e, f]: [V; SPAN]) -> [V; SPAN] {
        unsafe {
            let (even, odd) = (c.times_plus(-4.0, e), b.times_plus(-4.0, d));
            let (even2, odd2) = (e.minus(c), d.minus(b).times(2.0));
            [
                a.times_plus(4.0, c.times_plus(-5.0, e)),
                even.plus(odd),
                even.minus(odd),
                even2.plus(odd2),
                even2.minus(odd2),
                b.times_plus(4.0, d.times_plus(-5.0, f)),
            ]
        }
    }
}

/// The transpose of [`OutputTransform`].
struct GradientTransform<'a> {
    map: TileMap,
    from: &'a [f32],
    to: *mut f32,
}

impl Vectorised for GradientTransform<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let TileMap { position, .. } = self.map;
        let (from, to) = (self.from.as_ptr(), self.to);
        for tile in 0..self.map.tiles {
            for channel in (0..self.map.column()).step_by(V::WIDTH) {
                let (pixel, tile) = (self.map.pixel(tile) + channel, tile * self.map.to_row + channel);
                unsafe {
                    let square = load_square::<V, TILE>(from.add(pixel), [self.map.line(), self.map.column()]);
                    let square = both_ways::<V, GradientMap, TILE, SPAN>(square);
                    store_square(square, to.add(tile), [SPAN * position, position]);
                }
            }
        }
    }
}

struct GradientMap;

impl Map<TILE, SPAN> for GradientMap {
    #[inline(always)]
    unsafe fn apply<V: Lanes>([a, b, c, d]: [V; TILE]) -> [V; SPAN] {
        unsafe {
            let (even, odd) = (a.plus(c), b.plus(d));
            let (even2, odd2) = (c.times_plus(4.0, a), d.times_plus(4.0, b).times(2.0));
            [a, even.plus(odd), even.minus(odd), even2.plus(odd2), even2.minus(odd2), d]
        }
    }
}

struct OutputTransform<'a> {
    map: TileMap,
    from: &'a [f32],
    to: &'a mut [f32],
}

impl Vectorised for OutputTransform<'_> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let TileMap { position, .. } = self.map;
        let (from, to) = (self.from.as_ptr(), self.to.as_mut_ptr());
        for tile in 0..self.map.tiles {
            for channel in (0..self.map.column()).step_by(V::WIDTH) {
                let (pixel, tile) = (self.map.pixel(tile) + channel, tile * self.map.to_row + channel);
                unsafe {
                    let square = load_square::<V, SPAN>(from.add(tile), [SPAN * position, position]);
                    let square = both_ways::<V, OutputMap, SPAN, TILE>(square);
                    store_square(square, to.add(pixel), [self.map.line(), self.map.column()]);
                }
            }
        }
    }
}

struct OutputMap;

impl Map<SPAN, TILE> for OutputMap {
    #[inline(always)]
    unsafe fn apply<V: Lanes>([a, b, c, d, e, f]: [V; SPAN]) -> [V; TILE] {
        unsafe {
            let (sum, difference, sum2, difference2) = (b.plus(c), b.minus(c), d.plus(e), d.minus(e));
            [
                a.plus(sum).plus(sum2),
                difference2.times_plus(2.0, difference),
                sum2.times_plus(4.0, sum),
                difference2.times_plus(8.0, difference.plus(f)),
            ]
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
                for lane in 0..V::WIDTH.min(self.filters.saturating_sub(first)) {
                    let at = (first + lane) * self.steps[0] + depth * self.steps[1];
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
                    for lane in 0..V::WIDTH.min(self.outputs.saturating_sub(first)) {
                        let to = self.to.at(((first + lane) * self.inputs + input) * 9);
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
