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

/// In the size of a chunk: it has a mapping of its own.
const MAPPED: usize = 2;
const FLAGS: usize = 7;
const WORD: usize = size_of::<usize>();

/// What a block holds, bytes; 0 where live bytes are not counted.
#[inline(always)]
pub fn usable(block: *mut c_void) -> i64 {
    if NEXT.quick_malloc.get().is_some() { in_front(block) } else { asked(block) }
}

/// The size in front of a block of glibc's malloc. For one with a mapping of its own, 128 KiB or more, it is a word too
/// much, when it is given out and when it is given back.
#[inline(always)]
pub fn in_front(block: *mut c_void) -> i64 {
    ((chunk(block) & !FLAGS) - WORD) as i64
}

#[inline(always)]
fn chunk(block: *mut c_void) -> usize {
    let front = block.cast::<usize>().wrapping_sub(1);
    // SAFETY: a live block of glibc's malloc, which keeps the size of the chunk there.
    unsafe { front.read() }
}

/// What `malloc_usable_size` says.
#[inline(always)]
pub fn asked(block: *mut c_void) -> i64 {
    match NEXT.usable_counted.get() {
        // SAFETY: a live block of the allocator that this function belongs to.
        Some(size) => unsafe { size(block) as i64 },
        None => 0,
    }
}

/// Whether the size may be looked for in front of a block at all: decided once, and taken back for ever.
static POSSIBLE: AtomicBool = AtomicBool::new(false);

/// The malloc behind the probe is glibc's own.
pub fn trust_glibc() {
    POSSIBLE.store(cfg!(target_arch = "x86_64"), Relaxed);
}

/// Compares both ways on a live block.
pub fn check(block: *mut c_void) {
    if block.is_null() || !POSSIBLE.load(Relaxed) || NEXT.usable_counted.get().is_none() {
        return;
    }
    if chunk(block) & MAPPED == 0 && asked(block) != in_front(block) {
        POSSIBLE.store(false, Relaxed);
    }
    next::read_sizes_in_front(POSSIBLE.load(Relaxed));
}
