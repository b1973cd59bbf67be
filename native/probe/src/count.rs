//! What an ordinary call adds to the slot of its thread.

use crate::add::{add, exceeds, exceeds_by, exhausts, subtract, tally};
use crate::layout::{CALL, Function, QUANTUM, Slot, place_of};
use crate::size::{self, usable};
use crate::{large, recording, sample};
use core::ffi::c_void;
use core::mem::offset_of;
use core::sync::atomic::Ordering::Relaxed;

/// Whether a call is one of the samples, or may be one because it is large; `size` as `sample` wants it.
#[inline(always)]
pub fn is_drawn(slot: &Slot, size: usize) -> bool {
    size >= large::LEAST || is_small_drawn(slot, size)
}

/// Whether a call that is not large is one of the samples.
#[inline(always)]
pub fn is_small_drawn(slot: &Slot, size: usize) -> bool {
    // SAFETY: the offset of a number.
    unsafe { exhausts::<{ offset_of!(Slot, countdown) }>(slot, (size + CALL) as u64) }
}

/// The same of the call that was counted last.
#[inline(always)]
pub fn is_due(slot: &Slot, size: usize) -> bool {
    size >= large::LEAST || slot.countdown.load(Relaxed) < 0
}

/// A call of malloc that gave out `block`, of usable size `usable`.
#[inline(always)]
pub fn allocated(slot: &Slot, size: usize, usable: i64) {
    classed(slot, size);
    grow(slot, usable);
}

/// What an ordinary call adds, for its cost: on a block whose size can be read in front of it.
#[inline(always)]
pub fn counted(slot: &Slot, requested: usize, block: *mut c_void) {
    classed(slot, requested);
    grow(slot, size::in_front(block));
    shrink(slot, size::in_front(block));
}

/// A call of an allocating function that gave out `block`, or none.
#[inline(always)]
pub fn allocated_by(slot: &Slot, function: Function, block: *mut c_void, size: usize) {
    if block.is_null() {
        return failed(slot);
    }
    allocated(slot, size, usable(block));
    if !matches!(function, Function::Malloc) {
        called(slot, function, size);
    }
}

/// A call that failed.
#[cold]
#[inline(never)]
pub fn failed(slot: &Slot) {
    add!(slot, failed, 1);
    // An impossible size may have moved the countdown anywhere.
    sample::draw_anew(slot);
}

/// A block of this usable size is about to be freed: afterwards its address may already be another thread's. Whether the
/// thread's live bytes have to be published.
#[inline(always)]
pub fn freeing(slot: &Slot, usable: i64) -> bool {
    add!(slot, frees, 1);
    subtract!(slot, live, usable as u64);
    has_fallen(slot)
}

/// A realloc of a block of usable size `before`, at `old`, that gave out `block`.
#[inline(always)]
pub fn reallocated(slot: &Slot, function: Function, old: *mut c_void, before: i64, block: *mut c_void, size: usize) {
    if block.is_null() {
        if size == 0 {
            add!(slot, frees, 1);
            shrink(slot, before);
        } else {
            failed(slot);
        }
        return;
    }
    classed(slot, size);
    called(slot, function, size);
    add!(slot, frees, 1);
    let after = usable(block);
    if block != old {
        add!(slot, moved, 1);
    } else if after > before {
        add!(slot, grown, 1);
    }
    if after >= before {
        grow(slot, after - before);
    } else {
        shrink(slot, before - after);
    }
}

#[inline(always)]
pub fn called(slot: &Slot, function: Function, size: usize) {
    tally!(slot, functions, function.place(), size as u64);
}

#[inline(always)]
fn classed(slot: &Slot, size: usize) {
    tally!(slot, classes, place_of(size), size as u64);
}

#[inline(always)]
fn grow(slot: &Slot, bytes: i64) {
    add!(slot, live, bytes as u64);
    // SAFETY: the offsets of two numbers.
    if unsafe { exceeds::<LIVE, { offset_of!(Slot, high) }>(slot) } {
        let live = slot.live.load(Relaxed);
        slot.high.store(live, Relaxed);
        if live - slot.published.load(Relaxed) >= QUANTUM {
            recording::publish(slot);
        }
    }
}

#[inline(always)]
fn shrink(slot: &Slot, bytes: i64) {
    subtract!(slot, live, bytes as u64);
    if has_fallen(slot) {
        recording::publish(slot);
    }
}

/// Whether live bytes are so far below what others know of them that they have to be published.
#[inline(always)]
fn has_fallen(slot: &Slot) -> bool {
    // SAFETY: the offsets of two numbers.
    unsafe { exceeds_by::<{ offset_of!(Slot, published) }, LIVE, QUANTUM>(slot) }
}

const LIVE: usize = offset_of!(Slot, live);
