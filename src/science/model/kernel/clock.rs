//! Where the time of a training step goes. Always on: two readings of the clock an operation are nothing
//! beside the operation.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// What time is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Data,
    Segmentor,
    Discriminator,
    Loss,
    Optimiser,
}

/// Time by part.
pub type Times = [(Part, Duration); 5];

const PARTS: [Part; 5] = [Part::Data, Part::Segmentor, Part::Discriminator, Part::Loss, Part::Optimiser];

thread_local! {
    static CURRENT: Cell<Option<Part>> = const { Cell::new(None) };
    static TIMES: Cell<[Duration; 5]> = const { Cell::new([Duration::ZERO; 5]) };
}

/// Runs `f` as a piece of `part`. Operations of this module that it puts into the graph count their way
/// back to the same part.
pub fn part<R>(part: Part, f: impl FnOnce() -> R) -> R {
    let before = CURRENT.replace(Some(part));
    let result = measured(Some(part), f);
    CURRENT.set(before);
    result
}

/// The times of this thread since the last call.
pub fn take_times() -> Times {
    let times = TIMES.replace([Duration::ZERO; 5]);
    PARTS.map(|part| (part, times[part as usize]))
}

/// The part that the thread is in.
pub(super) fn current() -> Option<Part> {
    CURRENT.get()
}

pub(super) fn measured<R>(part: Option<Part>, f: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = f();
    if let Some(part) = part {
        let mut times = TIMES.get();
        times[part as usize] += start.elapsed();
        TIMES.set(times);
    }
    result
}
