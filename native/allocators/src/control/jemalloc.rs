//! jemalloc's `mallctl` family: every statistic, every purge.

use core::ffi::{c_char, c_int, c_void};

#[unsafe(no_mangle)]
unsafe extern "C" fn heapswap_mallctl(
    name: *const c_char,
    old: *mut c_void,
    old_size: *mut usize,
    new: *mut c_void,
    new_size: usize,
) -> c_int {
    // SAFETY: the caller keeps the contract of mallctl.
    unsafe { tikv_jemalloc_sys::mallctl(name, old, old_size, new, new_size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn heapswap_mallctlnametomib(name: *const c_char, mib: *mut usize, length: *mut usize) -> c_int {
    // SAFETY: the caller keeps the contract of mallctlnametomib.
    unsafe { tikv_jemalloc_sys::mallctlnametomib(name, mib, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn heapswap_mallctlbymib(
    mib: *const usize,
    length: usize,
    old: *mut c_void,
    old_size: *mut usize,
    new: *mut c_void,
    new_size: usize,
) -> c_int {
    // SAFETY: the caller keeps the contract of mallctlbymib.
    unsafe { tikv_jemalloc_sys::mallctlbymib(mib, length, old, old_size, new, new_size) }
}
