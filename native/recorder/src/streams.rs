//! Who writes which stream, and how a record gets into it.
//!
//! ```text
//! never used ──a thread's first call──▶ owned ──the thread is gone, another one's first call──▶ owned by that one
//! ```
//!
//! Nobody gives a stream back: a destructor of thread-specific data would run before the destructors of others, which
//! still allocate. Instead a new thread looks for a stream whose thread the kernel no longer knows, first one at its own
//! address (the C library gives the memory of an ended thread to the next one), and goes on in its segment. Streams lie
//! in memory of this process alone, so a child of a fork sees how far its parent was at the fork.

use crate::segments::{self, Segment};
use crate::{control, thread};
use core::cell::UnsafeCell;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};
use interpose::{sys, tls};
use trace_format::encode::{Encoder, MARGIN};
use trace_format::ring::SEGMENT;

/// Bytes of records, a stream there is, after which a stream counts the epoch up. Between two of its counts only the
/// addresses of blocks tell the order of threads; more of them, and threads wait for the word to come from each other.
const STEP: usize = 256;

/// Streams of a process: threads at one time, and signal handlers that came in the middle of a record.
const MOST: usize = 8192;

#[repr(C, align(64))]
pub struct Stream {
    writer: UnsafeCell<Writer>,
    index: AtomicU32,
    /// The address that tells the owning thread from others.
    owner: AtomicU64,
    /// Its id; 0 where no other thread may take the stream over.
    thread: AtomicU64,
    /// Where handlers of signals write that interrupt a record of this stream.
    nested: AtomicPtr<Stream>,
}

struct Writer {
    encoder: Encoder,
    segment: Option<Segment>,
    sequence: u32,
    /// The thread that the last records are of.
    thread: u32,
}

impl Writer {
    /// Bytes of the segment in which a record may still begin.
    fn room(&self) -> usize {
        if self.segment.is_some() { (SEGMENT - MARGIN).saturating_sub(self.encoder.used()) } else { 0 }
    }
}

// SAFETY: the writer is touched by the one thread that owns the stream, while it is busy; the rest is atomic.
unsafe impl Sync for Stream {}

static FIRST: AtomicPtr<Stream> = AtomicPtr::new(null_mut());
static USED: AtomicU32 = AtomicU32::new(0);

/// Sets address space aside; whether there was any.
pub fn reserve() -> bool {
    const FLAGS: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    const LENGTH: usize = MOST * size_of::<Stream>();
    // SAFETY: a fresh range.
    let place = unsafe { libc::mmap(null_mut(), LENGTH, libc::PROT_READ | libc::PROT_WRITE, FLAGS, -1, 0) };
    if place == libc::MAP_FAILED {
        return false;
    }
    FIRST.store(place.cast(), Release);
    true
}

fn stream(index: u32) -> &'static Stream {
    // SAFETY: inside what was set aside for ever; all zero is a stream nobody has.
    unsafe { &*FIRST.load(Acquire).wrapping_add(index as usize) }
}

fn used() -> impl Iterator<Item = &'static Stream> {
    (0..USED.load(Acquire)).map(stream)
}

/// How far the calling thread's stream is.
#[derive(Default)]
pub struct Position {
    pub stream: u64,
    pub sequence: u64,
    pub used: u64,
}

/// Of the thread that a fork has copied, before it calls anything; of a stream that does not exist where it had none.
pub fn position() -> Position {
    let nowhere = Position { stream: u64::MAX, ..Position::default() };
    thread::stream().map_or(nowhere, |stream| {
        // SAFETY: this thread's own, and it is not busy.
        let writer = unsafe { &*stream.writer.get() };
        Position {
            stream: u64::from(stream.index.load(Relaxed)),
            sequence: u64::from(writer.sequence.saturating_sub(1)),
            used: writer.encoder.used() as u64,
        }
    })
}

/// In the child of a fork: none of the parent's threads is here, and none of its segments.
pub fn forget() {
    USED.store(0, Release);
}

/// A stream for the calling thread; None where there is none left.
pub fn claim() -> Option<&'static Stream> {
    let (owner, thread) = (tls::word() as u64, sys::thread());
    let many = USED.load(Acquire);
    let mut found = take_over(thread, |stream| stream.owner.load(Relaxed) == owner);
    // To ask the kernel about every stream pays where their number has doubled since the last time.
    if found.is_none() && (many.is_power_of_two() || many as usize == MOST) {
        found = take_over(thread, |_| true);
    }
    if found.is_none() {
        found = fresh(thread);
    }
    let Some(stream) = found else {
        control::thread_refused();
        return None;
    };
    stream.owner.store(owner, Release);
    Some(stream)
}

