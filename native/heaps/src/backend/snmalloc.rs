//! snmalloc.

#[cfg(target_env = "gnu")]
#[path = "../../../allocators/src/backend/thread_exit.rs"]
mod thread_exit;

use core::ffi::{c_int, c_void};
use core::ptr::{copy_nonoverlapping, null_mut, write_bytes};
use snmalloc_sys::{
    sn_free, sn_malloc, sn_malloc_usable_size, sn_rust_alloc, sn_rust_alloc_zeroed, sn_rust_statistics,
};

const PROT_READ: c_int = 1;
const PROT_WRITE: c_int = 2;
const MAP_PRIVATE: c_int = 0x2;
const MAP_ANONYMOUS: c_int = 0x20;
const MAP_NORESERVE: c_int = 0x4000;

unsafe extern "C" {
    fn mmap(at: *mut c_void, size: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn munmap(start: *mut c_void, size: usize) -> c_int;
}

/// The part of the address space that snmalloc keeps an entry for: all that Linux gives a process, unless it asks for more.
const ADDRESSES: usize = 1 << 48;

/// Address space that snmalloc reserves for its map of pages before its first block, and a little for that. Where it
/// cannot have that, under `ulimit -v` for one, it ends the process.
const RESERVED: usize = (256 << 30) + (64 << 20);

/// Whether snmalloc can live here. With a first block there is the map to look blocks up in.
pub fn start() -> bool {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    // SAFETY: a new mapping, which takes nothing from anybody.
    let probe = unsafe { mmap(null_mut(), RESERVED, PROT_READ | PROT_WRITE, flags, -1, 0) };
    if probe.addr() == usize::MAX {
        return false;
    }
    // SAFETY: the mapping from above, which nothing uses.
    unsafe { munmap(probe, RESERVED) };
    // SAFETY: any size may be asked for.
    let block = unsafe { sn_malloc(1) };
    // SAFETY: null or the live block from the line before.
    unsafe { sn_free(block) };
    true
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
    if size >= alignment {
        // SAFETY: as the caller says.
        return unsafe { sn_rust_alloc_zeroed(alignment, size) };
    }
    // snmalloc would make the block as large as the alignment, and zero all of that.
    // SAFETY: as the caller says.
    let block = unsafe { alloc(size, alignment) };
    if !block.is_null() {
        // SAFETY: a new block of at least `size` bytes.
        unsafe { write_bytes(block.cast::<u8>(), 0, size) };
    }
    block
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
