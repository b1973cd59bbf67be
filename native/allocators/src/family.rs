//! The malloc family that replaces the C library's, whole: a missing member would hand one allocator's block to another.
//!
//! The answers are those that glibc documents, whatever the backend would say by itself: `ENOMEM` where memory lacks,
//! `EINVAL` for an alignment that cannot be, and `realloc(block, 0)` frees. `free` leaves `errno` to the backend, whose
//! system calls on that path succeed.

use crate::backend;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

const EINVAL: c_int = 22;
const ENOMEM: c_int = 12;

/// No process has as much beside what it is itself: addresses of more than 48 bits, where there are any, the kernel gives
/// only to those who name them. Of requests that do not reach the kernel, not every backend sets `errno`.
const IMPOSSIBLE: usize = (1 << 48) - (1 << 20);

/// The alignment of every block (`max_align_t`).
const NATURAL: usize = 16;

unsafe extern "C" {
    safe fn __errno_location() -> *mut c_int;
    safe fn getpagesize() -> c_int;
}

#[cold]
fn refuse(error: c_int) -> *mut c_void {
    // SAFETY: the location is this thread's own and always valid.
    unsafe { *__errno_location() = error };
    null_mut()
}

fn page_size() -> usize {
    getpagesize() as usize
}

/// A block at a multiple of `alignment`, a power of two, or the error.
fn aligned_block(alignment: usize, size: usize) -> Result<*mut c_void, c_int> {
    if size >= IMPOSSIBLE || alignment >= IMPOSSIBLE {
        return Err(ENOMEM);
    }
    // An empty block is aligned too, which not every backend does for size 0.
    // SAFETY: every caller gives a power of two.
    let block = unsafe { backend::aligned(alignment, size.max(1)) };
    if block.is_null() { Err(ENOMEM) } else { Ok(block) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    if size >= IMPOSSIBLE {
        return refuse(ENOMEM);
    }
    // SAFETY: any size may be asked for.
    unsafe { backend::malloc(size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: null or a live block, by the contract of free.
    unsafe { backend::free(block) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: any count and size may be asked for.
        Some(total) if total < IMPOSSIBLE => unsafe { backend::calloc(count, size) },
        _ => refuse(ENOMEM),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if size >= IMPOSSIBLE {
        return refuse(ENOMEM);
    }
    // SAFETY: null or a live block, by the contract of realloc.
    unsafe { backend::realloc(block, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: null or a live block, by the contract of reallocarray.
        Some(total) => unsafe { realloc(block, total) },
        None => refuse(ENOMEM),
    }
}

/// Rounds the alignment up to a power of two, as glibc does.
#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    match alignment.max(NATURAL).checked_next_power_of_two() {
        Some(alignment) => aligned_block(alignment, size).unwrap_or_else(refuse),
        None => refuse(EINVAL),
    }
}

/// As lenient as `memalign`: so is glibc before 2.38, and what works there must not fail here.
#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    // SAFETY: any alignment and size may be asked for.
    unsafe { memalign(alignment, size) }
}

/// Answers the error; on error `place` and `errno` are left as they were.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    if !alignment.is_power_of_two() || alignment < size_of::<*mut c_void>() {
        return EINVAL;
    }
    let location = __errno_location();
    // SAFETY: the location is this thread's own and always valid.
    let kept = unsafe { *location };
    match aligned_block(alignment, size) {
        Ok(block) => {
            // SAFETY: the caller gives a place for one pointer.
            unsafe { *place = block };
            0
        }
        Err(error) => {
            // SAFETY: as above.
            unsafe { *location = kept };
            error
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    aligned_block(page_size(), size).unwrap_or_else(refuse)
}

/// Whole pages.
#[unsafe(no_mangle)]
unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    match size.checked_next_multiple_of(page_size()) {
        Some(pages) => aligned_block(page_size(), pages).unwrap_or_else(refuse),
        None => refuse(ENOMEM),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    // SAFETY: null (which has 0) or a live block, by the contract of malloc_usable_size.
    unsafe { backend::usable_size(block) }
}

/// The old name of `free`: programs from before 2017 still call it.
#[unsafe(no_mangle)]
unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: as for free.
    unsafe { free(block) }
}

/// C23. The size is the program's claim; it is not needed, and a wrong one does no harm here.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_sized(block: *mut c_void, _size: usize) {
    // SAFETY: as for free.
    unsafe { free(block) }
}

/// C23.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_aligned_sized(block: *mut c_void, _alignment: usize, _size: usize) {
    // SAFETY: as for free.
    unsafe { free(block) }
}
