use super::background::{Frame, Ring};
use super::components::components;
use super::thinning::{Thinning, skeletonize_by};
use crate::science::data::{Labels, UNLABELLED};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How masks become random walks (section IV-A, LVSC): from a random pixel P of an object, so many times
/// "i) assign P to the scribble; ii) randomly \"move\" in the image, adding or subtracting 1 to the coordinates of
/// P; iii) if the new point belongs to the segmentation mask, assign the new coordinates to P".
///
/// A refused move uses up its step, and where the last step leads is not drawn: so the text's order of steps.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomWalkParameters {
    pub moves: Moves,
    pub per: Per,
    pub until: Until,
    pub background: WalkBackground,
}

/// What "adding or subtracting 1 to the coordinates" means.
///
/// Measured on ring phantoms with LVSC's sizes (`pipelines/scribbles.yaml`: 224 x 224, 1.45 mm) and on ACDC's myocardium (as LVSC's: 224 x 224
/// at 1.45 mm, everything else background), in percent of the image, mean (standard deviation) over slices, those
/// without myocardium counted in; the paper's own LVSC scribbles have MYO 0.2 (0.1) and BGD 1.9 (0.5):
///
/// | reading | per | MYO, phantoms | BGD, phantoms | MYO, ACDC | BGD, ACDC |
/// | --- | --- | --- | --- | --- | --- |
/// | `diagonal` | class | 0.29 (0.14) | 1.51 (0.24) | 0.40 (0.20) | 1.49 (0.25) |
/// | `diagonal` | component | 0.29 (0.14) | 1.81 (0.31) | 0.40 (0.20) | 2.04 (0.39) |
/// | `one_axis` | class | 0.43 (0.20) | 1.55 (0.22) | 0.56 (0.25) | 1.54 (0.24) |
/// | `one_axis` | component | 0.43 (0.20) | 2.02 (0.43) | 0.56 (0.25) | 2.32 (0.45) |
/// | `king` | class | 0.50 (0.24) | 2.02 (0.28) | 0.67 (0.30) | 1.98 (0.29) |
/// | `king` | component | 0.50 (0.24) | 2.53 (0.48) | 0.67 (0.30) | 2.88 (0.55) |
/// | `king_with_stay` | class | 0.48 (0.23) | 1.81 (0.26) | 0.62 (0.28) | 1.79 (0.25) |
/// | `king_with_stay` | component | 0.47 (0.23) | 2.32 (0.44) | 0.62 (0.28) | 2.63 (0.50) |
/// | released code (10 % or 4000 tries) | class | 0.08 (0.04) | 2.68 (0.43) | 0.14 (0.07) | 2.71 (0.39) |
///
/// `diagonal` per component is the default: it alone is near both means, and its background has most of the published
/// deviation, since a slice with a ring has two components of background and one without has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Moves {
    /// Both coordinates by 1 up or down, the text to the letter. Row + column keeps its parity, so a scribble lies
    /// on one colour of a chessboard, and on a line one pixel wide it never moves.
    #[default]
    Diagonal,
    /// One coordinate by 1 up or down.
    OneAxis,
    /// To any of the eight neighbours.
    King,
    /// Each coordinate by -1, 0 or 1: to any neighbour, or nowhere (the released code).
    KingWithStay,
}

/// What an "object" is, of which each gets a walk. See [`Moves`] for what decided the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// All pixels of a class in a slice.
    Class,
    /// Each of its connected components (by 8 neighbours): "for every object".
    #[default]
    Component,
}

/// When a walk ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// After so many steps.
    Steps(u32),
    /// When it covers a share of the object, or after so many tries: the released code has 0.1 and 4000.
    Covered { share: f64, tries: u32 },
}

impl Default for Until {
    fn default() -> Self {
        Until::Steps(2500)
    }
}

impl Until {
    /// As the released code ends its walks.
    pub const RELEASED: Until = Until::Covered { share: 0.1, tries: 4000 };

    /// Says what makes no sense.
    pub(super) fn check(self) -> Result<(), String> {
        const MOST: u32 = 10_000_000;
        match self {
            Until::Steps(steps) | Until::Covered { tries: steps, .. } if !(1..=MOST).contains(&steps) => {
                Err(format!("a walk has from 1 to {MOST} steps, not {steps}"))
            }
            Until::Covered { share, .. } if !(share > 0.0 && share <= 1.0) => {
                Err(format!("the share that a walk covers is above 0 and at most 1, not {share}"))
            }
            Until::Steps(_) | Until::Covered { .. } => Ok(()),
        }
    }

    /// Steps at most, and pixels after which a walk in an object of `size` pixels ends.
    fn limits(self, size: usize) -> (u32, usize) {
        match self {
            Until::Steps(steps) => (steps, usize::MAX),
            Until::Covered { share, tries } => (tries, ((share * size as f64).ceil() as usize).max(1)),
        }
    }
}

/// How the background is annotated beside random walks.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WalkBackground {
    /// "For every object", and the coverage that the paper states for the background, say: by a walk like the others.
    #[default]
    RandomWalk,
    /// A band around the foreground, as in ACDC.
    Ring(Ring),
    Skeleton,
    None,
}

