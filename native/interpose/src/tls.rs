//! Two words of each thread. Initial-exec, so that reading one is two loads and no call.
//!
//! Rust's `thread_local!` is general-dynamic in a library, which calls `__tls_get_addr` and may allocate there. They
//! are defined and read by hand instead; a preloaded library may use the space that the loader keeps for such.

use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .tbss.heapswap_thread_words,\"awT\",@nobits",
    ".balign 8",
    ".type heapswap_thread_words,@object",
    ".size heapswap_thread_words,16",
    ".hidden heapswap_thread_words",
    ".globl heapswap_thread_words",
    "heapswap_thread_words:",
    ".zero 16",
    ".popsection",
);

/// The address of this thread's first word: tells threads apart that exist at the same time.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn word() -> *mut usize {
    let place: usize;
    // SAFETY: reads the offset the loader has filled in, and the thread pointer.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + heapswap_thread_words@GOTTPOFF]", "add {0}, qword ptr fs:[0]",
            out(reg) place, options(nostack, readonly),
        );
    }
    place as *mut usize
}

/// This thread's first word.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub fn get() -> usize {
    let value: usize;
    // SAFETY: reads the offset the loader has filled in, and this thread's word there.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + heapswap_thread_words@GOTTPOFF]", "mov {0}, qword ptr fs:[{0}]",
            out(reg) value, options(nostack, readonly, preserves_flags),
        );
    }
    value
}

/// The address of this thread's first word: tells threads apart that exist at the same time.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub fn word() -> *mut usize {
    let place: usize;
    // SAFETY: reads the offset the loader has filled in, and the thread pointer.
    unsafe {
        asm!(
            "adrp {0}, :gottprel:heapswap_thread_words", "ldr {0}, [{0}, :gottprel_lo12:heapswap_thread_words]",
            "mrs {1}, tpidr_el0", "add {0}, {0}, {1}",
            out(reg) place, out(reg) _, options(nostack, readonly, preserves_flags),
        );
    }
    place as *mut usize
}

/// This thread's first word.
#[cfg(target_arch = "aarch64")]
#[inline(always)]
pub fn get() -> usize {
    // SAFETY: the word is this thread's own and always valid.
    unsafe { word().read() }
}

/// The address at the end of this thread's stack where the C library keeps what it knows of the thread; for the main thread
/// it is elsewhere.
#[inline(always)]
pub fn thread_pointer() -> usize {
    let value: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads the thread pointer.
    unsafe {
        asm!("mov {0}, qword ptr fs:[0]", out(reg) value, options(nostack, readonly, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads the thread pointer.
    unsafe {
        asm!("mrs {0}, tpidr_el0", out(reg) value, options(nostack, readonly, preserves_flags));
    }
    value
}

/// Stores into this thread's first word, before what comes after and after what comes before: a signal handler of this
/// thread may read it.
#[inline(always)]
pub fn set(value: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads the offset the loader has filled in, and writes this thread's word there.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + heapswap_thread_words@GOTTPOFF]", "mov qword ptr fs:[{0}], {1}",
            out(reg) _, in(reg) value, options(nostack, preserves_flags),
        );
    }
    #[cfg(target_arch = "aarch64")]
    {
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
        // SAFETY: the word is this thread's own and always valid.
        unsafe { word().write_volatile(value) };
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
    }
}

/// The address of this thread's second word.
#[inline(always)]
pub fn second() -> *mut usize {
    word().wrapping_add(1)
}
