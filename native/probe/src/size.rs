//! How large a block is for its allocator: what goes into live bytes.
//!
//! `malloc_usable_size` knows. For glibc's malloc on x86-64 the same number stands in front of the block, where it has
//! stood since glibc 2: the size of the chunk, with flags in the three lowest bits. Reading it there saves a call that
//! also reads what stands behind the block, a part of memory that the program may not be using. It is done only where the
//! malloc behind the probe is glibc's own, and compared with `malloc_usable_size` at the first call of every thread:
//! one difference, and the function is asked from then on.

use crate::next::{self, NEXT};
use core::ffi::c_void;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// In the size of a chunk: it has a mapping of its own, and no neighbour whose first word it may use.
const MAPPED: usize = 2;
const FLAGS: usize = 7;
const WORD: usize = size_of::<usize>();

/// What a block holds, bytes; 0 where live bytes are not counted.
#[inline(always)]
pub fn usable(block: *mut c_void) -> i64 {
    if NEXT.sizes_in_front.is_set() {
        return in_front(block) as i64;
    }
    match NEXT.usable_counted.get() {
        // SAFETY: a live block of the allocator that this function belongs to.
        Some(size) => unsafe { size(block) as i64 },
        None => 0,
    }
}

#[inline(always)]
fn in_front(block: *mut c_void) -> usize {
    let front = block.cast::<usize>().wrapping_sub(1);
    // SAFETY: a live block of glibc's malloc, which keeps the size of the chunk there.
    let size = unsafe { front.read() };
    (size & !FLAGS) - WORD - (size & MAPPED) / MAPPED * WORD
}

/// Whether the size may be looked for in front of a block at all: decided once, and taken back for ever.
static POSSIBLE: AtomicBool = AtomicBool::new(false);

/// The malloc behind the probe is glibc's own.
pub fn trust_glibc() {
    POSSIBLE.store(cfg!(target_arch = "x86_64"), Relaxed);
}

/// Compares both ways on a live block.
pub fn check(block: *mut c_void) {
    if block.is_null() || !POSSIBLE.load(Relaxed) {
        return;
    }
    let Some(size) = NEXT.usable_counted.get() else { return };
    // SAFETY: a live block of the allocator that this function belongs to.
    if unsafe { size(block) } != in_front(block) {
        POSSIBLE.store(false, Relaxed);
    }
    next::read_sizes_in_front(POSSIBLE.load(Relaxed));
}
