//! mimalloc, v3 or v2, plain or hardened: the difference is in how the C library was built.

#[cfg(target_env = "gnu")]
#[path = "fork_gate.rs"]
mod fork_gate;

use core::ffi::c_void;

pub use libmimalloc_sys::{mi_free as free, mi_malloc as malloc};

// In the archive, though the crate does not declare them.
unsafe extern "C" {
    #[link_name = "mi_calloc"]
    pub fn calloc(count: usize, size: usize) -> *mut c_void;
    #[link_name = "mi_usable_size"]
    pub fn usable_size(block: *const c_void) -> usize;
}

/// A block of `size` bytes (not 0) at a multiple of `alignment`, a power of two.
///
/// # Safety
/// `alignment` is a power of two.
pub unsafe fn aligned(alignment: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller gives a power of two.
    unsafe { libmimalloc_sys::mi_malloc_aligned(size, alignment) }
}

/// Resizes `block`; like glibc, and unlike mimalloc, size 0 frees it and answers null.
///
/// # Safety
/// `block` is null or a live block of this library.
pub unsafe fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if size == 0 && !block.is_null() {
        // SAFETY: a live block, by the caller's word.
        unsafe { free(block) };
        return core::ptr::null_mut();
    }
    // SAFETY: null or a live block, by the caller's word.
    unsafe { libmimalloc_sys::mi_realloc(block, size) }
}
