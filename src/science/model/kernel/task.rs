//! How work over planes and values is split for threads: by shape alone, in tasks that outweigh the
//! cost of handing them out.

use rayon::prelude::*;
use std::ops::Range;

/// Values of a parallel task.
pub(super) const TASK: usize = 1 << 14;

/// Planes of `pixels` values each that make a [`TASK`].
pub(super) fn planes_of_task(pixels: usize) -> usize {
    (TASK / pixels.max(1)).max(1)
}

/// Who works in parallel: the pieces of a job or, where there are too few of them, whoever works within a
/// piece. Never both: a thread that waits within one piece would take up another, with buffers of its own.
/// Results do not depend on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Alone,
    Together,
}

impl Work {
    /// For a job of some pieces.
    pub fn of(pieces: usize) -> Self {
        let threads = rayon::current_num_threads();
        if threads > 1 && pieces >= 2 * threads { Work::Together } else { Work::Alone }
    }

    /// The other one of the two, for within a piece.
    pub fn within(self) -> Self {
        match self {
            Work::Alone if rayon::current_num_threads() > 1 => Work::Together,
            _ => Work::Alone,
        }
    }

    pub fn each<T: Send>(self, pieces: Vec<T>, work: impl Fn(T, Work) + Sync) {
        match self {
            Work::Alone => pieces.into_iter().for_each(|piece| work(piece, self.within())),
            Work::Together => pieces.into_par_iter().for_each(|piece| work(piece, self.within())),
        }
    }

    pub fn map<T: Send, R: Send>(self, pieces: Vec<T>, work: impl Fn(T, Work) -> R + Sync) -> Vec<R> {
        match self {
            Work::Alone => pieces.into_iter().map(|piece| work(piece, self.within())).collect(),
            Work::Together => pieces.into_par_iter().map(|piece| work(piece, self.within())).collect(),
        }
    }

    /// A range in pieces for all threads.
    pub fn runs(self, range: Range<usize>) -> Vec<Range<usize>> {
        let pieces = if self == Work::Alone { 1 } else { 2 * rayon::current_num_threads() };
        let length = range.len().div_ceil(pieces).max(1);
        range.clone().step_by(length).map(|first| first..range.end.min(first + length)).collect()
    }
}
