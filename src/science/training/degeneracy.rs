use crate::science::metric::{EmptyDice, multi_class_dice};
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter};

/// Whether a post-processing has lost touch with what it is given (section V-A: "degenerate cases where the PostDAE
/// always produces empty masks, or it completely omits some classes").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degeneracy {
    pub slices: usize,
    /// Slices with foreground before and none after.
    pub emptied: usize,
    /// Slices with foreground before.
    pub filled: usize,
    /// Slices whose result is nearly (Dice 0.95) the commonest one though what went in was not: the most frequent label of
    /// each pixel, over all slices with foreground after.
    pub alike: usize,
    /// Slices with foreground after, of which `alike` is a part.
    pub results: usize,
    /// Classes that were there in some slice before, and in none after.
    pub omitted: Vec<u8>,
}

/// Dice from which on two masks count as the same.
const SAME: f64 = 0.95;

/// Share of slices from which on a result counts as degenerate.
const MOST: f64 = 0.9;

impl Degeneracy {
    /// Compares predictions before and after, slice by slice, `[h, w]` each and all of one size.
    pub fn of(before: &[&[u8]], after: &[&[u8]], classes: usize) -> Degeneracy {
        let filled = |mask: &&[u8]| mask.iter().any(|&label| label > 0);
        let emptied = before.iter().zip(after).filter(|(before, after)| filled(before) && !filled(after)).count();
        let results: Vec<(&[u8], &[u8])> =
            before.iter().copied().zip(after.iter().copied()).filter(|(_, after)| filled(after)).collect();
        let inputs: Vec<&[u8]> = results.iter().map(|(before, _)| *before).collect();
        let outputs: Vec<&[u8]> = results.iter().map(|(_, after)| *after).collect();
        let (like_input, like_output) = (alike(&inputs, classes), alike(&outputs, classes));
        let shown = |masks: &[&[u8]], class: u8| masks.iter().any(|mask| mask.contains(&class));
        Degeneracy {
            slices: before.len(),
            emptied,
            filled: before.iter().filter(|mask| filled(mask)).count(),
            alike: like_output.iter().zip(like_input).filter(|(output, input)| **output && !input).count(),
            results: results.len(),
            omitted: (1..classes as u8).filter(|&class| shown(before, class) && !shown(after, class)).collect(),
        }
    }

    /// Whether there is something to tell.
    pub fn is_degenerate(&self) -> bool {
        self.empties() || self.repeats() || !self.omitted.is_empty()
    }

    fn empties(&self) -> bool {
        self.filled > 0 && self.emptied as f64 >= MOST * self.filled as f64
    }

    fn repeats(&self) -> bool {
        self.results > 1 && self.alike as f64 >= MOST * self.results as f64
    }
}

/// A sentence for the user, whatever was found.
impl Display for Degeneracy {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let Degeneracy { slices, emptied, filled, alike, results, omitted } = self;
        if !self.is_degenerate() {
            return write!(f, "no degenerate result: {emptied} of {filled} masks emptied, {alike} of {results} alike");
        }
        let mut found = Vec::new();
        if self.empties() {
            found.push(format!("{emptied} of {filled} masks with foreground became empty"));
        }
        if self.repeats() {
            found.push(format!("{alike} of {results} results are nearly the same mask whatever went in"));
        }
        if !omitted.is_empty() {
            let classes: Vec<String> = omitted.iter().map(u8::to_string).collect();
            let (noun, verb) = if omitted.len() == 1 { ("class", "comes") } else { ("classes", "come") };
            found.push(format!("{noun} {} never {verb} out", classes.join(", ")));
        }
        write!(
            f,
            "the autoencoder is degenerate on these {slices} slices: {}; train it longer, or spoil its masks more like \
             the segmentor does",
            found.join("; ")
        )
    }
}

/// Which masks are nearly the commonest one.
fn alike(masks: &[&[u8]], classes: usize) -> Vec<bool> {
    let common = most_frequent(masks, classes);
    let dice = |mask: &&[u8]| multi_class_dice(mask, &common, classes, EmptyDice::One).ok().flatten().unwrap_or(0.0);
    masks.iter().map(|mask| dice(mask) >= SAME).collect()
}

/// The most frequent label of each pixel, the lowest on ties.
fn most_frequent(masks: &[&[u8]], classes: usize) -> Vec<u8> {
    let pixels = masks.first().map_or(0, |mask| mask.len());
    let mut counts = vec![0u32; pixels * classes];
    for mask in masks {
        for (counts, &label) in counts.chunks_exact_mut(classes.max(1)).zip(*mask) {
            if let Some(count) = counts.get_mut(usize::from(label)) {
                *count += 1;
            }
        }
    }
    let most = |counts: &[u32]| (0..classes).rev().max_by_key(|&class| counts[class]).unwrap_or(0) as u8;
    counts.chunks_exact(classes.max(1)).map(most).collect()
}
