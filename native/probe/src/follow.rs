//! The calls after one that took very long are drawn with certainty: allocators put off work, and do it in the next calls.
//!
//! Where that is in vain, because none of them ever takes long, fewer and fewer are. There is an end to it in any case, for
//! a program whose every call is long.

use crate::layout::Slot;
use crate::sample::{LONG, SLOW};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

/// A call that took more ticks is followed, page faults and waits left out.
const VERY_LONG: u64 = 64 * SLOW;
/// So many calls after it are drawn, and as many after each long one among them.
const LENGTH: u64 = 96;
/// Of all threads, in one file.
const MOST: u64 = 4096;
/// Each time that none of them was long halves the length of the next time, so often at most.
const MOST_HALVINGS: u64 = 4;

static FOLLOWED: AtomicU64 = AtomicU64::new(0);
/// How often in a row none was long, in whatever thread.
static IN_VAIN: AtomicU64 = AtomicU64::new(0);

/// In a file that is begun.
pub fn begin() {
    FOLLOWED.store(0, Relaxed);
    IN_VAIN.store(0, Relaxed);
}

/// Whether this thread's next call is drawn because of an earlier one.
pub fn is_due(slot: &Slot) -> bool {
    slot.follow.load(Relaxed) > 0
}

/// A call took so many ticks without page faults and waits.
pub fn after(slot: &Slot, computing: u64) {
    if computing > VERY_LONG {
        let in_vain = IN_VAIN.load(Relaxed);
        IN_VAIN.store((in_vain + 1).min(MOST_HALVINGS), Relaxed);
        extend(slot, LENGTH >> in_vain);
    }
}

/// A call is made that is due.
pub fn begin_one(slot: &Slot) {
    slot.follow.store(slot.follow.load(Relaxed) - 1, Relaxed);
}

/// It took so many ticks without page faults and waits.
pub fn end_one(slot: &Slot, computing: u64) {
    if computing > LONG {
        IN_VAIN.store(0, Relaxed);
        extend(slot, LENGTH);
    }
}

pub fn stop(slot: &Slot) {
    slot.follow.store(0, Relaxed);
}

fn extend(slot: &Slot, length: u64) {
    let left = slot.follow.load(Relaxed);
    if left < length && FOLLOWED.load(Relaxed) < MOST {
        FOLLOWED.fetch_add(length - left, Relaxed);
        slot.follow.store(length, Relaxed);
    }
}
