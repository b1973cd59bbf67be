//! The malloc family but malloc and free (`quick`): each member calls the one behind it, and counts.
//!
//! Nothing is asked for that the program did not ask for, and nothing is answered that the function behind did not.

use crate::layout::{Function, Slot};
use crate::next::{Functions, NEXT};
use crate::quick::{NATURAL, free, malloc};
use crate::{boot, cold, count, lifetimes, recording, sample, size, sys, tls};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

/// This thread's slot where it has one or can get one.
#[inline(always)]
pub fn slot() -> Option<&'static Slot> {
    match (tls::slot(), NEXT.malloc.get()) {
        (Some(slot), Some(_)) => Some(slot),
        _ => cold::enter(),
    }
}

/// A call of something behind the probe that may call the malloc family itself; answers as `sample::around` does.
#[inline(always)]
fn alone<T>(slot: &'static Slot, function: Function, size: usize, call: impl FnOnce() -> T) -> (T, Option<u64>) {
    let drawn = count::is_drawn(slot, size);
    tls::pause();
    let answer = if drawn { sample::around(slot, function, size, call) } else { (call(), None) };
    tls::resume(slot);
    answer
}

#[cold]
#[inline(never)]
fn refuse() -> *mut c_void {
    sys::set_errno(libc::ENOMEM);
    null_mut()
}

/// A call behind the probe that gives out a block, counted.
#[inline(always)]
fn given(function: Function, size: usize, call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let Some(slot) = slot() else { return call() };
    sample::without_look(slot);
    let (block, drawn) = alone(slot, function, size, call);
    size::untold(slot);
    count::allocated_by(slot, function, block, size);
    if let Some(scale) = drawn {
        lifetimes::began(slot, block, size, scale);
    }
    block
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    // Where the product does not fit the call fails, and no size is counted.
    given(Function::Calloc, count.wrapping_mul(size), || match NEXT.calloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(count, size) },
        None => boot::allocate(NATURAL, count.saturating_mul(size)),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    given(Function::Memalign, size, || match NEXT.memalign.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(alignment, size) },
        None => refuse(),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    given(Function::AlignedAlloc, size, || match NEXT.aligned_alloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(alignment, size) },
        None => refuse(),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    given(Function::Valloc, size, || match NEXT.valloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(size) },
        None => refuse(),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    given(Function::Pvalloc, size, || match NEXT.pvalloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(size) },
        None => refuse(),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    let mut error = libc::ENOMEM;
    given(Function::PosixMemalign, size, || {
        if let Some(next) = NEXT.posix_memalign.get() {
            // SAFETY: the caller's call, passed on.
            error = unsafe { next(place, alignment, size) };
        }
        // SAFETY: where the call succeeded the place holds the block.
        if error == 0 { unsafe { *place } } else { null_mut() }
    });
    error
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    resize(Function::Realloc, block, size, || match NEXT.realloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(block, size) },
        None => move_out(block, size),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    let Some(total) = count.checked_mul(size) else { return refuse() };
    resize(Function::Reallocarray, block, total, || match (NEXT.reallocarray.get(), NEXT.realloc.get()) {
        // SAFETY: the caller's call, passed on.
        (Some(next), _) => unsafe { next(block, count, size) },
        // SAFETY: as for reallocarray.
        (None, Some(next)) => unsafe { next(block, total) },
        (None, None) => move_out(block, total),
    })
}

#[inline(always)]
fn resize(function: Function, block: *mut c_void, size: usize, next: impl FnOnce() -> *mut c_void) -> *mut c_void {
    if boot::holds(block) {
        return move_out(block, size);
    }
    if block.is_null() {
        return given(function, size, next);
    }
    let Some(slot) = slot() else {
        lifetimes::forget(block);
        return next();
    };
    let before = sample::first_look(slot, || size::usable(block));
    size::untold(slot);
    // Afterwards its address may already be another thread's.
    let held = lifetimes::hold(block);
    let (after, drawn) = alone(slot, function, size, next);
    count::reallocated(slot, function, block, before, after, size);
    let stays = after == block || after.is_null() && size != 0;
    match held {
        Some(held) if stays => held.stay(),
        Some(held) => held.end(slot),
        None => {}
    }
    if let Some(scale) = drawn.filter(|_| !stays) {
        lifetimes::began(slot, after, size, scale);
    }
    after
}

/// A realloc of a block that was given out before there was an allocator, or while there still is none.
#[cold]
#[inline(never)]
fn move_out(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    let to = unsafe { malloc(size) };
    if boot::holds(block) && !to.is_null() {
        // SAFETY: both blocks are at least so long, and they are two.
        unsafe { core::ptr::copy_nonoverlapping(block.cast::<u8>(), to.cast(), boot::size(block).min(size)) };
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    if boot::holds(block) {
        return boot::size(block);
    }
    let Some(next) = NEXT.usable_size.get().or_else(|| behind().usable_size.get()) else { return 0 };
    // SAFETY: the caller's call, passed on.
    let size = unsafe { next(block) };
    if let Some(slot) = tls::slot() {
        size::told(slot, block, size);
    }
    size
}

/// One of the functions that only free; `next` is None where nobody behind has it, and `free` does the same.
#[inline(always)]
fn release(function: Function, block: *mut c_void, next: Option<impl FnOnce()>) {
    if block.is_null() || boot::holds(block) {
        return;
    }
    let slot = slot();
    if let Some(slot) = slot {
        count::called(slot, function, 0);
    }
    let Some(next) = next else {
        // SAFETY: a live block, by the contract of all of them.
        return unsafe { free(block) };
    };
    let Some(slot) = slot else {
        lifetimes::forget(block);
        return next();
    };
    let size = sample::first_look(slot, || size::usable(block));
    size::untold(slot);
    if count::freeing(slot, size) {
        recording::publish(slot);
    }
    lifetimes::ended(slot, block);
    alone(slot, function, size as usize, next);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: the caller's call, passed on.
    release(Function::Cfree, block, behind().cfree.get().map(|next| move || unsafe { next(block) }));
}

/// C23.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_sized(block: *mut c_void, size: usize) {
    // SAFETY: the caller's call, passed on.
    release(Function::FreeSized, block, behind().free_sized.get().map(|next| move || unsafe { next(block, size) }));
}

/// C23.
#[unsafe(no_mangle)]
unsafe extern "C" fn free_aligned_sized(block: *mut c_void, alignment: usize, size: usize) {
    let next = behind().free_aligned_sized.get();
    // SAFETY: the caller's call, passed on.
    release(Function::FreeAlignedSized, block, next.map(|next| move || unsafe { next(block, alignment, size) }));
}

/// The functions behind, found where nobody has called anything before.
#[inline(always)]
fn behind() -> &'static Functions {
    slot();
    &NEXT
}
