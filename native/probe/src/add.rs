//! What is done to the numbers of a slot. Each addition is one instruction, so that a signal handler that allocates on the
//! same thread loses nothing; none is atomic between processors, because a slot has one writer.

use crate::layout::Slot;
#[cfg(target_arch = "x86_64")]
use core::arch::asm;
#[cfg(not(target_arch = "x86_64"))]
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The number at `offset` bytes of a slot.
///
/// # Safety
/// A number of a slot is there.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
unsafe fn at(slot: &Slot, offset: usize) -> &AtomicU64 {
    // SAFETY: by the contract.
    unsafe { &*core::ptr::from_ref(slot).cast::<u8>().wrapping_add(offset).cast::<AtomicU64>() }
}

/// Adds to a number of a slot.
///
/// # Safety
/// `OFFSET + index` is the offset of a number in a slot.
#[inline(always)]
pub unsafe fn add_at<const OFFSET: usize>(slot: &Slot, index: usize, amount: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "add qword ptr [{0} + {1} + {2}], {3}",
            in(reg) core::ptr::from_ref(slot), in(reg) index, const OFFSET, in(reg) amount, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by the contract.
    unsafe { at(slot, OFFSET + index) }.fetch_add(amount, Relaxed);
}

/// Adds one.
///
/// # Safety
/// `OFFSET + index` is the offset of a number in a slot.
#[inline(always)]
pub unsafe fn add_one_at<const OFFSET: usize>(slot: &Slot, index: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "add qword ptr [{0} + {1} + {2}], 1",
            in(reg) core::ptr::from_ref(slot), in(reg) index, const OFFSET, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by the contract.
    unsafe { at(slot, OFFSET + index) }.fetch_add(1, Relaxed);
}

/// The same without an index.
///
/// # Safety
/// `OFFSET` is the offset of a number in a slot.
#[inline(always)]
pub unsafe fn add_one_to<const OFFSET: usize>(slot: &Slot) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!("add qword ptr [{0} + {1}], 1", in(reg) core::ptr::from_ref(slot), const OFFSET, options(nostack));
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by the contract.
    unsafe { at(slot, OFFSET) }.fetch_add(1, Relaxed);
}

/// Adds an amount.
///
/// # Safety
/// `OFFSET` is the offset of a number in a slot.
#[inline(always)]
pub unsafe fn add_to<const OFFSET: usize>(slot: &Slot, amount: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "add qword ptr [{0} + {1}], {2}",
            in(reg) core::ptr::from_ref(slot), const OFFSET, in(reg) amount, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by the contract.
    unsafe { at(slot, OFFSET) }.fetch_add(amount, Relaxed);
}

/// Takes an amount away.
///
/// # Safety
/// `OFFSET` is the offset of a number in a slot.
#[inline(always)]
pub unsafe fn subtract_from<const OFFSET: usize>(slot: &Slot, amount: u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "sub qword ptr [{0} + {1}], {2}",
            in(reg) core::ptr::from_ref(slot), const OFFSET, in(reg) amount, options(nostack),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by the contract.
    unsafe { at(slot, OFFSET) }.fetch_sub(amount, Relaxed);
}

/// The same; whether it is below zero now.
///
/// # Safety
/// `OFFSET` is the offset of a number in a slot.
#[inline(always)]
pub unsafe fn exhausts<const OFFSET: usize>(slot: &Slot, amount: u64) -> bool {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a number in a slot, which is valid for writes; other threads only read it.
    unsafe {
        asm!(
            "sub qword ptr [{0} + {1}], {2}", "js {3}",
            in(reg) core::ptr::from_ref(slot), const OFFSET, in(reg) amount,
            label { return true }, options(nostack),
        );
    }
    #[cfg(target_arch = "x86_64")]
    return false;
    #[cfg(not(target_arch = "x86_64"))]
    {
        // SAFETY: by the contract.
        let before = unsafe { at(slot, OFFSET) }.fetch_sub(amount, Relaxed);
        (before.wrapping_sub(amount) as i64) < 0
    }
}

/// Whether one number of a slot is larger than another, both compared where they are.
///
/// # Safety
/// Both are offsets of a number in a slot.
#[inline(always)]
pub unsafe fn exceeds<const OFFSET: usize, const OTHER: usize>(slot: &Slot) -> bool {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: numbers in a slot, which is valid for reads.
    unsafe {
        asm!(
            "mov {1}, qword ptr [{0} + {2}]", "cmp {1}, qword ptr [{0} + {3}]", "jg {4}",
            in(reg) core::ptr::from_ref(slot), out(reg) _, const OFFSET, const OTHER,
            label { return true }, options(nostack, readonly),
        );
    }
    #[cfg(target_arch = "x86_64")]
    return false;
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by the contract.
    unsafe {
        exceeds_by::<OFFSET, OTHER, 1>(slot)
    }
}

/// The same, larger by at least so much.
///
/// # Safety
/// Both are offsets of a number in a slot.
#[inline(always)]
pub unsafe fn exceeds_by<const OFFSET: usize, const OTHER: usize, const BY: i64>(slot: &Slot) -> bool {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: numbers in a slot, which is valid for reads.
    unsafe {
        asm!(
            "mov {1}, qword ptr [{0} + {2}]", "sub {1}, qword ptr [{0} + {3}]", "cmp {1}, {4}", "jge {5}",
            in(reg) core::ptr::from_ref(slot), out(reg) _, const OFFSET, const OTHER, const BY,
            label { return true }, options(nostack, readonly),
        );
    }
    #[cfg(target_arch = "x86_64")]
    return false;
    #[cfg(not(target_arch = "x86_64"))]
    {
        // SAFETY: by the contract.
        let (one, other) = unsafe { (at(slot, OFFSET), at(slot, OTHER)) };
        one.load(Relaxed).wrapping_sub(other.load(Relaxed)) as i64 >= BY
    }
}

/// Adds to the number of a slot that is called `field`.
macro_rules! add {
    ($slot:expr, $field:ident, 1) => {
        // SAFETY: the offset of that number.
        unsafe { $crate::add::add_one_to::<{ core::mem::offset_of!($crate::layout::Slot, $field) }>($slot) }
    };
    ($slot:expr, $field:ident, $amount:expr) => {
        // SAFETY: the offset of that number.
        unsafe { $crate::add::add_to::<{ core::mem::offset_of!($crate::layout::Slot, $field) }>($slot, $amount) }
    };
}

/// Takes from the number of a slot that is called `field`.
macro_rules! subtract {
    ($slot:expr, $field:ident, $amount:expr) => {
        // SAFETY: the offset of that number.
        unsafe { $crate::add::subtract_from::<{ core::mem::offset_of!($crate::layout::Slot, $field) }>($slot, $amount) }
    };
}

/// Adds a call and its bytes to the tally that is `$place` bytes into those called `field`.
macro_rules! tally {
    ($slot:expr, $field:ident, $place:expr, $bytes:expr) => {{
        use $crate::layout::{Slot, Tally};
        const FIRST: usize = core::mem::offset_of!(Slot, $field);
        let place = $place;
        // SAFETY: the offsets of the two numbers of a tally, whose place is that of one of the tallies.
        unsafe { $crate::add::add_one_at::<{ FIRST + core::mem::offset_of!(Tally, calls) }>($slot, place) }
        // SAFETY: as above.
        unsafe { $crate::add::add_at::<{ FIRST + core::mem::offset_of!(Tally, bytes) }>($slot, place, $bytes) }
    }};
}

pub(crate) use {add, subtract, tally};
