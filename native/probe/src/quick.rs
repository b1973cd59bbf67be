//! Malloc and free, which nearly every call is one of: on glibc's malloc they go their way in some thirty instructions, and
//! whatever is rare lies behind calls at the very end, so that this way saves no registers. Both begin where a line of the
//! processor's caches does: three lines hold each, four where they lie badly, which made a call a fifth dearer.

use crate::layout::{Function, Slot};
use crate::next::NEXT;
use crate::{boot, cold, count, family, large, lifetimes, recording, sample, size, tls};
use core::ffi::c_void;
use core::ptr::null_mut;

/// The alignment of every block (`max_align_t`).
pub const NATURAL: usize = 16;

// A section is aligned as the strictest of what is in it.
core::arch::global_asm!(
    ".pushsection .text.probe_malloc, \"ax\", @progbits",
    ".p2align 6",
    ".popsection",
    ".pushsection .text.probe_free, \"ax\", @progbits",
    ".p2align 6",
    ".popsection",
);

#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.probe_malloc")]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    let Some(slot) = tls::slot() else { return malloc_first(size) };
    let Some(next) = NEXT.quick_malloc.get() else { return malloc_of_others(slot, size) };
    if count::is_drawn(slot, size) {
        return malloc_drawn(slot, size);
    }
    // SAFETY: the caller's call, passed on.
    let block = unsafe { next(size) };
    // Read anew, which is less than saving it.
    // SAFETY: a thread that had a slot has one; who takes it away for a while gives it back.
    let slot = unsafe { tls::slot().unwrap_unchecked() };
    if block.is_null() {
        count::failed(slot);
        return block;
    }
    count::allocated(slot, size, size::in_front(block));
    block
}

/// On an allocator that has to be asked for sizes.
#[inline(never)]
fn malloc_of_others(slot: &Slot, size: usize) -> *mut c_void {
    let Some(next) = NEXT.malloc.get() else { return malloc_first(size) };
    if count::is_drawn(slot, size) {
        return malloc_drawn(slot, size);
    }
    // SAFETY: any size may be asked for.
    let block = unsafe { next(size) };
    // SAFETY: as for malloc.
    let slot = unsafe { tls::slot().unwrap_unchecked() };
    if block.is_null() {
        count::failed(slot);
        return block;
    }
    // Where the thread's first call was another function's.
    size::check(block);
    size::untold(slot);
    count::allocated(slot, size, size::given(size, block));
    block
}

/// When something has to be done first.
#[cold]
#[inline(never)]
fn malloc_first(size: usize) -> *mut c_void {
    let slot = cold::enter();
    let Some(next) = NEXT.malloc.get() else { return boot::allocate(NATURAL, size) };
    // SAFETY: any size may be asked for.
    let block = unsafe { next(size) };
    if let Some(slot) = slot {
        size::check(block);
        count::allocated_by(slot, Function::Malloc, block, size);
    }
    block
}

#[cold]
#[inline(never)]
fn malloc_drawn(slot: &Slot, size: usize) -> *mut c_void {
    sample::without_look(slot);
    let (block, drawn) = sample::around(slot, Function::Malloc, size, move || match NEXT.malloc.get() {
        // SAFETY: any size may be asked for.
        Some(next) => unsafe { next(size) },
        None => null_mut(),
    });
    size::untold(slot);
    size::confirm(size, block);
    count::allocated_by(slot, Function::Malloc, block, size);
    if let Some(scale) = drawn {
        lifetimes::began(slot, block, size, scale);
    }
    block
}

/// As for malloc.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".text.probe_free")]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    let Some(slot) = tls::slot() else { return free_first(block) };
    let Some(next) = NEXT.quick_free.get() else { return free_of_others(slot, block) };
    if sample::is_near(slot) {
        return free_near_sample(slot, block);
    }
    let size = size::in_front(block);
    if size > size::NOT_MERGED {
        return free_beyond_fast_bins(slot, block, size);
    }
    if count::freeing(slot, size) || lifetimes::may_be_known(block) {
        return free_noted(slot, block, size as usize);
    }
    if count::is_small_drawn(slot, size as usize) {
        return free_rarely(slot, block, size as usize);
    }
    // SAFETY: the caller's call, passed on.
    unsafe { next(block) }
}

