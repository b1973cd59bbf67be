//! The malloc family, whole: each member calls the one behind it, and writes that down.
//!
//! Nothing is asked for that the program did not ask for, and nothing is answered that the function behind did not.

use crate::streams::Stream;
use crate::{cold, thread};
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use interpose::next::{Functions, NEXT};
use interpose::{boot, sys};
use trace_format::encode::{Common, Encoder};
use trace_format::event::Function;

/// The alignment of every block (`max_align_t`).
const NATURAL: usize = 16;

pub unsafe extern "C" fn malloc(size: usize, caller: usize) -> *mut c_void {
    let (Some(stream), Some(next)) = (thread::stream(), NEXT.malloc.get()) else { return malloc_first(size, caller) };
    // SAFETY: the caller's call, passed on.
    let block = unsafe { next(size) };
    if block.is_null() {
        failed(Some(stream), Function::Malloc, size);
        return block;
    }
    stream.record(|encoder, epoch| encoder.allocate(Common::Malloc, block as u64, size as u64, caller as u64, epoch));
    block
}

#[cold]
#[inline(never)]
fn malloc_first(size: usize, caller: usize) -> *mut c_void {
    given(&Asked { function: Function::Malloc, size, alignment: 0, caller }, || match NEXT.malloc.get() {
        // SAFETY: any size may be asked for.
        Some(next) => unsafe { next(size) },
        None => boot::allocate(NATURAL, size),
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    if block.is_null() {
        return;
    }
    let (Some(stream), Some(next)) = (thread::stream(), NEXT.free.get()) else { return free_first(block) };
    if boot::holds(block) {
        return;
    }
    stream.record(|encoder, epoch| encoder.free(block as u64, epoch));
    // SAFETY: the caller's call, passed on.
    unsafe { next(block) }
}

#[cold]
#[inline(never)]
fn free_first(block: *mut c_void) {
    if boot::holds(block) {
        return;
    }
    let stream = stream();
    let Some(next) = NEXT.free.get() else { return };
    record(stream, |encoder, epoch| encoder.free(block as u64, epoch));
    // SAFETY: the caller's call, passed on.
    unsafe { next(block) }
}

/// This thread's stream where it has one or can get one.
#[inline(always)]
fn stream() -> Option<&'static Stream> {
    match (thread::stream(), NEXT.malloc.get()) {
        (Some(stream), Some(_)) => Some(stream),
        _ => cold::enter(),
    }
}

/// Writes a record to the stream of this thread, or to the one for what comes in the middle of a record.
#[inline(always)]
fn record(stream: Option<&'static Stream>, write: impl Fn(&mut Encoder, u64) -> bool) {
    match stream {
        Some(stream) => stream.record(write),
        None => cold::record_nested(write),
    }
}

/// What a call asked for.
struct Asked {
    function: Function,
    size: usize,
    /// 0 where the function takes none.
    alignment: usize,
    caller: usize,
}

#[cold]
#[inline(never)]
fn failed(stream: Option<&'static Stream>, function: Function, size: usize) {
    record(stream, |encoder, epoch| encoder.failed(function, size as u64, epoch));
}

/// A call behind the recorder that gives out a block, written down.
#[inline(always)]
fn given(asked: &Asked, call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let stream = stream();
    let block = call();
    if NEXT.malloc.get().is_some() && !boot::holds(block) {
        written(stream, asked, block);
    }
    block
}

#[inline(always)]
fn written(stream: Option<&'static Stream>, asked: &Asked, block: *mut c_void) {
    let Asked { function, size, alignment, caller } = *asked;
    let (place, size, alignment, caller) = (block as u64, size as u64, alignment as u64, caller as u64);
    if block.is_null() {
        return failed(stream, function, size as usize);
    }
    record(stream, |encoder, epoch| match function {
        Function::Malloc => encoder.allocate(Common::Malloc, place, size, caller, epoch),
        Function::Calloc => encoder.allocate(Common::Calloc, place, size, caller, epoch),
        _ => encoder.allocate_otherwise(function, place, size, alignment, caller, epoch),
    });
}

/// The same for functions that may be made of other members of the family: those inner calls are not the program's.
#[inline(always)]
fn given_alone(asked: &Asked, call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let stream = stream();
    let block = alone(stream, call);
    written(stream, asked, block);
    block
}

/// Where the thread is in the middle of a record, it is left so: its calls go to where nested ones go.
#[inline(always)]
fn alone<T>(stream: Option<&'static Stream>, call: impl FnOnce() -> T) -> T {
    let Some(stream) = stream else { return call() };
    thread::off();
    let answer = call();
    thread::resume(stream);
    answer
}

#[cold]
#[inline(never)]
fn refuse() -> *mut c_void {
    sys::set_errno(libc::ENOMEM);
    null_mut()
}

pub unsafe extern "C" fn calloc(count: usize, size: usize, caller: usize) -> *mut c_void {
    // Where the product does not fit the call fails.
    let total = count.saturating_mul(size);
    given(&Asked { function: Function::Calloc, size: total, alignment: 0, caller }, || match NEXT.calloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(count, size) },
        None => boot::allocate(NATURAL, total),
    })
}

