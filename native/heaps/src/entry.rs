//! What Python calls, through ctypes: Rust's `GlobalAlloc`, with a size and an alignment for a layout.
//!
//! Every alignment is a power of two. Size 0 gives a block of its own. Null means that memory is exhausted.

use crate::backend;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

/// No address space holds as much; some backends round a size up without looking.
const IMPOSSIBLE: usize = 1 << 62;

/// What `heapswap_heap_allocated` answers where the allocator does not know.
const UNKNOWN: usize = usize::MAX;

/// The size to ask for, or None where it cannot be had.
fn possible(size: usize, alignment: usize) -> Option<usize> {
    (size < IMPOSSIBLE && alignment < IMPOSSIBLE).then_some(size.max(1))
}

/// To be called by the thread that loaded the library, before anything else is; by others it may be. 0 means that the
/// allocator cannot have the address space it begins with, and nothing else may be called.
#[unsafe(no_mangle)]
pub extern "C" fn heapswap_heap_start() -> c_int {
    c_int::from(backend::start())
}

#[unsafe(no_mangle)]
pub extern "C" fn heapswap_heap_alloc(size: usize, alignment: usize) -> *mut c_void {
    match possible(size, alignment) {
        // SAFETY: the size is not 0, and every caller gives a power of two.
        Some(size) => unsafe { backend::alloc(size, alignment) },
        None => null_mut(),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn heapswap_heap_alloc_zeroed(size: usize, alignment: usize) -> *mut c_void {
    match possible(size, alignment) {
        // SAFETY: the size is not 0, and every caller gives a power of two.
        Some(size) => unsafe { backend::alloc_zeroed(size, alignment) },
        None => null_mut(),
    }
}

/// Null for a block of another allocator too; both leave the block as it was.
///
/// # Safety
/// `block` is a live block at a multiple of `alignment`, or a foreign one where `heapswap_heap_owns` can tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapswap_heap_realloc(block: *mut c_void, size: usize, alignment: usize) -> *mut c_void {
    match possible(size, alignment) {
        // SAFETY: a live block of this heap and a power of two, by the caller's word and the question before it.
        Some(size) if backend::owns(block) => unsafe { backend::realloc(block, size, alignment) },
        _ => null_mut(),
    }
}

/// 1 when it was freed; 0, and nothing was done, when it is a block of another allocator.
///
/// # Safety
/// `block` is a live block, or a foreign one where `heapswap_heap_owns` can tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapswap_heap_dealloc(block: *mut c_void) -> c_int {
    if !backend::owns(block) {
        return 0;
    }
    // SAFETY: a live block of this heap, by the caller's word and the question before it.
    unsafe { backend::dealloc(block) };
    1
}

/// Bytes that may be used from the start of the block on; 0 for a block of another allocator.
///
/// # Safety
/// `block` is a live block, or a foreign one where `heapswap_heap_owns` can tell.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn heapswap_heap_usable_size(block: *mut c_void) -> usize {
    if !backend::owns(block) {
        return 0;
    }
    // SAFETY: a live block of this heap, by the caller's word and the question before it.
    unsafe { backend::usable_size(block) }
}

/// 1 where this heap keeps blocks around the address, live or not. The C library's `malloc` cannot tell and says 1.
#[unsafe(no_mangle)]
pub extern "C" fn heapswap_heap_owns(address: *mut c_void) -> c_int {
    c_int::from(backend::owns(address))
}

/// Bytes in live blocks by the allocator's own books, `usize::MAX` where it does not keep them. mimalloc's books are
/// its pages, which no other thread may change meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn heapswap_heap_allocated() -> usize {
    backend::allocated().unwrap_or(UNKNOWN)
}

/// Bytes of the pages and blocks that the allocator has taken for use, `usize::MAX` where it does not keep them.
#[unsafe(no_mangle)]
pub extern "C" fn heapswap_heap_active() -> usize {
    backend::active().unwrap_or(UNKNOWN)
}
