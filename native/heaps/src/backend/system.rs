//! The process's own `malloc`, whichever answers to the name: what Rust calls `System`.

use core::ffi::{c_int, c_void};
use core::ptr::{copy_nonoverlapping, null_mut, write_bytes};

/// Whether every block of malloc is so aligned: to `max_align_t`, but mimalloc and jemalloc align no more than the size
/// asks for, and 8 bytes may lie at a multiple of 8.
fn natural(size: usize, alignment: usize) -> bool {
    alignment <= 16 && alignment <= size
}

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn calloc(count: usize, size: usize) -> *mut c_void;
    #[link_name = "realloc"]
    fn c_realloc(block: *mut c_void, size: usize) -> *mut c_void;
    fn free(block: *mut c_void);
    fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int;
    fn malloc_usable_size(block: *mut c_void) -> usize;
}

pub fn start() -> bool {
    true
}

/// # Safety
/// `alignment` is a power of two.
pub unsafe fn alloc(size: usize, alignment: usize) -> *mut c_void {
    if natural(size, alignment) {
        // SAFETY: any size may be asked for.
        return unsafe { malloc(size) };
    }
    let mut block = null_mut();
    // SAFETY: a power of two and at least a pointer's size, and a place for the block.
    let failed = unsafe { posix_memalign(&raw mut block, alignment.max(size_of::<usize>()), size) };
    if failed == 0 { block } else { null_mut() }
}

/// # Safety
/// `alignment` is a power of two.
pub unsafe fn alloc_zeroed(size: usize, alignment: usize) -> *mut c_void {
    if natural(size, alignment) {
        // SAFETY: any size may be asked for.
        return unsafe { calloc(1, size) };
    }
    // SAFETY: as the caller says.
    let block = unsafe { alloc(size, alignment) };
    if !block.is_null() {
        // SAFETY: a new block of `size` bytes.
        unsafe { write_bytes(block.cast::<u8>(), 0, size) };
    }
    block
}

/// # Safety
/// `block` is a live block of malloc, `size` is not 0, `alignment` a power of two.
pub unsafe fn realloc(block: *mut c_void, size: usize, alignment: usize) -> *mut c_void {
    if natural(size, alignment) {
        // SAFETY: as the caller says.
        return unsafe { c_realloc(block, size) };
    }
    // SAFETY: as the caller says.
    let moved = unsafe { alloc(size, alignment) };
    if !moved.is_null() {
        // SAFETY: as the caller says.
        let room = unsafe { usable_size(block) };
        // SAFETY: both hold as much, and the new block is no part of the old one.
        unsafe { copy_nonoverlapping(block.cast::<u8>(), moved.cast(), size.min(room)) };
        // SAFETY: as the caller says.
        unsafe { dealloc(block) };
    }
    moved
}

/// # Safety
/// `block` is a live block of malloc.
pub unsafe fn dealloc(block: *mut c_void) {
    // SAFETY: as the caller says.
    unsafe { free(block) }
}

/// # Safety
/// `block` is a live block of malloc.
pub unsafe fn usable_size(block: *mut c_void) -> usize {
    // SAFETY: as the caller says.
    unsafe { malloc_usable_size(block) }
}

/// The C library has no such question.
pub fn owns(_: *mut c_void) -> bool {
    true
}

/// Whose malloc it is, and what that one counts, is not known here.
pub fn allocated() -> Option<usize> {
    None
}

/// As above.
pub fn active() -> Option<usize> {
    None
}
