//! Files that a process writes through a mapping.
//!
//! A store into a page that the file system has no room for kills by SIGBUS, so each page is allocated before its
//! first use. `MADV_POPULATE_WRITE` (Linux 5.14) does that without a descriptor, so the file can be sparse and grow; before
//! that, the beginning of the file is allocated whole, and no more is used. The descriptor is closed before the call that
//! opened it returns: the program must not find its lowest descriptor taken.

use crate::path::Path;
use core::ffi::{CStr, c_int, c_void};

const MADV_POPULATE_WRITE: c_int = 23;

/// What a file shall be, bytes.
pub struct Shape {
    /// How much is mapped: address space, not memory.
    pub length: usize,
    /// How much is allocated from the start.
    pub first: usize,
    /// How much is allocated at once where pages cannot be allocated one by one.
    pub at_once: usize,
}

/// Where a file ended up: its address, and how many bytes of it may be used.
pub struct Mapping {
    pub address: *mut c_void,
    pub length: usize,
}

/// Makes a new file and maps it, over `place` where that is not null.
///
/// # Safety
/// `place` is null or a mapping of ours of the same length.
pub unsafe fn create(path: &Path, shape: &Shape, place: *mut c_void) -> Option<Mapping> {
    if !may_be_so_long(shape.length) {
        return None;
    }
    let file = open(path.name()?)?;
    // The user's mask may take from the mode what the reader needs.
    // SAFETY: an open descriptor.
    unsafe { libc::fchmod(file, 0o600) };
    // SAFETY: an open descriptor; the place is as promised.
    let mapping = unsafe { map(file, shape, place) };
    // SAFETY: opened above and not used after.
    unsafe { libc::close(file) };
    if mapping.is_none() {
        // SAFETY: the path is a C string; the file was made above, and without a mapping nothing will be in it.
        unsafe { libc::unlink(path.name()?.as_ptr()) };
    }
    mapping
}

/// Has the file system allocate a range of a mapping; whether it could.
///
/// # Safety
/// The range is one of a writable mapping of ours.
pub unsafe fn allocate(address: *mut c_void, length: usize) -> bool {
    // SAFETY: as promised; its content stays.
    unsafe { libc::madvise(address, length, MADV_POPULATE_WRITE) == 0 }
}

/// Writes to this mapping go nowhere from now on.
///
/// # Safety
/// The range is a mapping of ours.
pub unsafe fn abandon(address: *mut c_void, length: usize) {
    const FLAGS: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
    // SAFETY: replaces what is promised to be ours. Where that fails the old one stays, which is as good as can be.
    unsafe { libc::mmap(address, length, libc::PROT_READ | libc::PROT_WRITE, FLAGS, -1, 0) };
}

/// A file beyond the limit would kill by SIGXFSZ.
fn may_be_so_long(length: usize) -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is writable.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
    known && limit.rlim_cur >= length as u64
}

fn open(path: &CStr) -> Option<c_int> {
    const FLAGS: c_int = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr(), FLAGS, 0o600) };
    (file >= 0).then_some(file)
}

/// # Safety
/// As for `create`.
unsafe fn map(file: c_int, shape: &Shape, place: *mut c_void) -> Option<Mapping> {
    // SAFETY: an open descriptor.
    if unsafe { libc::ftruncate(file, shape.length as libc::off_t) } != 0 {
        return None;
    }
    let fixed = if place.is_null() { 0 } else { libc::MAP_FIXED };
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh range, or a mapping of ours replaced by one of the same length.
    let address = unsafe { libc::mmap(place, shape.length, access, libc::MAP_SHARED | fixed, file, 0) };
    if address == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: mapped above, and so long at least.
    if unsafe { allocate(address, shape.first) } {
        return Some(Mapping { address, length: shape.length });
    }
    // SAFETY: an open descriptor.
    if unsafe { libc::fallocate(file, 0, 0, shape.at_once as libc::off_t) } == 0 {
        return Some(Mapping { address, length: shape.at_once });
    }
    if place.is_null() {
        // SAFETY: mapped above, and nobody knows of it yet.
        unsafe { libc::munmap(address, shape.length) };
    }
    None
}
