//! What malloc and free cost, in nanoseconds a pair: the least of several rounds, because noise only ever adds.

use std::hint::black_box;
use std::time::Instant;

use crate::block::Block;
use crate::family::Family;
use crate::sizes::Mixed;

pub type Cost = fn(&'static Family) -> f64;

pub const TABLE: &[(&str, Cost)] = &[("pair", pair), ("batch", batch)];

const ROUNDS: usize = 7;

fn least(pairs: usize, mut round: impl FnMut()) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let since = Instant::now();
        round();
        since.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min) * 1e9 / pairs as f64
}

/// One block of 48 bytes, again and again.
fn pair(family: &'static Family) -> f64 {
    const PAIRS: usize = 400_000;
    least(PAIRS, || {
        for _ in 0..PAIRS {
            family.free(black_box(family.malloc(48)));
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
            for (block, &size) in blocks.iter_mut().zip(&sizes) {
                *block = family.malloc(size);
            }
            blocks.iter().for_each(|&block| family.free(block));
        }
    })
}
