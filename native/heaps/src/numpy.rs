//! The four functions of a `PyDataMem_Handler` (NEP 49). The context that NumPy hands through is no pointer: it is the
//! alignment itself, so there is nothing that could end before the arrays do.
//!
//! NumPy calls them without the interpreter's lock as well, and `free` with a size that need not be that of the request.

use crate::backend;
use crate::entry::{heapswap_heap_alloc, heapswap_heap_alloc_zeroed, heapswap_heap_realloc};
use core::ffi::c_void;
use core::ptr::null_mut;

#[unsafe(no_mangle)]
extern "C" fn heapswap_numpy_malloc(context: *mut c_void, size: usize) -> *mut c_void {
    heapswap_heap_alloc(size, context.addr())
}

#[unsafe(no_mangle)]
extern "C" fn heapswap_numpy_calloc(context: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(total) => heapswap_heap_alloc_zeroed(total, context.addr()),
        None => null_mut(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn heapswap_numpy_realloc(context: *mut c_void, block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return heapswap_heap_alloc(size, context.addr());
    }
    // SAFETY: NumPy gives a block back to the handler that made it, and so with the same alignment.
    unsafe { heapswap_heap_realloc(block, size, context.addr()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn heapswap_numpy_free(_context: *mut c_void, block: *mut c_void, _size: usize) {
    if !block.is_null() {
        // SAFETY: NumPy gives a live block back to the handler that made it.
        unsafe { backend::dealloc(block) };
    }
}
