//! C strings and null-terminated arrays of them, without allocation.

use core::ffi::{CStr, c_char};

/// `*const *const c_char` as the exec family takes it.
pub type Array = *const *const c_char;

/// The strings of an environment or argument array, null or not.
///
/// # Safety
/// `array` is null, or null-terminated with entries that are C strings while the iterator lives.
pub unsafe fn strings<'a>(array: Array) -> impl Iterator<Item = &'a CStr> + Clone {
    (0..).map_while(move |index| {
        if array.is_null() {
            return None;
        }
        // SAFETY: every earlier entry was not the terminator, so this one is inside the array.
        let slot = unsafe { array.add(index) };
        // SAFETY: as above.
        let string = unsafe { slot.read() };
        // SAFETY: an entry that is not the terminator is a C string, by the caller's promise.
        (!string.is_null()).then(|| unsafe { CStr::from_ptr(string) })
    })
}

/// The value, where `entry` is `name=value`.
pub fn value<'a>(entry: &'a CStr, name: &[u8]) -> Option<&'a [u8]> {
    entry.to_bytes().strip_prefix(name)?.strip_prefix(b"=")
}

/// Memory from the system that holds an environment: first an array of pointers, then the strings.
pub struct Mapping {
    start: *mut u8,
    length: usize,
}

impl Mapping {
    /// None where the system has no memory left.
    pub fn new(length: usize) -> Option<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new anonymous mapping touches no memory that is in use.
        let start = unsafe { libc::mmap(core::ptr::null_mut(), length, protection, flags, -1, 0) };
        (start != libc::MAP_FAILED).then_some(Self { start: start.cast(), length })
    }

    /// Zeroed, aligned to a page, `length` bytes.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Gives the memory back, leaving `errno` as it was.
    pub fn release(self) {
        // SAFETY: the C library's errno of this thread.
        let errno = unsafe { libc::__errno_location() };
        // SAFETY: valid for this thread's life.
        let before = unsafe { *errno };
        // SAFETY: exactly the mapping made in `new`; taking `self` ends its use.
        unsafe { libc::munmap(self.start.cast(), self.length) };
        // SAFETY: as above.
        unsafe { *errno = before };
    }
}

/// Writes C strings one after the other.
pub struct Writer {
    next: *mut u8,
}

impl Writer {
    /// # Safety
    /// From `next` on there is room for everything that will be written.
    pub unsafe fn new(next: *mut u8) -> Self {
        Self { next }
    }

    /// Writes the parts as one C string and says where it is.
    pub fn write(&mut self, parts: &[&[u8]]) -> *const c_char {
        let string = self.next;
        for part in parts {
            // SAFETY: `new` promised the room; the parts live outside of it.
            unsafe { core::ptr::copy_nonoverlapping(part.as_ptr(), self.next, part.len()) };
            // SAFETY: as above.
            self.next = unsafe { self.next.add(part.len()) };
        }
        // SAFETY: as above.
        unsafe { self.next.write(0) };
        // SAFETY: as above.
        self.next = unsafe { self.next.add(1) };
        string.cast_const().cast()
    }
}
