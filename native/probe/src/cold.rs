//! What an ordinary call finds done: the functions behind, the file, the thread's slot.

use crate::layout::Slot;
use crate::sys::Undisturbed;
use crate::{next, recording, slots, sys, tls};
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};

const UNTOUCHED: usize = 0;
const LOOKING: usize = 1;
const READY: usize = 2;

static STATE: AtomicUsize = AtomicUsize::new(UNTOUCHED);

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
    if !prepare() {
        return None;
    }
    if next::NEXT.malloc.get().is_none() {
        recording::begin_child();
        next::put_in_force();
    }
    take_slot();
    tls::slot()
}

/// Finds the functions behind and begins the file, where nobody has; false in a call that the search makes.
pub fn prepare() -> bool {
    if STATE.compare_exchange(UNTOUCHED, LOOKING, AcqRel, Acquire).is_ok() {
        next::find();
        recording::begin();
        next::put_in_force();
        STATE.store(READY, Release);
    }
    STATE.load(Acquire) == READY
}

fn take_slot() {
    let Some((header, length)) = recording::current() else { return tls::settle(None) };
    // A vfork child runs in its parent's memory as the parent's thread: that thread takes its slot itself.
    if header.process.load(Acquire) == sys::process() {
        tls::settle(slots::claim(header, length));
    }
}

/// Has the next call notice that this is the child of a fork.
pub fn forked() {
    next::empty();
}
