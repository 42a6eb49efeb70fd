//! Small matrix products whose sums stay in registers.

use super::lanes::{Lanes, rows_together};

/// A strided matrix product: `to[row][column] = sum over i of rows[row][i] * columns[i][column]`, columns
/// next to each other. Distances in floats.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub rows: usize,
    pub depth: usize,
    /// Columns in vectors of the processor.
    pub vectors: usize,
    /// Of two rows, and of two values of a row of the left side.
    pub left: [usize; 2],
    /// Of two rows of the right side, and of two pairs of its vectors.
    pub right: [usize; 2],
    /// Of two rows of the result.
    pub to: usize,
    /// Add to what the result holds.
    pub add: bool,
}

impl Product {
    /// # Safety
    /// All three places must hold what the distances reach, and the processor must have the instructions.
    #[inline(always)]
    pub unsafe fn run<V: Lanes>(&self, left: *const f32, right: *const f32, to: *mut f32) {
        let mut vector = 0;
        while vector < self.vectors {
            let pair = self.vectors - vector > 1;
            let mut row = 0;
            while row < self.rows {
                let size = rows_together::<V>(self.rows - row);
                let block = unsafe {
                    Block {
                        product: *self,
                        left: left.add(row * self.left[0]),
                        right: right.add(vector / 2 * self.right[1]),
                        to: to.add(row * self.to + vector * V::WIDTH),
                    }
                };
                unsafe {
                    match (size, pair) {
                        (8, true) => block.run::<V, 8, 2>(),
                        (4, true) => block.run::<V, 4, 2>(),
                        (2, true) => block.run::<V, 2, 2>(),
                        (_, true) => block.run::<V, 1, 2>(),
                        (8, false) => block.run::<V, 8, 1>(),
                        (4, false) => block.run::<V, 4, 1>(),
                        (2, false) => block.run::<V, 2, 1>(),
                        (_, false) => block.run::<V, 1, 1>(),
                    }
                }
                row += size;
            }
            vector += if pair { 2 } else { 1 };
        }
    }
}

struct Block {
    product: Product,
    left: *const f32,
    right: *const f32,
    to: *mut f32,
}

impl Block {
    /// `R` rows at `P` vectors of columns.
    #[inline(always)]
    unsafe fn run<V: Lanes, const R: usize, const P: usize>(&self) {
        let Product { depth, left: [row_step, step], right: [right, _], to, add, .. } = self.product;
        unsafe {
            let mut sums = [[V::splat(0.0); P]; R];
            let (mut factor, mut columns) = (self.left, self.right);
            for _ in 0..depth {
                let mut vectors = [V::splat(0.0); P];
                for (i, vector) in vectors.iter_mut().enumerate() {
                    *vector = V::load(columns.add(i * V::WIDTH));
                }
                for (row, sum) in sums.iter_mut().enumerate() {
                    let factor = V::splat(*factor.add(row * row_step));
                    for i in 0..P {
                        sum[i] = vectors[i].multiply_add(factor, sum[i]);
                    }
                }
                factor = factor.add(step);
                columns = columns.add(right);
            }
            for (row, sum) in sums.iter().enumerate() {
                for (i, value) in sum.iter().enumerate() {
                    let at = self.to.add(row * to + i * V::WIDTH);
                    let value = if add { value.plus(V::load(at)) } else { *value };
                    value.store(at);
                }
            }
        }
    }
}
