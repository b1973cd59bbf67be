//! What has to be there before any call can go on: at the first call of a process, and at the first after a fork.

use crate::next;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Release};

const UNTOUCHED: usize = 0;
const LOOKING: usize = 1;
const READY: usize = 2;

static STATE: AtomicUsize = AtomicUsize::new(UNTOUCHED);

/// Finds the functions behind and has the file begun, where nobody has; false in a call that the search makes.
pub fn prepare(begin: fn()) -> bool {
    if STATE.compare_exchange(UNTOUCHED, LOOKING, AcqRel, Acquire).is_ok() {
        next::find();
        begin();
        next::put_in_force();
        STATE.store(READY, Release);
    }
    STATE.load(Acquire) == READY
}

/// The same, and in the child of a fork has a file of its own begun.
pub fn proceed(begin: fn(), begin_child: fn()) -> bool {
    if !prepare(begin) {
        return false;
    }
    if next::NEXT.malloc.get().is_none() {
        begin_child();
        next::put_in_force();
    }
    true
}
