//! What a file holds: one process, from its start or its fork to its end or its exec. Version 2.
//!
//! Every number is 8 bytes, little-endian, aligned. The file is sparse: what was never written reads as zero.
//!
//! ```text
//! offset                size
//! 0                     8192   header (`Header`)
//! 8192 + 4096 n         4096   slot n (`Slot`), n < slots used
//! 8 MiB + 4096 n        4096   sample page n (`SamplePage`), n < sample pages used
//! 16 MiB                       how many threads were at it (`crowd`)
//! 16 MiB + 4096                which blocks are being followed to their end (`lifetimes`)
//! 18 MiB                       stacks, where they are wanted (`stack_layout`)
//! ```
//!
//! A slot belongs to one thread at a time, and only that thread writes to it, each number with one addition. When the
//! thread has ended another may take the slot over and goes on adding. So a slot is the sum over the threads that owned
//! it, the process is the sum over its slots, and nothing has to be handed over when a thread or the process ends,
//! however it ends.
//!
//! Header, by example (offsets in the file):
//!
//! ```text
//! 0     68 65 61 70 70 72 6f 62   "heapprob"
//! 8     02 00 …                   2       version
//! 16    67 12 00 …                4711    process id, as the process itself sees it
//! 24    5c 12 00 …                4700    id of its parent
//! 32    00 …                      0       forks since the last exec
//! 40    05 00 …                   5       flags: 1 live bytes are counted, 2 inherited bytes are exact, 4 it has ended
//! 48    nanoseconds since the epoch at which the file was begun
//! 56    nanoseconds of the monotonic clock at the same moment
//! 64    nanoseconds of CPU that the process had used at that moment
//! 72    nanoseconds of the monotonic clock when the three were last noted (at the end, and by samples)
//! 80    nanoseconds of CPU then
//! 88    bytes of a thread's live bytes that may be unpublished: the bound of the peak's error a slot
//! 96    threads that ever allocated
//! 104   slots used
//! 112   threads that got no slot and were not counted
//! 120   children that got no file and were not counted
//! 128   live bytes published by the slots, those inherited included; signed
//! 136   largest value of the same
//! 144   live bytes inherited from the process that forked this one
//! 152   bytes given out before the next malloc was found
//! 160   sample pages used
//! 168   ticks of the processor's counter when the file was begun, and
//! 176   when the clocks were last noted
//! 184   ticks that timing a call of nothing takes: to be subtracted from every sample
//! 192   ticks that the additions of 64 allocations with their frees take
//! 200   ticks that a close look takes beside the call looked at, at least
//! 208   ticks that following a block to its end takes
//! 216   1: what lies at 16 MiB is in use
//! 224   ticks that samples took beside the calls looked at, without stacks (`budget`)
//! 232   ticks that a look at the size of a block takes at least, and one more; 0: there was none
//! 240   ticks that timing a call of nothing takes that may begin while the counter is read
//! 256   path of the program, ended by NUL, at most 2047 bytes; empty where it cannot be read
//! 2304  path of the library whose malloc is behind the probe, the same way
//! 4352  arguments, each ended by NUL, cut at 3839 bytes
//! ```
//!
//! Slot (offsets in the slot):
//!
//! ```text
//! 0     address that tells the owning thread from others; 0: never used
//! 8     thread id of the owner
//! 16    blocks freed: every call that freed one, realloc included
//! 24    calls that failed
//! 32    reallocs that moved their block
//! 40    reallocs that grew it where it was
//! 48    live bytes: usable sizes given out less those given back; signed, a thread may free another's blocks
//! 56    largest value of the same since it was last published
//! 64    value of the same when it was last published
//! 72    units until the next sample, or the question before it (`sample`), signed
//! 80    state of the generator of random numbers
//! 88    scale of the samples; 0: none yet
//! 96    sample page in use, from 1; 0: none
//! 104   samples taken
//! 112   1: no more samples, for want of room
//! 120   1: the kernel has been asked
//! 128   16 functions, each calls and bytes requested (`Function`); the bytes of malloc stay 0: they are the size
//!       classes' sum less the other functions' bytes; its calls likewise
//! 384   64 size classes, each calls and bytes requested (`place_of`)
//! 1408  what the kernel knew of the thread shortly before the next sample, where 120 is 1
//! 1440  what 72 held at the last look at all slots (`crowd`)
//! 1448  ticks that the last look at the size of a block took, near a sample
//! 1456  nanoseconds of the monotonic clock when the kernel was asked
//! 1464  how many of the next calls are drawn because of an earlier one (`follow`)
//! 1472  scale at which the next sample was drawn: 88, and more as long as samples take too much time (`budget`)
//! 1480  what 16 held at the last large call (`large`)
//! 1488  bits 0–47 the block whose size the program asked for last, 48–63 that size (`size`)
//! 1496  what 16 held at the last large request (`large`)
//! 1504  what 16 held at the last small free beside much free memory, less half of what had been put off (`large`)
//! 1512  context switches of the thread and 1 when it was last asked for its CPU time, how many nanoseconds that was behind
//!       the monotonic clock, and when (`usage`)
//! ```
//!
//! Sample page (offsets in the page), one thread's at a time:
//!
//! ```text
//! 0     records in use
//! 32    127 records of 32 bytes
//! ```
//!
//! A record is one call that was drawn with probability 1 − exp(−(size + 512) / 2^scale), or, where bit 7 of the
//! scale is set, with probability 2^-(scale without it), because it is large or came soon after a slow one (`sample`):
//!
//! ```text
//! 0     bits 0–47 size: bytes requested, or given back (0 where live bytes are not counted), 48–63 how many threads
//!       were at it (`crowd`)
//! 8     ticks it took, timing included
//! 16    bits 0–7 scale, 8–15 function (0 malloc, 12 free, else as in the slot), and of the call with the few calls
//!       before it 16–31 voluntary switches, 32–47 involuntary ones, 48–63 page faults; 0 for calls below 1500 ticks
//! 24    nanoseconds of CPU of the same, by the kernel's account; 0 for such calls
//! ```
//!
//! A record whose function is 13 is no call but the life of a block, and its words are others (`lifetimes::record`).
//!
//! A realloc counts as an allocation of its new size, and as a free where it had a block: valgrind's convention. Live
//! bytes are usable sizes (what `malloc_usable_size` says), because the size requested is not known when a block is
//! freed. A call that failed is in none of the numbers but its own.

