//! The stacks of some sampled allocations, copied as they are and read afterwards.
//!
//! Most programs have no frame pointers, and an unwinder that runs in the middle of any program's malloc would have to read
//! tables, take the loader's lock or trust a broken chain. So the top of the stack goes into the file with three
//! registers, the objects that its words lead into ([`modules`]) and the Python functions of the thread ([`python`]); the
//! reader unwinds. Words that cannot be an address are left out, which it does not need. Every read is checked by the
//! kernel, but for the end of the main stack, which is always there.
//!
//! Which ones: each sampled allocation with probability 1 / 2^k, where k grows by one whenever so much room is used, so
//! that the room never ends, and for as long as the copies took more than their part of the time. Neither depends on the
//! call at hand, so the reader weighs by 2^k.

use crate::checked::BATCH;
use crate::layout::{Function, Header, Slot};
use crate::stack_layout::{Area, MAGIC, MODULES_OF_RECORD, NO_COPY, NO_LOOK_UP, RECORDS_AT, Record, UNKNOWN_PYTHON};
use crate::{budget, checked, file, modules, python, sample, sys, tls};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// Bytes of a stack that are copied at most.
const MOST: usize = 16 << 10;
/// k at first.
const FIRST_RARITY: u64 = 2;
/// The largest k.
const RAREST: u64 = 32;
/// Bytes of records after which k grows by one.
const LEVEL: u64 = 512 << 10;
/// Of the CPU time of a process its stacks may take one part in so many, and of this much time (nanoseconds) in any case.
const PART: u64 = 1000;
const GRACE: u64 = 3_600_000_000;
/// Nanoseconds that one takes at most: what is longer is another program's turn.
const LONGEST: u64 = 1_000_000;
/// Bytes of records for which room is made at once.
const STEP: usize = 64 << 10;
/// Pages that were looked for already, while a stack is looked through.
const PAGES: usize = 64;
const PAGE: u32 = 12;
/// What may be an address of the program's.
const ADDRESSES: core::ops::Range<u64> = 1 << 16..1 << 47;
/// Bytes at the end of the main stack that are one mapping: the kernel keeps others a megabyte away from a stack that grows.
const SURELY_STACK: usize = 64 << 10;
const WORD: usize = size_of::<u64>();
/// The bits of so many words are in one.
const BITS: usize = u64::BITS as usize;

static WANTED: AtomicBool = AtomicBool::new(false);
/// Whether the file has this part; to look at a page that has no room would kill.
static THERE: AtomicBool = AtomicBool::new(false);
/// Where the main thread's stack ends.
static MAIN_STACK: AtomicUsize = AtomicUsize::new(0);

/// At the start of a program.
pub fn wanted() {
    // SAFETY: the name is a C string.
    let end = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__libc_stack_end".as_ptr()) }.cast::<usize>();
    // SAFETY: null, or the loader's word of that name.
    MAIN_STACK.store(unsafe { end.as_ref() }.copied().unwrap_or(0), Relaxed);
    checked::begin();
    modules::find_loader();
    python::find();
    WANTED.store(true, Relaxed);
}

/// Writes down what can be known here, in a file that is begun.
pub fn begin(header: &Header, length: usize) {
    let area = place(header);
    checked::begin();
    let there = WANTED.load(Relaxed)
        && length == file::LENGTH
        && file::has_page(area.cast_mut().cast(), size_of::<Area>(), length);
    THERE.store(there, Relaxed);
    if !there {
        return;
    }
    // SAFETY: inside the mapping, its page just allocated; every bit pattern is an area.
    let area = unsafe { &*area };
    let look_up = if modules::may_be_asked() { 0 } else { NO_LOOK_UP };
    let unknown = if python::is_unknown() { UNKNOWN_PYTHON } else { 0 };
    area.flags.store(look_up | unknown, Relaxed);
    area.python.store(python::version(), Relaxed);
    area.magic.store(MAGIC, Release);
}

fn place(header: &Header) -> *const Area {
    core::ptr::from_ref(header).cast::<u8>().wrapping_add(file::STACKS).cast()
}

/// A sampled call.
pub struct Drawn {
    pub function: Function,
    pub size: usize,
    /// of the probability with which it was drawn, as in its record
    pub scale: u64,
    /// its stack is copied 2 to this power times as seldom as others
    pub rarer: u64,
}

