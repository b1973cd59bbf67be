//! What the kernel knows of a thread: how often it left its processor, its page faults, its CPU time.
//!
//! To ask for the CPU time takes twice as long as for the counts. A thread that has not left its processor since it was
//! asked has used what has passed.

use crate::layout::{Function, Slot};
use crate::sys;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::Relaxed;

/// Counts, and nanoseconds, since the thread began or between two moments.
#[derive(Default)]
pub struct Usage {
    voluntary: u64,
    involuntary: u64,
    faults: u64,
    cpu: u64,
    /// the monotonic clock, at this moment or the later one
    at: u64,
}

/// Ticks that a page fault takes, two microseconds or so.
const FAULT: u64 = 7500;
/// Nanoseconds after which the CPU time is asked for in any case: the clocks go a little differently.
const STALE: u64 = 100_000_000;

impl Usage {
    /// Of the calling thread, whose slot this is.
    pub fn now(slot: &Slot) -> Self {
        let usage = Self::counts();
        let now = sys::clock(libc::CLOCK_MONOTONIC);
        // Not 0, which says that nobody asked yet.
        let switches = usage.voluntary + usage.involuntary + 1;
        let known = slot.switches.load(Relaxed) == switches && now.wrapping_sub(slot.behind_at.load(Relaxed)) < STALE;
        if known && usage.is_counted() {
            return Self { cpu: now.wrapping_sub(slot.behind.load(Relaxed)), at: now, ..usage };
        }
        let cpu = sys::clock(libc::CLOCK_THREAD_CPUTIME_ID);
        let at = now.midpoint(sys::clock(libc::CLOCK_MONOTONIC));
        // Should it have left its processor since the counts were read, they will be others the next time.
        slot.switches.store(switches, Relaxed);
        slot.behind.store(at.wrapping_sub(cpu), Relaxed);
        slot.behind_at.store(at, Relaxed);
        Self { cpu, at, ..usage }
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
            ..Self::default()
        }
    }

    /// Whether the kernel told: no thread comes to its first call without a page fault.
    fn is_counted(&self) -> bool {
        self.faults > 0
    }

    /// For the call to come.
    pub fn keep(&self, slot: &Slot) {
        for (place, value) in slot.earlier.iter().zip([self.voluntary, self.involuntary, self.faults, self.cpu]) {
            place.store(value, Relaxed);
        }
        slot.asked_at.store(self.at, Relaxed);
        slot.asked.store(1, Relaxed);
    }

    /// What `keep` kept.
    pub fn kept(slot: &Slot) -> Self {
        let [voluntary, involuntary, faults, cpu] = [0, 1, 2, 3].map(|place: usize| slot.earlier[place].load(Relaxed));
        Self { voluntary, involuntary, faults, cpu, at: slot.asked_at.load(Relaxed) }
    }

    /// What was added since an earlier moment.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            voluntary: self.voluntary.wrapping_sub(earlier.voluntary),
            involuntary: self.involuntary.wrapping_sub(earlier.involuntary),
            faults: self.faults.wrapping_sub(earlier.faults),
            cpu: self.cpu.saturating_sub(earlier.cpu),
            at: self.at,
        }
    }

    /// Of the ticks that a call took, those that are neither a wait's nor, about, page faults'.
    pub fn computing(&self, took: u64) -> u64 {
        if self.voluntary > 0 { 0 } else { took.saturating_sub(self.faults * FAULT) }
    }

    /// Without the nanoseconds that had passed when the call began. Less CPU than that tells that the thread was off the
    /// processor before the call, and how much of it was the call's is not known.
    pub fn without(self, passed: u64) -> Self {
        Self { cpu: self.cpu.checked_sub(passed).unwrap_or(self.cpu), ..self }
    }

    /// A record (`layout`) of a call in which this was spent.
    pub fn record(&self, function: Function, size: u64, scale: u64, took: u64) -> [u64; 4] {
        let switches = self.voluntary.min(0xffff) << 16 | self.involuntary.min(0xffff) << 32;
        [size, took, scale | (function as u64) << 8 | switches | self.faults.min(0xffff) << 48, self.cpu]
    }
}

/// A close look at nothing, for its cost.
pub fn look(slot: &Slot) {
    core::hint::black_box(Usage::now(slot));
}
