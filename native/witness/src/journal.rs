//! The file that gathers the records of a whole process tree.

use crate::c;
use core::ffi::{CStr, c_int};

/// Records of other processes may arrive between the look at the file's size and the write.
const MARGIN: u64 = 1 << 20;

/// The file that the environment names; none for a set-uid program.
pub fn path() -> Option<&'static CStr> {
    const NAME: &CStr = c"HEAPSWAP_WITNESS";
    // SAFETY: the name is a C string.
    let value = unsafe { c::secure_getenv(NAME.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: not null, so a C string of the environment, which nothing changes before the program starts.
    Some(unsafe { CStr::from_ptr(value) })
}

/// Appends one record with one write, so that records of concurrent processes do not mix.
pub fn append(path: &CStr, record: &[u8]) {
    // It is not created: a name that outlived its trial must not litter. Without O_NONBLOCK a FIFO would hang here.
    const FLAGS: c_int = c::O_WRONLY | c::O_APPEND | c::O_CLOEXEC | c::O_NOCTTY | c::O_NONBLOCK;
    // SAFETY: the path is a C string.
    let file = unsafe { c::open(path.as_ptr(), FLAGS) };
    if file < 0 {
        return;
    }
    if may_grow(file) {
        // SAFETY: the record is readable for its length.
        unsafe { c::write(file, record.as_ptr().cast(), record.len()) };
    }
    // SAFETY: the descriptor was opened above and is not used after.
    unsafe { c::close(file) };
}

/// A write into a pipe without reader, or beyond the limit on file sizes, would kill the program by a signal.
fn may_grow(file: c_int) -> bool {
    // SAFETY: seeking has no precondition; a pipe or socket answers an error.
    let end = unsafe { c::lseek(file, 0, c::SEEK_END) };
    let Ok(end) = u64::try_from(end) else { return false };
    let mut limit = c::Limit { soft: 0, hard: 0 };
    // SAFETY: the limit is a writable `struct rlimit`.
    let known = unsafe { c::getrlimit(c::RLIMIT_FSIZE, &mut limit) } == 0;
    known && end.saturating_add(MARGIN) <= limit.soft
}
