//! The last part of a file: stacks of sampled allocations, as they were, with what it takes to read them afterwards.
//!
//! ```text
//! offset in the part    size
//! 0                     4096     `Area`
//! 4096 + 4096 n         4096     loaded object n (`Module`), n < 256
//! 4096 + 1 MiB + 256 n  256      Python function n (`Code`), n < 4096: a hash table by address
//! 4096 + 2 MiB          ..       records, one behind the other, each a multiple of 16 bytes
//! ```
//!
//! A record:
//!
//! ```text
//! 0     its bytes, the whole record
//! 8     1 once it is complete
//! 16    bits 0–7 scale, 8–15 function, as in a sample; 16–23 k: one sampled allocation in 2^k had its stack copied;
//!       32–47 loaded objects named, 48–63 Python functions named
//! 24    bytes requested
//! 32    instruction pointer, stack pointer and frame pointer where it was taken
//! 56    bytes 0–3 bytes of the stack that were read, from the stack pointer up; 4: 1 where the stack was longer,
//!       5: 1 where there were more Python functions
//! 64    thread id
//! 72    32 numbers of loaded objects, 2 bytes each
//! 136   64 numbers of Python functions, 2 bytes each, from 1, the innermost first; 0: the interpreter was entered here,
//!       65535: one that could not be named
//! 264   8 bytes unused
//! 272   a bit for each of the stack's words that is kept, in 8 bytes for 64 of them; those that cannot be an address are not
//! ..    the words that are kept
//! ```

use core::sync::atomic::{AtomicU32, AtomicU64};

pub const MAGIC: u64 = u64::from_le_bytes(*b"heapstck");

pub const MODULES: usize = 256;
pub const CODES: usize = 4096;
pub const CODES_AT: usize = 4096 + (1 << 20);
pub const RECORDS_AT: usize = 4096 + (2 << 20);

/// The reader could not be sure of a stack: the loader tells no thread which object an address is in.
pub const NO_LOOK_UP: u64 = 1;
/// The kernel refuses to copy memory.
pub const NO_COPY: u64 = 2;
/// Python of a version whose frames are not known.
pub const UNKNOWN_PYTHON: u64 = 4;

#[repr(C)]
pub struct Area {
    pub magic: AtomicU64,
    /// bytes of records
    pub used: AtomicU64,
    pub modules: AtomicU64,
    /// stacks for which there was no room
    pub lost: AtomicU64,
    pub modules_lost: AtomicU64,
    pub codes_lost: AtomicU64,
    pub flags: AtomicU64,
    /// `Py_Version`, 1 before 3.11, 0 without Python
    pub python: AtomicU64,
    /// a bit for each page of the table of Python functions that is there
    pub code_pages: [AtomicU64; 4],
    /// that the copies took
    pub nanoseconds: AtomicU64,
    /// bytes of records for which there is room
    pub there: AtomicU64,
    unused: [AtomicU64; 242],
    /// where each module begins; 0: not yet complete
    pub starts: [AtomicU64; MODULES],
}

const _: () = assert!(size_of::<Area>() == 4096);

pub const NAME: usize = 2040;
pub const HEAD: usize = 2000;

/// A loaded object.
#[repr(C)]
pub struct Module {
    pub start: AtomicU64,
    pub end: AtomicU64,
    /// what is added to the addresses in its file
    pub bias: AtomicU64,
    /// offset in `head` of 64 bytes that tell it from others; 0: its first ones
    pub stamp: AtomicU64,
    pub unused: [AtomicU64; 3],
    /// path, ended by NUL; empty for the program itself
    pub name: [u8; NAME],
    /// its first bytes: headers and build id
    pub head: [u8; HEAD],
}

const _: () = assert!(size_of::<Module>() == 4096);

pub const QUALNAME: usize = 80;
pub const FILENAME: usize = 120;

/// A Python function.
#[repr(C)]
pub struct Code {
    /// addresses of the code object, its file's name and its own, and its first line: together they identify it
    pub identity: [AtomicU64; 4],
    pub ready: AtomicU32,
    /// bytes of each text that are kept, and of a character
    pub qualname_bytes: u8,
    pub qualname_width: u8,
    pub filename_bytes: u8,
    pub filename_width: u8,
    pub qualname: [u8; QUALNAME],
    /// the end of it, where it is longer
    pub filename: [u8; FILENAME],
    unused: [u8; 16],
}

const _: () = assert!(size_of::<Code>() == 256);

pub const MODULES_OF_RECORD: usize = 32;
pub const CODES_OF_RECORD: usize = 64;
pub const UNNAMED: u16 = u16::MAX;

#[repr(C)]
pub struct Record {
    pub bytes: AtomicU64,
    pub complete: AtomicU64,
    pub what: u64,
    pub size: u64,
    pub registers: [u64; 3],
    pub read: u32,
    pub cut: u8,
    pub python_cut: u8,
    pub unused: u16,
    pub thread: u64,
    pub modules: [u16; MODULES_OF_RECORD],
    pub codes: [u16; CODES_OF_RECORD],
    pub padding: u64,
}

const _: () = assert!(size_of::<Record>() == 272);
