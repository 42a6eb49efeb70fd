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
///
/// Whether a pixel goes depends on its eight neighbours alone. So the neighbourhood of each pixel is kept as a byte
/// and changed when a neighbour goes, and a pass looks only at pixels whose neighbourhood became one that it removes:
/// time goes with the size of the object, not with the image times the number of passes.
pub fn skeletonize_by(thinning: Thinning, mask: &[bool], height: usize, width: usize) -> Vec<bool> {
    let mut drawn = vec![false; height * width];
    let Some(window) = Window::around(mask, height, width) else { return drawn };
    let mut grid = Grid::padded(mask, width, &window);
    grid.thin(&thinning.table());
    for row in 0..window.rows {
        let from = (row + 1) * grid.stride + 1;
        let to = (window.top + row) * width + window.left;
        let cells = &grid.cells[from..from + window.columns];
        drawn[to..to + window.columns].iter_mut().zip(cells).for_each(|(drawn, cell)| *drawn = cell & SET != 0);
    }
    drawn
}

/// The smallest rectangle that holds the object.
struct Window {
    top: usize,
    left: usize,
    rows: usize,
    columns: usize,
}

impl Window {
    fn around(mask: &[bool], height: usize, width: usize) -> Option<Window> {
        let rows = || mask.chunks_exact(width.max(1)).take(height);
        // No early end, so that the compiler looks at many pixels at once.
        let any = |row: &[bool]| row.iter().fold(false, |any, set| any | set);
        let top = rows().position(any)?;
        let bottom = height - 1 - rows().rev().position(any)?;
        let (mut left, mut right) = (width, 0);
        for row in rows().take(bottom + 1).skip(top) {
            if let (Some(first), Some(last)) = (row.iter().position(|&set| set), row.iter().rposition(|&set| set)) {
                left = left.min(first);
                right = right.max(last);
            }
        }
        Some(Window { top, left, rows: bottom + 1 - top, columns: right + 1 - left })
    }
}

/// What a cell of the grid says of its pixel: neighbours in the low byte, then the passes that have it on their list,
/// then whether it belongs to the object. One word, since all of it is asked for at once.
type Cell = u16;
/// Where the passes stand.
const LISTED: u32 = 8;
const SET: Cell = 1 << 10;
/// A pixel that no pass shall ever list.
const OUTSIDE: Cell = (BOTH as Cell) << LISTED;

/// A window with a border of background, so that every pixel has eight neighbours.
struct Grid {
    cells: Vec<Cell>,
    stride: usize,
}

impl Grid {
    fn padded(mask: &[bool], width: usize, window: &Window) -> Grid {
        let stride = window.columns + 2;
        let mut set = vec![0; stride * (window.rows + 2)];
        for row in 0..window.rows {
            let (from, to) = ((window.top + row) * width + window.left, (row + 1) * stride + 1);
            let pixels = &mask[from..from + window.columns];
            set[to..to + window.columns].iter_mut().zip(pixels).for_each(|(set, pixel)| *set = u8::from(*pixel));
        }
        let mut cells = vec![OUTSIDE; set.len()];
        for row in 1..=window.rows {
            let line = |row: usize| &set[row * stride..(row + 1) * stride];
            look_around(&mut cells[row * stride + 1..(row + 1) * stride - 1], line(row - 1), line(row), line(row + 1));
        }
        Grid { cells, stride }
    }

    /// Both passes in turn until neither removes a pixel.
    fn thin(&mut self, table: &[u8; 256]) {
        let table = table.map(|passes| Cell::from(passes) << LISTED);
        let mut lists = [Vec::new(), Vec::new()];
        (0..self.cells.len()).for_each(|pixel| self.tell(pixel, 0, &table, &mut lists));
        let mut gone = Vec::new();
        while lists.iter().any(|list| !list.is_empty()) {
            for (turn, pass) in [FIRST, SECOND].into_iter().enumerate() {
                let pass = Cell::from(pass) << LISTED;
                // Judged all at once, then removed: the order of the pixels does not matter.
                for pixel in lists[turn].drain(..) {
                    let cell = &mut self.cells[pixel as usize];
                    if *cell & SET != 0 {
                        *cell &= !pass;
                        if table[usize::from(*cell as u8)] & pass != 0 {
                            gone.push(pixel);
                        }
                    }
                }
                gone.drain(..).for_each(|pixel| self.remove(pixel as usize, &table, &mut lists));
            }
        }
    }

    /// Tells a pixel which neighbour went, and puts it on the lists of the passes that would remove it as it now
    /// stands: so no list ever lacks a pixel that its pass would remove.
    #[inline(always)]
    fn tell(&mut self, pixel: usize, gone: u8, table: &[Cell; 256], lists: &mut [Vec<u32>; 2]) {
        let cell = &mut self.cells[pixel];
        *cell &= !Cell::from(gone);
        let new = table[usize::from(*cell as u8)] & !*cell;
        if new == 0 {
            return;
        }
        *cell |= new;
        for (list, pass) in lists.iter_mut().zip([FIRST, SECOND]) {
            if new & (Cell::from(pass) << LISTED) != 0 {
                list.push(pixel as u32);
            }
        }
    }

    fn remove(&mut self, pixel: usize, table: &[Cell; 256], lists: &mut [Vec<u32>; 2]) {
        self.cells[pixel] = OUTSIDE;
        let (above, below) = (pixel - self.stride, pixel + self.stride);
        // A neighbour sees the pixel on the other side of itself.
        let neighbours = [
            (above - 1, SE),
            (above, S),
            (above + 1, SW),
            (pixel - 1, E),
            (pixel + 1, W),
            (below - 1, NE),
            (below, N),
            (below + 1, NW),
        ];
        neighbours.into_iter().for_each(|(neighbour, direction)| self.tell(neighbour, direction, table, lists));
    }
}

/// Fills the cells of a row from it and the rows above and below, which have a pixel more at both ends; plain sums, so
/// that the compiler does many pixels at once.
fn look_around(cells: &mut [Cell], above: &[u8], here: &[u8], below: &[u8]) {
    let count = cells.len();
    let (above, here, below) = (&above[..count + 2], &here[..count + 2], &below[..count + 2]);
    for (i, cell) in cells.iter_mut().enumerate() {
        let upper = (above[i] * NW) | (above[i + 1] * N) | (above[i + 2] * NE);
        let lower = (below[i] * SW) | (below[i + 1] * S) | (below[i + 2] * SE);
        let around = upper | lower | (here[i] * W) | (here[i + 2] * E);
        let own = if here[i + 1] != 0 { SET } else { OUTSIDE };
        *cell = Cell::from(around) | own;
    }
}