use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicI64, AtomicU64};

pub const MAGIC: u64 = u64::from_le_bytes(*b"heapprob");
pub const VERSION: u64 = 2;

pub const LIVE_COUNTED: u64 = 1;
pub const INHERITED_EXACTLY: u64 = 2;
pub const ENDED: u64 = 4;

pub const CLASSES: usize = 64;
/// Of a record's scale: the call was drawn by itself, with probability 2^-(scale without this).
pub const LARGE: u64 = 1 << 7;
pub const FUNCTIONS: usize = 16;
pub const PATH: usize = 2048;
pub const ARGUMENTS: usize = 3840;

/// A thread publishes its live bytes when they have changed by so much.
pub const QUANTUM: i64 = 64 * 1024;

#[repr(C)]
pub struct Header {
    pub magic: AtomicU64,
    pub version: AtomicU64,
    pub process: AtomicU64,
    pub parent: AtomicU64,
    pub forks: AtomicU64,
    pub flags: AtomicU64,
    pub begun_epoch: AtomicU64,
    pub begun: AtomicU64,
    pub begun_cpu: AtomicU64,
    pub noted: AtomicU64,
    pub noted_cpu: AtomicU64,
    pub quantum: AtomicU64,
    pub threads: AtomicU64,
    pub slots: AtomicU64,
    pub threads_refused: AtomicU64,
    pub children_refused: AtomicU64,
    pub live: AtomicI64,
    pub peak: AtomicI64,
    pub inherited: AtomicI64,
    pub boot: AtomicU64,
    pub sample_pages: AtomicU64,
    pub begun_ticks: AtomicU64,
    pub noted_ticks: AtomicU64,
    pub cost_timing: AtomicU64,
    pub cost_additions: AtomicU64,
    pub cost_look: AtomicU64,
    pub cost_life: AtomicU64,
    pub crowd: AtomicU64,
    pub sampling: AtomicU64,
    pub cost_size: AtomicU64,
    pub cost_timing_open: AtomicU64,
    unused: [AtomicU64; 1],
    pub program: [u8; PATH],
    pub library: [u8; PATH],
    pub arguments: [u8; ARGUMENTS],
}