pub unsafe extern "C" fn memalign(alignment: usize, size: usize, caller: usize) -> *mut c_void {
    given_alone(&Asked { function: Function::Memalign, size, alignment, caller }, || match NEXT.memalign.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(alignment, size) },
        None => refuse(),
    })
}

pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize, caller: usize) -> *mut c_void {
    let asked = Asked { function: Function::AlignedAlloc, size, alignment, caller };
    given_alone(&asked, || match NEXT.aligned_alloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(alignment, size) },
        None => refuse(),
    })
}

pub unsafe extern "C" fn valloc(size: usize, caller: usize) -> *mut c_void {
    given_alone(&Asked { function: Function::Valloc, size, alignment: 0, caller }, || match NEXT.valloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(size) },
        None => refuse(),
    })
}

pub unsafe extern "C" fn pvalloc(size: usize, caller: usize) -> *mut c_void {
    given_alone(&Asked { function: Function::Pvalloc, size, alignment: 0, caller }, || match NEXT.pvalloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(size) },
        None => refuse(),
    })
}

pub unsafe extern "C" fn posix_memalign(
    place: *mut *mut c_void,
    alignment: usize,
    size: usize,
    caller: usize,
) -> c_int {
    let mut error = libc::ENOMEM;
    given_alone(&Asked { function: Function::PosixMemalign, size, alignment, caller }, || {
        if let Some(next) = NEXT.posix_memalign.get() {
            // SAFETY: the caller's call, passed on.
            error = unsafe { next(place, alignment, size) };
        }
        // SAFETY: where the call succeeded the place holds the block.
        if error == 0 { unsafe { *place } } else { null_mut() }
    });
    error
}

pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize, caller: usize) -> *mut c_void {
    let asked = Asked { function: Function::Realloc, size, alignment: 0, caller };
    resize(&asked, block, || match NEXT.realloc.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(block, size) },
        None => move_out(block, size),
    })
}

pub unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize, caller: usize) -> *mut c_void {
    let Some(total) = count.checked_mul(size) else { return refuse() };
    let asked = Asked { function: Function::Reallocarray, size: total, alignment: 0, caller };
    resize(&asked, block, || {
        alone(thread::stream(), || match (NEXT.reallocarray.get(), NEXT.realloc.get()) {
            // SAFETY: the caller's call, passed on.
            (Some(next), _) => unsafe { next(block, count, size) },
            // SAFETY: as for reallocarray.
            (None, Some(next)) => unsafe { next(block, total) },
            (None, None) => move_out(block, total),
        })
    })
}

#[inline(always)]
fn resize(asked: &Asked, block: *mut c_void, next: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let Asked { function, size, caller, .. } = *asked;
    if boot::holds(block) {
        return move_out(block, size);
    }
    if block.is_null() {
        return given(asked, next);
    }
    let from = block as u64;
    let stream = stream();
    if size == 0 {
        // Some allocators free the block and answer null, others give out another one.
        record(stream, |encoder, epoch| encoder.free_otherwise(function, from, epoch));
        let after = next();
        if !after.is_null() {
            written(thread_after(stream), asked, after);
        }
        return after;
    }
    record(stream, |encoder, epoch| encoder.realloc_from(from, epoch));
    let after = next();
    record(thread_after(stream), |encoder, epoch| {
        if after.is_null() {
            encoder.realloc_failed(from, size as u64, epoch)
        } else {
            encoder.allocate(Common::ReallocTo, after as u64, size as u64, caller as u64, epoch)
        }
    });
    after
}

/// The stream for a second record of the same call: the first may have found that recording is over.
#[inline(always)]
fn thread_after(stream: Option<&'static Stream>) -> Option<&'static Stream> {
    stream.and(thread::stream())
}

/// A realloc of a block that was given out before there was an allocator, or while there still is none.
#[cold]
#[inline(never)]
fn move_out(block: *mut c_void, size: usize) -> *mut c_void {
    let to = malloc_first(size, 0);
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
    let _ = stream();
    match NEXT.usable_size.get() {
        // SAFETY: the caller's call, passed on.
        Some(next) => unsafe { next(block) },
        None => 0,
    }
}

/// One of the functions that only free; `next` is None where nobody behind has it, and `free` does the same.
#[inline(always)]
fn release(function: Function, block: *mut c_void, next: Option<impl FnOnce()>) {
    if block.is_null() || boot::holds(block) {
        return;
    }
    let stream = stream();
    record(stream, |encoder, epoch| encoder.free_otherwise(function, block as u64, epoch));
    let stream = thread_after(stream);
    match (next, NEXT.free.get()) {
        (Some(next), _) => alone(stream, next),
        // SAFETY: a live block, by the contract of all of them.
        (None, Some(free)) => alone(stream, || unsafe { free(block) }),
        (None, None) => {}
    }
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
    stream();
    &NEXT
}
