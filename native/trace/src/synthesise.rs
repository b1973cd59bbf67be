//! `synthesise EVENTS FILE [THREADS]`: a trace of a program that never was, for tests and measurements.
//!
//! Threads keep blocks of few sizes in a ring that is cycled through irregularly, and one free in sixteen is of a block
//! of the thread before. What happens depends on the number of events and threads alone.

use crate::container::{Where, Writer};
use crate::failure::Failure;
use heapswap_trace_format::encode::{Common, Encoder};
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Acquire};

const SEGMENT: usize = 64 << 10;
const BLOCKS: usize = 50_000;
/// Events of all threads between two ticks.
const TICK: u64 = 20_000;
const SIZES: [u64; 8] = [16, 24, 24, 32, 48, 64, 160, 1000];
const STRIDE: u64 = 1024;

pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let misuse = || Failure::Misuse("synthesise EVENTS FILE [THREADS]".into());
    let number = |word: &OsString| word.to_str().and_then(|text| text.parse::<u64>().ok());
    let (events, path, threads) = match arguments {
        [events, file] => (number(events), file, Some(1)),
        [events, file, threads] => (number(events), file, number(threads)),
        _ => return Err(misuse()),
    };
    let (Some(events), Some(threads @ 1..=1024)) = (events, threads) else { return Err(misuse()) };
    let path = Path::new(path);
    let file = File::create(path).map_err(Failure::io(path))?;
    let metadata = serde_json::json!({
        "architecture": std::env::consts::ARCH, "page_size": 4096, "tick_ns": 1_000_000, "program": "synthetic",
        "arguments": ["synthetic"], "allocator": "none",
    });
    let mut writer = Writer::begin(file, path, &metadata)?;
    writer.process(0, &serde_json::json!({"pid": 1, "parent": 0, "executable": "synthetic"}))?;
    let mut streams: Vec<Stream> = (0..threads).map(|number| Stream::new(number as u32)).collect();
    for number in 0..events {
        let index = (number % threads) as usize;
        let epoch = number / TICK;
        let other = (index + streams.len() - 1) % streams.len();
        let place = streams[index].next_place();
        // A block of the thread before, where that has one there.
        let owner = if number % 32 < 2 && streams[other].held[place] != 0 { other } else { index };
        let block = std::mem::take(&mut streams[owner].held[place]);
        let stream = &mut streams[index];
        if block != 0 {
            stream.put(&mut writer, epoch, |encoder| encoder.free(block, epoch))?;
            streams[owner].unused.push(block);
        } else {
            let size = SIZES[(stream.random >> 40) as usize % SIZES.len()];
            let caller = 0x5555_5555_0000 + (size << 4) + (stream.random >> 50 & 3);
            let block = stream.address();
            stream.put(&mut writer, epoch, |encoder| encoder.allocate(Common::Malloc, block, size, caller, epoch))?;
            stream.held[place] = block;
        }
    }
    for stream in &mut streams {
        stream.store(&mut writer)?;
    }
    writer.end(serde_json::json!({"reason": "ended"}))?;
    Ok(())
}

struct Stream {
    number: u32,
    random: u64,
    held: Vec<u64>,
    unused: Vec<u64>,
    fresh: u64,
    sequence: u32,
    epoch: u64,
    encoder: Box<Encoder>,
    segment: Box<[u8; SEGMENT]>,
    used: Box<AtomicU32>,
}

impl Stream {
    fn new(number: u32) -> Self {
        Self {
            number,
            random: u64::from(number) + 1,
            held: vec![0; BLOCKS],
            unused: Vec::new(),
            fresh: 0x7000_0000_0000 + (u64::from(number) << 32),
            sequence: 0,
            epoch: 0,
            encoder: Box::new(Encoder::EMPTY),
            segment: Box::new([0; SEGMENT]),
            used: Box::new(AtomicU32::new(0)),
        }
    }

    /// Mostly near the place before, at times anywhere.
    fn next_place(&mut self) -> usize {
        // Knuth's MMIX generator.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let range = if self.random >> 33 & 15 == 0 { BLOCKS } else { 64 };
        (self.random >> 37) as usize % range
    }

    fn address(&mut self) -> u64 {
        self.unused.pop().unwrap_or_else(|| {
            self.fresh += STRIDE;
            self.fresh
        })
    }

    fn put(&mut self, writer: &mut Writer, epoch: u64, write: impl Fn(&mut Encoder) -> bool) -> Result<(), Failure> {
        while !write(&mut self.encoder) {
            self.store(writer)?;
            self.epoch = epoch;
            // SAFETY: segment and number live on the heap as long as the encoder, and nobody else writes to them.
            unsafe { self.encoder.begin(self.segment.as_mut_ptr(), SEGMENT, &raw const *self.used, epoch) };
            if self.sequence == 0 {
                let _ = self.encoder.thread(self.number + 1, epoch);
            }
        }
        Ok(())
    }

    fn store(&mut self, writer: &mut Writer) -> Result<(), Failure> {
        let used = self.used.load(Acquire) as usize;
        if used == 0 {
            return Ok(());
        }
        let place = Where { process: 0, stream: self.number, sequence: self.sequence, epoch: self.epoch };
        self.sequence += 1;
        writer.raw_segment(place, &self.segment[..used])
    }
}
