//! What is used of the C library. None of it allocates.

use core::ffi::{c_char, c_int, c_long, c_ulong, c_void};
use core::ptr::null;

pub const O_WRONLY: c_int = 0o1;
pub const O_NOCTTY: c_int = 0o400;
pub const O_APPEND: c_int = 0o2000;
pub const O_NONBLOCK: c_int = 0o4000;
pub const O_CLOEXEC: c_int = 0o2000000;
pub const SEEK_END: c_int = 2;
pub const RLIMIT_FSIZE: c_int = 1;
pub const AT_PHDR: c_ulong = 3;

#[repr(C)]
pub struct Limit {
    pub soft: u64,
    pub hard: u64,
}

/// `Dl_info`: the loaded object that holds an address.
#[repr(C)]
pub struct Object {
    pub name: *const c_char,
    pub base: *const c_void,
    symbol_name: *const c_char,
    symbol: *const c_void,
}

impl Object {
    pub const NONE: Object = Object { name: null(), base: null(), symbol_name: null(), symbol: null() };
}

#[link(name = "c")]
unsafe extern "C" {
    pub fn abort() -> !;
    pub fn close(descriptor: c_int) -> c_int;
    pub fn dladdr(address: *const c_void, object: *mut Object) -> c_int;
    pub safe fn getauxval(kind: c_ulong) -> c_ulong;
    pub safe fn getpid() -> c_int;
    pub safe fn getppid() -> c_int;
    pub fn getrlimit(resource: c_int, limit: *mut Limit) -> c_int;
    pub fn lseek(descriptor: c_int, offset: c_long, whence: c_int) -> c_long;
    pub fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    pub fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize;
    pub fn secure_getenv(name: *const c_char) -> *const c_char;
    pub fn write(descriptor: c_int, bytes: *const c_void, count: usize) -> isize;
    safe fn __errno_location() -> *mut c_int;
}

pub fn errno() -> c_int {
    // SAFETY: the location is this thread's own and always valid.
    unsafe { *__errno_location() }
}

pub fn set_errno(value: c_int) {
    // SAFETY: the location is this thread's own and always valid.
    unsafe { *__errno_location() = value }
}
