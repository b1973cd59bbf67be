//! The file of this process: begun at its start, begun anew in the child of a fork.

use crate::layout::{ENDED, Header, INHERITED_EXACTLY, LIVE_COUNTED, MAGIC, PATH, QUANTUM, Slot, VERSION};
use crate::{
    boot, budget, calibrate, file, follow, large, lifetimes, next, objects, sample, size, slots, stack, sys, ticks,
};
use core::ffi::c_void;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicUsize};
use interpose::path::Folder;
use interpose::surroundings::{environment, read_file, read_link};

/// Null: nothing is recorded.
static HEADER: AtomicPtr<Header> = AtomicPtr::new(null_mut());
/// Bytes of the mapping that may be used.
static LENGTH: AtomicUsize = AtomicUsize::new(0);

static FOLDER: Folder = Folder::none();

/// What the process that forks had live, for its child; meaningful while `SNAPSHOT_TAKEN`.
static SNAPSHOT: AtomicI64 = AtomicI64::new(0);
static SNAPSHOT_TAKEN: AtomicBool = AtomicBool::new(false);

/// The file of this process, and how much of it may be used.
pub fn current() -> Option<(&'static Header, usize)> {
    let header = HEADER.load(Acquire);
    // SAFETY: what it points to is mapped for ever.
    (!header.is_null()).then(|| (unsafe { &*header }, LENGTH.load(Relaxed)))
}

/// At the start of a program, once the functions behind are known.
pub fn begin() {
    objects::find_library();
    if environment(c"HEAPSWAP_PROBE_LIVE") == Some(c"off") || !objects::sizes_are_mallocs() {
        next::without_live_bytes();
    } else if objects::malloc_is_glibcs() {
        size::trust_glibc();
    } else {
        size::learn_classes();
    }
    if environment(c"HEAPSWAP_PROBE_SAMPLES") == Some(c"off") {
        sample::without_samples();
    }
    if environment(c"HEAPSWAP_PROBE_STACKS") == Some(c"on") {
        stack::wanted();
        next::forget_errors();
    }
    let Some(folder) = environment(c"HEAPSWAP_PROBE").filter(|folder| !folder.is_empty()) else { return };
    // SAFETY: once, before there is a second thread that could begin.
    if !unsafe { FOLDER.keep(folder.to_bytes()) } {
        return;
    }
    open(&Birth { forks: 0, inherited: 0, exact: true }, null_mut());
}

/// In the child of a fork: a file of its own in the place of its parent's, so that slots stay where they are mapped.
pub fn begin_child() {
    let Some((parent, _)) = current() else { return };
    let known = SNAPSHOT_TAKEN.swap(false, Relaxed);
    let birth = Birth {
        forks: parent.forks.load(Relaxed) + 1,
        // Without a fork handler the parent may have gone on meanwhile.
        inherited: if known { SNAPSHOT.load(Relaxed) } else { parent.inherited.load(Relaxed) + slots::live(parent) },
        exact: known && parent.slots.load(Relaxed) <= 1,
    };
    let place = core::ptr::from_ref(parent).cast_mut();
    HEADER.store(null_mut(), Release);
    lifetimes::begin_child();
    open(&birth, place.cast());
    if HEADER.load(Relaxed).is_null() {
        parent.children_refused.fetch_add(1, Relaxed);
        file::abandon(place.cast());
    }
}

struct Birth {
    forks: u64,
    inherited: i64,
    exact: bool,
}

fn open(birth: &Birth, place: *mut c_void) {
    let Some(mapping) = file::create(FOLDER.name(), birth.forks, place) else { return };
    let header: *mut Header = mapping.address.cast();
    // SAFETY: the file is new and this process its only writer, with this thread alone until the pointer is stored.
    describe(unsafe { &mut *header }, birth);
    budget::begin();
    large::begin();
    follow::begin();
    // SAFETY: as above.
    stack::begin(unsafe { &*header }, mapping.length);
    LENGTH.store(mapping.length, Relaxed);
    HEADER.store(header, Release);
}

