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

use crate::layout::{Function, LARGE_CLASSES, Slot};
use crate::{budget, sample};
use core::sync::atomic::Ordering::Relaxed;

/// Bytes from which a call is large. Beyond it glibc has neither its caches of a thread nor its fast bins.
pub const LEAST: usize = 1 << LEAST_POWER;
const LEAST_POWER: u32 = 10;
/// Samples of a stratum at one scale, of a single thread; several share them, down to the fewest.
const ENOUGH: u64 = 256;
const FEWEST: u64 = 16;
/// One in so many at least, as a power of two.
const RAREST: u64 = 20;

/// Frees after which a call is drawn twice as often, four times after three times as many, and so on.
const PUT_OFF: u64 = 64;

/// The scale at which this call is drawn; none: it is not. Its probability is 2^-scale.
pub fn draw(slot: &Slot, function: Function, size: usize, threads: u64) -> Option<u64> {
    let class = ((size.max(LEAST).ilog2() - LEAST_POWER) as usize).min(LARGE_CLASSES - 1);
    let drawn = slot.large[class].load(Relaxed);
    let frees = slot.frees.load(Relaxed);
    let at_last_call = slot.frees_at_large.swap(frees, Relaxed);
    let at_last = if function.allocates() { slot.frees_at_request.swap(frees, Relaxed) } else { at_last_call };
    let put_off = frees.saturating_sub(at_last);
    let sooner = u64::from((1 + put_off / PUT_OFF).ilog2());
    let rarely = (drawn / (ENOUGH / threads.max(1)).max(FEWEST)).min(RAREST);
    let scale = if rarely == 0 { 0 } else { (rarely + budget::level()).saturating_sub(sooner) };
    if scale > 0 && sample::random(slot) >> (64 - scale) != 0 {
        return None;
    }
    slot.large[class].store(drawn + 1, Relaxed);
    Some(scale)
}
