use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};
use std::collections::BTreeMap;
use std::mem::{MaybeUninit, align_of};
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Memory that no buffer uses, by its length.
static FREE: Mutex<BTreeMap<usize, Vec<Vec<f32>>>> = Mutex::new(BTreeMap::new());

/// Shorter buffers are left to the allocator.
const LEAST: usize = 1 << 10;

/// Floats of a tensor, in memory that is kept for the next buffer: every step needs the same sizes, and
/// fresh or cleared pages cost more than the arithmetic on them.
#[derive(Debug)]
pub(super) struct Buffer {
    /// At least `length` of them.
    memory: Vec<f32>,
    length: usize,
    /// Taken from the kept memory, so that it goes back there. Memory that came from elsewhere would only
    /// pile up.
    kept: bool,
}

/// Gives all memory that is kept for buffers back to the system.
pub fn release_buffers() {
    FREE.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Calls [`release_buffers`] when it goes, whatever the way out.
pub struct ReleaseBuffers;

impl Drop for ReleaseBuffers {
    fn drop(&mut self) {
        release_buffers();
    }
}

impl Buffer {
    /// Holds whatever was left there: every value must be written.
    pub fn new(length: usize) -> Self {
        let size = size_of_class(length);
        let kept = length >= LEAST;
        let free = || FREE.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&size).and_then(Vec::pop);
        let mut memory = kept.then(free).flatten().unwrap_or_else(|| vec![0.0; size]);
        if cfg!(debug_assertions) {
            // What is not written shows.
            memory.fill(f32::NAN);
        }
        Buffer { memory, length, kept }
    }

    pub fn zeros(length: usize) -> Self {
        let mut buffer = Buffer::new(length);
        buffer.fill(0.0);
        buffer
    }

    pub fn into_bytes(self) -> Bytes {
        let length = size_of::<f32>() * self.length;
        // SAFETY: all values are initialised.
        unsafe { Bytes::from_controller(Box::new(self), length) }
    }
}

/// At least `length`, in steps of a quarter of its power of two, so that similar sizes share memory.
fn size_of_class(length: usize) -> usize {
    if length < LEAST { length } else { length.next_multiple_of(1 << (length.ilog2() - 2)) }
}

impl From<Vec<f32>> for Buffer {
    fn from(memory: Vec<f32>) -> Self {
        Buffer { length: memory.len(), memory, kept: false }
    }
}

impl Deref for Buffer {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        &self.memory[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[..self.length]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        if self.kept {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            free.entry(memory.len()).or_default().push(memory);
        }
    }
}

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(&mut self, _: AccessPolicy) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let values: &mut [f32] = self;
        // SAFETY: the same memory; who writes there writes initialised bytes, and all bytes are a float.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let values: &[f32] = self;
        // SAFETY: the same memory, which stays borrowed.
        Ok(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_their_lengths_with_little_to_spare() {
        for length in [1, LEAST - 1, LEAST, LEAST + 1, 5000, 12 * 8 * 64 * 64, 12 * 16 * 112 * 112] {
            let size = size_of_class(length);
            assert!(size >= length && size <= length + length / 4, "{length}: {size}");
            assert_eq!(size_of_class(size), size, "a class is its own");
        }
    }

    #[test]
    fn memory_from_elsewhere_is_not_kept() {
        // A size of its own, and one of a class.
        let length = 5 << 18;
        assert_eq!(size_of_class(length), length);
        drop(Buffer::from(vec![1.0; length]).into_bytes());
        assert!(FREE.lock().is_ok_and(|free| !free.contains_key(&length)));
    }

    #[test]
    fn memory_comes_back_and_bytes_are_the_values() {
        // A size that no other test uses.
        let length = 7 << 17;
        let mut buffer = Buffer::new(length);
        let address = buffer.as_ptr();
        buffer.iter_mut().zip(0..).for_each(|(value, i)| *value = i as f32);
        let bytes = buffer.into_bytes();
        assert_eq!(bytes.len(), 4 * length);
        assert_eq!(bytes[4 * 1000..4 * 1001], 1000.0f32.to_ne_bytes());
        let mut copy = bytes.clone();
        copy[0] = 1;
        assert_eq!(bytes[0], 0, "a copy has its own memory");
        drop(bytes);
        assert_eq!(Buffer::zeros(length).as_ptr(), address);
    }
}
