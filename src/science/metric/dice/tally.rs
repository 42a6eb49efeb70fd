//! Counts of labels, with the widest vectors that the processor has: whole numbers, so that all give the same.

use super::Overlap;

/// Lanes of counters that the compiler puts side by side.
const LANES: usize = 64;
/// Pixels after which counters of one byte are emptied, before they can overflow.
const BLOCK: usize = 255 * LANES;

/// Runs `work`, which is `#[inline(always)]` through and through, compiled for the vectors at hand. (Those of AVX-512 are not
/// faster here.)
#[inline(always)]
fn widest<R>(work: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        unsafe fn avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2.
            return unsafe { avx2(work) };
        }
    }
    work()
}

/// Overlaps by class, and the greatest label.
pub fn classes(prediction: &[u8], truth: &[u8], classes: usize) -> (Vec<Overlap>, u8) {
    widest(
        #[inline(always)]
        || classes_by_lanes(prediction, truth, classes),
    )
}

/// Overlap of all that is not background, and the greatest label.
pub fn foreground(prediction: &[u8], truth: &[u8]) -> (Overlap, u8) {
    widest(
        #[inline(always)]
        || foreground_by_lanes(prediction, truth),
    )
}

#[inline(always)]
fn classes_by_lanes(prediction: &[u8], truth: &[u8], classes: usize) -> (Vec<Overlap>, u8) {
    let mut totals = vec![Overlap::default(); classes];
    let mut greatest = 0;
    for (prediction, truth) in prediction.chunks(BLOCK).zip(truth.chunks(BLOCK)) {
        greatest = greatest.max(greatest_of(prediction)).max(greatest_of(truth));
        let Some((background, others)) = totals.split_first_mut() else { continue };
        background.intersection += block(prediction, truth, |p, t| [p | t == 0, false, false]).intersection;
        // Labels beyond 255 don't exist.
        for (class, total) in (1..=u8::MAX).zip(others) {
            *total = total.plus(block(prediction, truth, |p, t| [p == class && t == class, p == class, t == class]));
        }
    }
    // Every pixel that is no other class is background: or else the greatest label is no class, and the counts are void.
    if let Some((background, others)) = totals.split_first_mut() {
        let rest = |pixels: usize, of: fn(&Overlap) -> u64| (pixels as u64).saturating_sub(others.iter().map(of).sum());
        background.prediction = rest(prediction.len(), |other| other.prediction);
        background.truth = rest(truth.len(), |other| other.truth);
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
    // 64 counts of at most 255.
    let [intersection, prediction, truth] =
        lanes.map(|lane| u64::from(lane.iter().map(|&count| u16::from(count)).sum::<u16>()));
    Overlap { intersection, prediction, truth }
}

#[inline(always)]
fn add(lanes: &mut [[u8; LANES]; 3], lane: usize, counts: [bool; 3]) {
    for (lanes, count) in lanes.iter_mut().zip(counts) {
        lanes[lane] += u8::from(count);
    }
}
