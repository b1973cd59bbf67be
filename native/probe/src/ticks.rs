//! The processor's own counter: what times a call of a few nanoseconds. The reader converts ticks, by two moments of
//! the monotonic clock in the header.

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__rdtscp, _mm_lfence, _rdtsc};

/// Now, with everything before it done and nothing after it begun.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn before() -> u64 {
    let now = before_open();
    // SAFETY: every x86-64 processor has it.
    unsafe { _mm_lfence() };
    now
}

/// Now, with everything before it done. What comes after it may begin while the counter is read.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn before_open() -> u64 {
    // SAFETY: every x86-64 processor has it.
    unsafe { _mm_lfence() };
    // SAFETY: as above.
    unsafe { _rdtsc() }
}

/// The same, at the end of what is timed.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn after() -> u64 {
    let mut processor = 0;
    // SAFETY: every x86-64 processor that Linux runs on today has it; the place is writable.
    let now = unsafe { __rdtscp(&mut processor) };
    // SAFETY: every x86-64 processor has it.
    unsafe { _mm_lfence() };
    now
}

/// Now, with everything before it done and nothing after it begun.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub fn before() -> u64 {
    let now: u64;
    // SAFETY: Linux lets programs read the virtual counter.
    unsafe {
        core::arch::asm!("isb", "mrs {0}, cntvct_el0", "isb", out(reg) now, options(nostack, preserves_flags));
    }
    now
}

/// The same, at the end of what is timed.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub fn after() -> u64 {
    before()
}

/// The same: this processor has no other way.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub fn before_open() -> u64 {
    before()
}
