//! What mimalloc says of its memory, and its collection.

use core::ffi::c_int;

mod c {
    use core::ffi::c_int;

    // In the archive, though the crate declares them only with its feature `extended`.
    unsafe extern "C" {
        pub safe fn mi_version() -> c_int;
        pub safe fn mi_collect(force: bool);
        pub fn mi_process_info(
            elapsed: *mut usize,
            user: *mut usize,
            system: *mut usize,
            resident: *mut usize,
            peak_resident: *mut usize,
            committed: *mut usize,
            peak_committed: *mut usize,
            faults: *mut usize,
        );
    }
}

#[unsafe(no_mangle)]
extern "C" fn heapswap_mi_version() -> c_int {
    c::mi_version()
}

#[unsafe(no_mangle)]
extern "C" fn heapswap_mi_collect(force: bool) {
    c::mi_collect(force);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn heapswap_mi_process_info(
    elapsed: *mut usize,
    user: *mut usize,
    system: *mut usize,
    resident: *mut usize,
    peak_resident: *mut usize,
    committed: *mut usize,
    peak_committed: *mut usize,
    faults: *mut usize,
) {
    // SAFETY: each place is null or the caller's own.
    unsafe { c::mi_process_info(elapsed, user, system, resident, peak_resident, committed, peak_committed, faults) }
}
