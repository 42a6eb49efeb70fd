//! The program. Its allocator: mimalloc for what is small, the system's for what is large.
//!
//! A run with nothing to do is made of small pieces, hundreds of thousands of them, which mimalloc hands out and takes
//! back in half the time. Tensors are large; the system's allocator holds them in less memory.

use libmimalloc_sys::{mi_option_set, mi_option_t};
use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout, System};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: BySize = BySize;

struct BySize;

/// Bytes from which on the system's allocator is asked.
const LARGE: usize = 1 << 15;

// SAFETY: a block's size says who made it, and it goes back to that one.
unsafe impl GlobalAlloc for BySize {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { if layout.size() < LARGE { MiMalloc.alloc(layout) } else { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { if layout.size() < LARGE { MiMalloc.alloc_zeroed(layout) } else { System.alloc_zeroed(layout) } }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { if layout.size() < LARGE { MiMalloc.dealloc(block, layout) } else { System.dealloc(block, layout) } }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe {
            match (layout.size() < LARGE, size < LARGE) {
                (true, true) => MiMalloc.realloc(block, layout, size),
                (false, false) => System.realloc(block, layout, size),
                _ => {
                    let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !moved.is_null() {
                        std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                        self.dealloc(block, layout);
                    }
                    moved
                }
            }
        }
    }
}

/// `mi_option_purge_delay` of mimalloc.h.
const PURGE_DELAY: mi_option_t = 15;

fn main() -> ExitCode {
    // What a plan took to make goes back at once, not after 10 ms: runs are short.
    // SAFETY: called before there are other threads.
    unsafe { mi_option_set(PURGE_DELAY, 1) };
    runner::cli::main()
}
