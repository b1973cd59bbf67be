//! Two words of each thread: where its slot is, and whether that is settled. Initial-exec, so that reading it is two loads and no call.
//!
//! Rust's `thread_local!` is general-dynamic in a library, which calls `__tls_get_addr` and may allocate there. They
//! are defined and read by hand instead; a preloaded library may use the space that the loader keeps for such.

use crate::layout::Slot;
use core::arch::{asm, global_asm};

global_asm!(
    ".pushsection .tbss.heapswap_probe_slot,\"awT\",@nobits",
    ".balign 8",
    ".type heapswap_probe_slot,@object",
    ".size heapswap_probe_slot,16",
    ".hidden heapswap_probe_slot",
    ".globl heapswap_probe_slot",
    "heapswap_probe_slot:",
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
            "mov {0}, qword ptr [rip + heapswap_probe_slot@GOTTPOFF]", "add {0}, qword ptr fs:[0]",
            out(reg) place, options(nostack, readonly),
        );
    }
    place as *mut usize
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn get() -> usize {
    let value: usize;
    // SAFETY: reads the offset the loader has filled in, and this thread's word there.
    unsafe {
        asm!(
            "mov {0}, qword ptr [rip + heapswap_probe_slot@GOTTPOFF]", "mov {0}, qword ptr fs:[{0}]",
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
            "adrp {0}, :gottprel:heapswap_probe_slot", "ldr {0}, [{0}, :gottprel_lo12:heapswap_probe_slot]",
            "mrs {1}, tpidr_el0", "add {0}, {0}, {1}",
            out(reg) place, out(reg) _, options(nostack, readonly, preserves_flags),
        );
    }
    place as *mut usize
}

#[cfg(target_arch = "aarch64")]
#[inline(always)]
fn get() -> usize {
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

fn second() -> *mut usize {
    word().wrapping_add(1)
}
