//! Between images and the transformed tiles of a strip, a row of tiles.

use super::super::lanes::Vectorised;
use super::super::place::Place;
use super::super::scratch::Scratch;
use super::super::task::Work;
use super::super::transpose::Transpose;
use super::transform::{GradientMap, InputMap, OutputTransform, TileMap, ToPositions};
use super::{Images, Layout, SPAN, Source, TILE, padded};
use std::marker::PhantomData;
use std::ops::Range;

impl Images {
    /// Image and first pixel row of a strip.
    fn place(self, strip: usize) -> (usize, usize) {
        (strip / self.strips_of_image(), strip % self.strips_of_image() * TILE)
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
    pub(super) unsafe fn give(self, columns: &[f32], strip: usize, to: [Place; 2], [whole, half]: [usize; 2]) {
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

    pub(super) fn transform_inputs(self, from: Source, strips: Range<usize>, to: Place, layout: Layout, within: Work) {
        let channels = from.channels[0] + from.channels[1];
        within.each(within.runs(strips.clone()), |run, _| {
            let mut columns = Scratch::new(SPAN * (TILE * self.across() + 2) * padded(channels));
            for strip in run.clone() {
                self.take_inputs(from, strip, strip > run.start, &mut columns);
                // SAFETY: tiles of its own, which the layout has room for.
                unsafe {
                    let to = to.at((strip - strips.start) * self.across() * layout.row);
                    let map = TileMap::new(self.across(), 2, channels, layout);
                    ToPositions { map, from: &columns, to, by: PhantomData::<InputMap> }.run_widest(padded(channels));
                }
            }
        });
    }

    pub(super) fn transform_gradient(
        self,
        from: Source,
        strips: Range<usize>,
        to: Place,
        layout: Layout,
        within: Work,
    ) {
        let channels = from.channels[0];
        within.each(within.runs(strips.clone()), |run, _| {
            let mut columns = Scratch::new(TILE * TILE * self.across() * padded(channels));
            for strip in run {
                self.take_outputs(from, strip, &mut columns);
                // SAFETY: as above.
                unsafe {
                    let to = to.at((strip - strips.start) * self.across() * layout.row);
                    let map = TileMap::new(self.across(), 0, channels, layout);
                    ToPositions { map, from: &columns, to, by: PhantomData::<GradientMap> }
                        .run_widest(padded(channels));
                }
            }
        });
    }

    pub(super) fn transform_outputs(self, from: &[f32], layout: Layout, channels: usize, to: &mut [f32]) {
        let map = TileMap::new(self.across(), 0, channels, layout);
        // SAFETY: the buffers are of the sizes that the layout asks for.
        unsafe { OutputTransform { map, from, to }.run_widest(padded(channels)) }
    }
}
