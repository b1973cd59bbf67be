//! Additions to a slot, and what an ordinary call adds.
//!
//! Each addition is one instruction, so that a signal handler that allocates on the same thread loses nothing. None is
//! atomic between processors: a slot has one writer.

use crate::layout::{CALL, Function, QUANTUM, Slot, Tally, class_of};
use crate::size::{self, usable};
use crate::{large, recording, sample};
#[cfg(target_arch = "x86_64")]
use core::arch::asm;
use core::ffi::c_void;
use core::mem::offset_of;
#[cfg(not(target_arch = "x86_64"))]
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

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

/// Adds one.
///
/// # Safety
/// `OFFSET + index` is the offset of a number in a slot.
#[inline(always)]
unsafe fn add_one_at<const OFFSET: usize>(slot: &Slot, index: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "add qword ptr [{0} + {1} + {2}], 1",
            in(reg) core::ptr::from_ref(slot), in(reg) index, const OFFSET, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as here.
    unsafe {
        add_at::<OFFSET>(slot, index, 1);
    }
}

/// The same without an index.
///
/// # Safety
/// `OFFSET` is the offset of a number in a slot.
#[inline(always)]
unsafe fn add_one_to<const OFFSET: usize>(slot: &Slot) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!("add qword ptr [{0} + {1}], 1", in(reg) core::ptr::from_ref(slot), const OFFSET, options(nostack));
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: as here.
    unsafe {
        add_at::<OFFSET>(slot, 0, 1);
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
    ($slot:expr, $field:ident, 1) => {
        // SAFETY: the offset of that number.
        unsafe { add_one_to::<{ offset_of!(Slot, $field) }>($slot) }
    };
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
        unsafe { add_one_at::<{ offset_of!(Slot, $field) + offset_of!(Tally, calls) }>($slot, index) }
        // SAFETY: as above.
        unsafe { add_at::<{ offset_of!(Slot, $field) + offset_of!(Tally, bytes) }>($slot, index, $bytes) }
    }};
}

/// Whether a call is one of the samples, or may be one because it is large; `size` as `sample` wants it.
#[inline(always)]
pub fn is_drawn(slot: &Slot, size: usize) -> bool {
    if size >= large::LEAST {
        return true;
    }
    let units = (size + CALL) as u64;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "sub qword ptr [{0} + {1}], {2}", "js {3}",
            in(reg) core::ptr::from_ref(slot), const offset_of!(Slot, countdown), in(reg) units,
            label { return true }, options(nostack),
        );
    }
    #[cfg(target_arch = "x86_64")]
    return false;
    #[cfg(not(target_arch = "x86_64"))]
    {
        add!(slot, countdown, units.wrapping_neg());
        is_due(slot, size)
    }
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
    add!(slot, live, usable.wrapping_neg() as u64);
    slot.published.load(Relaxed) - slot.live.load(Relaxed) >= QUANTUM
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
        slot.high.store(live, Relaxed);
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
