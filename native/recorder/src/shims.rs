//! The exported names: each passes its caller's return address on as one argument more, which no function of Rust could
//! read, and jumps.

use crate::family;
use core::ffi::{c_int, c_void};

/// One function of the family; `$register` is the argument register behind its own.
macro_rules! with_caller {
    ($($name:ident($($argument:ty),*) -> $answer:ty => $to:path, $x86:literal, $arm:literal;)*) => {$(
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        unsafe extern "C" fn $name($(_: $argument),*) -> $answer {
            #[cfg(target_arch = "x86_64")]
            core::arch::naked_asm!(concat!("mov ", $x86, ", qword ptr [rsp]"), "jmp {}", sym $to);
            #[cfg(target_arch = "aarch64")]
            core::arch::naked_asm!(concat!("mov ", $arm, ", x30"), "b {}", sym $to);
        }
    )*};
}

with_caller! {
    malloc(usize) -> *mut c_void => family::malloc, "rsi", "x1";
    calloc(usize, usize) -> *mut c_void => family::calloc, "rdx", "x2";
    realloc(*mut c_void, usize) -> *mut c_void => family::realloc, "rdx", "x2";
    reallocarray(*mut c_void, usize, usize) -> *mut c_void => family::reallocarray, "rcx", "x3";
    memalign(usize, usize) -> *mut c_void => family::memalign, "rdx", "x2";
    aligned_alloc(usize, usize) -> *mut c_void => family::aligned_alloc, "rdx", "x2";
    posix_memalign(*mut *mut c_void, usize, usize) -> c_int => family::posix_memalign, "rcx", "x3";
    valloc(usize) -> *mut c_void => family::valloc, "rsi", "x1";
    pvalloc(usize) -> *mut c_void => family::pvalloc, "rsi", "x1";
}
