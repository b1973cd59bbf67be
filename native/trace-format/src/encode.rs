//! Writing a segment, in the thread whose calls it records: no allocation, no lock, no panic; a few nanoseconds a call.

use crate::event::{Event, Function, PLACES, Site, kind, rare};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicU32, Ordering::Release};

/// Bytes that one call of an [`Encoder`] may write at most: an epoch, a caller and a record, and what is written beyond
/// a number because eight bytes are stored at once.
pub const MARGIN: usize = 64;

/// Writes the records of one stream. All zero is valid: a segment that is full.
///
/// Every method but `begin` answers whether there was room; where there was none, nothing has been written, and the
/// caller gives a new segment to `begin` and repeats the call. `epoch` is the epoch as it is at the moment.
#[repr(C)]
pub struct Encoder {
    at: *mut u8,
    /// Where the next record may begin at the latest, exclusive.
    limit: *mut u8,
    start: *mut u8,
    used: *const AtomicU32,
    block: u64,
    epoch: u64,
    sites: [Site; PLACES],
}

/// The three functions whose calls make nearly all allocations.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Common {
    Malloc = kind::MALLOC,
    Calloc = kind::CALLOC,
    /// The second half of a realloc that had a block.
    ReallocTo = kind::REALLOC_TO,
}

impl Encoder {
    pub const EMPTY: Self = Self {
        at: null_mut(),
        limit: null_mut(),
        start: null_mut(),
        used: null(),
        block: 0,
        epoch: 0,
        sites: [Site::EMPTY; PLACES],
    };

    /// Write to another segment from here on. After every record `used` says how many bytes of it are whole.
    ///
    /// # Safety
    ///
    /// `start` is valid for writes of `length` bytes, and `used` for stores, until the next `begin`; both are this
    /// encoder's alone to write to.
    pub unsafe fn begin(&mut self, start: *mut u8, length: usize, used: *const AtomicU32, epoch: u64) {
        self.start = start;
        self.at = start;
        self.limit = start.wrapping_add(length.saturating_sub(MARGIN));
        self.used = used;
        self.block = 0;
        self.epoch = epoch;
        self.sites = [Site::EMPTY; PLACES];
        self.commit();
    }

    /// Give the segment up: there is no room until the next `begin`.
    pub fn end(&mut self) {
        self.limit = self.at;
    }

    /// There is room for so many bytes more, and no further.
    ///
    /// # Safety
    ///
    /// They are part of what `begin` was given, and [`MARGIN`] bytes behind them are, too.
    pub unsafe fn allow(&mut self, length: usize) {
        self.limit = self.at.wrapping_add(length);
    }

    /// Bytes of the segment that are whole records.
    #[must_use]
    pub fn used(&self) -> usize {
        self.at.addr() - self.start.addr()
    }