fn take_over(thread: u64, may: impl Fn(&Stream) -> bool) -> Option<&'static Stream> {
    let process = sys::process();
    used().find(|stream| {
        let last = stream.thread.load(Acquire);
        may(stream)
            && last != 0
            && last != thread
            && sys::is_gone(process, last)
            && stream.thread.compare_exchange(last, thread, Acquire, Relaxed).is_ok()
    })
}

fn fresh(thread: u64) -> Option<&'static Stream> {
    let index = USED.fetch_update(AcqRel, Acquire, |used| ((used as usize) < MOST).then_some(used + 1)).ok()?;
    let stream = stream(index);
    // What a parent left here is not this process's.
    let writer = Writer { encoder: Encoder::EMPTY, segment: None, sequence: 0, thread: 0 };
    // SAFETY: nobody else has this index, and the place is writable.
    unsafe { stream.writer.get().write(writer) };
    stream.index.store(index, Relaxed);
    stream.nested.store(null_mut(), Relaxed);
    stream.thread.store(thread, Release);
    Some(stream)
}

impl Stream {
    /// Writes that the records are the calling thread's from here on, which owns the stream and is busy; false where
    /// recording is over.
    pub fn begin(&self) -> bool {
        let thread = sys::thread() as u32;
        // SAFETY: the calling thread owns the stream and is busy.
        let known = core::mem::replace(unsafe { &mut (*self.writer.get()).thread }, thread);
        known == thread || self.put(|encoder, epoch| encoder.thread(thread, epoch))
    }

    /// Where a signal handler of this thread writes.
    pub fn nested(&self) -> Option<&'static Stream> {
        // SAFETY: null, or a stream that was stored here; its memory stays mapped for ever.
        if let Some(known) = unsafe { self.nested.load(Relaxed).as_ref() } {
            return Some(known);
        }
        let stream = fresh(0)?;
        self.nested.store(core::ptr::from_ref(stream).cast_mut(), Relaxed);
        Some(stream)
    }

    /// Writes a record while the thread is not busy; from here until the record is whole, it is.
    #[inline(always)]
    pub fn record(&'static self, write: impl Fn(&mut Encoder, u64) -> bool) {
        thread::busy();
        if self.put(write) { thread::resume(self) } else { thread::off() }
    }

    /// Writes a record; false where recording is over.
    #[inline(always)]
    pub fn put(&self, write: impl Fn(&mut Encoder, u64) -> bool) -> bool {
        // SAFETY: the calling thread owns the stream and is busy, so its signal handlers keep away.
        let writer = unsafe { &mut *self.writer.get() };
        let epoch = control::epoch();
        write(&mut writer.encoder, epoch) || (self.go_on(writer, epoch) && write(&mut writer.encoder, control::epoch()))
    }

    /// After every few records, of which the next one came at this epoch: counts the epoch up, where there are several streams to be put in order, and goes on in
    /// the same segment or another; false where there is none.
    #[cold]
    #[inline(never)]
    fn go_on(&self, writer: &mut Writer, epoch: u64) -> bool {
        if control::is_over() {
            return false;
        }
        let streams = USED.load(Relaxed) as usize;
        if streams > 1 {
            control::count_up();
        }
        if writer.room() == 0 && !self.turn_over(writer, epoch) {
            return false;
        }
        let step = if streams > 1 { (STEP * streams).min(writer.room()) } else { writer.room() };
        // SAFETY: no further than there is room.
        unsafe { writer.encoder.allow(step) };
        true
    }

    /// Goes on in another segment; false where there is none, and then there never will be.
    fn turn_over(&self, writer: &mut Writer, epoch: u64) -> bool {
        let errno = sys::errno();
        writer.encoder.end();
        if let Some(full) = writer.segment.take() {
            segments::give_up(full.entry);
        }
        let next = segments::take(self.index.load(Relaxed), writer.sequence, epoch);
        sys::set_errno(errno);
        let Some(segment) = next else { return false };
        writer.segment = Some(segment);
        writer.sequence += 1;
        // SAFETY: the segment is this stream's alone until it gives it up, and is mapped for ever.
        unsafe { writer.encoder.begin(segment.start, SEGMENT, &segment.entry.used, epoch) };
        true
    }
}
