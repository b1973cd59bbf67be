//! The probe: preloaded in front of any allocator, it counts what the program asks of malloc.
//!
//! ```text
//! LD_PRELOAD=probe.so:mimalloc.so      the probe first; behind it whatever serves the program
//! HEAPSWAP_PROBE=/dev/shm/x            the private folder that every process writes one file into
//! HEAPSWAP_PROBE_LIVE=off              no live bytes
//! HEAPSWAP_PROBE_SAMPLES=off           no call is timed
//! HEAPSWAP_PROBE_STACKS=on             of some timed allocations the stack is copied
//! ```
//!
//! How a call goes:
//!
//! ```text
//! malloc ─▶ this thread's slot known, next malloc known? ──yes──▶ next malloc, then a few additions into the slot
//!                       │ no
//!                       ▼
//!            cold::enter: first call of the process  → find the functions behind, create the file
//!                         first call after a fork    → a file of the child's own
//!                         first call of a thread     → a slot
//! ```
//!
//! A few calls, drawn at random, are timed on the way ([`sample`]), the blocks they give out are followed to their end
//! ([`lifetimes`]), and of some the stack is copied ([`stack`]). [`layout`] describes the file; [`slots`] who owns a slot, and how one is taken over from a thread that has ended;
//! [`next`] how a fork is noticed. The program must never notice any of it: no lock, no allocation, no thread, no
//! shared atomic on the way of an ordinary call, no descriptor left open, `errno` and signals untouched, and on any
//! failure the calls go on uncounted, which the file or its absence says.
#![no_std]

mod add;
mod budget;
mod calibrate;
mod checked;
mod cold;
mod count;
mod crowd;
mod family;
mod file;
mod follow;
mod large;
mod layout;
mod lifetimes;
mod modules;
mod python;
mod quick;
mod recording;
mod sample;
mod size;
mod slots;
mod stack;
mod stack_layout;
mod ticks;
mod tls;
mod usage;

use interpose::{beginning, boot, next, objects, sys};

// A library that does not name the C library binds its oldest symbol versions.
#[link(name = "c")]
unsafe extern "C" {}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = start;

#[used]
#[unsafe(link_section = ".fini_array")]
static AT_END: extern "C" fn() = end;

/// A program that never allocates has a file too: it tells that nothing was asked for. The main thread gets its slot with
/// its first call.
extern "C" fn start() {
    beginning::prepare(recording::begin);
    recording::watch_forks();
}

extern "C" fn end() {
    recording::finish();
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: abort has no precondition.
    unsafe { libc::abort() }
}
