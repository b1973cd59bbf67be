//! snmalloc.

#[cfg(target_env = "gnu")]
#[path = "../../../allocators/src/backend/thread_exit.rs"]
mod thread_exit;

use core::ffi::c_void;
use core::ptr::copy_nonoverlapping;
use snmalloc_sys::{
    sn_free, sn_malloc, sn_malloc_usable_size, sn_rust_alloc, sn_rust_alloc_zeroed, sn_rust_statistics,
};

/// The part of the address space that snmalloc keeps an entry for, on every 64-bit system it knows.
const ADDRESSES: usize = 1 << 47;

/// Before its first block snmalloc has no map of pages to look a block up in.
pub fn start() {
    // SAFETY: any size may be asked for.
    let block = unsafe { sn_malloc(1) };
    // SAFETY: null or the live block from the line before.
    unsafe { sn_free(block) };
}

/// # Safety
/// `alignment` is a power of two.
pub unsafe fn alloc(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { sn_rust_alloc(alignment, size) }
}

/// # Safety
/// `alignment` is a power of two.
pub unsafe fn alloc_zeroed(size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: as the caller says.
    unsafe { sn_rust_alloc_zeroed(alignment, size) }
}

/// snmalloc's own wants the old size, or does not know alignments. A block that fits and is not half empty stays.
///
/// # Safety
/// `block` is a live block of this heap at a multiple of `alignment`, a power of two.
pub unsafe fn realloc(block: *mut c_void, size: usize, alignment: usize) -> *mut c_void {
    // SAFETY: a live block, by the caller's word.
    let room = unsafe { usable_size(block) };
    if size <= room && size > room / 2 && block.addr().is_multiple_of(alignment) {
        return block;
    }
    // SAFETY: as the caller says.
    let moved = unsafe { alloc(size, alignment) };
    if !moved.is_null() {
        // SAFETY: both hold as much, and the new block is no part of the old one.
        unsafe { copy_nonoverlapping(block.cast::<u8>(), moved.cast(), size.min(room)) };
        // SAFETY: a live block, by the caller's word.
        unsafe { dealloc(block) };
    }
    moved
}

/// # Safety
/// `block` is a live block of this heap.
pub unsafe fn dealloc(block: *mut c_void) {
    // SAFETY: as the caller says.
    unsafe { sn_free(block) }
}

/// # Safety
/// `block` is a live block of this heap.
pub unsafe fn usable_size(block: *mut c_void) -> usize {
    // SAFETY: as the caller says.
    unsafe { sn_malloc_usable_size(block) }
}

/// An address of which its map of pages knows nothing has size 0.
pub fn owns(address: *mut c_void) -> bool {
    // SAFETY: there is an entry for every address below the limit.
    address.addr() < ADDRESSES && unsafe { sn_malloc_usable_size(address) } != 0
}

/// It does not count blocks.
pub fn allocated() -> Option<usize> {
    None
}

/// What its slabs and large blocks take; a slab with room counts whole.
pub fn active() -> Option<usize> {
    let (mut current, mut peak) = (0, 0);
    // SAFETY: both are places for a `size_t`.
    unsafe { sn_rust_statistics(&raw mut current, &raw mut peak) };
    Some(current)
}
