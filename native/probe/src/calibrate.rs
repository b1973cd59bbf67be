//! What the probe itself costs here, measured when a file is begun: some microseconds.

use crate::layout::{Header, Slot};
use crate::lifetimes::{self, Entry};
use crate::{count, ticks, usage};
use core::hint::black_box;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;

const ROUNDS: usize = 64;

/// Slots that belong to nobody, and whose numbers nobody reads: several, because a program does other things between two
/// calls, and one addition does not wait for the last one to the same number.
static SCRATCH: [Slot; 4] = [const { Slot::empty() }; 4];

/// The same of a block that is followed.
static FOLLOWED: Entry = Entry::empty();

/// What stands in front of a block that does not exist, for whoever reads its size there.
static BLOCK: [AtomicU64; 4] = [const { AtomicU64::new(0x31) }; 4];

pub fn measure(header: &Header) {
    let timing = typical(ticks::before, || black_box(nothing as extern "C" fn())());
    header.cost_timing.store(timing, Relaxed);
    let open = typical(ticks::before_open, || black_box(nothing as extern "C" fn())());
    header.cost_timing_open.store(open.min(timing), Relaxed);
    header.cost_look.store(least(4, || usage::look(&SCRATCH[0])) + timing, Relaxed);
    let life = least(4, || {
        lifetimes::fill(&FOLLOWED, &SCRATCH[0], 0, black_box(8), 0);
        black_box(lifetimes::record(&FOLLOWED, &SCRATCH[0], &SCRATCH[0], 0));
    });
    header.cost_life.store(life, Relaxed);
    let additions = least(2, || {
        for size in 0..ROUNDS {
            let slot = &SCRATCH[size % SCRATCH.len()];
            black_box(count::is_drawn(slot, black_box(size)));
            count::counted(slot, black_box(size), black_box(&BLOCK[2]).as_ptr().cast());
            black_box(lifetimes::may_be_known(black_box(&BLOCK[2]).as_ptr().cast()));
        }
    });
    header.cost_additions.store(additions.saturating_sub(timing), Relaxed);
}

extern "C" fn nothing() {}

/// The mean ticks of many rounds without the disturbed ones: the counter may step by 10 ns at a time, so that neither
/// the least nor the middle one tells what a round takes.
fn typical(before: impl Fn() -> u64, work: impl Fn()) -> u64 {
    let limit = 2 * least(4, &work);
    let (mut sum, mut count) = (0u64, 0);
    for _ in 0..4 * ROUNDS {
        let start = before();
        work();
        let took = ticks::after().wrapping_sub(start);
        if took <= limit {
            sum += took;
            count += 1;
        }
    }
    sum.checked_div(count).unwrap_or(limit / 2)
}

/// The least ticks of several rounds: whatever disturbs one only adds.
fn least(rounds: usize, work: impl Fn()) -> u64 {
    (0..rounds).fold(u64::MAX, |least, _| {
        let start = ticks::before();
        work();
        least.min(ticks::after().wrapping_sub(start))
    })
}
