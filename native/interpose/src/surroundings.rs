//! What a process is told and can read of itself, without the heap.

use core::ffi::{CStr, c_char};

unsafe extern "C" {
    fn secure_getenv(name: *const c_char) -> *const c_char;
}

/// A variable of the environment; none for a set-uid program.
pub fn environment(name: &CStr) -> Option<&'static CStr> {
    // SAFETY: the name is a C string.
    let value = unsafe { secure_getenv(name.as_ptr()) };
    // SAFETY: not null, so a C string of the environment; it is used before the program can change it.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) })
}

/// Where a link leads, ended by NUL; empty where that cannot be read whole.
pub fn read_link(link: &CStr, to: &mut [u8]) {
    // SAFETY: the link is a C string, and the buffer is writable for the length given, which leaves a NUL.
    let length = unsafe { libc::readlink(link.as_ptr(), to.as_mut_ptr().cast(), to.len() - 1) };
    if length == to.len() as isize - 1 {
        // Cut, perhaps: a path that leads elsewhere is worse than none.
        to[0] = 0;
    }
}

/// The beginning of a file; a NUL stays behind it.
pub fn read_file(path: &CStr, to: &mut [u8]) {
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return;
    }
    // SAFETY: the buffer is writable for the length given, which leaves a NUL.
    unsafe { libc::read(file, to.as_mut_ptr().cast(), to.len() - 1) };
    // SAFETY: opened above and not used after.
    unsafe { libc::close(file) };
}
