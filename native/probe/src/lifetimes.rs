//! How long sampled blocks live, and which thread frees them.
//!
//! A block whose allocation was drawn (`sample`) is remembered until it is freed; then a record of its life is written
//! among the samples. Every free asks whether its block is remembered, and nearly every answer is one look into a
//! filter of 4 KiB: two bytes that the address tells, at a place that it tells too.
//!
//! ```text
//! offset in the file    size
//! 16 MiB + 4096         4096   numbers (`Numbers`)
//! 16 MiB + 8192 + 64 n  64     entry n (`Entry`): the block that is remembered at place n of the filter
//! ```
//!
//! A place holds one block. One that finds its place taken is not remembered, and the places in use at that moment are
//! written down with every block, so that the reader can weigh it by the inverse of the probability that its own was
//! empty. When a quarter of the places is in use, the level rises by one: blocks are remembered up to the level with
//! probability 2^−level, and of those that are remembered each is forgotten unless its rank, drawn when it came, allows
//! it to stay (M. Wegman's adaptive sampling; P. Flajolet, "On adaptive sampling", Computing 43, 1990).
//!
//! ```text
//! empty ──began──▶ in hand ──▶ remembered ──ended, forgotten──▶ in hand ──▶ empty
//!                                   │  ▲
//!                                   └──┴ in hand while a realloc decides whether it stays
//! ```

use crate::layout::{Header, Slot};
use crate::{file, recording, sample, ticks};
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU16, AtomicU64};

const PLACES: usize = 2048;
const ENTRIES_A_PAGE: usize = 4096 / size_of::<Entry>();
/// Places in use from which on fewer blocks are remembered.
const CROWDED: u64 = PLACES as u64 / 4;

const EMPTY: u64 = 0;
const IN_HAND: u64 = 1;

/// Of the record of a life, where a sample has its function.
const LIFE: u64 = 13;

#[repr(C, align(4096))]
struct Filter([AtomicU16; PLACES]);

static FILTER: Filter = Filter([const { AtomicU16::new(NOBODY) }; PLACES]);

/// The mark of an empty place.
const NOBODY: u16 = 1;

/// Which pages of the table were allocated: bit n for page n, the numbers' own being the last.
static PAGES: AtomicU64 = AtomicU64::new(0);

/// What holds for all blocks, at the beginning of the table.
#[repr(C)]
struct Numbers {
    /// A block is in the table with probability 2^−level.
    level: AtomicU64,
    used: AtomicU64,
}

#[repr(C, align(64))]
pub struct Entry {
    /// 0: empty; 1: in hand.
    block: AtomicU64,
    /// As in the record.
    size: AtomicU64,
    /// When it was given out.
    born: AtomicU64,
    /// Bits 0–7 scale of the draw, 8–15 rank, 32–63 thread.
    draw: AtomicU64,
    /// Where the slot of the thread that it was given to is, in the mapping.
    slot: AtomicU64,
    /// Allocations of that slot when it was given out.
    allocations: AtomicU64,
}