/// On an allocator that has to be asked for sizes.
#[inline(never)]
fn free_of_others(slot: &'static Slot, block: *mut c_void) {
    let Some(next) = NEXT.free.get() else { return free_first(block) };
    if boot::holds(block) {
        return;
    }
    if sample::is_near(slot) {
        return free_near_sample(slot, block);
    }
    let size = size::told_or_asked(slot, block);
    size::untold(slot);
    if count::freeing(slot, size) || lifetimes::may_be_known(block) {
        return free_noted(slot, block, size as usize);
    }
    if count::is_drawn(slot, size as usize) {
        return free_rarely(slot, block, size as usize);
    }
    // SAFETY: the caller's call, passed on.
    unsafe { next(block) }
}

/// When something has to be done first, or the thread is not counted.
#[cold]
#[inline(never)]
fn free_first(block: *mut c_void) {
    if boot::holds(block) {
        return;
    }
    if let Some(slot) = family::slot() {
        return free_of(slot, block, size::usable(block));
    }
    let Some(next) = NEXT.free.get() else { return };
    lifetimes::forget(block);
    // SAFETY: the caller's call, passed on.
    unsafe { next(block) }
}

#[cold]
#[inline(never)]
fn free_near_sample(slot: &'static Slot, block: *mut c_void) {
    if !boot::holds(block) {
        size::untold(slot);
        let size = sample::first_look(slot, || size::usable(block));
        if is_merging(slot, block, size) {
            return free_merging(slot, block, size);
        }
        free_of(slot, block, size);
    }
}

/// Near a sample as anywhere: which calls are drawn by themselves must not depend on what is drawn.
fn is_merging(slot: &Slot, block: *mut c_void, size: i64) -> bool {
    let middle = size > size::NOT_MERGED && (size as usize) < large::LEAST;
    middle && NEXT.quick_free.get().is_some() && size::may_merge_much(block, size) && large::may_be_put_off(slot)
}

/// A small block whose return may make the allocator tidy up.
#[cold]
#[inline(never)]
fn free_merging(slot: &Slot, block: *mut c_void, size: i64) {
    if count::freeing(slot, size) {
        recording::publish(slot);
    }
    lifetimes::ended(slot, block);
    let Some(next) = NEXT.free.get() else { return };
    // SAFETY: the caller's call, passed on.
    sample::around_merging(slot, size as usize, move || unsafe { next(block) });
}

/// A block of more than the smallest sizes, which may be merged. Among them are all that were given out before there was an
/// allocator (`boot`).
#[inline(never)]
fn free_beyond_fast_bins(slot: &Slot, block: *mut c_void, size: i64) {
    if size as usize >= large::LEAST && boot::holds(block) {
        return;
    }
    if is_merging(slot, block, size) {
        return free_merging(slot, block, size);
    }
    free_of(slot, block, size);
}

/// Any block of this size, not counted yet.
#[inline(always)]
fn free_of(slot: &Slot, block: *mut c_void, size: i64) {
    if count::freeing(slot, size) || lifetimes::may_be_known(block) {
        return free_noted(slot, block, size as usize);
    }
    if count::is_drawn(slot, size as usize) {
        return free_rarely(slot, block, size as usize);
    }
    if let Some(next) = NEXT.free.get() {
        // SAFETY: the caller's call, passed on.
        unsafe { next(block) }
    }
}

/// A block that has been counted, where live bytes have to be published, or its life may have to be written down.
#[cold]
#[inline(never)]
fn free_noted(slot: &Slot, block: *mut c_void, size: usize) {
    recording::publish(slot);
    lifetimes::ended(slot, block);
    // The answer is asked for again.
    count::is_drawn(slot, size);
    free_rarely(slot, block, size);
}

/// A block that has been counted; the call may have been drawn.
#[cold]
#[inline(never)]
fn free_rarely(slot: &Slot, block: *mut c_void, size: usize) {
    let Some(next) = NEXT.free.get() else { return };
    if count::is_due(slot, size) {
        // SAFETY: the caller's call, passed on.
        sample::around(slot, Function::Free, size, move || unsafe { next(block) });
    } else {
        // SAFETY: the caller's call, passed on.
        unsafe { next(block) }
    }
}
