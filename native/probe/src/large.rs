//! Calls of large size are drawn by themselves.
//!
//! Now and then such a call takes as long as a million others: an allocator that tidies up, maps or gives back does it when
//! much is asked for or freed. Drawn like the others, one in some hundred, a few of them would decide every estimate. They
//! are a stratum of their own for each power of two, each drawn as often as it is rare: all of them at first, whatever
//! samples cost, and half as many whenever enough were. The draw of one is independent of all others.
//!
//! What an allocator puts off are mostly the blocks that were freed since it last tidied up. So the more the thread has freed
//! since its last large call, the more probable it is that this one is drawn, up to certainty. Of a request it counts what
//! was freed since the last large request: glibc tidies up when much is asked for, and seldom when much is given back.
//!
//! It also does when a block of any size merges into much free memory. Where that may happen is seen before the call
//! (`size::may_merge_much`), and such frees are a stratum of their own.

use crate::add::exceeds_by;
use crate::layout::{Function, Slot};
use crate::sample;
use core::mem::offset_of;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// Bytes from which a call is large. Beyond it glibc has neither its caches of a thread nor its fast bins.
pub const LEAST: usize = 1 << LEAST_POWER;
const LEAST_POWER: u32 = 10;
/// Samples of a stratum at one scale.
const ENOUGH: u64 = 96;
/// One in so many at least, as a power of two.
const RAREST: u64 = 20;

/// A call that took long counts as one of so many others.
const CALM: u64 = 4;
/// Frees after which a call is drawn twice as often, four times after three times as many, and so on.
const PUT_OFF: u64 = 64;

/// Powers of two of large calls, the last with all beyond it.
const CLASSES: usize = 12;

/// How many calls of each stratum were drawn in this file, by all threads: `CALM` for each, 1 for a long one. Apart from
/// what others write.
#[repr(align(128))]
struct Strata {
    large: [AtomicU64; CLASSES],
    merging: AtomicU64,
}

static DRAWN: Strata = Strata { large: [const { AtomicU64::new(0) }; CLASSES], merging: AtomicU64::new(0) };

/// In a file that is begun.
pub fn begin() {
    DRAWN.large.iter().chain([&DRAWN.merging]).for_each(|counted| counted.store(0, Relaxed));
}

/// A call that is drawn, with probability 2^-scale.
pub struct Draw {
    pub scale: u64,
    counted: &'static AtomicU64,
}

impl Draw {
    /// What the call took, ticks: where calls are long the stratum stays the more often drawn.
    pub fn took(&self, ticks: u64) {
        self.counted.fetch_add(if ticks > sample::LONG { 1 } else { CALM }, Relaxed);
    }
}

/// Whether this call is drawn.
pub fn draw(slot: &Slot, function: Function, size: usize) -> Option<Draw> {
    let frees = slot.frees.load(Relaxed);
    let at_last_call = slot.frees_at_large.swap(frees, Relaxed);
    let at_last = if function.allocates() { slot.frees_at_request.swap(frees, Relaxed) } else { at_last_call };
    draw_of(slot, &DRAWN.large[class(size)], frees.saturating_sub(at_last))
}

/// The same of a small block that is freed beside much free memory. Most go into a cache of the thread all the same, so
/// half of what was put off is still counted at the next one.
pub fn draw_merging(slot: &Slot) -> Option<Draw> {
    let frees = slot.frees.load(Relaxed);
    let put_off = frees.saturating_sub(slot.frees_at_merging.load(Relaxed));
    slot.frees_at_merging.store(frees - put_off / 2, Relaxed);
    draw_of(slot, &DRAWN.merging, put_off)
}

/// Whether enough blocks were freed for that since such a one.
#[inline(always)]
pub fn may_be_put_off(slot: &Slot) -> bool {
    // SAFETY: the offsets of two numbers.
    unsafe {
        exceeds_by::<{ offset_of!(Slot, frees) }, { offset_of!(Slot, frees_at_merging) }, { PUT_OFF as i64 }>(slot)
    }
}

fn class(size: usize) -> usize {
    ((size.max(LEAST).ilog2() - LEAST_POWER) as usize).min(CLASSES - 1)
}

/// A draw from one stratum.
fn draw_of(slot: &Slot, counted: &'static AtomicU64, put_off: u64) -> Option<Draw> {
    let sooner = u64::from((1 + put_off / PUT_OFF).ilog2());
    let rarely = (counted.load(Relaxed) / (CALM * ENOUGH)).min(RAREST);
    let scale = rarely.saturating_sub(sooner);
    (scale == 0 || sample::random(slot) >> (64 - scale) == 0).then_some(Draw { scale, counted })
}