impl Entry {
    pub const fn empty() -> Self {
        // SAFETY: numbers throughout, for which zero is a value.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }
}

/// The product of an address whose highest bits, which depend on all bits of it, are a block's place (D. Knuth's
/// multiplicative hashing), and whose lowest 16 are its mark. Blocks are aligned, so that no mark is `NOBODY`.
#[inline(always)]
fn product(block: *mut c_void) -> u32 {
    (block as u32).wrapping_mul(0x9e37_79b1)
}

#[inline(always)]
fn place(block: *mut c_void) -> usize {
    (product(block) >> (u32::BITS - PLACES.ilog2())) as usize
}

/// Whether a block may be one that is remembered: asked of every block that is freed.
#[inline(always)]
pub fn may_be_known(block: *mut c_void) -> bool {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a mark of the filter, whose places are as many as a product tells apart.
    unsafe {
        core::arch::asm!(
            "cmp {0:x}, word ptr [{1} + 2 * {2}]", "je {3}",
            in(reg) product(block), in(reg) FILTER.0.as_ptr(), in(reg) place(block),
            label { return true }, options(nostack, readonly),
        );
    }
    #[cfg(target_arch = "x86_64")]
    return false;
    #[cfg(not(target_arch = "x86_64"))]
    {
        FILTER.0[place(block)].load(Relaxed) == product(block) as u16
    }
}

/// Nothing is remembered: in the child of a fork, whose file is another.
pub fn begin_child() {
    for place in &FILTER.0 {
        place.store(NOBODY, Relaxed);
    }
    PAGES.store(0, Relaxed);
}

/// A block that was drawn at `scale` has been given to this thread.
pub fn began(slot: &Slot, block: *mut c_void, size: usize, scale: u64) {
    let Some((header, length)) = recording::current() else { return };
    let Some(numbers) = numbers(header, length) else { return };
    let rank = u64::from(sample::random(slot).trailing_zeros());
    if block.is_null() || rank < numbers.level.load(Relaxed) {
        return;
    }
    let number = place(block);
    let Some(entry) = entry(header, length, number) else { return };
    let found = entry.block.load(Relaxed);
    // The block itself: freed by a thread that has no slot.
    let is_new = found == EMPTY;
    if !(is_new || found == block as u64) || entry.block.compare_exchange(found, IN_HAND, AcqRel, Relaxed).is_err() {
        return;
    }
    let used = numbers.used.fetch_add(u64::from(is_new), Relaxed);
    fill(entry, slot, core::ptr::from_ref(header) as usize, sample::sized(size, used), scale | rank << 8);
    // Nobody else knows the block yet, so that nobody can ask for it in between.
    entry.block.store(block as u64, Release);
    FILTER.0[number].store(product(block) as u16, Relaxed);
    if used >= CROWDED {
        thin(header, numbers);
    }
}

/// Everything but the block. Also for its cost, on an entry that belongs to nobody.
pub fn fill(entry: &Entry, slot: &Slot, base: usize, size: u64, draw: u64) {
    entry.size.store(size, Relaxed);
    entry.draw.store(draw | slot.thread.load(Relaxed) << 32, Relaxed);
    entry.slot.store((core::ptr::from_ref(slot) as usize).wrapping_sub(base) as u64, Relaxed);
    entry.allocations.store(allocations(slot), Relaxed);
    entry.born.store(ticks::before(), Relaxed);
}

/// The record of a life that ends now, by the thread of `slot`; `of` is the slot of the thread that it was given to.
///
/// ```text
/// 0     bits 0–47 size requested, 48–63 places of the table in use when it was given out
/// 8     ticks it lived
/// 16    bits 0–7 scale of the draw, 8–15 13, 16–31 level, 32–47 1: freed by another thread than it was given to
/// 24    allocations meanwhile of the thread that it was given to
/// ```
pub fn record(entry: &Entry, slot: &Slot, of: &Slot, level: u64) -> [u64; 4] {
    let draw = entry.draw.load(Relaxed);
    let is_own = core::ptr::eq(slot, of) && draw >> 32 == slot.thread.load(Relaxed) & 0xffff_ffff;
    let meanwhile = allocations(of).saturating_sub(entry.allocations.load(Relaxed));
    let lived = ticks::before().saturating_sub(entry.born.load(Relaxed));
    let word = draw & 0xff | LIFE << 8 | level << 16 | u64::from(!is_own) << 32;
    [entry.size.load(Relaxed), lived, word, meanwhile]
}

fn allocations(slot: &Slot) -> u64 {
    slot.classes.iter().map(|class| class.calls.load(Relaxed)).sum()
}

/// A block is about to be freed by this thread.
#[inline(always)]
pub fn ended(slot: &Slot, block: *mut c_void) {
    if let Some(held) = hold(block) {
        held.end(slot);
    }
}

/// A block is about to be freed by a thread that is not counted.
#[inline(always)]
pub fn forget(block: *mut c_void) {
    if let Some(held) = hold(block) {
        held.forget();
    }
}

/// Takes a block in hand that may be freed or stay.
#[inline(always)]
pub fn hold(block: *mut c_void) -> Option<Held> {
    if may_be_known(block) { take(block) } else { None }
}

#[cold]
#[inline(never)]
fn take(block: *mut c_void) -> Option<Held> {
    let (header, length) = recording::current()?;
    let numbers = numbers(header, length)?;
    let number = place(block);
    let entry = entry(header, length, number)?;
    let is_it = entry.block.compare_exchange(block as u64, IN_HAND, AcqRel, Relaxed).is_ok();
    is_it.then_some(Held { header, numbers, entry, number, block })
}

/// A block that is remembered, and in this thread's hand.
pub struct Held {
    header: &'static Header,
    numbers: &'static Numbers,
    entry: &'static Entry,
    number: usize,
    block: *mut c_void,
}

impl Held {
    /// It is or will be freed by this thread.
    pub fn end(self, slot: &Slot) {
        let level = self.numbers.level.load(Relaxed);
        if self.rank() >= level {
            let of = self.entry.slot.load(Relaxed) as usize;
            let of = core::ptr::from_ref(self.header).cast::<u8>().wrapping_add(of).cast::<Slot>();
            // SAFETY: `fill` wrote where a slot of this mapping is, which stays for ever.
            sample::append_between(slot, &record(self.entry, slot, unsafe { &*of }, level));
        }
        self.forget();
    }

