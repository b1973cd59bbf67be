//! Keeps an allocator to the process it was asked for: preloaded first by `heapswap run --only`.
//!
//! heapswap starts the program with the candidate's environment and three private kinds of entry:
//!
//! ```text
//! LD_PRELOAD=scope.so:mimalloc.so:/user/own.so    what the loader has to see
//! MIMALLOC_PURGE_DELAY=0                          what the allocator has to see
//! HEAPSWAP_WAS_LD_PRELOAD=/user/own.so            the user's own value; no entry: the user had none
//! HEAPSWAP_SCOPE=4711 LD_PRELOAD MIMALLOC_PURGE_DELAY     the process, and every variable that was changed
//! ```
//!
//! The constructor runs after the allocator has read its knobs and puts `environ` back to the user's own values, so
//! that a child gets what it would get without heapswap, however it is started. Two things still have to see the
//! candidate:
//!
//! - the same process after another exec, because `#!/usr/bin/env python3` and shell shims exec the real program:
//!   the exec family merges the candidate in again ([`exec`]);
//! - what the program itself reads from its environment late, as Python does PYTHONMALLOC: [`lookup`].
//!
//! No lock, no panic, nothing taken from the heap: the copies live in a mapping of their own.
//!
//! Where the same process goes on by `execl`, `execlp`, `execle` (variadic: not to be written in stable Rust) or by a
//! raw system call, the next program runs without the candidate: never with more than was asked for.

#![no_std]

mod exec;
mod lookup;
mod next;
mod scope;
mod text;

use core::hint::black_box;

// A library that does not name the C library binds its oldest symbol versions.
#[link(name = "c")]
unsafe extern "C" {}

#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = start;

/// Runs once, before `main` and after the constructors of the libraries preloaded behind this one.
extern "C" fn start() {
    // SAFETY: an ordinary allocation; an allocator that reads its knobs at first use reads them now.
    let block = black_box(unsafe { libc::malloc(1) });
    // SAFETY: `block` came from malloc, or is null.
    unsafe { libc::free(block) };
    lookup::resolve();
    exec::resolve();
    scope::enter();
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: abort has no preconditions.
    unsafe { libc::abort() }
}
