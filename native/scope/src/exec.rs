//! The exec family: the same process keeps the candidate through another program.
//!
//! A shell's `exec "$@"`, `/usr/bin/env python3` and version managers' shims replace the scoped program by the real
//! one. Each function below is the C library's own, called with the candidate merged into the environment where this
//! is the scoped process, and unchanged in any other (a forked or vforked child).

use core::ffi::{c_char, c_int};

use crate::next::Next;
use crate::scope::{self, Merged};
use crate::text::Array;

type Execve = unsafe extern "C" fn(*const c_char, Array, Array) -> c_int;
type Fexecve = unsafe extern "C" fn(c_int, Array, Array) -> c_int;
type Execveat = unsafe extern "C" fn(c_int, *const c_char, Array, Array, c_int) -> c_int;

// SAFETY: the type is that of execve in unistd.h.
static EXECVE: Next<Execve> = unsafe { Next::new(c"execve") };
// SAFETY: the type is that of execvpe in unistd.h.
static EXECVPE: Next<Execve> = unsafe { Next::new(c"execvpe") };
// SAFETY: the type is that of fexecve in unistd.h.
static FEXECVE: Next<Fexecve> = unsafe { Next::new(c"fexecve") };
// SAFETY: the type is that of execveat in unistd.h.
static EXECVEAT: Next<Execveat> = unsafe { Next::new(c"execveat") };

/// Looks the functions up at the start: exec is called where the loader's lock must not be taken (after fork, in a
/// signal handler).
pub fn resolve() {
    EXECVE.resolve();
    EXECVPE.resolve();
    FEXECVE.resolve();
    EXECVEAT.resolve();
}

unsafe extern "C" {
    static environ: Array;
}

/// Calls `exec` with the environment it has to have; what `exec` returns is its failure.
///
/// # Safety
/// `environment` is null or a null-terminated array of C strings that nobody changes meanwhile.
unsafe fn scoped<F: Copy>(next: &Next<F>, environment: Array, exec: impl FnOnce(F, Array) -> c_int) -> c_int {
    let Some(function) = next.resolve() else {
        // SAFETY: the C library's errno of this thread.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: valid as long as the thread is.
        unsafe { errno.write(libc::ENOSYS) };
        return -1;
    };
    // SAFETY: the caller's promise.
    let merged = scope::of_this_process().and_then(|scope| unsafe { Merged::new(scope, environment) });
    let Some(merged) = merged else {
        return exec(function, environment);
    };
    let status = exec(function, merged.as_array());
    merged.release();
    status
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn execve(path: *const c_char, argv: Array, environment: Array) -> c_int {
    // SAFETY: the caller's promise.
    let call = |next: Execve, merged| unsafe { next(path, argv, merged) };
    // SAFETY: the caller's promise.
    unsafe { scoped(&EXECVE, environment, call) }
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn execv(path: *const c_char, argv: Array) -> c_int {
    // SAFETY: the caller's promise; `environ` is what execv would use.
    unsafe { execve(path, argv, environ) }
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn execvpe(file: *const c_char, argv: Array, environment: Array) -> c_int {
    // SAFETY: the caller's promise.
    let call = |next: Execve, merged| unsafe { next(file, argv, merged) };
    // SAFETY: the caller's promise.
    unsafe { scoped(&EXECVPE, environment, call) }
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn execvp(file: *const c_char, argv: Array) -> c_int {
    // SAFETY: the caller's promise; `environ` is what execvp would use.
    unsafe { execvpe(file, argv, environ) }
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn fexecve(descriptor: c_int, argv: Array, environment: Array) -> c_int {
    // SAFETY: the caller's promise.
    let call = |next: Fexecve, merged| unsafe { next(descriptor, argv, merged) };
    // SAFETY: the caller's promise.
    unsafe { scoped(&FEXECVE, environment, call) }
}

/// # Safety
/// As for the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn execveat(
    folder: c_int,
    path: *const c_char,
    argv: Array,
    environment: Array,
    flags: c_int,
) -> c_int {
    // SAFETY: the caller's promise.
    let call = |next: Execveat, merged| unsafe { next(folder, path, argv, merged, flags) };
    // SAFETY: the caller's promise.
    unsafe { scoped(&EXECVEAT, environment, call) }
}
