//! A preloadable malloc library. Exactly one Cargo feature chooses the allocator behind it.
//!
//! `family` defines the C functions once, with the answers that glibc documents; `backend` is the chosen
//! allocator behind six functions; `marker` says in the file what was built. `control` exports the functions that give its
//! statistics and take memory back, under names of their own (`heapswap_mallctl`): under the allocator's they would answer
//! for every other copy of it in the process, such as the one inside a Python wheel.
#![no_std]

#[macro_use]
mod at_most_one;

at_most_one!("jemalloc", "mimalloc", "mimalloc-secure", "mimalloc-v2", "snmalloc");

#[cfg(feature = "jemalloc")]
#[path = "backend/jemalloc.rs"]
mod backend;
#[cfg(feature = "jemalloc")]
#[path = "control/jemalloc.rs"]
mod control;

#[cfg(any(feature = "mimalloc", feature = "mimalloc-secure", feature = "mimalloc-v2"))]
#[path = "backend/mimalloc.rs"]
mod backend;
#[cfg(any(feature = "mimalloc", feature = "mimalloc-secure", feature = "mimalloc-v2"))]
#[path = "control/mimalloc.rs"]
mod control;

#[cfg(feature = "snmalloc")]
#[path = "backend/snmalloc.rs"]
mod backend;
#[cfg(feature = "snmalloc")]
#[path = "control/snmalloc.rs"]
mod control;

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
