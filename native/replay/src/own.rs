//! The player's own memory: every piece a mapping, resident from the start, so that it can be told apart and subtracted.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const PAGE: usize = 4096;

static MAPPED: AtomicU64 = AtomicU64::new(0);

/// Bytes that the player holds for itself.
pub fn mapped() -> u64 {
    MAPPED.load(Relaxed)
}

pub struct Own;

// SAFETY: every block is a fresh mapping, disjoint from all others, and page-aligned; larger alignments are refused.
unsafe impl GlobalAlloc for Own {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > PAGE {
            return null_mut();
        }
        let length = layout.size().next_multiple_of(PAGE);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE;
        // SAFETY: a new mapping of memory that nobody has.
        let block = unsafe { libc::mmap(null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        if block == libc::MAP_FAILED {
            return null_mut();
        }
        MAPPED.fetch_add(length as u64, Relaxed);
        block.cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract; fresh mappings are zero.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let length = layout.size().next_multiple_of(PAGE);
        // SAFETY: the block is a whole mapping of this length, made by `alloc`.
        unsafe { libc::munmap(block.cast(), length) };
        MAPPED.fetch_sub(length as u64, Relaxed);
    }
}

/// Bytes of a thread's stack.
const STACK: usize = 128 << 10;
/// Those that are used: what malloc and its family need, and the thread's own variables.
const USED: usize = 32 << 10;

/// A stack for a thread: its lowest address and length. Never given back.
///
/// # Errors
/// There is no memory.
pub fn stack() -> std::io::Result<(*mut libc::c_void, usize)> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
    // SAFETY: a new mapping of memory that nobody has.
    let lowest = unsafe { libc::mmap(null_mut(), STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if lowest == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error());
    }
    for page in (STACK - USED..STACK).step_by(PAGE) {
        let place = lowest.cast::<u8>().wrapping_add(page);
        // SAFETY: inside the new mapping, which nobody else knows.
        unsafe { place.write_volatile(0) };
    }
    MAPPED.fetch_add(USED as u64, Relaxed);
    Ok((lowest, STACK))
}
