//! Scripts composed from calls, played by the real player: what it says must be what the calls were.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Output};

use heapswap_replay::compose::{Asked, At, Block, Composer, Way};
use heapswap_replay::script::Header;

/// What a thread does; blocks are numbers of the test's own.
#[derive(Clone, Copy)]
enum Call {
    Allocate { way: Way, block: u64, size: u64, touched: Option<u64> },
    Free { block: u64 },
    Realloc { block: u64, size: u64 },
    End,
}

/// A file of a test's own, gone at its end.
struct Script(PathBuf);

impl Script {
    fn named(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("heapswap-play-{}-{name}", std::process::id())))
    }

    fn composed(name: &str, threads: u64, calls: impl IntoIterator<Item = (usize, Call)>) -> (Self, Header) {
        let script = Self::named(name);
        let mut composer = Composer::new(File::create(&script.0).expect("a temporary file"));
        (0..threads).for_each(|tid| {
            composer.thread(tid);
        });
        let mut live: HashMap<u64, (Block, u64)> = HashMap::new();
        for (index, (thread, call)) in calls.into_iter().enumerate() {
            let at = At { thread, time: index as u64 };
            match call {
                Call::Allocate { way, block, size, touched } => {
                    let placed = composer.allocate(at, way, Asked { size, touched }).expect("room for a script");
                    live.insert(block, (placed, size));
                }
                Call::Free { block } => {
                    let (placed, size) = live.remove(&block).expect("it is live");
                    composer.free(at, placed, size).expect("room for a script");
                }
                Call::Realloc { block, size } => {
                    let (placed, old) = live[&block];
                    let asked = Asked { size, touched: None };
                    let placed = composer.reallocate(at, placed, old, asked).expect("room for a script");
                    live.insert(block, (placed, size));
                }
                Call::End => composer.end_thread(thread),
            }
        }
        (script, composer.finish().expect("room for a script"))
    }

    fn played(&self) -> Output {
        Command::new(env!("CARGO_BIN_EXE_heapswap-replay")).arg(&self.0).output().expect("the player starts")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn number(output: &Output, name: &str) -> u64 {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, rest) = text.split_once(&format!("\"{name}\": ")).expect("the number is said");
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().expect("a number")
}

/// Calls at random in one order, of threads that hand blocks to each other all the time; ends with nothing live.
fn random_calls(seed: u64, threads: usize, count: usize) -> Vec<(usize, Call)> {
    let mut state = seed;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut live: Vec<u64> = Vec::new();
    let mut free: Vec<u64> = (1..=64).map(|index| index * 16).collect();
    let mut calls = Vec::new();
    while calls.len() < count {
        let thread = random(threads);
        let size = random(3_000) as u64;
        match random(5) {
            0 | 1 if !free.is_empty() => {
                let block = free.swap_remove(random(free.len()));
                let way = [Way::Malloc, Way::Calloc, Way::Aligned(64)][random(3)];
                calls.push((thread, Call::Allocate { way, block, size, touched: None }));
                live.push(block);
            }
            2 if !live.is_empty() => {
                let block = live[random(live.len())];
                calls.push((thread, Call::Realloc { block, size }));
            }
            _ if !live.is_empty() => {
                let block = live.swap_remove(random(live.len()));
                calls.push((thread, Call::Free { block }));
                free.push(block);
            }
            _ => {}
        }
    }
    calls.extend(live.into_iter().map(|block| (0, Call::Free { block })));
    calls
}

#[test]
fn an_empty_script_is_played() {
    let (script, header) = Script::composed("empty", 0, []);
    assert_eq!((header.threads, header.calls), (1, 0));
    assert_eq!(said(&script.played()), "played 0 calls of 1 threads; 0 bytes live at the end; 0 moments off");
}

#[test]
fn live_bytes_are_those_of_the_calls_at_every_moment() {
    for (seed, threads) in [(1, 1), (2, 2), (3, 9)] {
        let (script, header) =
            Script::composed(&format!("random-{seed}"), threads, random_calls(seed, threads as usize, 20_000));
        assert_eq!(header.end_live, 0);
        // At the end of a moment nothing of it is waited for any more: slots are what was live, and one moment's.
        assert!(header.slots <= 64 + 1_000, "{} slots", header.slots);
        let output = script.played();
        let line =
            format!("played {} calls of {threads} threads; 0 bytes live at the end; 0 moments off", header.calls);
        assert_eq!(said(&output), line);
        assert_eq!(number(&output, "moments"), header.epochs);
    }
}

#[test]
fn memory_is_touched_as_far_as_the_program_did() {
    const SIZE: u64 = 32 << 20;
    let peak = |name: &str, touched: Option<u64>| {
        let call = Call::Allocate { way: Way::Malloc, block: 16, size: SIZE, touched };
        let (script, ..) = Script::composed(name, 1, [(0, call)]);
        number(&script.played(), "heap_peak")
    };
    assert!((SIZE..SIZE + SIZE / 8).contains(&peak("whole", None)));
    assert!(peak("part", Some(SIZE / 4)) < SIZE / 2);
}

#[test]
fn threads_that_end_make_room_for_others() {
    let mut calls = Vec::new();
    for thread in 1..=200 {
        let block = thread as u64 * 16;
        calls.push((thread, Call::Allocate { way: Way::Malloc, block, size: 100, touched: None }));
        calls.push((thread, Call::End));
        calls.extend((0..30).flat_map(|_| {
            [Call::Allocate { way: Way::Malloc, block: 8, size: 50, touched: None }, Call::Free { block: 8 }]
                .map(|call| (0, call))
        }));
    }
    let (script, header) = Script::composed("ended", 201, calls);
    assert!(header.lanes < 40, "{} lanes", header.lanes);
    assert_eq!(said(&script.played()), "played 12200 calls of 201 threads; 20000 bytes live at the end; 0 moments off");
}

#[test]
fn a_script_that_breaks_off_is_refused_in_one_line() {
    let (script, ..) = Script::composed("whole", 2, random_calls(5, 2, 20_000));
    let whole = std::fs::read(&script.0).expect("it was written");
    let cut = Script::named("cut");
    for bytes in [&whole[..50], &whole[..whole.len() - 8], b"something else, and long enough to hold a header: no"] {
        std::fs::write(&cut.0, bytes).expect("room for a script");
        let output = cut.played();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
    }
}

#[test]
fn words_that_mean_nothing_end_it_in_order() {
    let (script, ..) = Script::composed("good", 3, random_calls(6, 1, 3_000));
    let whole = std::fs::read(&script.0).expect("it was written");
    let bent = Script::named("bent");
    for at in (96..2_000).step_by(97) {
        let mut bytes = whole.clone();
        // No operation has this number; in the second word of an instruction, or in a chunk's head, it is a number.
        bytes[at & !7] |= 15;
        std::fs::write(&bent.0, bytes).expect("room for a script");
        let output = bent.played();
        assert!(output.status.code().is_some(), "ended by a signal at byte {at}: {output:?}");
    }
}
