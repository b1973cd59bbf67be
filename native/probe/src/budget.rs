//! What samples may cost: one part in some two hundred of the CPU time of the process. Beyond that they are drawn more seldom,
//! the more the more it is; that depends on what was, not on the call at hand, so the reader weighs by it.

use crate::layout::Header;
use crate::{sys, ticks};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// The part is one in so many, and of this much time (nanoseconds) in any case.
const PART: u64 = 200;
const GRACE: u64 = 600_000_000;
/// Records from one reckoning to the next, of one thread.
pub const BETWEEN: u64 = 16;
/// Records are drawn 2 to this power times as seldom at most.
const MOST: u64 = 8;

static RECORDS: AtomicU64 = AtomicU64::new(0);
static LEVEL: AtomicU64 = AtomicU64::new(0);

/// As a power of two, how much more seldom calls are drawn for now.
pub fn level() -> u64 {
    LEVEL.load(Relaxed)
}

/// In a file that is begun.
pub fn begin() {
    RECORDS.store(0, Relaxed);
    LEVEL.store(0, Relaxed);
}

/// After so many records of one thread as lie between.
pub fn reckon(header: &Header) {
    let records = RECORDS.fetch_add(BETWEEN, Relaxed) + BETWEEN;
    let lived = sys::clock(libc::CLOCK_MONOTONIC).saturating_sub(header.begun.load(Relaxed));
    let ticks = ticks::before().saturating_sub(header.begun_ticks.load(Relaxed));
    // A record takes a look and a quarter: its own writing, and a second look where the call was slow.
    let look = header.cost_look.load(Relaxed).saturating_mul(lived) / ticks.max(1);
    let spent = records * (look + look / 4);
    let used = sys::clock(libc::CLOCK_PROCESS_CPUTIME_ID).saturating_sub(header.begun_cpu.load(Relaxed));
    let allowed = (used + GRACE) / PART;
    let level = if spent <= allowed { 0 } else { (1 + 16 * (spent - allowed) / allowed).min(MOST) };
    LEVEL.store(level, Relaxed);
}
