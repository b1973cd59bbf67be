//! `fork`, passed on: only here is the child's id known to the thread that forked, for the record of it.
//!
//! A fork that does not come through here (`_Fork`, a raw `clone`) is noticed by the child alone.

use crate::{cold, thread};
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use interpose::next::{self, NEXT};
use interpose::sys;

type Fork = unsafe extern "C" fn() -> libc::pid_t;

static BEHIND: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Finds the one behind; at the start, as the loader's lock must not be waited for later.
pub fn find() {
    // SAFETY: the name is a C string.
    BEHIND.store(unsafe { libc::dlsym(libc::RTLD_NEXT, c"fork".as_ptr()) }, Relaxed);
    next::forget_errors();
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fork() -> libc::pid_t {
    if BEHIND.load(Relaxed).is_null() {
        find();
    }
    let behind = BEHIND.load(Relaxed);
    if behind.is_null() {
        sys::set_errno(libc::ENOSYS);
        return -1;
    }
    // SAFETY: not null, so what the loader has under that name.
    let behind = unsafe { core::mem::transmute::<*mut c_void, Fork>(behind) };
    // SAFETY: the caller's call, passed on.
    let child = unsafe { behind() };
    if child > 0 && NEXT.malloc.get().is_some() {
        match thread::stream() {
            Some(stream) => stream.record(|encoder, epoch| encoder.fork(child as u32, epoch)),
            None => cold::record_nested(|encoder, epoch| encoder.fork(child as u32, epoch)),
        }
    }
    child
}
