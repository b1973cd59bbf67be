//! Several threads at once.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::answer::{Answer, Stop, ensure};
use crate::block::Block;
use crate::fall;
use crate::family::Family;
use crate::sizes::Mixed;

/// A live block: its size, and the seed of what is in it.
#[derive(Clone, Copy)]
struct Held {
    block: Block,
    size: usize,
    seed: usize,
}

impl Held {
    fn new(family: &Family, size: usize, seed: usize) -> Result<Held, Stop> {
        let block = if seed.is_multiple_of(4) { family.calloc(1, size) } else { family.malloc(size) };
        ensure!(!block.is_null(), "malloc({size}) answered NULL");
        if seed.is_multiple_of(4) {
            let old = block.not_zero(size);
            ensure!(old.is_none(), "calloc(1, {size}), beside other threads: {}", old.unwrap());
        }
        block.fill(size, seed);
        Ok(Held { block, size, seed })
    }

    fn check(self, whose: &str) -> Result<(), Stop> {
        let lost = self.block.difference(self.size, self.seed);
        ensure!(
            lost.is_none(),
            "the live block of malloc({}) at {:#x}, held by {whose}, was written to by another: {}",
            self.size,
            self.block.address(),
            lost.unwrap()
        );
        Ok(())
    }
}

fn joined<T>(threads: Vec<JoinHandle<Result<T, Stop>>>) -> Result<Vec<T>, Stop> {
    threads.into_iter().map(|thread| thread.join().expect("a thread of a clause does not panic")).collect()
}

pub fn at_once(family: &'static Family) -> Answer {
    const THREADS: usize = 4;
    const OPERATIONS: usize = 100_000;
    fall::scene(&", while 4 threads call at once");
    let together = Arc::new(Barrier::new(THREADS));
    let threads = (1..=THREADS).map(|number| {
        let together = together.clone();
        thread::spawn(move || {
            together.wait();
            let calls = crowd(family, number)?;
            work(family, number, OPERATIONS)?;
            Ok(calls + OPERATIONS)
        })
    });
    let calls: usize = joined(threads.collect())?.into_iter().sum();
    Ok(format!("{THREADS} threads, {} thousand calls", calls / 1000))
}

/// Blocks of one size that a thread takes at a time.
const CROWD: usize = 32;

/// How long they do. By the clock: where other programs want the processors, these threads seldom run at the same time.
const MEETING: Duration = Duration::from_millis(1200);

/// All threads want the same size and do little else, so that they meet inside the allocator. Answers the calls made.
fn crowd(family: &Family, number: usize) -> Result<usize, Stop> {
    const SIZE: usize = 48;
    let since = Instant::now();
    let mut blocks = [Block::NULL; CROWD];
    let mut calls = 0;
    while since.elapsed() < MEETING {
        for (index, block) in blocks.iter_mut().enumerate() {
            *block = family.malloc(SIZE);
            ensure!(!block.is_null(), "malloc({SIZE}) answered NULL");
            block.write(0, number as u8);
            block.write(SIZE - 1, index as u8);
        }
        for (index, block) in blocks.iter().enumerate() {
            let (thread, place) = (block.read(0) as usize, block.read(SIZE - 1) as usize);
            ensure!(
                thread == number && place == index,
                "malloc({SIZE}) gave one block to two owners at once, to thread {number} and to thread {thread}"
            );
            family.free(*block);
        }
        calls += 2 * CROWD;
    }
    Ok(calls)
}

fn work(family: &Family, number: usize, operations: usize) -> Result<(), Stop> {
    let whose = format!("thread {number}");
    let mut mixed = Mixed::new(number as u64);
    let mut slots: [Option<Held>; 48] = [None; 48];
    for operation in 0..operations {
        let slot = &mut slots[mixed.below(48)];
        let seed = number + 8 * operation;
        let size = mixed.size(11);
        *slot = match slot.take() {
            None => Some(Held::new(family, size, seed)?),
            Some(held) if mixed.below(4) == 0 => {
                held.check(&whose)?;
                let block = family.realloc(held.block, size);
                ensure!(!block.is_null(), "realloc from {} to {size} bytes answered NULL", held.size);
                let lost = block.difference(size.min(held.size), held.seed);
                ensure!(
                    lost.is_none(),
                    "realloc from {} to {size} bytes, beside other threads: {}",
                    held.size,
                    lost.unwrap()
                );
                block.fill(size, seed);
                Some(Held { block, size, seed })
            }
            Some(held) => {
                held.check(&whose)?;
                family.free(held.block);
                None
            }
        };
    }
    for held in slots.into_iter().flatten() {
        held.check(&whose)?;
        family.free(held.block);
    }
    Ok(())
}

