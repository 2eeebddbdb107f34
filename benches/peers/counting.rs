//! An allocator that counts how often a thread asks for memory.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};

pub struct Counting<A>(pub A);

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Returns how often this thread has asked for memory.
pub fn allocations() -> u64 {
    COUNT.get()
}

// SAFETY: every call is handed on unchanged to an allocator that keeps the contract; counting touches only a `Cell` that
// needs neither initialisation nor a destructor.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Counting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}
