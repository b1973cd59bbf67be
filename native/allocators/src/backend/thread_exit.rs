//! The only thing snmalloc takes from the C++ library, where it is a call of glibc's own. Hidden, so that no program sees
//! it; with it, snmalloc does not load the C++ library into every C program.

use core::arch::global_asm;

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".hidden __cxa_thread_atexit",
    ".globl __cxa_thread_atexit",
    "__cxa_thread_atexit: jmp __cxa_thread_atexit_impl@PLT"
);
#[cfg(target_arch = "aarch64")]
global_asm!(
    ".hidden __cxa_thread_atexit",
    ".globl __cxa_thread_atexit",
    "__cxa_thread_atexit: b __cxa_thread_atexit_impl"
);
