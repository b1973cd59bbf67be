//! `summary FILE`: a trace at a glance, as one JSON object.

use crate::container::Container;
use crate::failure::Failure;
use crate::live::{Held, Live};
use crate::merge::{self, Asked, At, From, Visitor};
use heapswap_trace_format::event::{Event, Function};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::Path;

pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let [file] = arguments else {
        return Err(Failure::Misuse("summary FILE".into()));
    };
    let container = Container::open(Path::new(file))?;
    println!("{}", summary(&container)?);
    Ok(())
}

pub fn summary(container: &Container) -> Result<Value, Failure> {
    let mut counts = Counts::default();
    let doubts = merge::visit(container, &mut counts)?;
    let events = counts.allocations + counts.frees + counts.reallocations + counts.failures;
    Ok(json!({
        "events": events,
        "processes": container.processes.len(),
        "threads": counts.threads,
        "allocations": counts.allocations,
        "frees": counts.frees,
        "reallocations": counts.reallocations,
        "failures": counts.failures,
        "allocated_bytes": counts.bytes,
        "peak_live_bytes": counts.peak,
        "peak_blocks": counts.peak_blocks,
        "live_bytes_at_end": counts.left,
        "cross_thread_frees": counts.cross_thread,
        "known_frees": counts.known_frees,
        "unknown_frees": doubts.unknown_frees,
        "unordered": doubts.unordered,
        "first_epoch": counts.first_epoch.unwrap_or(0),
        "last_epoch": counts.last_epoch,
        "tick_ns": container.tick_ns(),
        "file_bytes": container.length,
        "cut_bytes": container.cut,
        "metadata": container.metadata,
        "end": container.end,
    }))
}

#[derive(Default)]
struct Counts {
    threads: u64,
    allocations: u64,
    frees: u64,
    reallocations: u64,
    failures: u64,
    bytes: u64,
    /// Frees of blocks whose allocation was seen, and of those the ones by another thread.
    known_frees: u64,
    cross_thread: u64,
    live: u64,
    blocks: u64,
    peak: u64,
    peak_blocks: u64,
    /// What was live when its process ended.
    left: u64,
    first_epoch: Option<u64>,
    last_epoch: u64,
}

impl Counts {
    #[inline(always)]
    fn came(&mut self, at: At, size: u64) {
        self.bytes = self.bytes.saturating_add(size);
        self.live = self.live.saturating_add(size);
        self.blocks += 1;
        if self.live > self.peak {
            self.peak = self.live;
            self.peak_blocks = self.blocks;
        }
        self.last_epoch = at.epoch;
    }

    #[inline(always)]
    fn went<N>(&mut self, held: Option<Held<N>>) {
        if let Some(held) = held {
            self.live -= held.size.min(self.live);
            self.blocks -= 1;
        }
    }
}

/// The note of a block is the thread that allocated it.
impl Visitor for Counts {
    type Note = u32;

    #[inline(always)]
    fn allocated(&mut self, at: At, asked: Asked) -> u32 {
        self.allocations += 1;
        self.came(at, asked.size);
        at.thread
    }

    #[inline(always)]
    fn freed(&mut self, at: At, _function: Function, _block: u64, held: Option<Held<u32>>) {
        self.frees += 1;
        self.went(held);
        if let Some(held) = held {
            self.known_frees += 1;
            self.cross_thread += u64::from(held.note != at.thread);
        }
        self.last_epoch = at.epoch;
    }

    fn realloc_begins(&mut self, _at: At, _block: u64, held: Option<Held<u32>>) {
        self.went(held);
    }

    fn reallocated(&mut self, at: At, _from: From<u32>, to: Asked) -> u32 {
        self.reallocations += 1;
        self.came(at, to.size);
        at.thread
    }

    fn realloc_failed(&mut self, _at: At, _block: u64, _size: u64, held: Option<Held<u32>>) {
        self.failures += 1;
        if let Some(held) = held {
            self.live = self.live.saturating_add(held.size);
            self.blocks += 1;
        }
    }

    fn lost(&mut self, _at: At, _block: u64, held: Held<u32>) {
        self.went(Some(held));
    }

    fn thread(&mut self, at: At, _tid: u32) {
        self.threads += 1;
        self.first_epoch.get_or_insert(at.epoch);
    }

    fn other(&mut self, _at: At, event: Event) {
        self.failures += u64::from(matches!(event, Event::Failed { .. }));
    }

    fn process_ended(&mut self, _at: At, live: &Live<u32>) {
        for (_, held) in live.iter() {
            self.left = self.left.saturating_add(held.size);
            self.went(Some(held));
        }
    }
}
