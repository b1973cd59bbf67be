//! What is asked of the system: errors, signals, clocks, threads. None of it allocates.

use core::ffi::c_int;
use core::mem::MaybeUninit;

fn errno_place() -> *mut c_int {
    // SAFETY: no precondition.
    unsafe { libc::__errno_location() }
}

pub fn set_errno(value: c_int) {
    // SAFETY: the location is this thread's own and always valid.
    unsafe { *errno_place() = value }
}

pub fn errno() -> c_int {
    // SAFETY: the location is this thread's own and always valid.
    unsafe { *errno_place() }
}

/// Nothing can interrupt this thread while it lives, and `errno` is afterwards what it was.
pub struct Undisturbed {
    mask: MaybeUninit<libc::sigset_t>,
    errno: c_int,
}

impl Undisturbed {
    pub fn begin() -> Self {
        let errno = errno();
        let mut all = MaybeUninit::uninit();
        let mut mask = MaybeUninit::uninit();
        // SAFETY: the set is writable.
        unsafe { libc::sigfillset(all.as_mut_ptr()) };
        // SAFETY: a filled set and a writable one.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), mask.as_mut_ptr()) };
        Self { mask, errno }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        // SAFETY: `begin` had the set filled in; the old one is not asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, self.mask.as_ptr(), core::ptr::null_mut()) };
        set_errno(self.errno);
    }
}

/// Nanoseconds of a clock; 0 where it is not there.
pub fn clock(which: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is writable.
    unsafe { libc::clock_gettime(which, &mut time) };
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

pub fn process() -> u64 {
    // SAFETY: no precondition.
    unsafe { libc::getpid() as u64 }
}

pub fn parent() -> u64 {
    // SAFETY: no precondition.
    unsafe { libc::getppid() as u64 }
}

pub fn thread() -> u64 {
    // SAFETY: no precondition.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

/// Whether a thread of a process is gone. A number that another thread has got meanwhile counts as not gone.
pub fn is_gone(process: u64, thread: u64) -> bool {
    // SAFETY: signal 0 only asks.
    let answer = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, 0) };
    answer != 0 && errno() == libc::ESRCH
}

/// A number that no other process has: from the kernel, or where it gives none from clock and process.
pub fn random() -> u64 {
    let mut number = 0u64;
    let place = &raw mut number;
    // SAFETY: eight writable bytes.
    let count = unsafe { libc::syscall(libc::SYS_getrandom, place, size_of::<u64>(), libc::GRND_NONBLOCK) };
    if count == size_of::<u64>() as i64 {
        return number;
    }
    clock(libc::CLOCK_MONOTONIC) ^ (process() << 40)
}
