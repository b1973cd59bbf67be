//! What snmalloc says of its memory; it has nothing that gives memory back on request.

#[unsafe(no_mangle)]
unsafe extern "C" fn heapswap_sn_rust_statistics(current: *mut usize, peak: *mut usize) {
    // SAFETY: both places are the caller's own.
    unsafe { snmalloc_sys::sn_rust_statistics(current, peak) }
}
