//! The file of one process, and the mapping it is written through.

use core::ffi::c_void;
use core::fmt::Write;
use interpose::file::{Mapping, Shape, allocate};
use interpose::path::Path;
use interpose::sys;

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

/// At first the header and the first slot.
const SHAPE: Shape = Shape { length: LENGTH, first: 3 * 4096, at_once: 1 << 20 };

/// Makes a file in the folder and maps it, over `place` where that is not null.
pub fn create(folder: &[u8], forks: u64, place: *mut c_void) -> Option<Mapping> {
    let mut path = Path::new(folder)?;
    write!(path, "/{:016x}-{forks}.probe\0", sys::random()).ok()?;
    // SAFETY: the place is null or this process's own mapping.
    unsafe { interpose::file::create(&path, &SHAPE, place) }
}

/// Makes sure that a range of a mapping of `length` bytes may be written.
pub fn has_page(address: *mut c_void, size: usize, length: usize) -> bool {
    // SAFETY: a range of the mapping.
    length == SHAPE.at_once || unsafe { allocate(address, size) }
}

/// Writes to this mapping go nowhere from now on.
pub fn abandon(address: *mut c_void) {
    // SAFETY: the mapping.
    unsafe { interpose::file::abandon(address, LENGTH) };
}
