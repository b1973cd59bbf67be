//! snmalloc.

#[cfg(target_env = "gnu")]
#[path = "thread_exit.rs"]
mod thread_exit;

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
