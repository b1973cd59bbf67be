//! What an ordinary call finds done: the functions behind, the file, the thread's slot.

use crate::layout::Slot;
use crate::sys::Undisturbed;
use crate::{next, recording, slots, sys, tls};
use core::sync::atomic::Ordering::Acquire;
use interpose::beginning;

/// Does what is missing. Afterwards the functions behind are known, except in a call that the search for them makes;
/// the answer is the calling thread's slot, None where its calls are not counted.
#[cold]
#[inline(never)]
pub fn enter() -> Option<&'static Slot> {
    let in_force = next::NEXT.malloc.get().is_some();
    if in_force && tls::is_settled() {
        return None;
    }
    // A handler that allocates in the middle would begin a second time.
    let _undisturbed = Undisturbed::begin();
    if !beginning::proceed(recording::begin, recording::begin_child) {
        return None;
    }
    take_slot();
    tls::slot()
}

fn take_slot() {
    let Some((header, length)) = recording::current() else { return tls::settle(None) };
    // A vfork child runs in its parent's memory as the parent's thread: that thread takes its slot itself.
    if header.process.load(Acquire) == sys::process() {
        tls::settle(slots::claim(header, length));
    }
}
