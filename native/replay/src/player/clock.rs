//! The clock that a replay at the recorded speed keeps to.

use std::ptr::null_mut;

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds of the monotonic clock.
pub fn monotonic() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds of CPU that this process has used.
pub fn cpu() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Sleep until the monotonic clock shows this.
pub fn sleep_until(nanoseconds: u64) {
    let time = timespec(nanoseconds);
    // SAFETY: `time` can be read. A sleep that a signal ends early is tolerable.
    unsafe { libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &raw const time, null_mut()) };
}

/// Nanoseconds as the kernel wants them.
pub fn timespec(nanoseconds: u64) -> libc::timespec {
    let seconds = libc::time_t::try_from(nanoseconds / SECOND).unwrap_or(libc::time_t::MAX);
    libc::timespec { tv_sec: seconds, tv_nsec: (nanoseconds % SECOND).cast_signed() }
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = timespec(0);
    // SAFETY: `time` can be written; these clocks exist everywhere.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec.unsigned_abs() * SECOND + time.tv_nsec.unsigned_abs()
}
