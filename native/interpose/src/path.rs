//! A path that is put together without the heap, and the folder that is known from the start.

use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::fmt::Write;
use core::sync::atomic::AtomicUsize;
use core::sync::atomic::Ordering::{Acquire, Release};

pub const LONGEST_FOLDER: usize = 3900;

/// A copy of the folder's name, because the program may change its environment before it forks.
pub struct Folder {
    bytes: UnsafeCell<[u8; LONGEST_FOLDER]>,
    length: AtomicUsize,
}

// SAFETY: written once, by the one thread that begins, before the length says that there is something to read.
unsafe impl Sync for Folder {}

impl Folder {
    pub const fn none() -> Self {
        Self { bytes: UnsafeCell::new([0; LONGEST_FOLDER]), length: AtomicUsize::new(0) }
    }

    /// Keeps a name; false where it is too long.
    ///
    /// # Safety
    /// Called once, while no other thread uses the folder.
    pub unsafe fn keep(&self, name: &[u8]) -> bool {
        if name.len() > LONGEST_FOLDER {
            return false;
        }
        // SAFETY: nothing reads it before its length is stored, and only this thread writes.
        let bytes = unsafe { &mut *self.bytes.get() };
        bytes[..name.len()].copy_from_slice(name);
        self.length.store(name.len(), Release);
        true
    }

    pub fn name(&self) -> &[u8] {
        // SAFETY: `keep` wrote so many bytes, and never writes again.
        unsafe { core::slice::from_raw_parts(self.bytes.get().cast(), self.length.load(Acquire)) }
    }
}

/// A path that is put together without the heap.
pub struct Path {
    bytes: [u8; LONGEST_FOLDER + 64],
    length: usize,
}

impl Path {
    pub fn new(folder: &[u8]) -> Option<Self> {
        let mut path = Self { bytes: [0; LONGEST_FOLDER + 64], length: 0 };
        path.append(folder)?;
        Some(path)
    }

    fn append(&mut self, part: &[u8]) -> Option<()> {
        let end = self.length + part.len();
        self.bytes.get_mut(self.length..end)?.copy_from_slice(part);
        self.length = end;
        Some(())
    }

    pub fn name(&self) -> Option<&CStr> {
        CStr::from_bytes_with_nul(&self.bytes[..self.length]).ok()
    }
}

impl Write for Path {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.append(text.as_bytes()).ok_or(core::fmt::Error)
    }
}