fn describe(header: &mut Header, birth: &Birth) {
    let exact = if birth.exact { INHERITED_EXACTLY } else { 0 };
    let counted = if next::counts_live_bytes() { LIVE_COUNTED } else { 0 };
    header.version.store(VERSION, Relaxed);
    header.process.store(sys::process(), Relaxed);
    header.parent.store(sys::parent(), Relaxed);
    header.forks.store(birth.forks, Relaxed);
    header.flags.store(exact | counted, Relaxed);
    header.begun_epoch.store(sys::clock(libc::CLOCK_REALTIME), Relaxed);
    header.begun.store(sys::clock(libc::CLOCK_MONOTONIC), Relaxed);
    header.begun_ticks.store(ticks::before(), Relaxed);
    header.begun_cpu.store(sys::clock(libc::CLOCK_PROCESS_CPUTIME_ID), Relaxed);
    header.quantum.store(QUANTUM as u64, Relaxed);
    header.live.store(birth.inherited, Relaxed);
    header.peak.store(birth.inherited, Relaxed);
    header.inherited.store(birth.inherited, Relaxed);
    header.boot.store(boot::used() as u64, Relaxed);
    read_link(c"/proc/self/exe", &mut header.program);
    if let Some(name) = objects::library() {
        let length = name.len().min(PATH - 1);
        header.library[..length].copy_from_slice(&name[..length]);
    }
    read_file(c"/proc/self/cmdline", &mut header.arguments);
    calibrate::measure(header);
    note(header);
    // Last: a file without it is not yet one.
    header.magic.store(MAGIC, Release);
}

/// Writes down how long the process has lived and worked.
pub fn note(header: &Header) {
    header.noted.store(sys::clock(libc::CLOCK_MONOTONIC), Relaxed);
    header.noted_ticks.store(ticks::before(), Relaxed);
    header.noted_cpu.store(sys::clock(libc::CLOCK_PROCESS_CPUTIME_ID), Relaxed);
}

/// The program ends in an orderly way.
pub fn finish() {
    // A child that never allocated has no file: what is mapped there is its parent's.
    if next::NEXT.malloc.get().is_none() {
        return;
    }
    if let Some((header, _)) = current() {
        note(header);
        header.flags.fetch_or(ENDED, Relaxed);
    }
}

/// Adds what this thread's live bytes have changed by to the process's, and raises the peak.
#[cold]
#[inline(never)]
pub fn publish(slot: &Slot) {
    let Some((header, _)) = current() else { return };
    let before = slot.published.load(Relaxed);
    let high = slot.high.load(Relaxed).max(before);
    let now = slot.live.load(Relaxed);
    // A signal handler that published meanwhile has done it.
    if slot.published.compare_exchange(before, now, Relaxed, Relaxed).is_err() {
        return;
    }
    slot.high.store(now, Relaxed);
    let others = header.live.fetch_add(now - before, Relaxed);
    header.peak.fetch_max(others + (high - before), Relaxed);
}

/// Has the fork handlers called, which know the moment of a fork better than the child's first call.
pub fn watch_forks() {
    next::empty_in_children();
    // SAFETY: the handlers live as long as this library, which is preloaded and never leaves.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(in_child)) };
}

extern "C" fn before_fork() {
    // A child that has not allocated yet passes on what it inherited itself.
    if next::NEXT.malloc.get().is_none() {
        return;
    }
    if let Some((header, _)) = current() {
        SNAPSHOT.store(header.inherited.load(Relaxed) + slots::live(header), Relaxed);
        SNAPSHOT_TAKEN.store(true, Relaxed);
    }
}

extern "C" fn after_fork() {
    if next::NEXT.malloc.get().is_some() {
        SNAPSHOT_TAKEN.store(false, Relaxed);
    }
}

/// Where the kernel is too old to empty the page of functions.
extern "C" fn in_child() {
    if let Some((header, _)) = current()
        && header.process.load(Relaxed) != sys::process()
    {
        next::empty();
    }
}
