//! Where records lie on their way from the program to the collector: files in a private folder in memory.
//!
//! ```text
//! control            one page: what collector and recorded processes tell each other (`Control`)
//! ID-FORKS.ring      one sparse file a process, from its start or fork to its end or exec:
//!   0                8 KiB    header (`Header`)
//!   8 KiB + 32 n     32       entry of segment n (`Entry`)
//!   64 KiB (n + 1)   64 KiB   segment n
//! ```
//!
//! A segment is in one state at a time, and only the state says who may write to it:
//!
//! ```text
//! UNUSED ──its pages are allocated──▶ TAKEN ──it is full──▶ FULL ──collected──▶ FREE ──▶ TAKEN by whoever needs one
//!                                  by a stream
//! ```
//!
//! Of a segment that is taken, too, the first `used` bytes are whole records at every moment: what a killed process
//! leaves behind is read like the rest. Every number is little-endian and aligned.

use core::sync::atomic::Ordering::{AcqRel, Acquire};
use core::sync::atomic::{AtomicU32, AtomicU64};

pub const SEGMENT: usize = 64 << 10;
/// Segments that one file has room for.
pub const SEGMENTS: usize = 1024;
/// Where the entries begin.
pub const ENTRIES: usize = 8 << 10;
/// Where the segments begin.
pub const FIRST: usize = SEGMENT;
pub const LENGTH: usize = FIRST + SEGMENTS * SEGMENT;
pub const SUFFIX: &str = ".ring";
pub const CONTROL: &str = "control";

const _: () = assert!(ENTRIES + SEGMENTS * size_of::<Entry>() <= FIRST);

pub const MAGIC: u64 = u64::from_le_bytes(*b"heapring");
pub const VERSION: u64 = 1;

pub mod state {
    pub const UNUSED: u32 = 0;
    pub const FREE: u32 = 1;
    pub const TAKEN: u32 = 2;
    pub const FULL: u32 = 3;
}

/// Why recording is over: what stands in `Control::over`.
pub mod over {
    /// It is not.
    pub const NO: u32 = 0;
    /// The collector was told to finish.
    pub const TOLD: u32 = 1;
    /// The file has reached the size that it may have.
    pub const SIZE: u32 = 2;
    /// The time is up.
    pub const TIME: u32 = 3;
    /// Every segment was full: the collector did not keep up.
    pub const BEHIND: u32 = 4;
    /// There was no memory for another segment.
    pub const MEMORY: u32 = 5;
    /// The file could not be written.
    pub const DISK: u32 = 6;
}

#[repr(C)]
pub struct Control {
    pub magic: AtomicU64,
    pub version: AtomicU64,
    /// Nanoseconds since recording began, for the collector stores them about once a millisecond. Threads that are not
    /// alone add one every few hundred bytes: within one epoch nothing but addresses orders them.
    pub epoch: AtomicU64,
    /// Not zero: recording is over, and why (`over`).
    pub over: AtomicU32,
    /// Segments of all processes that may be allocated at most.
    pub limit: AtomicU32,
    /// Segments of all processes that are.
    pub segments: AtomicU32,
    /// Files that were ever begun.
    pub files: AtomicU32,
    /// Processes that could not begin one and were not recorded.
    pub processes_refused: AtomicU32,
    /// Threads that got no stream and were not recorded.
    pub threads_refused: AtomicU32,
    /// Where recording is over: what has this epoch or a later one is not part of the trace, as threads stop one by one.
    pub cut: AtomicU64,
}

impl Control {
    /// Ends recording for everybody; the first reason stands. What has `cut` or a later epoch is left out.
    pub fn end(&self, reason: u32, cut: u64) {
        // Whoever sees the reason sees the cut.
        let _ = self.cut.compare_exchange(0, cut, AcqRel, Acquire);
        let _ = self.over.compare_exchange(over::NO, reason, AcqRel, Acquire);
    }
}

/// Text ends with a NUL.
pub const PATH: usize = 2048;
pub const ARGUMENTS: usize = ENTRIES - 256 - 2 * PATH;

#[repr(C)]
pub struct Header {
    /// Written last: a file without it is not yet one.
    pub magic: AtomicU64,
    pub version: AtomicU64,
    /// Tells this file from all others.
    pub id: AtomicU64,
    /// The process id, and that of its parent, as the process itself sees them.
    pub process: AtomicU64,
    pub parent: AtomicU64,
    /// The namespace of those numbers, 0 where that cannot be told.
    pub namespace: AtomicU64,
    /// `CLOCK_BOOTTIME` and the time since the Unix epoch at the beginning, nanoseconds.
    pub begun: AtomicU64,
    pub begun_epoch: AtomicU64,
    /// Forks since the last exec. Where it is not 0, the next four say when the process was forked.
    pub forks: AtomicU64,
    /// The file of the process that forked.
    pub forked_from: AtomicU64,
    /// The stream of the thread that forked, the segment it was writing, and how many bytes of it came before the fork.
    pub forked_by: AtomicU64,
    pub forked_in: AtomicU64,
    pub forked_at: AtomicU64,
    /// The epoch when recording began in this process.
    pub epoch: AtomicU64,
    /// Segments that were ever allocated.
    pub segments: AtomicU32,
    /// 1: the process has ended in an orderly way.
    pub ended: AtomicU32,
    /// Nanoseconds of CPU that the process had used when a stream last took a segment, or at its orderly end.
    pub cpu: AtomicU64,
    unused: [AtomicU64; 16],
    /// Path of the program; empty where it cannot be read.
    pub program: [u8; PATH],
    /// Path of the library whose malloc is behind the recorder.
    pub library: [u8; PATH],
    /// Each ended by NUL, cut at the end.
    pub arguments: [u8; ARGUMENTS],
}

const _: () = assert!(size_of::<Header>() == ENTRIES);

#[repr(C)]
pub struct Entry {
    pub state: AtomicU32,
    /// Bytes that are whole records.
    pub used: AtomicU32,
    pub stream: AtomicU32,
    /// The how manyth segment of its stream it is, from 0.
    pub sequence: AtomicU32,
    /// The epoch that its records count from.
    pub epoch: AtomicU64,
    unused: AtomicU64,
}

const _: () = assert!(size_of::<Entry>() == 32);
