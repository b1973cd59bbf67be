//! What the two words of a thread are here: where its slot is, and whether that is settled.

use crate::layout::Slot;
use interpose::tls::{get, second};
pub use interpose::tls::{thread_pointer, word};

/// This thread's slot, once it has one.
#[inline(always)]
pub fn slot() -> Option<&'static Slot> {
    // SAFETY: 0, or what `write` stored; what a slot was mapped for stays mapped for ever.
    unsafe { (get() as *const Slot).as_ref() }
}

/// Whether this thread has been given a slot, or was found to have none: nothing needs to be done about it.
pub fn is_settled() -> bool {
    // SAFETY: the second word is this thread's own and always valid.
    unsafe { second().read() != 0 }
}

/// Gives this thread its slot, or none, for good.
pub fn settle(slot: Option<&'static Slot>) {
    write(slot);
    // SAFETY: the second word is this thread's own and always valid.
    unsafe { second().write(1) };
}

/// This thread's calls are not counted from now on, until it is given its slot again: what is called behind the probe
/// may call the malloc family itself, and that is not the program's doing.
#[inline(always)]
pub fn pause() {
    write(None);
}

#[inline(always)]
pub fn resume(slot: &'static Slot) {
    write(Some(slot));
}

#[inline(always)]
fn write(slot: Option<&'static Slot>) {
    // SAFETY: the word is this thread's own and always valid.
    unsafe { word().write(slot.map_or(0, |slot| core::ptr::from_ref(slot) as usize)) };
}
