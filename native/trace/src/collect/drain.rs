//! From the rings of all processes into the file.

use super::process::{Ring, Shared};
use crate::container::{Where, Writer};
use crate::failure::Failure;
use heapswap_trace_format::count::count;
use heapswap_trace_format::ring::{SEGMENT, SUFFIX, over, state};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

pub struct Rings<'a> {
    shared: &'a Shared,
    writer: Writer,
    rings: Vec<Ring>,
    known: HashSet<PathBuf>,
    /// A ring's own id → its number in the trace.
    numbers: HashMap<u64, u32>,
    /// Process, and a thread of it.
    threads: HashSet<(u32, u32)>,
    /// Files that had been announced at the last look.
    announced: u32,
    /// The most segments at one time.
    most: u32,
    pub events: u64,
    /// Of records.
    pub bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Full,
    /// Those that somebody is writing, too.
    All,
}

impl<'a> Rings<'a> {
    pub fn new(shared: &'a Shared, writer: Writer) -> Self {
        Self {
            shared,
            writer,
            rings: Vec::new(),
            known: HashSet::new(),
            numbers: HashMap::new(),
            threads: HashSet::new(),
            announced: 0,
            most: 0,
            events: 0,
            bytes: 0,
        }
    }

    pub fn written(&self) -> u64 {
        self.writer.written
    }

    pub fn processes(&self) -> usize {
        self.numbers.len()
    }

    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Bytes in memory at one time, at most.
    pub fn most_memory(&self) -> u64 {
        u64::from(self.most) * SEGMENT as u64
    }

    /// Empties every segment that is full.
    pub fn drain(&mut self) -> Result<(), Failure> {
        self.most = self.most.max(self.shared.control.segments.load(Relaxed));
        self.find()?;
        for index in 0..self.rings.len() {
            self.empty(index, Which::Full)?;
        }
        self.writer.flush()
    }

    /// Takes what processes that are gone have left, and removes their files.
    pub fn bury(&mut self) -> Result<(), Failure> {
        for index in (0..self.rings.len()).rev() {
            if self.rings[index].is_gone() {
                self.empty(index, Which::All)?;
                self.describe(index)?;
                let ring = self.rings.swap_remove(index);
                self.shared.control.segments.fetch_sub(ring.header().segments.load(Acquire), AcqRel);
                let _ = std::fs::remove_file(&ring.path);
                let _ = std::fs::remove_file(ring.path.with_extension("maps"));
            }
        }
        Ok(())
    }

    /// Takes everything: recording is over.
    pub fn drain_all(&mut self) -> Result<(), Failure> {
        self.announced = u32::MAX;
        self.find()?;
        for index in 0..self.rings.len() {
            self.empty(index, Which::All)?;
            self.describe(index)?;
        }
        self.writer.flush()
    }

    pub fn end(self, end: &Value) -> Result<u64, Failure> {
        self.writer.end(end.clone())
    }

    fn describe(&mut self, index: usize) -> Result<(), Failure> {
        self.rings[index].look_at_modules();
        self.tell(index)
    }

    fn tell(&mut self, index: usize) -> Result<(), Failure> {
        let ring = &self.rings[index];
        let forked_from = match ring.header().forks.load(Relaxed) {
            0 => None,
            _ => self.numbers.get(&ring.header().forked_from.load(Relaxed)).copied(),
        };
        let value = ring.describe(forked_from);
        self.writer.process(ring.number, &value)
    }

    /// Opens the rings that are new, parents before their children.
    fn find(&mut self) -> Result<(), Failure> {
        let announced = self.shared.control.files.load(Acquire);
        if announced == self.announced {
            return Ok(());
        }
        self.announced = announced;
        let Ok(entries) = std::fs::read_dir(&self.shared.folder) else { return Ok(()) };
        let mut found: Vec<Ring> = entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with(SUFFIX) && !self.known.contains(path))
            .filter_map(Ring::open)
            .collect();
        found.sort_by_key(|ring| ring.header().begun.load(Relaxed));
        for mut ring in found {
            ring.number = self.numbers.len() as u32;
            self.numbers.insert(ring.header().id.load(Relaxed), ring.number);
            self.known.insert(ring.path.clone());
            self.rings.push(ring);
            self.describe(self.rings.len() - 1)?;
        }
        Ok(())
    }

    /// Writes the records of one ring's segments, those of a stream in their order.
    fn empty(&mut self, index: usize, which: Which) -> Result<(), Failure> {
        let ring = &self.rings[index];
        let wanted = |now: u32| now == state::FULL || (which == Which::All && now == state::TAKEN);
        let mut ready: Vec<_> = ring
            .entries()
            .filter(|(_, entry)| wanted(entry.state.load(Acquire)))
            .map(|(place, entry)| (entry.stream.load(Relaxed), entry.sequence.load(Relaxed), place, entry))
            .collect();
        ready.sort_unstable_by_key(|(stream, sequence, ..)| (*stream, *sequence));
        let end = match self.shared.control.over.load(Acquire) {
            over::NO => u64::MAX,
            _ => self.shared.control.cut.load(Acquire),
        };
        for (stream, sequence, place, entry) in ready {
            let (records, epoch) = (ring.records(place, entry.used.load(Acquire)), entry.epoch.load(Relaxed));
            let seen = count(records, epoch, end, |thread| _ = self.threads.insert((ring.number, thread)));
            if seen.length > 0 {
                let at = Where { process: ring.number, stream, sequence, epoch };
                self.writer.raw_segment(at, &records[..seen.length])?;
            }
            self.events += seen.calls;
            self.bytes += seen.length as u64;
            if entry.state.load(Relaxed) == state::FULL {
                entry.state.store(state::FREE, Release);
            }
        }
        Ok(())
    }
}
