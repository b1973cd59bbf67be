//! An allocator as a heap of its own, beside whatever `malloc` the process has. Exactly one Cargo feature chooses it.
//!
//! Such a library is loaded late and privately (`dlopen`, `RTLD_LOCAL`). It exports no name of the malloc family, so no
//! block of the program reaches it by accident: `entry` is what Python calls, `numpy` what NumPy calls, and `backend`
//! the chosen allocator behind a few functions.
#![no_std]

#[macro_use]
#[path = "../../allocators/src/at_most_one.rs"]
mod at_most_one;

at_most_one!("jemalloc", "mimalloc", "mimalloc-secure", "snmalloc", "system");

#[cfg(feature = "jemalloc")]
#[path = "backend/jemalloc.rs"]
mod backend;

#[cfg(any(feature = "mimalloc", feature = "mimalloc-secure"))]
#[path = "backend/mimalloc.rs"]
mod backend;

#[cfg(feature = "snmalloc")]
#[path = "backend/snmalloc.rs"]
mod backend;

#[cfg(feature = "system")]
#[path = "backend/system.rs"]
mod backend;

// Set by the build script when there is a feature; `cargo clippy --workspace` builds an empty library.
#[cfg(chosen)]
mod entry;
#[cfg(chosen)]
mod numpy;

// Without an explicit link to it the library would bind to unversioned, that is oldest, C library symbols.
#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: abort has no precondition.
    unsafe { abort() }
}
