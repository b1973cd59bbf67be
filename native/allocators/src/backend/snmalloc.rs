//! snmalloc.

use core::arch::global_asm;
use core::ffi::c_void;

pub use snmalloc_sys::{
    sn_calloc as calloc, sn_free as free, sn_malloc as malloc, sn_malloc_usable_size as usable_size,
    sn_realloc as realloc,
};

// In the archive, though the crate does not declare it.
unsafe extern "C" {
    #[link_name = "sn_memalign"]
    pub fn aligned(alignment: usize, size: usize) -> *mut c_void;
}

// The only thing snmalloc takes from the C++ library, where it is a call of glibc's own. Hidden, so that no program sees
// it; with it, preloading snmalloc does not load the C++ library into every C program.
#[cfg(all(target_env = "gnu", target_arch = "x86_64"))]
global_asm!(
    ".hidden __cxa_thread_atexit",
    ".globl __cxa_thread_atexit",
    "__cxa_thread_atexit: jmp __cxa_thread_atexit_impl@PLT"
);
#[cfg(all(target_env = "gnu", target_arch = "aarch64"))]
global_asm!(
    ".hidden __cxa_thread_atexit",
    ".globl __cxa_thread_atexit",
    "__cxa_thread_atexit: b __cxa_thread_atexit_impl"
);
