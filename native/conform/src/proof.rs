//! Whose malloc answers: nothing is said about a library that is not in force.

use std::ffi::{CStr, OsStr, c_void};
use std::mem::zeroed;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

/// Stands for the C library where a path is expected.
pub const C_LIBRARY: &str = "-";

/// What a call of `name` reaches. This program is position-independent, so it is never a stub of its own.
pub fn lookup(name: &CStr) -> *mut c_void {
    // SAFETY: a C string.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// Whether the function is of the same object as malloc.
pub fn is_of_malloc(name: &CStr) -> bool {
    base(name).is_some_and(|found| Some(found) == base(c"malloc"))
}

/// The file that the function is from; empty where it is nowhere.
pub fn owner(name: &CStr) -> String {
    let Some(object) = object(name) else { return String::new() };
    // SAFETY: the loader's name of an object is a C string that lives as long as the object.
    unsafe { CStr::from_ptr(object.dli_fname) }.to_string_lossy().into_owned()
}

/// Nothing where malloc is of the file `expected`; what is wrong, otherwise.
pub fn refusal(expected: &str) -> Option<String> {
    let found = owner(c"malloc");
    let is_expected = match expected {
        C_LIBRARY => base(c"malloc") == base(c"getpid"),
        path => is_same_file(path, &found),
    };
    let wanted = if expected == C_LIBRARY { "the C library" } else { expected };
    (!is_expected).then(|| format!("malloc is answered by {found}, not by {wanted}"))
}

fn is_same_file(first: &str, second: &str) -> bool {
    let identity = |path: &str| {
        let file = std::fs::metadata(OsStr::from_bytes(path.as_bytes())).ok()?;
        Some((file.dev(), file.ino()))
    };
    identity(first).is_some() && identity(first) == identity(second)
}

fn base(name: &CStr) -> Option<usize> {
    object(name).map(|object| object.dli_fbase as usize)
}

fn object(name: &CStr) -> Option<libc::Dl_info> {
    let place = lookup(name);
    // SAFETY: a structure of pointers, for which zero is a value.
    let mut object: libc::Dl_info = unsafe { zeroed() };
    // SAFETY: any address may be asked about.
    let found = !place.is_null() && unsafe { libc::dladdr(place, &mut object) } != 0;
    (found && !object.dli_fname.is_null()).then_some(object)
}
