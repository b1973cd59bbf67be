//! What an ordinary call finds done: the functions behind, the file, the thread's stream.

use crate::streams::Stream;
use crate::{fork, ring, streams, thread};
use core::sync::atomic::Ordering::{Acquire, Relaxed};
use interpose::sys::{self, Undisturbed};
use interpose::{beginning, next};
use trace_format::encode::Encoder;

/// Does what is missing. Afterwards the functions behind are known, except in a call that the search for them makes;
/// the answer is the calling thread's stream, None where its calls are not recorded, or not there (`interrupted`).
#[cold]
#[inline(never)]
pub fn enter() -> Option<&'static Stream> {
    let in_force = next::NEXT.malloc.get().is_some();
    if in_force && (thread::is_off() || thread::interrupted().is_some()) {
        return None;
    }
    // A handler that allocates in the middle would begin a second time.
    let _undisturbed = Undisturbed::begin();
    if !beginning::proceed(begin, ring::begin_child) {
        return None;
    }
    take_stream();
    thread::stream()
}

pub fn begin() {
    fork::find();
    ring::begin();
}

fn take_stream() {
    let Some(header) = ring::current() else { return thread::off() };
    // A vfork child runs in its parent's memory as the parent's thread: that thread takes its stream itself.
    if header.process.load(Acquire) != sys::process() {
        return;
    }
    thread::busy();
    match streams::claim() {
        Some(stream) if stream.begin() => thread::settle(stream),
        _ => thread::off(),
    }
}

/// Writes a record that may have come in the middle of another one.
#[cold]
#[inline(never)]
pub fn record_nested(write: impl Fn(&mut Encoder, u64) -> bool) {
    let Some(stream) = thread::interrupted() else { return };
    // Nothing comes in the middle of this one.
    let _undisturbed = Undisturbed::begin();
    let _ = stream.nested().is_some_and(|nested| nested.begin() && nested.put(write));
}

/// Has the next call notice that this is the child of a fork: where the kernel is too old to empty the page of functions.
extern "C" fn in_child() {
    if let Some(header) = ring::current()
        && header.process.load(Relaxed) != sys::process()
    {
        next::empty();
    }
}

pub fn watch_forks() {
    next::empty_in_children();
    // SAFETY: the handler lives as long as this library, which is preloaded and never leaves.
    unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
}