/// Two pairs of threads, each passing blocks to its partner to be freed.
pub fn free_elsewhere(family: &'static Family) -> Answer {
    const BLOCKS: usize = 60_000;
    fall::scene(&", while threads free each other's blocks");
    let mut threads = Vec::new();
    for pair in 0..2 {
        let (giver, taker) = sync_channel::<Held>(256);
        threads.push(thread::spawn(move || {
            let mut mixed = Mixed::new(pair + 90);
            for seed in 0..BLOCKS {
                // One that has gone has found something and says so.
                if giver.send(Held::new(family, mixed.size(12), seed)?).is_err() {
                    break;
                }
            }
            Ok(())
        }));
        threads.push(thread::spawn(move || {
            for held in taker {
                held.check("the thread that it was passed to")?;
                family.free(held.block);
            }
            Ok(())
        }));
    }
    joined(threads)?;
    Ok(format!("{} blocks passed on", 2 * BLOCKS))
}

/// Threads that come, leave half of their blocks behind, and go.
pub fn churn(family: &'static Family) -> Answer {
    const THREADS: usize = 800;
    fall::scene(&", while threads come and go");
    for round in 0..THREADS / 8 {
        let threads = (0..8).map(|number| {
            let mut mixed = Mixed::new((round * 8 + number) as u64);
            thread::spawn(move || {
                let held =
                    (0..60).map(|seed| Held::new(family, mixed.size(12), seed)).collect::<Result<Vec<_>, _>>()?;
                let (kept, freed) = held.split_at(30);
                for held in freed {
                    held.check("its own thread")?;
                    family.free(held.block);
                }
                Ok(kept.to_vec())
            })
        });
        for held in joined(threads.collect())?.into_iter().flatten() {
            held.check("a thread that has ended")?;
            family.free(held.block);
        }
    }
    Ok(format!("{THREADS} threads came and went, and others freed what they left"))
}

static DESTROYED: AtomicUsize = AtomicUsize::new(0);
/// Blocks that had changed when their destructor ran.
static LOST: AtomicUsize = AtomicUsize::new(0);
/// For the destructors, which are given one pointer, and that is taken.
static FAMILY: AtomicPtr<Family> = AtomicPtr::new(null_mut());

extern "C" fn destroy(value: *mut c_void) {
    // SAFETY: set before any key has a value, to a family that lives for ever.
    let family = unsafe { &*FAMILY.load(SeqCst) };
    let block = Block::new(value.cast());
    LOST.fetch_add(usize::from(block.difference(40, 5).is_some()), SeqCst);
    let other = family.malloc(700);
    other.fill(700, 6);
    let block = family.realloc(block, 4000);
    LOST.fetch_add(usize::from(block.difference(40, 5).is_some()), SeqCst);
    family.free(block);
    family.free(other);
    DESTROYED.fetch_add(1, SeqCst);
}

/// More keys than the C library keeps in a thread's own record: for the others it allocates itself.
const KEYS: usize = 48;

pub fn exit_destructors(family: &'static Family) -> Answer {
    const THREADS: usize = 60;
    fall::scene(&", while threads end and their destructors allocate");
    FAMILY.store(std::ptr::from_ref(family).cast_mut(), SeqCst);
    let mut keys = [0; KEYS];
    for key in &mut keys {
        // SAFETY: a place for a key, and a destructor that lives for ever.
        let error = unsafe { libc::pthread_key_create(key, Some(destroy)) };
        ensure!(error == 0, "pthread_key_create failed with error {error}");
    }
    for _ in 0..THREADS / 4 {
        let threads = (0..4).map(|_| {
            thread::spawn(move || {
                for key in keys {
                    let block = family.malloc(40);
                    block.fill(40, 5);
                    // SAFETY: a key that was created, and a pointer that its destructor frees.
                    unsafe { libc::pthread_setspecific(key, block.pointer().cast()) };
                }
                Ok(())
            })
        });
        joined(threads.collect())?;
    }
    let lost = LOST.load(SeqCst);
    ensure!(lost == 0, "{lost} blocks had changed when the destructors of their threads ran");
    let run = DESTROYED.load(SeqCst);
    ensure!(run == THREADS * KEYS, "{run} of {} destructors ran", THREADS * KEYS);
    Ok(format!("{run} destructors allocated, resized and freed"))
}
