use serde::{Deserialize, Serialize};

/// Which parallel thinning makes the skeleton. The paper says "standard skeletonisation by iterative
/// identification and removal of border pixels, until connectivity is lost" [60] and names no variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Thinning {
    /// Zhang and Suen's thinning as scikit-image's `skeletonize` does it, pixel by pixel: the 1984
    /// rules with the [`DEPARTURES`] of its table. Keeps more of the ends of a stroke.
    #[default]
    ScikitImage,
    /// The rules of the 1984 article to the letter.
    ZhangSuen,
}

// Bits of a neighbourhood, clockwise from the upper left.
const NW: u8 = 1;
const N: u8 = 2;
const NE: u8 = 4;
const E: u8 = 8;
const SE: u8 = 16;
const S: u8 = 32;
const SW: u8 = 64;
const W: u8 = 128;

/// Passes in which a pixel may be removed, as bits.
const KEPT: u8 = 0;
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const BOTH: u8 = 3;

/// Neighbourhoods that scikit-image judges otherwise than the 1984 rules.
const DEPARTURES: [(u8, u8); 25] = [
    // The corner pixel of an L of single pixels goes, although it has two arms.
    (N | E, BOTH),
    (E | S, BOTH),
    (S | W, BOTH),
    (N | W, BOTH),
    // So does that of an L with a pixel more at one end or at both, in one pass.
    (N | E | NW, FIRST),
    (N | E | SE, SECOND),
    (E | S | SW, SECOND),
    (E | S | SW | NE, SECOND),
    (S | W | NW, FIRST),
    (S | W | SE, SECOND),
    (N | W | NE, FIRST),
    (N | W | SW, FIRST),
    (N | W | NE | SW, FIRST),
    // The end of a stroke two pixels wide goes in one pass only, or stays.
    (NW | N, FIRST),
    (N | NE, FIRST),
    (NE | E, FIRST),
    (E | SE, SECOND),
    (S | SW, SECOND),
    (SW | W, SECOND),
    (SE | S, KEPT),
    (NW | W, KEPT),
    // So does the corner of a block.
    (N | NE | E, FIRST),
    (NW | N | W, FIRST),
    (E | SE | S, SECOND),
    (S | SW | W, SECOND),
];

impl Thinning {
    /// Passes that remove a pixel, by neighbourhood.
    fn table(self) -> [u8; 256] {
        let mut table = std::array::from_fn(|neighbours| zhang_suen(neighbours as u8));
        if self == Thinning::ScikitImage {
            for (neighbours, passes) in DEPARTURES {
                table[usize::from(neighbours)] = passes;
            }
        }
        table
    }
}

/// Conditions (a) to (d) of Zhang and Suen, "A fast parallel algorithm for thinning digital patterns",
/// Communications of the ACM 27 (1984): 2 <= B <= 6 set neighbours, A = 1 rise from 0 to 1 around the
/// pixel, and a south-east border in the first pass or a north-west border in the second.
fn zhang_suen(neighbours: u8) -> u8 {
    let set = neighbours.count_ones();
    let rises = (!neighbours & neighbours.rotate_right(1)).count_ones();
    let free = |directions: u8| neighbours & directions != directions;
    if !(2..=6).contains(&set) || rises != 1 {
        return KEPT;
    }
    let first = if free(N | E | S) && free(E | S | W) { FIRST } else { KEPT };
    let second = if free(N | E | W) && free(N | S | W) { SECOND } else { KEPT };
    first | second
}

/// Thins `mask` `[row, column]` to lines one pixel wide, as scikit-image does. Beyond the image is
/// background.
pub fn skeletonize(mask: &[bool], height: usize, width: usize) -> Vec<bool> {
    skeletonize_by(Thinning::default(), mask, height, width)
}

/// [`skeletonize`] by a chosen variant.
pub fn skeletonize_by(thinning: Thinning, mask: &[bool], height: usize, width: usize) -> Vec<bool> {
    let table = thinning.table();
    let mut grid = Grid::padded(mask, height, width);
    let mut left: Vec<usize> = (0..grid.set.len()).filter(|&pixel| grid.set[pixel]).collect();
    loop {
        let before = left.len();
        for pass in [FIRST, SECOND] {
            let removed = |pixel: &usize| table[usize::from(grid.neighbours(*pixel))] & pass != 0;
            // Judged all at once, then removed: the order of the pixels does not matter.
            let (gone, kept): (Vec<usize>, Vec<usize>) = left.iter().partition(|pixel| removed(pixel));
            gone.into_iter().for_each(|pixel| grid.set[pixel] = false);
            left = kept;
        }
        if left.len() == before {
            return grid.cropped(height, width);
        }
    }
}

/// A mask with a border of background, so that every pixel has eight neighbours.
struct Grid {
    set: Vec<bool>,
    stride: usize,
}

impl Grid {
    fn padded(mask: &[bool], height: usize, width: usize) -> Grid {
        let stride = width + 2;
        let mut set = vec![false; stride * (height + 2)];
        for (row, pixels) in mask.chunks_exact(width.max(1)).take(height).enumerate() {
            let start = (row + 1) * stride + 1;
            set[start..start + width].copy_from_slice(pixels);
        }
        Grid { set, stride }
    }

    fn cropped(&self, height: usize, width: usize) -> Vec<bool> {
        let row = |row: usize| &self.set[row * self.stride + 1..row * self.stride + 1 + width];
        (1..=height).flat_map(row).copied().collect()
    }

    fn neighbours(&self, pixel: usize) -> u8 {
        let (above, below) = (pixel - self.stride, pixel + self.stride);
        [above - 1, above, above + 1, pixel + 1, below + 1, below, below - 1, pixel - 1]
            .iter()
            .enumerate()
            .fold(0, |bits, (bit, &neighbour)| bits | u8::from(self.set[neighbour]) << bit)
    }
}
