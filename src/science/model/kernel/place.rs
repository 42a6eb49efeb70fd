/// A place that parallel tasks write different parts of.
#[derive(Clone, Copy)]
pub(super) struct Place(*mut f32);

// SAFETY: each use says which part of the place is its own.
unsafe impl Send for Place {}
unsafe impl Sync for Place {}

impl Place {
    pub fn of(values: &mut [f32]) -> Self {
        Place(values.as_mut_ptr())
    }

    /// Part of the place; a method, so that closures hold the `Place` and not the pointer.
    /// # Safety
    /// The place must hold the index, and nobody else may use what is written there.
    pub unsafe fn at(self, index: usize) -> *mut f32 {
        unsafe { self.0.add(index) }
    }
}
