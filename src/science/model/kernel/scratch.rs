use std::ops::{Deref, DerefMut, Range};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of all threads together: what one thread fills is sometimes dropped by another.
static FREE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// Working memory, kept for its next use: fresh pages cost more than the arithmetic on them. Starts with a
/// cache line. Holds whatever was left there.
pub(super) struct Scratch {
    values: Vec<f32>,
    range: Range<usize>,
}

/// Bytes and floats of a cache line.
const LINE: [usize; 2] = [64, 16];

impl Scratch {
    pub fn new(length: usize) -> Self {
        let needed = length + LINE[1];
        let mut values = take(needed).unwrap_or_default();
        if values.len() < needed {
            values = vec![0.0; needed];
        }
        let start = values.as_ptr().align_offset(LINE[0]).min(LINE[1]);
        Scratch { values, range: start..start + length }
    }
}

impl Deref for Scratch {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.values[self.range.clone()]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.range.clone()]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        free().push(values);
    }
}

fn free() -> MutexGuard<'static, Vec<Vec<f32>>> {
    // A panic while the list is held leaves a list.
    FREE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The smallest free buffer that is large enough, else the largest.
fn take(needed: usize) -> Option<Vec<f32>> {
    let mut free = free();
    let fitness =
        |values: &Vec<f32>| if values.len() < needed { (1, usize::MAX - values.len()) } else { (0, values.len()) };
    let best = (0..free.len()).min_by_key(|&index| fitness(&free[index]))?;
    Some(free.swap_remove(best))
}
