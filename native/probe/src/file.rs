//! The file of one process, and the mapping it is written through.
//!
//! A store into a page that the file system has no room for kills by SIGBUS, so each page is allocated before its
//! first use. `MADV_POPULATE_WRITE` (Linux 5.14) does that without a descriptor, so the file can be sparse and grow slot
//! by slot; before that, a smaller file is allocated whole. The descriptor is closed before the call that opened it
//! returns: the program must not find its lowest descriptor taken.

use crate::sys;
use core::ffi::{CStr, c_int, c_void};
use core::fmt::Write;
use interpose::path::Path;

/// Where the samples begin; slots end there.
pub const SAMPLES: usize = 8 << 20;
pub const SAMPLE_PAGES: u64 = ((CROWD - SAMPLES) / 4096) as u64;
/// Where the numbers of `crowd` and the table of `lifetimes` are.
pub const CROWD: usize = 16 << 20;
pub const LIFETIMES: usize = CROWD + 4096;
/// Where the stacks begin, behind room for more of those.
pub const STACKS: usize = CROWD + (2 << 20);
/// How much is mapped: address space, not memory.
pub const LENGTH: usize = STACKS + (16 << 20);
/// How much is allocated at once where pages cannot be allocated one by one.
const LENGTH_AT_ONCE: usize = 1 << 20;

const MADV_POPULATE_WRITE: c_int = 23;

/// Where the file ended up: its address, and how many bytes of it may be used.
pub struct Mapping {
    pub address: *mut c_void,
    pub length: usize,
}

/// Makes a file in the folder and maps it, over `place` where that is not null.
pub fn create(folder: &[u8], forks: u64, place: *mut c_void) -> Option<Mapping> {
    if !may_be_so_long() {
        return None;
    }
    let mut path = Path::new(folder)?;
    write!(path, "/{:016x}-{forks}.probe\0", sys::random()).ok()?;
    let file = open(path.name()?)?;
    // The user's mask may take from the mode what the reader needs.
    // SAFETY: an open descriptor.
    unsafe { libc::fchmod(file, 0o600) };
    let mapping = map(file, place);
    // SAFETY: opened above and not used after.
    unsafe { libc::close(file) };
    if mapping.is_none() {
        // SAFETY: the path is a C string; the file was made above, and without a mapping nothing will be in it.
        unsafe { libc::unlink(path.name()?.as_ptr()) };
    }
    mapping
}

/// Makes sure that a range of a mapping of `length` bytes may be written.
pub fn has_page(address: *mut c_void, size: usize, length: usize) -> bool {
    length == LENGTH_AT_ONCE || allocate(address, size)
}

fn allocate(address: *mut c_void, length: usize) -> bool {
    // SAFETY: a range of the mapping, which is writable; its content stays.
    unsafe { libc::madvise(address, length, MADV_POPULATE_WRITE) == 0 }
}

/// Writes to this mapping go nowhere from now on.
pub fn abandon(address: *mut c_void) {
    const FLAGS: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
    // SAFETY: replaces the probe's own mapping. Where that fails the old one stays, which is as good as can be.
    unsafe { libc::mmap(address, LENGTH, libc::PROT_READ | libc::PROT_WRITE, FLAGS, -1, 0) };
}

/// A file beyond the limit would kill by SIGXFSZ.
fn may_be_so_long() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is writable.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) } == 0;
    known && limit.rlim_cur >= LENGTH as u64
}

fn open(path: &CStr) -> Option<c_int> {
    const FLAGS: c_int = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr(), FLAGS, 0o600) };
    (file >= 0).then_some(file)
}

fn map(file: c_int, place: *mut c_void) -> Option<Mapping> {
    // SAFETY: an open descriptor.
    if unsafe { libc::ftruncate(file, LENGTH as libc::off_t) } != 0 {
        return None;
    }
    let fixed = if place.is_null() { 0 } else { libc::MAP_FIXED };
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh range, or the probe's own mapping replaced by one of the same length.
    let address = unsafe { libc::mmap(place, LENGTH, access, libc::MAP_SHARED | fixed, file, 0) };
    if address == libc::MAP_FAILED {
        return None;
    }
    if allocate(address, FIRST) {
        return Some(Mapping { address, length: LENGTH });
    }
    // SAFETY: an open descriptor.
    if unsafe { libc::fallocate(file, 0, 0, LENGTH_AT_ONCE as libc::off_t) } == 0 {
        return Some(Mapping { address, length: LENGTH_AT_ONCE });
    }
    if place.is_null() {
        // SAFETY: mapped above, and nobody knows of it yet.
        unsafe { libc::munmap(address, LENGTH) };
    }
    None
}

/// The header and the first slot.
const FIRST: usize = 3 * 4096;