/// Perhaps copies the stack of a sampled allocation of this thread.
pub fn consider(header: &'static Header, slot: &Slot, drawn: &Drawn) {
    if !THERE.load(Relaxed) || !drawn.function.allocates() || checked::is_refused() {
        return;
    }
    // SAFETY: inside the mapping, its page is allocated; every bit pattern is an area.
    let area = unsafe { &*place(header) };
    if area.flags.load(Relaxed) & (NO_LOOK_UP | NO_COPY) != 0 {
        return;
    }
    let usual = (FIRST_RARITY + drawn.rarer + area.used.load(Relaxed) / LEVEL).min(RAREST);
    if !happens(slot, usual) {
        return;
    }
    let overspent = overspent(area);
    if !happens(slot, overspent) {
        return;
    }
    let rarity = usual + overspent;
    let errno = sys::errno();
    // The thread's own clock takes a microsecond, as long as a tenth of this.
    let start = sys::clock(libc::CLOCK_MONOTONIC);
    take(area, slot, drawn, rarity);
    let took = sys::clock(libc::CLOCK_MONOTONIC).saturating_sub(start);
    area.nanoseconds.fetch_add(took.min(LONGEST), Relaxed);
    if checked::is_refused() {
        area.flags.fetch_or(NO_COPY, Relaxed);
    }
    sys::set_errno(errno);
}

/// With probability 1 / 2^k.
fn happens(slot: &Slot, k: u64) -> bool {
    k == 0 || sample::random(slot) >> (64 - k) == 0
}

/// By how much k is larger because the copies took too long: the more, the longer.
fn overspent(area: &Area) -> u64 {
    let allowed = (budget::used() + GRACE) / PART;
    let spent = area.nanoseconds.load(Relaxed);
    if spent <= allowed { 0 } else { (1 + 16 * (spent - allowed) / allowed).min(RAREST) }
}

#[inline(never)]
fn take(area: &'static Area, slot: &Slot, drawn: &Drawn, rarity: u64) {
    let registers = registers();
    let [_, pointer, _] = registers;
    let end = end_of_stack(pointer as usize);
    let there = end.saturating_sub(pointer as usize);
    let wanted = there.min(MOST) / WORD;
    let bits = wanted.div_ceil(BITS);
    let Some(room) = room(area, size_of::<Record>() + (bits + wanted) * WORD) else {
        area.lost.fetch_add(1, Relaxed);
        return;
    };
    // SAFETY: inside the mapping, allocated, this thread's alone; every bit pattern is a record.
    let record = unsafe { &mut *room.record };
    // SAFETY: so many words are behind the record, aligned as it is; every bit pattern is words.
    let behind = unsafe { core::slice::from_raw_parts_mut(room.record.wrapping_add(1).cast::<u64>(), bits + wanted) };
    let count = copy(pointer as usize, end, &mut behind[bits..]);
    record.registers = registers;
    record.size = drawn.size as u64;
    record.read = (count * WORD) as u32;
    record.cut = u8::from(there > count * WORD);
    record.thread = slot.thread.load(Relaxed);
    let named = name_modules(area, record, &behind[bits..bits + count]);
    let (functions, more) = python::functions(area, &mut record.codes);
    record.python_cut = u8::from(more);
    record.what =
        drawn.scale | (drawn.function as u64) << 8 | rarity << 16 | (named as u64) << 32 | (functions as u64) << 48;
    let kept = keep_addresses(behind, bits, count);
    room.give_back(area, size_of::<Record>() + kept * WORD);
    record.complete.store(1, Release);
}

/// Copies the words of a stack from an address up; answers how many could be read.
fn copy(from: usize, end: usize, to: &mut [u64]) -> usize {
    #[cfg(target_arch = "x86_64")]
    if end == MAIN_STACK.load(Relaxed) && end - from <= SURELY_STACK {
        // SAFETY: between an address on the main stack and its end everything is mapped, and nobody takes it away; the target
        // is as long. What this very function keeps there may change meanwhile, as for any other reader.
        unsafe {
            core::arch::asm!(
                "rep movsq", inout("rcx") to.len() => _, inout("rsi") from => _, inout("rdi") to.as_mut_ptr() => _,
                options(nostack, preserves_flags),
            );
        }
        return to.len();
    }
    // SAFETY: the target is so long.
    unsafe { checked::copy(from, to.as_mut_ptr().cast(), to.len() * WORD) / WORD }
}

/// Of so many words, which begin somewhere behind the bits for all of them, moves those together that may be an address,
/// right behind the bits; answers how many words both are.
fn keep_addresses(behind: &mut [u64], first: usize, count: usize) -> usize {
    let mut end = count.div_ceil(BITS);
    behind[..end].fill(0);
    for index in 0..count {
        let word = behind[first + index];
        let keep = ADDRESSES.contains(&word);
        behind[end] = word;
        end += usize::from(keep);
        behind[index / BITS] |= u64::from(keep) << (index % BITS);
    }
    end
}

/// Room for a record, this thread's alone.
struct Room {
    record: *mut Record,
    /// offset among the records
    at: usize,
    size: usize,
}

