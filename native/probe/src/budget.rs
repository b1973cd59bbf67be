//! What samples may cost: one part in some two hundred of the CPU time of the process. Beyond that they are drawn more seldom,
//! the more the more it is; that depends on what was, not on the call at hand, so the reader weighs by it.

use crate::layout::Header;
use crate::{sys, ticks};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// The part is one in so many, and of this much time (nanoseconds) in any case.
const PART: u64 = 250;
const GRACE: u64 = 500_000_000;
/// Records are drawn 2 to this power times as seldom at most.
const MOST: u64 = 8;
/// Looks that one takes at most: what is longer is another program's turn.
const LONGEST: u64 = 16;

static LEVEL: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds of CPU of the process in this file, at the last reckoning.
static USED: AtomicU64 = AtomicU64::new(0);

/// As a power of two, how much more seldom calls are drawn for now.
pub fn level() -> u64 {
    LEVEL.load(Relaxed)
}

/// In a file that is begun.
pub fn begin() {
    LEVEL.store(0, Relaxed);
    USED.store(0, Relaxed);
}

/// The CPU time of the process as it was a few records ago: to ask for it takes half as long as a sample.
pub fn used() -> u64 {
    USED.load(Relaxed)
}

/// What was done for samples since a moment, in ticks.
pub fn spend(header: &Header, since: u64) {
    let took = ticks::after().saturating_sub(since);
    header.sampling.fetch_add(took.min(LONGEST * header.cost_look.load(Relaxed)), Relaxed);
}

/// Sets the level by what was spent.
pub fn reckon(header: &Header) {
    let lived = sys::clock(libc::CLOCK_MONOTONIC).saturating_sub(header.begun.load(Relaxed));
    let ticks = ticks::before().saturating_sub(header.begun_ticks.load(Relaxed));
    let spent = header.sampling.load(Relaxed) as f64 * lived as f64 / ticks.max(1) as f64;
    let used = sys::clock(libc::CLOCK_PROCESS_CPUTIME_ID).saturating_sub(header.begun_cpu.load(Relaxed));
    USED.store(used, Relaxed);
    let allowed = (used + GRACE) / PART;
    let over = (spent as u64).saturating_sub(allowed);
    LEVEL.store(if over == 0 { 0 } else { (1 + 8 * over / allowed).min(MOST) }, Relaxed);
}
