//! Counts of labels, with the widest vectors that the processor has: whole numbers, so that all give the same.

use super::Overlap;

/// Lanes of counters that the compiler puts side by side.
const LANES: usize = 64;
/// Pixels after which counters of one byte are emptied, before they can overflow.
const BLOCK: usize = 255 * LANES;

/// Overlaps by class, and the greatest label.
pub fn classes(prediction: &[u8], truth: &[u8], classes: usize) -> (Vec<Overlap>, u8) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { classes_avx2(prediction, truth, classes) };
    }
    classes_by_lanes(prediction, truth, classes)
}

/// Overlap of all that is not background, and the greatest label.
pub fn foreground(prediction: &[u8], truth: &[u8]) -> (Overlap, u8) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { foreground_avx2(prediction, truth) };
    }
    foreground_by_lanes(prediction, truth)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn classes_avx2(prediction: &[u8], truth: &[u8], classes: usize) -> (Vec<Overlap>, u8) {
    classes_by_lanes(prediction, truth, classes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn foreground_avx2(prediction: &[u8], truth: &[u8]) -> (Overlap, u8) {
    foreground_by_lanes(prediction, truth)
}

#[inline(always)]
fn classes_by_lanes(prediction: &[u8], truth: &[u8], classes: usize) -> (Vec<Overlap>, u8) {
    let mut totals = vec![Overlap::default(); classes];
    let mut greatest = 0;
    for (prediction, truth) in prediction.chunks(BLOCK).zip(truth.chunks(BLOCK)) {
        greatest = greatest.max(greatest_of(prediction)).max(greatest_of(truth));
        // Labels beyond 255 don't exist.
        for (class, total) in (0..=u8::MAX).zip(&mut totals) {
            *total = total.plus(block(prediction, truth, |p, t| [p == class && t == class, p == class, t == class]));
        }
    }
    (totals, greatest)
}

#[inline(always)]
fn foreground_by_lanes(prediction: &[u8], truth: &[u8]) -> (Overlap, u8) {
    let mut total = Overlap::default();
    let mut greatest = 0;
    for (prediction, truth) in prediction.chunks(BLOCK).zip(truth.chunks(BLOCK)) {
        greatest = greatest.max(greatest_of(prediction)).max(greatest_of(truth));
        total = total.plus(block(prediction, truth, |p, t| [p == t && p != 0, p != 0, t != 0]));
    }
    (total, greatest)
}

#[inline(always)]
fn greatest_of(labels: &[u8]) -> u8 {
    labels.iter().fold(0, |greatest, &label| label.max(greatest))
}

/// Counts what `counts` says of each pixel of at most a block: intersection, prediction, truth.
#[inline(always)]
fn block(prediction: &[u8], truth: &[u8], counts: impl Fn(u8, u8) -> [bool; 3]) -> Overlap {
    let mut lanes = [[0_u8; LANES]; 3];
    let (predictions, truths) = (prediction.as_chunks::<LANES>(), truth.as_chunks::<LANES>());
    for (prediction, truth) in predictions.0.iter().zip(truths.0) {
        for lane in 0..LANES {
            add(&mut lanes, lane, counts(prediction[lane], truth[lane]));
        }
    }
    for (lane, (&p, &t)) in predictions.1.iter().zip(truths.1).enumerate() {
        add(&mut lanes, lane, counts(p, t));
    }
    let [intersection, prediction, truth] = lanes.map(|lane| lane.iter().map(|&count| u64::from(count)).sum());
    Overlap { intersection, prediction, truth }
}

#[inline(always)]
fn add(lanes: &mut [[u8; LANES]; 3], lane: usize, counts: [bool; 3]) {
    for (lanes, count) in lanes.iter_mut().zip(counts) {
        lanes[lane] += u8::from(count);
    }
}
