//! Epoch after epoch: nobody enters one before everybody has left all earlier ones.

use std::ptr::null;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::SeqCst};

/// How often a thread looks before it sleeps, where there is a core for everybody.
const LOOKS: u32 = 400;

const WAIT: libc::c_int = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
const WAKE: libc::c_int = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;

/// Where one lane waits. A cache line of its own, with what others look at.
#[repr(align(128))]
pub struct Place {
    /// What it waits for; `u64::MAX` while it does not wait.
    wanted: AtomicU64,
    /// Changes when it is woken.
    call: AtomicU32,
    /// Blocks published to other lanes, see `script`.
    pub published: AtomicU32,
}

impl Place {
    pub fn new() -> Self {
        Self { wanted: AtomicU64::new(u64::MAX), call: AtomicU32::new(0), published: AtomicU32::new(0) }
    }
}

/// What all lanes share.
pub struct Gate {
    places: Vec<Place>,
    /// Parts of epochs that have been left.
    left: AtomicU64,
    /// As `left`, at the end of the last epoch that all have left.
    open: AtomicU64,
    live: AtomicI64,
    /// Epochs at whose end the live bytes were not the recording's.
    pub mismatches: AtomicU64,
    looks: u32,
}

impl Gate {
    pub fn new(lanes: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            places: (0..lanes).map(|_| Place::new()).collect(),
            left: AtomicU64::new(0),
            open: AtomicU64::new(0),
            live: AtomicI64::new(0),
            mismatches: AtomicU64::new(0),
            looks: if lanes <= cores { LOOKS } else { 1 },
        }
    }

    /// Where a lane stands.
    pub fn place(&self, lane: usize) -> &Place {
        &self.places[lane]
    }

    /// Requested bytes that are live, as of the last part that a thread left.
    pub fn live(&self) -> i64 {
        self.live.load(SeqCst)
    }

    /// Parts of epochs that all have left.
    pub fn opened(&self) -> u64 {
        self.open.load(SeqCst)
    }

    /// Wait until so many parts are left by all.
    pub fn wait(&self, lane: usize, parts: u64) {
        for _ in 0..self.looks {
            if self.opened() >= parts {
                return;
            }
            std::hint::spin_loop();
        }
        let place = &self.places[lane];
        place.wanted.store(parts, SeqCst);
        loop {
            let call = place.call.load(SeqCst);
            if self.opened() >= parts {
                break;
            }
            let word = place.call.as_ptr();
            // SAFETY: the word lives as long as the gate; waking for no reason is looked into again.
            unsafe { libc::syscall(libc::SYS_futex, word, WAIT, call, null::<libc::timespec>()) };
        }
        place.wanted.store(u64::MAX, SeqCst);
    }

    /// Leave an epoch: whoever is last checks the live bytes, and opens the next one.
    pub fn leave(&self, change: i64, parts: u64, expected: i64) {
        self.live.fetch_add(change, SeqCst);
        if self.left.fetch_add(1, SeqCst) + 1 != parts {
            return;
        }
        let live = self.live();
        self.mismatches.fetch_add(u64::from(live != expected), SeqCst);
        self.open.store(parts, SeqCst);
        for place in &self.places {
            if place.wanted.load(SeqCst) <= parts {
                place.call.fetch_add(1, SeqCst);
                // SAFETY: the word lives as long as the gate.
                unsafe { libc::syscall(libc::SYS_futex, place.call.as_ptr(), WAKE, 1) };
            }
        }
    }

    /// Wait until another lane has published so many blocks: it does so within this epoch, soon.
    pub fn wait_for(&self, lane: usize, count: u32) {
        let published = &self.places[lane].published;
        let mut looks = 0;
        while published.load(SeqCst).wrapping_sub(count).cast_signed() < 0 {
            looks += 1;
            if looks < self.looks {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}
