//! Threads count words that one thread makes and others free: `crowd [THREADS] [ROUNDS]`.

use std::collections::HashMap;
use std::sync::mpsc;
use std::thread;

/// Words of one round, each a block of its own.
fn words(round: u64) -> Vec<String> {
    (0..4_000u64)
        .map(|at| format!("{:x}", (at * 7_919 + round * 31) % 1_009).repeat(1 + (at % 5) as usize))
        .collect()
}

/// How often each word came, and the length of all.
fn count(rounds: impl Iterator<Item = Vec<String>>) -> (HashMap<String, u64>, usize) {
    let (mut counts, mut length) = (HashMap::new(), 0);
    for word in rounds.flatten() {
        length += word.len();
        *counts.entry(word).or_insert(0) += 1;
    }
    (counts, length)
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|word| word.parse::<u64>().expect("a number"));
    let threads = arguments.next().unwrap_or(4);
    let rounds = arguments.next().unwrap_or(60);
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (give, take) = mpsc::sync_channel(4);
            let maker = thread::spawn(move || {
                (0..rounds).for_each(|round| give.send(words(round + thread)).unwrap())
            });
            (maker, thread::spawn(move || count(take.into_iter())))
        })
        .collect();
    let (mut kinds, mut total) = (0, 0);
    for (maker, counter) in workers {
        maker.join().unwrap();
        let (counts, length) = counter.join().unwrap();
        kinds += counts.len();
        total += length;
    }
    println!("{kinds} kinds, {total} characters");
}