    /// It stays where it is.
    pub fn stay(self) {
        self.entry.block.store(self.block as u64, Release);
    }

    fn forget(self) {
        FILTER.0[self.number].store(NOBODY, Relaxed);
        self.numbers.used.fetch_sub(1, Relaxed);
        self.entry.block.store(EMPTY, Release);
    }

    fn rank(&self) -> u64 {
        rank(self.entry)
    }
}

fn rank(entry: &Entry) -> u64 {
    entry.draw.load(Relaxed) >> 8 & 0xff
}

/// Raises the level and forgets the blocks below it. One that is in hand at this moment is left out when it is freed.
fn thin(header: &'static Header, numbers: &'static Numbers) {
    let level = numbers.level.load(Relaxed);
    if numbers.level.compare_exchange(level, level + 1, Relaxed, Relaxed).is_err() {
        return;
    }
    for number in (0..PLACES).filter(|number| is_allocated(number / ENTRIES_A_PAGE)) {
        let entry = entry_at(header, number);
        let block = entry.block.load(Acquire);
        if block <= IN_HAND || rank(entry) > level {
            continue;
        }
        if entry.block.compare_exchange(block, IN_HAND, AcqRel, Relaxed).is_ok() {
            let held = Held { header, numbers, entry, number, block: block as *mut c_void };
            // Another one may have come to the same place meanwhile.
            if held.rank() > level { held.stay() } else { held.forget() }
        }
    }
}

const NUMBERS: usize = PLACES / ENTRIES_A_PAGE;

fn is_allocated(page: usize) -> bool {
    PAGES.load(Relaxed) >> page & 1 != 0
}

fn numbers(header: &'static Header, length: usize) -> Option<&'static Numbers> {
    let place = at(header, 0).cast::<Numbers>();
    // SAFETY: inside the mapping, whose page is allocated and which stays for ever; every bit pattern is a value.
    allocated(place.cast(), NUMBERS, length).then(|| unsafe { &*place })
}

fn entry(header: &'static Header, length: usize, number: usize) -> Option<&'static Entry> {
    let page = number / ENTRIES_A_PAGE;
    allocated(at(header, 4096 * (1 + page)), page, length).then(|| entry_at(header, number))
}

/// Entry `number`, whose page must have been allocated.
fn entry_at(header: &Header, number: usize) -> &'static Entry {
    // SAFETY: inside the mapping, which stays for ever; every bit pattern is an entry.
    unsafe { &*at(header, 4096 + size_of::<Entry>() * number).cast::<Entry>() }
}

fn at(header: &Header, offset: usize) -> *const u8 {
    core::ptr::from_ref(header).cast::<u8>().wrapping_add(file::LIFETIMES + offset)
}

fn allocated(place: *const u8, page: usize, length: usize) -> bool {
    if is_allocated(page) {
        return true;
    }
    let may = length >= file::LENGTH && file::has_page(place.cast_mut().cast(), 4096, length);
    PAGES.fetch_or(u64::from(may) << page, Relaxed);
    may
}
