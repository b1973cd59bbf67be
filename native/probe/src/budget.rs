//! What samples may cost: one part in some hundreds of the CPU time of the process, and less where they tell enough. Beyond
//! that they are drawn more seldom, the more the more it is; that depends on what was, not on the call at hand, so the reader
//! weighs by it. Calls that are drawn by themselves (`large`, `follow`) keep within bounds of their own.

use crate::layout::Header;
use crate::{sys, ticks};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// The part is one in so many, and of this much time (nanoseconds) in any case.
const PART: u64 = 400;
const GRACE: u64 = 640_000_000;
/// The standard error of what all calls took that is small enough, as a part of the CPU time of the process.
const PRECISE: f64 = 0.005;
/// Calls are drawn 2 to this power times as seldom at most.
const MOST: u64 = 8;
/// Looks that one takes at most: what is longer is another program's turn.
const LONGEST: u64 = 48;

static LEVEL: AtomicU64 = AtomicU64::new(0);
/// Ticks that the samples under this budget took.
static TICKS: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds of CPU of the process in this file, at the last reckoning.
static USED: AtomicU64 = AtomicU64::new(0);
/// The estimated variance of what all calls took, as far as it is these samples': ticks squared, the bits of a number.
static VARIANCE: AtomicU64 = AtomicU64::new(0);

/// As a power of two, how much more seldom calls are drawn for now.
pub fn level() -> u64 {
    LEVEL.load(Relaxed)
}

/// In a file that is begun.
pub fn begin() {
    [&LEVEL, &TICKS, &USED, &VARIANCE].into_iter().for_each(|number| number.store(0, Relaxed));
}

/// The CPU time of the process as it was a few records ago: to ask for it takes half as long as a sample.
pub fn used() -> u64 {
    USED.load(Relaxed)
}

/// Notes what was done to look at a call since a moment, in ticks; answers how many.
pub fn note(header: &Header, since: u64) -> u64 {
    let took = ticks::after().saturating_sub(since).min(LONGEST * header.cost_look.load(Relaxed));
    header.sampling.fetch_add(took, Relaxed);
    took
}

/// The same of what is under this budget.
pub fn spend(header: &Header, since: u64) {
    TICKS.fetch_add(note(header, since), Relaxed);
}

/// A call that took so many ticks stands for so many.
pub fn learn(took: u64, stands_for: f64) {
    let weighed = took as f64 * stands_for;
    // Should another thread come in between, one sample of some thousand is left out.
    VARIANCE.store((f64::from_bits(VARIANCE.load(Relaxed)) + weighed * weighed).to_bits(), Relaxed);
}

/// Sets the level by what was spent in all: by what was spent lately calls would be drawn the more seldom the more there are
/// at a time, and few would stand for many just where most of the time goes.
pub fn reckon(header: &Header) {
    let lived = sys::clock(libc::CLOCK_MONOTONIC).saturating_sub(header.begun.load(Relaxed));
    let ticks = ticks::before().saturating_sub(header.begun_ticks.load(Relaxed));
    let of_a_nanosecond = ticks as f64 / lived.max(1) as f64;
    let spent = (TICKS.load(Relaxed) as f64 / of_a_nanosecond) as u64;
    let used = sys::clock(libc::CLOCK_PROCESS_CPUTIME_ID).saturating_sub(header.begun_cpu.load(Relaxed));
    USED.store(used, Relaxed);
    let allowed = (used + GRACE) / PART;
    let over = spent.saturating_sub(allowed);
    let too_much = if over == 0 { 0 } else { 1 + 8 * over / allowed };
    let small_enough = PRECISE * used as f64 * of_a_nanosecond;
    // The variance grows as fast as calls are drawn seldom. Where there is none yet, nothing is known.
    let variance = f64::from_bits(VARIANCE.load(Relaxed));
    let too_precise = if variance > 0.0 { small_enough * small_enough / variance } else { 0.0 };
    LEVEL.store(too_much.max(u64::from((too_precise as u64 | 1).ilog2())).min(MOST), Relaxed);
}