impl Moves {
    /// Rows and columns to go.
    fn draw(self, rng: &mut impl Rng) -> (isize, isize) {
        let sign = |bit: bool| if bit { 1 } else { -1 };
        match self {
            Moves::Diagonal => (sign(rng.random()), sign(rng.random())),
            Moves::OneAxis => {
                let (vertical, by) = (rng.random::<bool>(), sign(rng.random()));
                if vertical { (by, 0) } else { (0, by) }
            }
            Moves::King => {
                // The eight of nine that are not the middle.
                let place = rng.random_range(0..8_i32);
                let place = if place < 4 { place } else { place + 1 };
                ((place / 3 - 1) as isize, (place % 3 - 1) as isize)
            }
            Moves::KingWithStay => {
                let mut step = || rng.random_range(-1..=1_i32) as isize;
                (step(), step())
            }
        }
    }
}

/// Whose walks these are: the same words give the same walks, whatever else is drawn before, after or beside them.
#[derive(Debug, Clone, Copy)]
pub struct Author<'a> {
    pub seed: u64,
    pub case: &'a str,
    pub volume: &'a str,
    /// From 0: several annotators draw the same volume.
    pub annotator: u32,
}

impl Author<'_> {
    fn generator(&self) -> ChaCha8Rng {
        let Author { seed, case, volume, annotator } = self;
        // Lengths, so that no two authors spell alike.
        let words = format!("scribble {seed} {annotator} {} {case} {} {volume}", case.len(), volume.len());
        ChaCha8Rng::from_seed(Sha256::digest(words).into())
    }
}

/// Random-walk scribbles of a mask, `[slice, row, column]`. The rest is [`UNLABELLED`], and so is what is unlabelled
/// in `mask`.
pub fn random_walk_scribble(mask: &Labels, parameters: &RandomWalkParameters, author: Author) -> Labels {
    let frame = Frame { height: mask.height, width: mask.width };
    let rng = author.generator();
    let slice = |slice: usize| scribble_slice(mask.slice(slice), frame, parameters, &rng, slice);
    Labels { data: (0..mask.slices).flat_map(slice).collect(), ..*mask }
}

fn scribble_slice(
    mask: &[u8],
    frame: Frame,
    parameters: &RandomWalkParameters,
    rng: &ChaCha8Rng,
    slice: usize,
) -> Vec<u8> {
    let mut scribble = vec![UNLABELLED; mask.len()];
    for class in super::classes(mask) {
        let organ: Vec<bool> = mask.iter().map(|&label| label == class).collect();
        let drawn = match (class, parameters.background) {
            (1.., _) | (0, WalkBackground::RandomWalk) => {
                // A stream of its own, so that no class's or slice's walk changes another's.
                let mut rng = rng.clone();
                rng.set_stream(((slice as u64) << 8) | u64::from(class));
                walks(&organ, frame, parameters, &mut rng)
            }
            (0, WalkBackground::Ring(ring)) => ring.stroke(mask, frame),
            (0, WalkBackground::Skeleton) => skeletonize_by(Thinning::default(), &organ, frame.height, frame.width),
            (0, WalkBackground::None) => continue,
        };
        let pixels = drawn.iter().zip(&organ).enumerate().filter(|(_, (drawn, organ))| **drawn && **organ);
        pixels.for_each(|(pixel, _)| scribble[pixel] = class);
    }
    scribble
}

/// One walk in the object, or one in each of its components.
fn walks(organ: &[bool], frame: Frame, parameters: &RandomWalkParameters, rng: &mut impl Rng) -> Vec<bool> {
    let RandomWalkParameters { moves, per, until, .. } = *parameters;
    match per {
        Per::Class => random_walk(organ, [frame.height, frame.width], moves, until, rng),
        Per::Component => {
            let mut drawn = vec![false; organ.len()];
            for component in components(organ, [frame.height, frame.width]) {
                let walk = random_walk(&component, [frame.height, frame.width], moves, until, rng);
                drawn.iter_mut().zip(walk).for_each(|(drawn, walked)| *drawn |= walked);
            }
            drawn
        }
    }
}

/// One walk in `mask` `[row, column]` from a pixel of it, all equally likely; an empty mask has none. Moves out of
/// the mask or the image are refused.
pub fn random_walk(mask: &[bool], shape: [usize; 2], moves: Moves, until: Until, rng: &mut impl Rng) -> Vec<bool> {
    let mut drawn = vec![false; mask.len()];
    let size = mask.iter().filter(|&&inside| inside).count();
    if size == 0 {
        return drawn;
    }
    let start = mask.iter().enumerate().filter(|(_, inside)| **inside).nth(rng.random_range(0..size));
    let [mut row, mut column] = start.map_or([0, 0], |(pixel, _)| [pixel / shape[1], pixel % shape[1]]);
    let (steps, enough) = until.limits(size);
    let mut covered = 0;
    for _ in 0..steps {
        let here = &mut drawn[row * shape[1] + column];
        covered += usize::from(!*here);
        *here = true;
        if covered >= enough {
            break;
        }
        let (down, right) = moves.draw(rng);
        let to = [row.wrapping_add_signed(down), column.wrapping_add_signed(right)];
        if to[0] < shape[0] && to[1] < shape[1] && mask[to[0] * shape[1] + to[1]] {
            [row, column] = to;
        }
    }
    drawn
}
