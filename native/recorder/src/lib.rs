//! The recorder: preloaded in front of any allocator, it writes down every call of a program to the malloc family.
//!
//! ```text
//! LD_PRELOAD=recorder.so:mimalloc.so   the recorder first; behind it whatever serves the program
//! HEAPSWAP_TRACE=/dev/shm/x            the private folder where the collector waits
//! ```
//!
//! How a call goes:
//!
//! ```text
//! malloc ─▶ this thread's stream known, next malloc known? ──yes──▶ next malloc, then a record into the stream's segment
//!                       │ no
//!                       ▼
//!            cold::enter: first call of the process  → find the functions behind, begin the file
//!                         first call after a fork    → a file of the child's own
//!                         first call of a thread     → a stream
//!                         call of a signal handler that came in the middle of a record → a second stream
//! ```
//!
//! A free is written before the call, as its block may be another thread's after it; an allocation after the call. The
//! program must never notice any of it: no lock, no allocation, no thread, no descriptor left open, `errno` and signals
//! untouched. Where there is no room, or the limit of the trace is reached, recording is over for the whole tree and
//! the calls go on.
#![no_std]

mod cold;
mod control;
mod family;
mod fork;
mod ring;
mod segments;
mod shims;
mod streams;
mod thread;

// A library that does not name the C library binds its oldest symbol versions.
#[link(name = "c")]
unsafe extern "C" {}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = start;

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_END: extern "C" fn() = end;

/// A program that never allocates has a file too: it tells that nothing was asked for.
extern "C" fn start() {
    interpose::beginning::prepare(cold::begin);
    cold::watch_forks();
}

extern "C" fn end() {
    ring::finish();
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: abort has no precondition.
    unsafe { libc::abort() }
}
