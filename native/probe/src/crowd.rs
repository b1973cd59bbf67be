//! How many threads are at it: what waiting for a lock is compared with.
//!
//! Now and then a sampled call looks at all slots: those whose countdown has moved since the last look belong to threads
//! that called meanwhile. Their number holds until the next look, and the CPU time that the process takes meanwhile is
//! booked under it. A thread that takes a slot nobody had is counted at once; one that takes an ended thread's is counted
//! with the next look, as the ended one may still be.
//!
//! ```text
//! offset in the file    size
//! 16 MiB                8      threads that called between the last two looks, 0 before the second
//! 16 MiB + 8            8      nanoseconds of the monotonic clock at the last look
//! 16 MiB + 16           8      nanoseconds of CPU of the process then
//! 16 MiB + 24           128    nanoseconds of CPU of the process, while so many threads called: 1, 2, 3–4, 5–8, …
//! ```

use crate::layout::{Header, Slot};
use crate::{file, slots, sys};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Nanoseconds from one look to the next, at least: threads that share a processor take turns of a few milliseconds.
/// And so many more for each slot, as a look takes longer.
const BETWEEN: u64 = 20_000_000;
const A_SLOT: u64 = 10_000;
const GROUPS: usize = 16;

#[repr(C)]
struct Crowd {
    threads: AtomicU64,
    looked: AtomicU64,
    cpu: AtomicU64,
    booked: [AtomicU64; GROUPS],
}

/// How many threads are at it, the calling one included; 0 where that is not known.
pub fn threads(header: &'static Header, length: usize, own: &Slot) -> u64 {
    if length < file::LENGTH {
        return 0;
    }
    if header.crowd.load(Relaxed) == 0 {
        if !file::has_page(place(header).cast_mut().cast(), size_of::<Crowd>(), length) {
            return 0;
        }
        header.crowd.store(1, Release);
    }
    let crowd = there(header);
    let now = sys::clock(libc::CLOCK_MONOTONIC_COARSE);
    let before = crowd.looked.load(Relaxed);
    let enough = BETWEEN + A_SLOT * header.slots.load(Relaxed);
    if now.saturating_sub(before) >= enough && crowd.looked.compare_exchange(before, now, Relaxed, Relaxed).is_ok() {
        look(crowd, header, own);
    }
    crowd.threads.load(Relaxed)
}

/// One more is at it, from its first call on: waits of the others would else be those of fewer threads until the next
/// look.
#[cold]
pub fn joined(header: &'static Header) {
    if header.crowd.load(Acquire) != 0 {
        let crowd = there(header);
        let before = crowd.threads.load(Relaxed);
        if before > 0 {
            book(crowd, before + 1);
        }
    }
}

fn place(header: &'static Header) -> *const u8 {
    core::ptr::from_ref(header).cast::<u8>().wrapping_add(file::CROWD)
}

/// The page, which `header.crowd` says was allocated.
fn there(header: &'static Header) -> &'static Crowd {
    // SAFETY: inside the mapping, which stays for ever; every bit pattern is a value.
    unsafe { &*place(header).cast::<Crowd>() }
}

fn look(crowd: &Crowd, header: &Header, own: &Slot) {
    let others = slots::used(header).filter(|slot| !core::ptr::eq(*slot, own) && has_called(slot)).count();
    book(crowd, 1 + others as u64);
}

/// So many are at it from now on; what the process has worked until now belongs to those before.
fn book(crowd: &Crowd, threads: u64) {
    let cpu = sys::clock(libc::CLOCK_PROCESS_CPUTIME_ID);
    let before = crowd.cpu.swap(cpu, Relaxed);
    let earlier = crowd.threads.swap(threads, Relaxed);
    if earlier > 0 {
        crowd.booked[group(earlier)].fetch_add(cpu.saturating_sub(before), Relaxed);
    }
}

/// Since it was asked last.
fn has_called(slot: &Slot) -> bool {
    let now = slot.countdown.load(Relaxed) as u64;
    slot.looked_at.swap(now, Relaxed) != now
}

/// 1, 2, 3–4, 5–8, …
fn group(threads: u64) -> usize {
    (threads.next_power_of_two().trailing_zeros() as usize).min(GROUPS - 1)
}
