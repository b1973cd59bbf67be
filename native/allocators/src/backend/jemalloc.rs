//! jemalloc with its statistics; background threads can be asked for at run time (`background_thread:true`).
//!
//! It reads `_RJEM_MALLOC_CONF`, not `MALLOC_CONF`: the crate builds it with the prefix `_rjem_`.

use core::ffi::c_void;

pub use tikv_jemalloc_sys::{calloc, free, malloc, malloc_usable_size as usable_size};

// In the archive, though the crate does not declare it.
unsafe extern "C" {
    #[link_name = "_rjem_memalign"]
    pub fn aligned(alignment: usize, size: usize) -> *mut c_void;
}

// Size 0 frees, as in glibc, unless the user sets `zero_realloc`.
pub use tikv_jemalloc_sys::realloc;
