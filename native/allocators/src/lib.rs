//! A preloadable malloc library. Exactly one Cargo feature chooses the allocator behind it.
//!
//! `family` defines the C functions once, with the answers that glibc documents; `backend` is the chosen
//! allocator behind six functions; `marker` says in the file what was built.
#![no_std]

#[macro_use]
mod at_most_one;

at_most_one!("jemalloc", "mimalloc", "mimalloc-secure", "mimalloc-v2", "snmalloc");

#[cfg(feature = "jemalloc")]
#[path = "backend/jemalloc.rs"]
mod backend;

#[cfg(any(feature = "mimalloc", feature = "mimalloc-secure", feature = "mimalloc-v2"))]
#[path = "backend/mimalloc.rs"]
mod backend;

#[cfg(feature = "snmalloc")]
#[path = "backend/snmalloc.rs"]
mod backend;

// Set by the build script when there is a feature.
#[cfg(chosen)]
mod family;
#[cfg(chosen)]
mod marker;

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
