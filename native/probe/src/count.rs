//! Additions to a slot, and what an ordinary call adds.
//!
//! Each addition is one instruction, so that a signal handler that allocates on the same thread loses nothing. None is
//! atomic between processors: a slot has one writer.

use crate::layout::{Function, QUANTUM, Slot, Tally, class_of};
use crate::recording;
use crate::size::usable;
#[cfg(target_arch = "x86_64")]
use core::arch::asm;
use core::ffi::c_void;
use core::mem::offset_of;
#[cfg(not(target_arch = "x86_64"))]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// Adds to a number of a slot, one that `Tally`s and live bytes are made of alike.
///
/// # Safety
/// `OFFSET + index` is the offset of a number in a slot.
#[inline(always)]
unsafe fn add_at<const OFFSET: usize>(slot: &Slot, index: usize, amount: u64) {
    let base = core::ptr::from_ref(slot);
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "add qword ptr [{0} + {1} + {2}], {3}",
            in(reg) base, in(reg) index, const OFFSET, in(reg) amount, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let place = base.cast::<u8>().wrapping_add(OFFSET + index).cast::<AtomicU64>();
        // SAFETY: a number in a slot.
        unsafe { &*place }.fetch_add(amount, Relaxed);
    }
}

/// The same without an index.
///
/// # Safety
/// `OFFSET` is the offset of a number in a slot.
#[inline(always)]
unsafe fn add_to<const OFFSET: usize>(slot: &Slot, amount: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "add qword ptr [{0} + {1}], {2}",
            in(reg) core::ptr::from_ref(slot), const OFFSET, in(reg) amount, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as here.
    unsafe {
        add_at::<OFFSET>(slot, 0, amount);
    }
}

/// Adds to the number of a slot that is called `field`.
macro_rules! add {
    ($slot:expr, $field:ident, $amount:expr) => {
        // SAFETY: the offset of that number.
        unsafe { add_to::<{ offset_of!(Slot, $field) }>($slot, $amount) }
    };
}

/// Adds a call and its bytes to one of the tallies called `field`.
macro_rules! tally {
    ($slot:expr, $field:ident, $index:expr, $bytes:expr) => {{
        let index = $index * size_of::<Tally>();
        // SAFETY: the offsets of the two numbers of a tally, whose index is below the number of tallies.
        unsafe { add_at::<{ offset_of!(Slot, $field) + offset_of!(Tally, calls) }>($slot, index, 1) }
        // SAFETY: as above.
        unsafe { add_at::<{ offset_of!(Slot, $field) + offset_of!(Tally, bytes) }>($slot, index, $bytes) }
    }};
}

/// Raises a number of this thread to at least `value`; one instruction decides, as above.
#[inline(always)]
fn raise(place: &AtomicI64, value: i64) {
    let mut seen = place.load(Relaxed);
    while seen < value {
        match exchange(place, seen, value) {
            Ok(()) => return,
            Err(found) => seen = found,
        }
    }
}

/// Compare and exchange against signal handlers only: without the bus lock.
#[inline(always)]
fn exchange(place: &AtomicI64, expected: i64, value: i64) -> Result<(), i64> {
    #[cfg(target_arch = "x86_64")]
    {
        let found: i64;
        // SAFETY: the place is valid for writes; other threads only read it.
        unsafe {
            asm!(
                "cmpxchg qword ptr [{0}], {1}", in(reg) place.as_ptr(), in(reg) value,
                inlateout("rax") expected => found, options(nostack),
            );
        }
        if found == expected { Ok(()) } else { Err(found) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    place.compare_exchange(expected, value, Relaxed, Relaxed).map(|_| ())
}

/// A call of malloc that gave out `block`.
#[inline(always)]
pub fn allocated(slot: &Slot, block: *mut c_void, size: usize) {
    if block.is_null() {
        add!(slot, failed, 1);
        return;
    }
    classed(slot, size);
    grow(slot, usable(block));
}

/// A call of another allocating function that gave out `block`.
#[inline(always)]
pub fn allocated_by(slot: &Slot, function: Function, block: *mut c_void, size: usize) {
    allocated(slot, block, size);
    if !block.is_null() {
        called(slot, function, size);
    }
}

/// A block is about to be freed. Afterwards its address may already be another thread's.
#[inline(always)]
pub fn freeing(slot: &Slot, block: *mut c_void) {
    add!(slot, frees, 1);
    shrink(slot, usable(block));
}

/// A realloc of a block of usable size `before`, at `old`, that gave out `block`.
#[inline(always)]
pub fn reallocated(slot: &Slot, function: Function, old: *mut c_void, before: i64, block: *mut c_void, size: usize) {
    if block.is_null() {
        if size == 0 {
            add!(slot, frees, 1);
            shrink(slot, before);
        } else {
            add!(slot, failed, 1);
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
    tally!(slot, functions, function as usize, size as u64);
}

#[inline(always)]
fn classed(slot: &Slot, size: usize) {
    tally!(slot, classes, class_of(size), size as u64);
}

#[inline(always)]
fn grow(slot: &Slot, bytes: i64) {
    add!(slot, live, bytes as u64);
    let live = slot.live.load(Relaxed);
    if live > slot.high.load(Relaxed) {
        raise(&slot.high, live);
        if live - slot.published.load(Relaxed) >= QUANTUM {
            recording::publish(slot);
        }
    }
}

#[inline(always)]
fn shrink(slot: &Slot, bytes: i64) {
    add!(slot, live, bytes.wrapping_neg() as u64);
    if slot.published.load(Relaxed) - slot.live.load(Relaxed) >= QUANTUM {
        recording::publish(slot);
    }
}
