//! This program's own memory: nothing it does for itself may reach the malloc that is examined, or be broken by it.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Zero pages until they are used. What is given out is never taken back: the program ends soon.
const SIZE: usize = 64 << 20;

#[repr(align(4096))]
struct Arena(UnsafeCell<[u8; SIZE]>);

// SAFETY: every byte is given out once, to one owner.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; SIZE]));
static USED: AtomicUsize = AtomicUsize::new(0);

pub struct Own;

// SAFETY: ranges of the arena are disjoint, aligned within a page-aligned whole, and live as long as the program.
unsafe impl GlobalAlloc for Own {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut place = 0;
        let taken = USED.fetch_update(Relaxed, Relaxed, |used| {
            place = used.next_multiple_of(layout.align());
            let end = place.checked_add(layout.size())?;
            (layout.align() <= 4096 && end <= SIZE).then_some(end)
        });
        if taken.is_err() { null_mut() } else { ARENA.0.get().cast::<u8>().wrapping_add(place) }
    }

    unsafe fn dealloc(&self, _block: *mut u8, _layout: Layout) {}
}
