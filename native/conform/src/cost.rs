//! What malloc and free cost, in nanoseconds of this thread's CPU time a pair: the least of several rounds, because noise
//! only ever adds.

use std::mem::zeroed;
use std::time::Duration;

use crate::block::Block;
use crate::family::Family;
use crate::sizes::Mixed;

pub type Cost = fn(&'static Family) -> f64;

pub const TABLE: &[(&str, Cost)] = &[("pair", pair), ("batch", batch)];

const ROUNDS: usize = 7;

fn least(pairs: usize, mut round: impl FnMut()) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let since = used();
        round();
        (used() - since).as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / pairs as f64
}

/// CPU time of this thread; what others use meanwhile is not in it.
fn used() -> Duration {
    // SAFETY: a structure of integers, for which zero is a value.
    let mut time: libc::timespec = unsafe { zeroed() };
    // SAFETY: a place for a time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// One block of 48 bytes, again and again.
fn pair(family: &'static Family) -> f64 {
    const PAIRS: usize = 400_000;
    least(PAIRS, || {
        for _ in 0..PAIRS {
            family.pair(48);
        }
    })
}

/// A thousand live blocks of 16 to 1023 bytes.
fn batch(family: &'static Family) -> f64 {
    const BATCH: usize = 1000;
    const BATCHES: usize = 100;
    let mut mixed = Mixed::new(3);
    let sizes: Vec<usize> = (0..BATCH).map(|_| 16 + mixed.below(1008)).collect();
    let mut blocks = vec![Block::NULL; BATCH];
    least(BATCH * BATCHES, || {
        for _ in 0..BATCHES {
            family.batch(&sizes, &mut blocks);
        }
    })
}
