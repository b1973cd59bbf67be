//! `getenv` for the program's own late reading of a knob.
//!
//! `environ`, from which every child's environment is made, holds the user's values; the program asking for a knob by
//! name gets the candidate's. Python reads PYTHONMALLOC this way, long after the constructors.

use core::ffi::{CStr, c_char};
use core::ptr;

use crate::next::Next;
use crate::scope::{self, PRELOAD};
use crate::text;

type Getenv = unsafe extern "C" fn(*const c_char) -> *mut c_char;

// SAFETY: the type is that of getenv in stdlib.h.
static GETENV: Next<Getenv> = unsafe { Next::new(c"getenv") };

pub fn resolve() {
    GETENV.resolve();
}

/// # Safety
/// As for the C library's `getenv`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getenv(name: *const c_char) -> *mut c_char {
    // SAFETY: the caller's promise.
    let found = unsafe { next(name) };
    let Some(scope) = scope::entered() else {
        return found;
    };
    // SAFETY: the caller's promise: a C string.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    let Some(knob) = scope.variables.iter().find(|v| v.name == name && v.name != PRELOAD) else {
        return found;
    };
    let users = knob.users().map_or(ptr::null(), |entry| {
        // SAFETY: the entry is `NAME=value`, so its value is inside the string.
        unsafe { entry.as_ptr().add(name.len() + 1) }
    });
    if found.cast_const() != users {
        // A value that the program set itself is the program's.
        return found;
    }
    knob.candidates_value().map_or(ptr::null_mut(), |value| value.as_ptr().cast_mut())
}

/// # Safety
/// As for the C library's `getenv`.
unsafe fn next(name: *const c_char) -> *mut c_char {
    match GETENV.known() {
        // SAFETY: the caller's promise.
        Some(getenv) => unsafe { getenv(name) },
        // Before the constructor: an allocator that starts inside the loader may ask, and looking the C library's
        // function up from here could ask the allocator.
        // SAFETY: the caller's promise; there is one thread.
        None => unsafe { walk(name) },
    }
}

/// # Safety
/// `name` is a C string, and there is one thread.
unsafe fn walk(name: *const c_char) -> *mut c_char {
    unsafe extern "C" {
        static environ: *const *const c_char;
    }
    // SAFETY: the caller's promise.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    // SAFETY: `environ` is null or the environment of this process.
    let mut entries = unsafe { text::strings(environ) };
    entries.find_map(|entry| text::value(entry, name)).map_or(ptr::null_mut(), |value| value.as_ptr().cast_mut().cast())
}
