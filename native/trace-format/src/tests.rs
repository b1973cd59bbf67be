//! What was written is read again, and what nobody wrote is refused.

use crate::count::{Count, count};
use crate::decode::{Damage, Decoder};
use crate::encode::{Common, Encoder, MARGIN};
use crate::event::{Event, Function};
use core::sync::atomic::{AtomicU32, Ordering::Acquire};

/// SplitMix64 (Steele, Lea, Flood, 2014): the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number of any length, short ones as likely as long ones.
    fn any(&mut self) -> u64 {
        self.next() >> self.below(64)
    }

    fn event(&mut self, block: u64) -> Event {
        let block = match self.below(4) {
            0 => self.any().max(1),
            _ => block.wrapping_add(self.below(0x8000) * 16).wrapping_sub(0x4000 * 16),
        };
        let size = if self.below(2) == 0 { self.below(300) } else { self.any() };
        let caller = 0x5555_0000 + self.below(400) * 8 * self.below(2);
        match self.below(14) {
            0..3 => Event::Allocate { function: Function::Malloc, block, size, alignment: 0, caller },
            3..6 => Event::Free { function: Function::Free, block },
            6 => Event::Allocate { function: Function::Calloc, block, size, alignment: 0, caller },
            7 => Event::Allocate { function: Function::Memalign, block, size, alignment: 1 << self.below(64), caller },
            8 => Event::Free { function: Function::FreeSized, block },
            9 => Event::ReallocFrom { block },
            10 => Event::ReallocTo { block, size, caller },
            11 => Event::ReallocFailed { block, size },
            12 => Event::Failed { function: Function::Pvalloc, size },
            _ => match self.below(5) {
                0 => Event::Touched { pages: self.any() as u32 },
                1 => Event::Thread { tid: self.any() as u32 },
                2 => Event::ThreadEnd,
                3 => Event::Fork { child: self.any() as u32 },
                _ => Event::Allocate { function: Function::Realloc, block, size, alignment: 0, caller },
            },
        }
    }
}

/// Events as segments, each with the epoch that it begins with; the events with the epochs that were seen.
fn write(events: &[(Event, u64)], length: usize) -> Vec<(u64, Vec<u8>)> {
    let mut encoder = Box::new(Encoder::EMPTY);
    let used = AtomicU32::new(0);
    let mut segment = vec![0_u8; length];
    let mut written = Vec::new();
    let mut first_epoch = None;
    for (event, epoch) in events {
        while !encoder.event(event, *epoch) {
            if let Some(first) = first_epoch.replace(*epoch) {
                written.push((first, segment[..used.load(Acquire) as usize].to_vec()));
            }
            // SAFETY: the vector and the number outlive the encoder, and nobody else writes to them.
            unsafe { encoder.begin(segment.as_mut_ptr(), length, &raw const used, *epoch) };
        }
    }
    if let Some(first) = first_epoch {
        written.push((first, segment[..used.load(Acquire) as usize].to_vec()));
    }
    written
}

fn read(first_epoch: u64, bytes: &[u8]) -> Result<Vec<(Event, u64)>, Damage> {
    let mut decoder = Decoder::raw(bytes, first_epoch);
    let mut events = Vec::new();
    while let Some(event) = decoder.next_event()? {
        if !matches!(event, Event::Tick { .. }) {
            events.push((event, decoder.epoch()));
        }
    }
    Ok(events)
}

fn any_events(random: &mut Random, count: usize) -> Vec<(Event, u64)> {
    let (mut block, mut epoch) = (0x5555_5555_0000, 100_u64);
    (0..count)
        .map(|_| {
            let event = random.event(block);
            if let Event::Allocate { block: given, .. } | Event::Free { block: given, .. } = event {
                block = given;
            }
            epoch = match random.below(20) {
                0 => epoch + random.below(100_000),
                1 => random.any(),
                _ => epoch,
            };
            (event, epoch)
        })
        .collect()
}

#[test]
fn what_was_written_is_read() {
    let mut random = Random(1);
    for length in [MARGIN + 1, 200, 4096, 1 << 16] {
        let events = any_events(&mut random, 20_000);
        let segments = write(&events, length);
        assert!(segments.iter().all(|(_, bytes)| bytes.len() <= length));
        let found: Vec<_> = segments.iter().flat_map(|(first, bytes)| read(*first, bytes).unwrap()).collect();
        assert!(found == events, "segments of {length} bytes");
    }
}

#[test]
fn an_encoder_without_a_segment_is_full() {
    let mut encoder = Encoder::EMPTY;
    assert!(!encoder.free(16, 0));
    let (mut segment, used) = ([0_u8; MARGIN], AtomicU32::new(0));
    // SAFETY: both outlive the encoder.
    unsafe { encoder.begin(segment.as_mut_ptr(), segment.len(), &raw const used, 0) };
    assert!(!encoder.allocate(Common::Malloc, 16, 8, 1, 0));
    assert_eq!(segment, [0; MARGIN]);
}