const _: () = assert!(size_of::<Header>() == 8192);

/// How often, and how many bytes.
#[repr(C)]
pub struct Tally {
    pub calls: AtomicU64,
    pub bytes: AtomicU64,
}

#[repr(C)]
pub struct Slot {
    pub owner: AtomicU64,
    pub thread: AtomicU64,
    pub frees: AtomicU64,
    pub failed: AtomicU64,
    pub moved: AtomicU64,
    pub grown: AtomicU64,
    pub live: AtomicI64,
    pub high: AtomicI64,
    pub published: AtomicI64,
    pub countdown: AtomicI64,
    pub random: AtomicU64,
    pub scale: AtomicU64,
    pub page: AtomicU64,
    pub sampled: AtomicU64,
    pub refused: AtomicU64,
    pub asked: AtomicU64,
    pub functions: [Tally; FUNCTIONS],
    pub classes: [Tally; CLASSES],
    pub earlier: [AtomicU64; 4],
    pub looked_at: AtomicU64,
    pub look: AtomicU64,
    pub asked_at: AtomicU64,
    pub follow: AtomicU64,
    pub drawn_at: AtomicU64,
    pub frees_at_large: AtomicU64,
    pub told: AtomicU64,
    pub frees_at_request: AtomicU64,
    pub frees_at_merging: AtomicU64,
    pub switches: AtomicU64,
    pub behind: AtomicU64,
    pub behind_at: AtomicU64,
    rest: [AtomicU64; 320],
}

const _: () = assert!(size_of::<Slot>() == 4096);

impl Slot {
    pub const fn empty() -> Self {
        // SAFETY: numbers throughout, for which zero is a value.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }
}

/// Four words: see above.
#[repr(C)]
pub struct Record(pub [AtomicU64; 4]);

pub const RECORDS: usize = 127;

#[repr(C)]
pub struct SamplePage {
    pub records: AtomicU64,
    unused: [AtomicU64; 3],
    pub record: [Record; RECORDS],
}

const _: () = assert!(size_of::<SamplePage>() == 4096);

/// Units that a call counts in the drawing of samples, beside its bytes.
pub const CALL: usize = 512;

/// The place of a function in a slot. Malloc and free are counted elsewhere, which saves their calls additions.
#[derive(Clone, Copy)]
#[repr(usize)]
pub enum Function {
    Malloc = 0,
    Calloc,
    Realloc,
    Reallocarray,
    Memalign,
    AlignedAlloc,
    PosixMemalign,
    Valloc,
    Pvalloc,
    Cfree,
    FreeSized,
    FreeAlignedSized,
    Free,
}

impl Function {
    /// Where in a slot's `functions` its tally is, bytes.
    pub const fn place(self) -> usize {
        self as usize * size_of::<Tally>()
    }

    /// Whether it gives out blocks.
    pub const fn allocates(self) -> bool {
        (self as usize) < Self::Cfree as usize
    }
}

/// Where in a slot's `classes` the tally of a request's size class is, bytes. The classes are two for each power of two:
/// up to 8 bytes, 12, 16, 24, 32, 48, 64, 96, …; the last class holds everything above 16 GiB.
#[inline(always)]
pub fn place_of(size: usize) -> usize {
    // The search for the highest bit is slow on some processors, and most requests are small.
    let class = if size <= SMALL { usize::from(SMALL_CLASSES[size.div_ceil(4)]) } else { class_of(size) };
    class * size_of::<Tally>()
}

const SMALL: usize = 1024;

static SMALL_CLASSES: [u8; SMALL / 4 + 1] = {
    let mut classes = [0; SMALL / 4 + 1];
    let mut index = 0;
    while index < classes.len() {
        classes[index] = class_of(4 * index) as u8;
        index += 1;
    }
    classes
};

const fn class_of(size: usize) -> usize {
    // At least 7, so that all small sizes share the first class.
    let below = size.saturating_sub(1) | 7;
    let power = below.ilog2() as usize;
    let class = 2 * power + ((below >> (power - 1)) & 1) - 5;
    if class < CLASSES { class } else { CLASSES - 1 }
}
