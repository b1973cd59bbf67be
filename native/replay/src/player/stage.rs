//! What all threads of a replay share.

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

use heapswap_replay::script::CHUNK;

use super::actor::Fall;
use super::clock;
use super::course::{Course, Point};
use super::gate::Gate;
use super::latency::Histogram;
use super::memory::Meter;
use super::source::{Buffer, Source};
use super::threads::{self, Room};

/// When things are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// One after the other.
    Max,
    /// Not before they were in the recording.
    Recorded,
}

pub struct Stage {
    pub source: Source,
    pub speed: Speed,
    /// The blocks that are live.
    pub slots: Vec<AtomicPtr<c_void>>,
    pub gate: Gate,
    /// Of each lane: calls that allocate, calls that free.
    pub latencies: Vec<(Histogram, Histogram)>,
    pub rooms: Vec<Room>,
    buffers: Vec<UnsafeCell<Buffer>>,
    began: AtomicU64,
    meter: OnceLock<Meter>,
    course: Mutex<Course>,
    is_over: AtomicBool,
}

// SAFETY: a lane's buffer is used by the one thread that stands in it, see `buffer`; everything else is shared as it is.
unsafe impl Sync for Stage {}
// SAFETY: nothing here belongs to a thread.
unsafe impl Send for Stage {}

impl Stage {
    /// Make room for everything that a script needs.
    ///
    /// # Errors
    /// There is no memory for a stack.
    pub fn set(source: Source, speed: Speed) -> io::Result<Self> {
        let lanes = usize::try_from(source.header.lanes).unwrap_or(usize::MAX);
        let slots = usize::try_from(source.header.slots).unwrap_or(usize::MAX);
        let mut places = Vec::new();
        places.try_reserve_exact(slots).map_err(|_| io::Error::other("no memory for so many live blocks"))?;
        places.extend((0..slots).map(|_| AtomicPtr::new(null_mut())));
        Ok(Self {
            speed,
            slots: places,
            gate: Gate::new(lanes),
            latencies: (0..lanes).map(|_| (Histogram::new(), Histogram::new())).collect(),
            rooms: (0..lanes).map(|_| Room::new()).collect::<io::Result<_>>()?,
            buffers: (0..lanes).map(|_| UnsafeCell::new(Box::new([0; CHUNK + 2]))).collect(),
            began: AtomicU64::new(0),
            meter: OnceLock::new(),
            course: Mutex::new(Course::new()),
            is_over: AtomicBool::new(false),
            source,
        })
    }

    /// Start a thread of the script, in its lane.
    ///
    /// # Errors
    /// There is no such thread, or the system starts no more.
    pub fn start(&'static self, thread: usize) -> Result<(), Fall> {
        let row = self.source.threads.get(thread).ok_or(Fall::Damaged)?;
        let room = self.rooms.get(usize::try_from(row.lane).unwrap_or(usize::MAX)).ok_or(Fall::Damaged)?;
        threads::start(room, thread).map_err(|_| Fall::Damaged)
    }

    /// The buffer of a lane.
    ///
    /// # Safety
    /// The caller is the one thread that stands in this lane: the one before has been joined.
    #[allow(clippy::mut_from_ref)] // that is what the contract is about
    pub unsafe fn buffer(&self, lane: usize) -> &mut [u64; CHUNK + 2] {
        // SAFETY: the caller is alone.
        unsafe { &mut *self.buffers[lane].get() }
    }

    /// The first call comes now.
    pub fn begin(&self, meter: Meter) {
        assert!(self.meter.set(meter).is_ok(), "a stage is used once");
        self.began.store(clock::monotonic(), SeqCst);
        self.look();
    }

    /// When the first call came, by the monotonic clock.
    pub fn began(&self) -> u64 {
        self.began.load(SeqCst)
    }

    /// Bytes of the heap that are resident.
    pub fn heap(&self) -> u64 {
        self.meter.get().map_or(0, Meter::heap)
    }

    /// Note live and resident bytes; gives when to look again, in nanoseconds, or nothing when it is over.
    pub fn look(&self) -> Option<u64> {
        if self.is_over.load(SeqCst) {
            return None;
        }
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        if self.meter.get().is_some() {
            let at = clock::monotonic().saturating_sub(self.began());
            let live = u64::try_from(self.gate.live()).unwrap_or(0);
            course.add(Point { at, live, resident: self.heap() });
        }
        Some(course.distance)
    }

    /// The last call has come; gives the course.
    pub fn end(&self) -> Course {
        self.look();
        self.is_over.store(true, SeqCst);
        std::mem::replace(&mut *self.course.lock().unwrap_or_else(PoisonError::into_inner), Course::new())
    }
}
