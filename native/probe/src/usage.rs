//! What the kernel knows of a thread: how often it left its processor, its page faults, its CPU time.

use crate::layout::{Function, Header, Slot};
use crate::sys;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

/// Counts, and nanoseconds, since the thread began or between two moments.
#[derive(Default)]
pub struct Usage {
    voluntary: u64,
    involuntary: u64,
    faults: u64,
    /// `UNKNOWN`, or the nanoseconds.
    cpu: u64,
}

/// Ticks that a page fault takes, two microseconds or so.
const FAULT: u64 = 7500;
/// In the place of nanoseconds: nobody asked.
const UNKNOWN: u64 = u64::MAX;

impl Usage {
    /// Of the calling thread, before a call. Where it is the only one that allocates it waits for nobody, and its CPU time,
    /// which is dear to ask for, is what passes.
    pub fn before(header: &Header) -> Self {
        if header.slots.load(Relaxed) > 1 { Self::now() } else { Self { cpu: UNKNOWN, ..Self::counts() } }
    }

    /// Of the calling thread.
    pub fn now() -> Self {
        // The times that come with the counts are those of the last tick; this clock is of this moment.
        Self { cpu: sys::clock(libc::CLOCK_THREAD_CPUTIME_ID), ..Self::counts() }
    }

    fn counts() -> Self {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        let errno = sys::errno();
        // SAFETY: writable; the kernel knows the calling thread.
        if unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) } != 0 {
            // A sandbox forbids it, and the program must not notice.
            sys::set_errno(errno);
        }
        // SAFETY: all zero is a value of it, and so is what the kernel writes.
        let usage = unsafe { usage.assume_init() };
        Self {
            voluntary: usage.ru_nvcsw as u64,
            involuntary: usage.ru_nivcsw as u64,
            faults: (usage.ru_minflt + usage.ru_majflt) as u64,
            cpu: 0,
        }
    }

    /// For the call to come.
    pub fn keep(&self, slot: &Slot) {
        for (place, value) in slot.earlier.iter().zip([self.voluntary, self.involuntary, self.faults, self.cpu]) {
            place.store(value, Relaxed);
        }
        slot.asked_at.store(sys::clock(libc::CLOCK_MONOTONIC), Relaxed);
        slot.asked.store(1, Relaxed);
    }

    /// What `keep` kept.
    pub fn kept(slot: &Slot) -> Self {
        let [voluntary, involuntary, faults, cpu] = [0, 1, 2, 3].map(|place: usize| slot.earlier[place].load(Relaxed));
        Self { voluntary, involuntary, faults, cpu }
    }

    /// What was added since an earlier moment.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            voluntary: self.voluntary.wrapping_sub(earlier.voluntary),
            involuntary: self.involuntary.wrapping_sub(earlier.involuntary),
            faults: self.faults.wrapping_sub(earlier.faults),
            cpu: if earlier.cpu == UNKNOWN { UNKNOWN } else { self.cpu.saturating_sub(earlier.cpu) },
        }
    }

    /// Of the ticks that a call took, those that are neither a wait's nor, about, page faults'.
    pub fn computing(&self, took: u64) -> u64 {
        if self.voluntary > 0 { 0 } else { took.saturating_sub(self.faults * FAULT) }
    }

    /// Without the nanoseconds that had passed when the call began. Less CPU than that tells that the thread was off the
    /// processor before the call, and how much of it was the call's is not known.
    pub fn without(self, passed: u64) -> Self {
        let known = if self.cpu == UNKNOWN { None } else { self.cpu.checked_sub(passed) };
        Self { cpu: known.unwrap_or(self.cpu), ..self }
    }

    /// A record (`layout`) of a call in which this was spent.
    pub fn record(&self, function: Function, size: u64, scale: u64, took: u64) -> [u64; 4] {
        let switches = self.voluntary.min(0xffff) << 16 | self.involuntary.min(0xffff) << 32;
        [size, took, scale | (function as u64) << 8 | switches | self.faults.min(0xffff) << 48, self.cpu]
    }
}

/// A close look at nothing, for its cost.
pub fn look() {
    core::hint::black_box(Usage::now());
}
