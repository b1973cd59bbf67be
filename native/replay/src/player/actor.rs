//! One recorded thread: follows its instructions until they end.

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed, Ordering::SeqCst};

use heapswap_replay::script::{Op, number_of, place_of};

use super::calls::{self, Exhausted};
use super::clock;
use super::latency::{EVERY, Histogram, now};
use super::source::Words;
use super::stage::{Speed, Stage};

/// How a thread's part of the script ended.
pub enum Ending {
    /// As in the recording; it lives on until the program ends.
    Stays,
    /// As in the recording, by ending.
    Ends,
}

/// Why it cannot go on.
pub enum Fall {
    /// The allocator had no memory.
    Exhausted(Exhausted),
    Damaged,
}

impl From<Exhausted> for Fall {
    fn from(exhausted: Exhausted) -> Self {
        Self::Exhausted(exhausted)
    }
}

/// What a thread keeps between two instructions.
struct Actor {
    /// Change of the live bytes since the epoch was entered.
    change: i64,
    /// High half of the next size.
    high: u64,
    /// Bytes to touch of the next block.
    touch: u64,
    /// Calls until the next one that is timed.
    until: u32,
}

/// Play the words of one thread.
///
/// # Errors
/// An allocation failed, or the script is damaged.
pub fn play(stage: &'static Stage, lane: usize, mut words: Words<'_>) -> Result<Ending, Fall> {
    let mut actor = Actor { change: 0, high: 0, touch: u64::MAX, until: EVERY };
    let slots = &stage.slots[..];
    let gate = &stage.gate;
    let (taking, giving) = &stage.latencies[lane];
    loop {
        let word = words.next().ok_or(Fall::Damaged)?;
        let (place, low) = place_of(word);
        match Op::of(word).ok_or(Fall::Damaged)? {
            Op::Malloc => {
                let slot = slots.get(place).ok_or(Fall::Damaged)?;
                let size = actor.grown(low);
                let block = actor.timed(taking, || calls::malloc(size))?;
                actor.place(slot, block, 0, size);
            }
            Op::Free => {
                let slot = slots.get(place).ok_or(Fall::Damaged)?;
                actor.change -= actor.sized(low).cast_signed();
                let block = slot.load(Relaxed);
                actor.timed(giving, || calls::free(block));
                slot.store(std::ptr::null_mut(), Relaxed);
            }
            Op::Calloc => {
                let slot = slots.get(place).ok_or(Fall::Damaged)?;
                let size = actor.grown(low);
                let block = actor.timed(taking, || calls::calloc(size))?;
                actor.place(slot, block, 0, size);
            }
            Op::Realloc => {
                let slot = slots.get(place).ok_or(Fall::Damaged)?;
                let old = words.next().ok_or(Fall::Damaged)?;
                let size = actor.grown(low);
                actor.change -= old.cast_signed();
                let before = slot.load(Relaxed);
                let block = actor.timed(taking, || calls::realloc(before, size))?;
                actor.place(slot, block, usize::try_from(old).unwrap_or(0), size);
            }
            Op::Aligned => {
                let slot = slots.get(place).ok_or(Fall::Damaged)?;
                let alignment = usize::try_from(words.next().ok_or(Fall::Damaged)?).map_err(|_| Fall::Damaged)?;
                let size = actor.grown(low);
                let block = actor.timed(taking, || calls::aligned(alignment, size))?;
                actor.place(slot, block, 0, size);
            }
            Op::Large => actor.high = number_of(word) << 32,
            Op::Touch => actor.touch = number_of(word),
            Op::Enter | Op::Await => gate.wait(lane, number_of(word)),
            Op::Leave => {
                let live = words.next().ok_or(Fall::Damaged)?;
                gate.leave(actor.change, number_of(word), live.cast_signed());
                actor.change = 0;
            }
            Op::Wait => {
                if place >= stage.latencies.len() {
                    return Err(Fall::Damaged);
                }
                gate.wait_for(place, u32::try_from(low).unwrap_or(0));
            }
            Op::Publish => {
                gate.place(lane).published.fetch_add(1, SeqCst);
            }
            Op::Start => stage.start(usize::try_from(number_of(word)).unwrap_or(usize::MAX))?,
            Op::At => {
                if stage.speed == Speed::Recorded {
                    clock::sleep_until(stage.began() + number_of(word));
                }
            }
            Op::End => return Ok(if number_of(word) == 1 { Ending::Ends } else { Ending::Stays }),
        }
    }
}

impl Actor {
    /// The size of an instruction whose word holds the low half.
    #[inline]
    fn sized(&mut self, low: u64) -> u64 {
        std::mem::take(&mut self.high) | low
    }

    /// As `sized`, of a block that is live from now on.
    #[inline]
    fn grown(&mut self, low: u64) -> usize {
        let size = self.sized(low);
        self.change += size.cast_signed();
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    /// Touch a new block as the program did, and put it into its slot.
    #[inline]
    fn place(&mut self, slot: &AtomicPtr<c_void>, block: *mut c_void, from: usize, size: usize) {
        let limit = usize::try_from(std::mem::replace(&mut self.touch, u64::MAX)).unwrap_or(usize::MAX);
        calls::touch(block, from, size.min(limit));
        slot.store(block, Relaxed);
    }

    /// Make a call, and time it if it is its turn.
    #[inline(always)]
    fn timed<T>(&mut self, into: &Histogram, call: impl FnOnce() -> T) -> T {
        self.until -= 1;
        if self.until != 0 {
            return call();
        }
        let begin = now();
        // The distance varies, so that no rhythm of the program decides which calls are timed.
        self.until = 1 + EVERY / 2 + (begin as u32 >> 2) % EVERY;
        let result = call();
        into.add(now().wrapping_sub(begin));
        result
    }
}