#[test]
fn the_documented_example() {
    let malloc =
        |block| Event::Allocate { function: Function::Malloc, block, size: 24, alignment: 0, caller: 0x5555_0000_2010 };
    let events = [
        (Event::Thread { tid: 4711 }, 100),
        (malloc(0x5555_0001_02a0), 100),
        (malloc(0x5555_0001_02c0), 100),
        (Event::Free { function: Function::Free, block: 0x5555_0001_02c0 }, 101),
    ];
    let documented: Vec<u8> = include_str!("lib.rs")
        .lines()
        .skip_while(|line| !line.starts_with("//! By example"))
        .filter_map(|line| line.strip_prefix("//! ")?.split_once("   "))
        .flat_map(|(bytes, _)| bytes.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()))
        .collect();
    assert_eq!(write(&events, 4096), [(100, documented)]);
}

#[test]
fn what_nobody_wrote_is_read_to_some_end() {
    let mut random = Random(2);
    for _ in 0..2_000 {
        let events = any_events(&mut random, 40);
        let (first, mut bytes) = write(&events, 1 << 12).swap_remove(0);
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[at] ^= 1 << random.below(8),
                1 => bytes[at] = random.next() as u8,
                _ => bytes.truncate(at + 1),
            }
        }
        // A record takes a byte at least, so there are no more events than bytes.
        assert!(read(first, &bytes).map_or(0, |events| events.len()) <= bytes.len());
    }
}

#[test]
fn damage_is_named() {
    let refused = |bytes: &[u8]| read(0, bytes).unwrap_err();
    assert_eq!(refused(&[0]), Damage::UnknownRecord { tag: 0 });
    assert_eq!(refused(&[31 << 3]), Damage::UnknownRecord { tag: 248 });
    assert_eq!(refused(&[0x12, 1]), Damage::CutOff);
    assert_eq!(refused(&[0x0f, 2, 13]), Damage::UnknownFunction { number: 13 });
    assert_eq!(refused(&[0x0e, 0, 2, 4, 64]), Damage::Alignment { log2: 64 });
    assert_eq!(refused(&[2]), Damage::Null);
    assert_eq!(refused(&[0x10, 255, 255, 255, 255, 255, 255, 255, 255, 8, 1, 0]), Damage::Epoch);
}

#[test]
fn calls_are_counted_without_reading_them() {
    let events = any_events(&mut Random(7), 20_000);
    let is_no_call = |event: &Event| {
        matches!(
            event,
            Event::ReallocFrom { .. }
                | Event::Touched { .. }
                | Event::Thread { .. }
                | Event::ThreadEnd
                | Event::Fork { .. }
        )
    };
    let calls = events.iter().filter(|(event, _)| !is_no_call(event)).count() as u64;
    let begun: Vec<u32> = events
        .iter()
        .filter_map(|(event, _)| if let Event::Thread { tid } = event { Some(*tid) } else { None })
        .collect();
    let (mut counted, mut threads) = (0, Vec::new());
    for (first, bytes) in write(&events, 4096) {
        let seen = count(&bytes, first, u64::MAX, |thread| threads.push(thread));
        assert_eq!(seen.length, bytes.len());
        counted += seen.calls;
    }
    assert_eq!(counted, calls);
    assert_eq!(threads, begun);
    assert_eq!(count(&[0xff, 0, 7], 1, 2, |_| ()), Count { calls: 1, length: 3 });
    assert_eq!(count(&[0; 8], 1, 2, |_| ()), Count { calls: 0, length: 0 });
}

#[test]
fn a_cut_leaves_what_was_before() {
    let mut random = Random(8);
    let (mut epoch, mut block) = (100, 0x5555_0000);
    let events: Vec<(Event, u64)> = (0..2000)
        .map(|_| {
            epoch += random.below(3) * random.below(70_000);
            block += 16;
            (Event::Free { function: Function::Free, block }, epoch)
        })
        .collect();
    for end in [0, 100, 101, events[999].1, events[1000].1 + 1, epoch, epoch + 1] {
        let before: Vec<_> = events.iter().copied().filter(|(_, when)| *when < end).collect();
        let mut found = Vec::new();
        for (first, bytes) in write(&events, 4096) {
            let seen = count(&bytes, first, end, |_| ());
            let kept = read(first, &bytes[..seen.length]).unwrap();
            assert_eq!(kept.len() as u64, seen.calls);
            found.extend(kept);
        }
        assert!(found == before, "{end}");
    }
}

#[test]
fn an_epoch_that_would_leave_64_bits_is_the_last() {
    let records = [&[0x10][..], &(u64::MAX - 1).to_le_bytes(), &[0x08, 0xff, 0xff, 0x40]].concat();
    assert_eq!(count(&records, 0, u64::MAX, |_| {}), Count { calls: 0, length: 9 });
}