    /// A block that one of the common functions has given out.
    #[inline(always)]
    #[must_use]
    pub fn allocate(&mut self, common: Common, block: u64, size: u64, caller: u64, epoch: u64) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.allocation(common as u8, block, size, caller);
        self.commit();
        true
    }

    /// A block that another function has given out, or that was asked for with an alignment (a power of two).
    #[must_use]
    pub fn allocate_otherwise(
        &mut self,
        function: Function,
        block: u64,
        size: u64,
        alignment: u64,
        caller: u64,
        epoch: u64,
    ) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.allocation(kind::OTHER_ALLOCATION, block, size, caller);
        let log2 = if alignment == 0 { u64::from(u8::MAX) } else { u64::from(alignment.trailing_zeros()) };
        self.put(function as u64 | log2 << 8, 2);
        self.commit();
        true
    }

    /// A block that is about to be given to `free`.
    #[inline(always)]
    #[must_use]
    pub fn free(&mut self, block: u64, epoch: u64) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.release(kind::FREE, block);
        self.commit();
        true
    }

    /// A block that is about to be given back by another function.
    #[must_use]
    pub fn free_otherwise(&mut self, function: Function, block: u64, epoch: u64) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.release(kind::OTHER_FREE, block);
        self.put(function as u64, 1);
        self.commit();
        true
    }

    /// A block that is about to be given to `realloc`; `allocate` or `realloc_failed` has to follow.
    #[inline(always)]
    #[must_use]
    pub fn realloc_from(&mut self, block: u64, epoch: u64) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.release(kind::REALLOC_FROM, block);
        self.commit();
        true
    }

    /// What `realloc_from` announced has failed.
    #[must_use]
    pub fn realloc_failed(&mut self, block: u64, size: u64, epoch: u64) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.put(u64::from(rare::REALLOC_FAILED << 3), 1);
        self.put(block, 8);
        self.put(size, 8);
        self.commit();
        true
    }

    /// A call that got no memory.
    #[must_use]
    pub fn failed(&mut self, function: Function, size: u64, epoch: u64) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.put(u64::from(rare::FAILED << 3) | (function as u64) << 8, 2);
        self.put(size, 8);
        self.commit();
        true
    }

    /// Pages that had been touched of the block whose free comes next.
    #[must_use]
    pub fn touched(&mut self, pages: u32, epoch: u64) -> bool {
        self.rare(rare::TOUCHED, u64::from(pages), 4, epoch)
    }

    /// The stream is this thread's from here on.
    #[must_use]
    pub fn thread(&mut self, tid: u32, epoch: u64) -> bool {
        self.rare(rare::THREAD, u64::from(tid), 4, epoch)
    }

    /// The thread has ended.
    #[must_use]
    pub fn thread_end(&mut self, epoch: u64) -> bool {
        self.rare(rare::THREAD_END, 0, 0, epoch)
    }

    /// The process has forked.
    #[must_use]
    pub fn fork(&mut self, child: u32, epoch: u64) -> bool {
        self.rare(rare::FORK, u64::from(child), 4, epoch)
    }

    /// Any event, by the method that is its own; a tick is written with the next one.
    #[must_use]
    pub fn event(&mut self, event: &Event, epoch: u64) -> bool {
        match *event {
            Event::Allocate { function: Function::Malloc, block, size, alignment: 0, caller } => {
                self.allocate(Common::Malloc, block, size, caller, epoch)
            }
            Event::Allocate { function: Function::Calloc, block, size, alignment: 0, caller } => {
                self.allocate(Common::Calloc, block, size, caller, epoch)
            }
            Event::Allocate { function, block, size, alignment, caller } => {
                self.allocate_otherwise(function, block, size, alignment, caller, epoch)
            }
            Event::Free { function: Function::Free, block } => self.free(block, epoch),
            Event::Free { function, block } => self.free_otherwise(function, block, epoch),
            Event::ReallocFrom { block } => self.realloc_from(block, epoch),
            Event::ReallocTo { block, size, caller } => self.allocate(Common::ReallocTo, block, size, caller, epoch),
            Event::ReallocFailed { block, size } => self.realloc_failed(block, size, epoch),
            Event::Failed { function, size } => self.failed(function, size, epoch),
            Event::Touched { pages } => self.touched(pages, epoch),
            Event::Tick { .. } => true,
            Event::Thread { tid } => self.thread(tid, epoch),
            Event::ThreadEnd => self.thread_end(epoch),
            Event::Fork { child } => self.fork(child, epoch),
        }
    }

    #[inline(never)]
    fn rare(&mut self, code: u8, number: u64, length: usize, epoch: u64) -> bool {
        if !self.ready(epoch) {
            return false;
        }
        self.put(u64::from(code << 3), 1);
        self.put(number, length);
        self.commit();
        true
    }

    /// Whether a record fits; the epoch is written where it has changed.
    #[inline(always)]
    fn ready(&mut self, epoch: u64) -> bool {
        if self.at >= self.limit {
            return false;
        }
        if self.epoch != epoch {
            self.tick(epoch);
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn tick(&mut self, epoch: u64) {
        match epoch.checked_sub(self.epoch) {
            Some(grown @ 0..=0xffff) => self.put(u64::from(rare::TICK << 3) | grown << 8, 3),
            _ => {
                self.put(u64::from(rare::EPOCH << 3), 1);
                self.put(epoch, 8);
            }
        }
        self.epoch = epoch;
    }

    #[inline(always)]
    fn allocation(&mut self, kind: u8, block: u64, size: u64, caller: u64) {
        let mut place = place_of(caller);
        if self.site(place).address != caller {
            place = self.other_place(place, caller);
        }
        let site = self.site(place);
        let (size_code, size_length) = match size {
            _ if size == site.size => (0, 0),
            0..=0xff => (1, 1),
            0x100..=0xffff => (2, 2),
            _ => (3, 8),
        };
        site.size = size;
        let (block_code, block_length, delta) = self.delta(block);
        let tag = kind | block_code << 3 | size_code << 6;
        self.put(u64::from(tag) | (place as u64) << 8, 2);
        self.put(delta, block_length);
        self.put(size, size_length);
    }

    #[inline(always)]
    fn release(&mut self, kind: u8, block: u64) {
        let (code, length, delta) = self.delta(block);
        self.put(u64::from(kind | code << 3), 1);
        self.put(delta, length);
    }

    /// How the next block is written: its code, bytes, and number.
    #[inline(always)]
    fn delta(&mut self, block: u64) -> (u8, usize, u64) {
        let difference = block.wrapping_sub(self.block);
        self.block = block;
        let eighths = difference.cast_signed() >> 3;
        let zigzag = (eighths << 1 ^ eighths >> 63).cast_unsigned();
        let length = (71 - (zigzag | 1).leading_zeros()) / 8 - u32::from(zigzag == 0);
        if difference & 7 != 0 || length > 6 { (7, 8, difference) } else { (length as u8, length as usize, zigzag) }
    }

    /// Another place that holds the caller, or one that is made to.
    #[cold]
    #[inline(never)]
    fn other_place(&mut self, place: usize, caller: u64) -> usize {
        let neighbour = place ^ 1;
        if self.site(neighbour).address == caller {
            return neighbour;
        }
        // The one that came first stays: of two that share a pair, the more frequent one is the first as a rule.
        let taken = if self.site(place).address == 0 { place } else { neighbour };
        *self.site(taken) = Site { address: caller, size: 0 };
        self.put(u64::from(rare::CALLER << 3) | (taken as u64) << 8, 2);
        self.put(caller, 8);
        taken
    }

    #[inline(always)]
    fn site(&mut self, place: usize) -> &mut Site {
        // The mask is no work: the compiler sees that a place is below 256.
        &mut self.sites[place & (PLACES - 1)]
    }

    /// Append the lowest `length` (at most 8) bytes of a number.
    #[inline(always)]
    fn put(&mut self, number: u64, length: usize) {
        // SAFETY: `ready` found room for `MARGIN` bytes, and no call puts more; `begin` was promised that they are valid.
        unsafe { self.at.cast::<u64>().write_unaligned(number.to_le()) };
        self.at = self.at.wrapping_add(length);
    }

    /// Say that what was put is a whole record.
    #[inline(always)]
    fn commit(&mut self) {
        let used = self.at.addr() - self.start.addr();
        // SAFETY: there was a `begin`, which was promised that `used` is valid: without one there is no room.
        unsafe { &*self.used }.store(used as u32, Release);
    }
}

/// Where a caller belongs in the table.
#[inline(always)]
fn place_of(caller: u64) -> usize {
    (caller.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}
