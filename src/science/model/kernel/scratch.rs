use std::cell::RefCell;
use std::ops::{Deref, DerefMut, Range};

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Working memory of a thread, kept for its next use: fresh pages cost more than the arithmetic on
/// them. Starts with a cache line. Holds whatever was left there.
pub(super) struct Scratch {
    values: Vec<f32>,
    range: Range<usize>,
}

/// Bytes and floats of a cache line.
const LINE: [usize; 2] = [64, 16];

impl Scratch {
    pub fn new(length: usize) -> Self {
        let mut values = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
        if values.len() < length + LINE[1] {
            values = vec![0.0; length + LINE[1]];
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
        FREE.with_borrow_mut(|free| free.push(values));
    }
}
