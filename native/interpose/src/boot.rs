//! Memory for requests that come while the next malloc is being looked for, because `dlsym` itself may allocate.
//!
//! It is never given back; `free` and `realloc` know the blocks by their address.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const SIZE: usize = 64 * 1024;
/// Before each block stands its size, with `MARK`.
const FRONT: usize = 16;
/// What makes such a size larger than that of any other block, for whoever reads sizes in front of blocks.
const MARK: usize = 1 << (usize::BITS - 2);

#[repr(C, align(4096))]
struct Arena(UnsafeCell<[u8; SIZE]>);

// SAFETY: parts of it are handed out once each, by an atomic; nothing else touches it.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; SIZE]));
static USED: AtomicUsize = AtomicUsize::new(0);

fn base() -> usize {
    ARENA.0.get() as usize
}

pub fn used() -> usize {
    USED.load(Relaxed)
}

#[inline(always)]
pub fn holds(block: *mut c_void) -> bool {
    (block as usize).wrapping_sub(base()) < SIZE
}

/// Zeroed memory, or null where the arena is used up. `alignment` is a power of two.
pub fn allocate(alignment: usize, size: usize) -> *mut c_void {
    let alignment = alignment.max(16);
    let mut used = USED.load(Relaxed);
    loop {
        let block = (base() + used + FRONT).next_multiple_of(alignment);
        let Some(end) = (block - base()).checked_add(size).filter(|end| *end <= SIZE) else { return null_mut() };
        match USED.compare_exchange(used, end, Relaxed, Relaxed) {
            Ok(_) => {
                let front = (block - size_of::<usize>()) as *mut usize;
                // SAFETY: inside the part of the arena that was just taken, and aligned.
                unsafe { front.write(size | MARK) };
                return block as *mut c_void;
            }
            Err(found) => used = found,
        }
    }
}

/// The size that a block of the arena was asked for with.
pub fn size(block: *mut c_void) -> usize {
    let front = (block as usize - size_of::<usize>()) as *const usize;
    // SAFETY: `allocate` wrote it there.
    unsafe { front.read() & !MARK }
}
