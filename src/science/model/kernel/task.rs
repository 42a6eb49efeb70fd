//! How work over planes and values is split for threads: by shape alone, in tasks that outweigh the
//! cost of handing them out.

/// Values of a parallel task.
pub(super) const TASK: usize = 1 << 14;

/// Planes of `pixels` values each that make a [`TASK`].
pub(super) fn planes_of_task(pixels: usize) -> usize {
    (TASK / pixels.max(1)).max(1)
}
