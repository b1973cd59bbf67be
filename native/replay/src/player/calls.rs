//! The calls themselves, to whatever malloc this process was started with, and the touching of what they give.

use std::ffi::c_void;
use std::ptr::null_mut;

/// Memory is resident by the page: one byte of each is enough.
const PAGE: usize = 4096;

/// A call failed: the program ends here.
pub struct Exhausted {
    pub size: usize,
}

type Block = Result<*mut c_void, Exhausted>;

#[inline]
pub fn malloc(size: usize) -> Block {
    // SAFETY: any size may be asked for.
    given(unsafe { libc::malloc(size) }, size)
}

#[inline]
pub fn calloc(size: usize) -> Block {
    // SAFETY: any size may be asked for.
    given(unsafe { libc::calloc(1, size) }, size)
}

#[inline]
pub fn realloc(block: *mut c_void, size: usize) -> Block {
    // SAFETY: the block came from this malloc, and nobody else uses it.
    given(unsafe { libc::realloc(block, size) }, size)
}

pub fn aligned(alignment: usize, size: usize) -> Block {
    let mut block = null_mut();
    let alignment = alignment.max(size_of::<usize>());
    // SAFETY: `block` can be written; an alignment that is none is an error return.
    let failed = unsafe { libc::posix_memalign(&raw mut block, alignment, size) };
    if failed == 0 { given(block, size) } else { Err(Exhausted { size }) }
}

#[inline]
pub fn free(block: *mut c_void) {
    // SAFETY: the block came from this malloc, is freed once, and nobody uses it.
    unsafe { libc::free(block) };
}

#[inline]
fn given(block: *mut c_void, size: usize) -> Block {
    if block.is_null() && size != 0 { Err(Exhausted { size }) } else { Ok(block) }
}

/// Write to every page of the bytes `from..to` of a block of at least `to` bytes.
#[inline]
pub fn touch(block: *mut c_void, from: usize, to: usize) {
    if block.is_null() || from >= to {
        return;
    }
    let mut at = from;
    while at < to {
        write(block, at);
        at += PAGE;
    }
    write(block, to - 1);
}

#[inline]
fn write(block: *mut c_void, at: usize) {
    let place = block.cast::<u8>().wrapping_add(at);
    // SAFETY: the place lies inside a live block that this thread has just been given.
    unsafe { place.write_volatile(1) };
}
