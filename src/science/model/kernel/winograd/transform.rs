//! The linear maps of tiles.

use super::super::lanes::{Lanes, Vectorised};
use super::{Layout, SPAN, TILE};
use std::marker::PhantomData;

/// Between pixels `[row][column][channel]` of a strip and its transformed tiles.
#[derive(Clone, Copy)]
pub(super) struct TileMap {
    pub tiles: usize,
    /// Columns beyond the tiles'.
    pub margin: usize,
    pub channels: usize,
    pub to_row: usize,
    pub position: usize,
}

impl TileMap {
    pub fn new(tiles: usize, margin: usize, channels: usize, Layout { row, position }: Layout) -> Self {
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
pub(super) trait Map<const N: usize, const M: usize> {
    unsafe fn apply<V: Lanes>(values: [V; N]) -> [V; M];
}

/// Applies a map to the rows of a square, then to its columns.
#[inline(always)]
pub(super) unsafe fn both_ways<V: Lanes, F: Map<N, M>, const N: usize, const M: usize>(
    from: [[V; N]; N],
) -> [[V; M]; M] {
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
pub(super) unsafe fn load_square<V: Lanes, const N: usize>(from: *const f32, [row, column]: [usize; 2]) -> [[V; N]; N] {
    let mut square = unsafe { [[V::splat(0.0); N]; N] };
    for (i, line) in square.iter_mut().enumerate() {
        for (j, value) in line.iter_mut().enumerate() {
            *value = unsafe { V::load(from.add(i * row + j * column)) };
        }
    }
    square
}

#[inline(always)]
pub(super) unsafe fn store_square<V: Lanes, const N: usize>(
    square: [[V; N]; N],
    to: *mut f32,
    [row, column]: [usize; 2],
) {
    for (i, line) in square.into_iter().enumerate() {
        for (j, value) in line.into_iter().enumerate() {
            unsafe { value.store(to.add(i * row + j * column)) };
        }
    }
}

/// Brings the `N`x`N` pixels of every tile to their positions.
pub(super) struct ToPositions<'a, F, const N: usize> {
    pub map: TileMap,
    pub from: &'a [f32],
    pub to: *mut f32,
    pub by: PhantomData<F>,
}

impl<F: Map<N, SPAN>, const N: usize> Vectorised for ToPositions<'_, F, N> {
    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let TileMap { position, .. } = self.map;
        let (from, to) = (self.from.as_ptr(), self.to);
        for tile in 0..self.map.tiles {
            for channel in (0..self.map.column()).step_by(V::WIDTH) {
                let (pixel, tile) = (self.map.pixel(tile) + channel, tile * self.map.to_row + channel);
                unsafe {
                    let square = load_square::<V, N>(from.add(pixel), [self.map.line(), self.map.column()]);
                    let square = both_ways::<V, F, N, SPAN>(square);
                    store_square(square, to.add(tile), [SPAN * position, position]);
                }
            }
        }
    }
}

/// Of the inputs of a tile.
pub(super) struct InputMap;

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

/// Of the outputs' gradient: the transpose of [`OutputMap`].
pub(super) struct GradientMap;

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

pub(super) struct OutputTransform<'a> {
    pub map: TileMap,
    pub from: &'a [f32],
    pub to: &'a mut [f32],
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