/// None where the area is full.
fn room(area: &Area, size: usize) -> Option<Room> {
    let size = size.next_multiple_of(ALIGNMENT);
    let at = area.used.fetch_add(size as u64, Relaxed) as usize;
    if RECORDS_AT + at + size > file::LENGTH - file::STACKS {
        return None;
    }
    let records = core::ptr::from_ref(area).cast::<u8>().cast_mut().wrapping_add(RECORDS_AT);
    let there = area.there.load(Acquire) as usize;
    if at + size > there {
        // From the last page that is known to be there, because others may not have come to theirs yet.
        let end = (at + size).next_multiple_of(STEP).min(file::LENGTH - file::STACKS - RECORDS_AT);
        if !file::has_page(records.wrapping_add(there).cast(), end - there, file::LENGTH) {
            return None;
        }
        area.there.fetch_max(end as u64, Release);
    }
    let record = records.wrapping_add(at).cast::<Record>();
    // SAFETY: inside the mapping, allocated above, this thread's alone by the addition; every bit pattern is a record.
    let begun = unsafe { &*record };
    // What another record gave back is not empty.
    begun.complete.store(0, Relaxed);
    begun.bytes.store(size as u64, Release);
    Some(Room { record, at, size })
}

const ALIGNMENT: usize = 16;

impl Room {
    /// Leaves what a record does not need to the next one, unless that has begun.
    fn give_back(&self, area: &Area, needed: usize) {
        let needed = needed.next_multiple_of(ALIGNMENT);
        if needed == self.size {
            return;
        }
        // SAFETY: still this thread's alone.
        let record = unsafe { &*self.record };
        // SAFETY: a word in the room that is given back, aligned as it is.
        let next = unsafe { &*self.record.wrapping_byte_add(needed).cast::<AtomicU64>() };
        // Should the thread be killed in between, the reader finds the end of the records here.
        next.store(0, Relaxed);
        record.bytes.store(needed as u64, Release);
        let (end, new) = ((self.at + self.size) as u64, (self.at + needed) as u64);
        if area.used.compare_exchange(end, new, Release, Relaxed).is_err() {
            record.bytes.store(self.size as u64, Release);
        }
    }
}

/// Names the loaded objects that the instruction pointer and the words lead into.
fn name_modules(area: &'static Area, record: &mut Record, words: &[u64]) -> usize {
    let mut seen = [modules::Object::default(); BATCH];
    let mut pages = [0; PAGES];
    let (mut count, mut named) = (0, 0);
    for word in record.registers[..1].iter().chain(words) {
        let own_stack = word.wrapping_sub(record.registers[1]) < MOST as u64;
        if own_stack || !ADDRESSES.contains(word) {
            continue;
        }
        // Objects are whole pages, and most words lead to a few of them or to data of the program that lie close together.
        let page = word >> PAGE;
        if core::mem::replace(&mut pages[page as usize % PAGES], page) == page
            || seen[..count].iter().any(|object| (object.start..object.end).contains(word))
        {
            continue;
        }
        let Some(object) = modules::object_of(*word) else { continue };
        seen[count] = object;
        count += 1;
        if count == BATCH {
            named += modules::numbers(area, &seen, &mut record.modules[named..]);
            count = 0;
            if named + BATCH > MODULES_OF_RECORD {
                break;
            }
        }
    }
    named + modules::numbers(area, &seen[..count], &mut record.modules[named..])
}

/// Where the stack that this address is on ends, as far as can be told: a thread's own data lie at the end of its stack.
fn end_of_stack(pointer: usize) -> usize {
    let main = MAIN_STACK.load(Relaxed);
    let thread = tls::thread_pointer();
    match (pointer < main, pointer < thread) {
        (true, true) => main.min(thread),
        (true, false) => main,
        (false, true) => thread,
        (false, false) => pointer + MOST,
    }
}

/// Instruction pointer, stack pointer and frame pointer, here.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn registers() -> [u64; 3] {
    let (ip, sp, fp): (u64, u64, u64);
    // SAFETY: reads registers.
    unsafe {
        core::arch::asm!(
            "lea {0}, [rip]", "mov {1}, rsp", "mov {2}, rbp",
            out(reg) ip, out(reg) sp, out(reg) fp, options(nomem, nostack, preserves_flags),
        );
    }
    [ip, sp, fp]
}

/// Instruction pointer, stack pointer and frame pointer, here.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn registers() -> [u64; 3] {
    let (ip, sp, fp): (u64, u64, u64);
    // SAFETY: reads registers.
    unsafe {
        core::arch::asm!(
            "adr {0}, .", "mov {1}, sp", "mov {2}, x29",
            out(reg) ip, out(reg) sp, out(reg) fp, options(nomem, nostack, preserves_flags),
        );
    }
    [ip, sp, fp]
}
