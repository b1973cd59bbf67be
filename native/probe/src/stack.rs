//! The stacks of some sampled allocations, copied as they are and read afterwards.
//!
//! Most programs have no frame pointers, and an unwinder that runs in the middle of any program's malloc would have to read
//! tables, take the loader's lock or trust a broken chain. So the top of the stack goes into the file with three
//! registers, the objects that its words lead into ([`modules`]) and the Python functions of the thread ([`python`]); the
//! reader unwinds. Every read is checked by the kernel.
//!
//! Which ones: each sampled allocation with probability 1 / 2^k, where k grows by one whenever so much room is used, so
//! that the room never ends, and for as long as the copies took more than their part of the time. Neither depends on the
//! call at hand, so the reader weighs by 2^k.

use crate::checked::BATCH;
use crate::layout::{Function, Header, Slot};
use crate::stack_layout::{Area, MAGIC, MODULES_OF_RECORD, NO_COPY, NO_LOOK_UP, RECORDS_AT, Record, UNKNOWN_PYTHON};
use crate::{budget, checked, file, modules, python, sample, sys, tls};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicUsize};

/// Bytes of a stack that are copied at most.
const MOST: usize = 16 << 10;
/// k at first.
const FIRST_RARITY: u64 = 2;
/// The largest k.
const RAREST: u64 = 32;
/// Bytes of records after which k grows by one.
const LEVEL: u64 = 1 << 20;
/// Of the CPU time of a process its stacks may take one part in so many, and of this much time (nanoseconds) in any case.
const PART: u64 = 600;
const GRACE: u64 = 3_600_000_000;
/// Bytes of records for which room is made at once.
const STEP: usize = 64 << 10;
/// Pages that are known to be no object's, while a stack is looked through.
const ELSEWHERE: usize = 32;
const PAGE: u32 = 12;
/// Words that do not lead into the program's own mappings, but are numbers.
const LOWEST_ADDRESS: u64 = 1 << 16;

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
    let start = sys::clock(libc::CLOCK_THREAD_CPUTIME_ID);
    take(area, slot, drawn, rarity);
    let took = sys::clock(libc::CLOCK_THREAD_CPUTIME_ID).saturating_sub(start);
    area.nanoseconds.fetch_add(took, Relaxed);
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
    let there = end_of_stack(pointer as usize).saturating_sub(pointer as usize);
    let wanted = there.min(MOST);
    let Some(record) = room(area, size_of::<Record>() + wanted) else {
        area.lost.fetch_add(1, Relaxed);
        return;
    };
    let stack = record.wrapping_add(1).cast::<u8>();
    // SAFETY: inside the mapping, allocated, this thread's alone; every bit pattern is a record.
    let record = unsafe { &mut *record };
    // SAFETY: the room behind the record is so long.
    let copied = unsafe { checked::copy(pointer as usize, stack, wanted) } & !7;
    // SAFETY: the words just written, in a mapping that is aligned and stays.
    let words = unsafe { core::slice::from_raw_parts(stack.cast::<u64>(), copied / 8) };
    record.registers = registers;
    record.size = drawn.size as u64;
    record.copied = copied as u32;
    record.cut = u8::from(there > copied);
    record.thread = slot.thread.load(Relaxed);
    let named = name_modules(area, record, words);
    let (functions, more) = python::functions(area, &mut record.codes);
    record.python_cut = u8::from(more);
    record.what =
        drawn.scale | (drawn.function as u64) << 8 | rarity << 16 | (named as u64) << 32 | (functions as u64) << 48;
    record.complete.store(1, Release);
}

/// Room for a record, this thread's alone; none where the area is full.
fn room(area: &Area, size: usize) -> Option<*mut Record> {
    let size = size.next_multiple_of(16);
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
    let record = records.wrapping_add(at);
    let record = record.cast::<Record>();
    // SAFETY: inside the mapping, allocated above, this thread's alone by the addition; every bit pattern is a record.
    unsafe { &*record }.bytes.store(size as u64, Release);
    Some(record)
}

/// Names the loaded objects that the instruction pointer and the words lead into.
fn name_modules(area: &'static Area, record: &mut Record, words: &[u64]) -> usize {
    let mut seen = [modules::Object::default(); BATCH];
    let mut elsewhere = [0; ELSEWHERE];
    let (mut count, mut named) = (0, 0);
    for word in record.registers[..1].iter().chain(words) {
        let own_stack = word.wrapping_sub(record.registers[1]) < MOST as u64;
        let address = (LOWEST_ADDRESS..1 << 47).contains(word) && !own_stack;
        if !address || seen[..count].iter().any(|object| (object.start..object.end).contains(word)) {
            continue;
        }
        // Objects are whole pages, and most words lead to data of the program that lie close together.
        let page = word >> PAGE;
        let known = &mut elsewhere[page as usize % ELSEWHERE];
        if *known == page {
            continue;
        }
        let Some(object) = modules::object_of(*word) else {
            *known = page;
            continue;
        };
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
