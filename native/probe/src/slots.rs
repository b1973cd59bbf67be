//! Who owns which slot of the file.
//!
//! ```text
//! never used ──a thread's first call──▶ owned ──the thread is gone, another one's first call──▶ owned by that one
//! ```
//!
//! Nobody gives a slot back: a destructor of thread-specific data would run before the destructors of others, which
//! still allocate. Instead a new thread looks for a slot whose thread the kernel no longer knows, first one at its own
//! address (the C library gives the memory of an ended thread to the next one), and adds to what it finds there.

use crate::layout::{Header, Slot};
use crate::{crowd, file, sys, tls};
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// A slot for the calling thread; None where there is no room, which the header counts. `length` is the mapping's.
pub fn claim(header: &'static Header, length: usize) -> Option<&'static Slot> {
    let owner = tls::word() as u64;
    let thread = sys::thread();
    header.threads.fetch_add(1, Relaxed);
    let used = header.slots.load(Acquire) as usize;
    let mut slot = take_over(header, used, thread, |slot| slot.owner.load(Relaxed) == owner);
    // To ask the kernel about every slot pays where the table has doubled since the last time.
    if slot.is_none() && (used.is_power_of_two() || used == capacity(length)) {
        slot = take_over(header, used, thread, |_| true);
    }
    if slot.is_none() {
        slot = fresh(header, length, thread);
    }
    match slot {
        Some(slot) => {
            // What was known of the last thread's CPU time.
            slot.switches.store(0, Relaxed);
            slot.owner.store(owner, Release);
        }
        None => {
            header.threads_refused.fetch_add(1, Relaxed);
        }
    }
    slot
}

/// Live bytes of all slots.
pub fn live(header: &Header) -> i64 {
    used(header).map(|slot| slot.live.load(Relaxed)).sum()
}

/// All slots that were ever given out.
pub fn used(header: &Header) -> impl Iterator<Item = &'static Slot> {
    (0..header.slots.load(Acquire) as usize).map(|index| slot(header, index))
}

fn capacity(length: usize) -> usize {
    (length.min(file::SAMPLES) - size_of::<Header>()) / size_of::<Slot>()
}

/// Slot number `index`, whose page must have been allocated.
fn slot(header: &Header, index: usize) -> &'static Slot {
    // SAFETY: inside the mapping, which starts with the header and stays for ever; every bit pattern is a slot.
    unsafe { &*place(header, index) }
}

fn place(header: &Header, index: usize) -> *const Slot {
    core::ptr::from_ref(header).wrapping_add(1).cast::<Slot>().wrapping_add(index)
}

fn take_over(header: &Header, used: usize, thread: u64, may: impl Fn(&Slot) -> bool) -> Option<&'static Slot> {
    let process = header.process.load(Relaxed);
    (0..used).map(|index| slot(header, index)).find(|slot| {
        let last = slot.thread.load(Acquire);
        // 0: it is being given out at this moment.
        may(slot)
            && last != 0
            && sys::is_gone(process, last)
            && slot.thread.compare_exchange(last, thread, Acquire, Relaxed).is_ok()
    })
}

fn fresh(header: &'static Header, length: usize, thread: u64) -> Option<&'static Slot> {
    let mut index = header.slots.load(Acquire);
    loop {
        if index as usize >= capacity(length) {
            return None;
        }
        let place = place(header, index as usize);
        // Before it counts as used: whoever reads a page that has no room is killed, too.
        if !file::has_page(place.cast_mut().cast(), size_of::<Slot>(), length) {
            return None;
        }
        match header.slots.compare_exchange(index, index + 1, Release, Acquire) {
            Ok(_) => break,
            Err(found) => index = found,
        }
    }
    let slot = slot(header, index as usize);
    slot.thread.store(thread, Release);
    crowd::joined(header);
    Some(slot)
}
