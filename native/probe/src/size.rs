//! How large a block is for its allocator: what goes into live bytes.
//!
//! `malloc_usable_size` knows. For glibc's malloc on x86-64 the same number stands in front of the block, where it has
//! stood since glibc 2: the size of the chunk, with flags in the three lowest bits. Reading it there saves a call that
//! also reads what stands behind the block, a part of memory that the program may not be using. It is done only where the
//! malloc behind the probe is glibc's own, and compared with `malloc_usable_size` at the first call of every thread:
//! one difference, and the function is asked from then on.
//!
//! Of other allocators it has to be asked, which costs some nanoseconds a time. Two times can be saved: jemalloc and
//! tcmalloc say what they will give for a size (`nallocx`), and a program that has just asked itself was given the answer.

use crate::layout::Slot;
use crate::next::{self, NEXT};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicU16, Ordering::Relaxed};
use interpose::objects;

/// In the size of a chunk: it has a mapping of its own.
const MAPPED: usize = 2;
const FLAGS: usize = 7;
/// In the size of a chunk: the chunk before it is no free one.
const BEFORE_IN_USE: usize = 1;
/// Bytes up to which a freed block goes into a fast bin, where nothing is merged.
pub const NOT_MERGED: i64 = 120;
const MUCH: usize = 64 << 10;
const WORD: usize = size_of::<usize>();

/// What a block holds, bytes; 0 where live bytes are not counted.
#[inline(always)]
pub fn usable(block: *mut c_void) -> i64 {
    if NEXT.quick_malloc.get().is_some() { in_front(block) } else { asked(block) }
}

/// The size in front of a block of glibc's malloc. For one with a mapping of its own, 128 KiB or more, it is a word too
/// much, when it is given out and when it is given back.
#[inline(always)]
pub fn in_front(block: *mut c_void) -> i64 {
    ((chunk(block) & !FLAGS) - WORD) as i64
}

#[inline(always)]
fn chunk(block: *mut c_void) -> usize {
    let front = block.cast::<usize>().wrapping_sub(1);
    // SAFETY: a live block of glibc's malloc, which keeps the size of the chunk there.
    unsafe { front.read() }
}

/// Whether glibc, given back this block, may merge it into a free piece of 64 KiB or more, whereupon it puts all its fast
/// bins in order. Such a piece stands before the block, which its size tells, or behind it; what is behind may also be in
/// use. For blocks of more than `NOT_MERGED` bytes.
#[inline(always)]
pub fn may_merge_much(block: *mut c_void, usable: i64) -> bool {
    let words = block.cast::<usize>();
    let before = words.wrapping_sub(2);
    // SAFETY: behind a live block that shares a heap there is another chunk, at least what is left of the heap, and its
    // size is where this block ends.
    let behind = unsafe { words.wrapping_byte_add(usable as usize).read() };
    // SAFETY: a free chunk before this one has its size where it ends.
    behind >= MUCH || chunk(block) & BEFORE_IN_USE == 0 && unsafe { before.read() } >= MUCH
}

/// What `malloc_usable_size` says.
#[inline(always)]
pub fn asked(block: *mut c_void) -> i64 {
    match NEXT.usable_counted.get() {
        // SAFETY: a live block of the allocator that this function belongs to.
        Some(size) => unsafe { size(block) as i64 },
        None => 0,
    }
}

/// Whether the size may be looked for in front of a block at all: decided once, and taken back for ever.
static POSSIBLE: AtomicBool = AtomicBool::new(false);

/// The malloc behind the probe is glibc's own.
pub fn trust_glibc() {
    POSSIBLE.store(cfg!(target_arch = "x86_64"), Relaxed);
}

/// Compares both ways on a live block, where it is not known yet that only one is right.
#[inline(always)]
pub fn check(block: *mut c_void) {
    if POSSIBLE.load(Relaxed) {
        compare(block);
    }
}

#[cold]
#[inline(never)]
fn compare(block: *mut c_void) {
    if block.is_null() || NEXT.usable_counted.get().is_none() {
        return;
    }
    if chunk(block) & MAPPED == 0 && asked(block) != in_front(block) {
        POSSIBLE.store(false, Relaxed);
    }
    next::read_sizes_in_front(POSSIBLE.load(Relaxed));
}

/// What the allocator gives for so many bytes, one entry for every eighth; 0: it has to be asked.
static CLASSES: [AtomicU16; LARGEST / 8 + 1] = [const { AtomicU16::new(0) }; LARGEST / 8 + 1];
const LARGEST: usize = 1024;

/// Fills in what it gives, where it says so beforehand.
pub fn learn_classes() {
    let found = objects::beside_malloc(c"nallocx");
    if found.is_null() {
        return;
    }
    // SAFETY: jemalloc's function of that name, which others copy together with its type.
    let nallocx = unsafe { core::mem::transmute::<*mut c_void, unsafe extern "C" fn(usize, c_int) -> usize>(found) };
    for (eighth, class) in CLASSES.iter().enumerate() {
        // Nothing is given as much as one byte is.
        // SAFETY: any size but 0 may be asked about.
        let given = unsafe { nallocx((8 * eighth).max(1), 0) };
        class.store(u16::try_from(given).unwrap_or(0), Relaxed);
    }
}

/// What a block holds that malloc has given out for this size, at most `LARGEST`.
#[inline(always)]
pub fn given(size: usize, block: *mut c_void) -> i64 {
    match CLASSES[size.div_ceil(8)].load(Relaxed) {
        0 => asked(block),
        known => i64::from(known),
    }
}

/// Compares both ways, of a sampled call; one difference, and no class is known any longer.
pub fn confirm(size: usize, block: *mut c_void) {
    if size <= LARGEST && !block.is_null() && given(size, block) != asked(block) {
        for class in &CLASSES {
            class.store(0, Relaxed);
        }
    }
}

/// The program has asked for the size of a block itself: one word, because a signal handler may come in between.
#[inline(always)]
pub fn told(slot: &Slot, block: *mut c_void, size: usize) {
    let word = if size >> (u64::BITS - ADDRESS) == 0 { block as u64 | (size as u64) << ADDRESS } else { 0 };
    slot.told.store(word, Relaxed);
}

/// Bits of an address.
const ADDRESS: u32 = 48;

/// Nothing is known of the block that the program asked for last: its address may be given out again.
#[inline(always)]
pub fn untold(slot: &Slot) {
    slot.told.store(0, Relaxed);
}

/// What a block holds that is about to be freed, where nothing was asked of the allocator since the program asked for
/// its size.
#[inline(always)]
pub fn told_or_asked(slot: &Slot, block: *mut c_void) -> i64 {
    let word = slot.told.load(Relaxed);
    if word << (u64::BITS - ADDRESS) == (block as u64) << (u64::BITS - ADDRESS) && counts_live_bytes() {
        (word >> ADDRESS) as i64
    } else {
        asked(block)
    }
}

#[inline(always)]
fn counts_live_bytes() -> bool {
    NEXT.usable_counted.get().is_some()
}
