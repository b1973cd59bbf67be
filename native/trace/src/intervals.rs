//! What happens over time: equal intervals, as many as fit on a page.

use crate::live::{Held, Live};
use crate::merge::{Asked, At, From, Visitor};
use heapswap_trace_format::event::Function;
use serde_json::{Value, json};

/// When there would be more, two become one.
const MOST: u64 = 128;

#[derive(Clone, Copy, Default)]
struct Interval {
    allocations: u64,
    bytes: u64,
    frees: u64,
    /// Live bytes after its last event, and the most within it.
    live: u64,
    peak: u64,
}

pub struct Intervals {
    intervals: Vec<Interval>,
    /// Epochs in an interval, and the epoch at which the first begins.
    epochs: u64,
    beginning: Option<u64>,
    live: u64,
}

impl Default for Intervals {
    fn default() -> Self {
        Self { intervals: Vec::new(), epochs: 1, beginning: None, live: 0 }
    }
}

impl Intervals {
    pub fn rows(&self, tick_ns: u64) -> Vec<Value> {
        let length = self.epochs.saturating_mul(tick_ns);
        let rows = self.intervals.iter().enumerate();
        rows.map(|(place, interval)| {
            json!({
                "begin_ns": (place as u64).saturating_mul(length), "end_ns": (place as u64 + 1).saturating_mul(length),
                "allocations": interval.allocations, "bytes": interval.bytes, "frees": interval.frees,
                "live_bytes": interval.live, "peak_live_bytes": interval.peak,
            })
        })
        .collect()
    }

    fn now(&mut self, at: At) -> &mut Interval {
        let since = at.epoch.saturating_sub(*self.beginning.get_or_insert(at.epoch));
        while since / self.epochs >= MOST {
            self.epochs = self.epochs.saturating_mul(2);
            self.intervals = self.intervals.chunks(2).map(joined).collect();
        }
        let place = (since / self.epochs) as usize;
        if place >= self.intervals.len() {
            let quiet = Interval { live: self.live, peak: self.live, ..Interval::default() };
            self.intervals.resize(place + 1, quiet);
        }
        &mut self.intervals[place]
    }

    fn came(&mut self, at: At, size: u64) {
        self.live = self.live.saturating_add(size);
        let live = self.live;
        let now = self.now(at);
        now.live = live;
        now.peak = now.peak.max(live);
    }

    fn went(&mut self, at: At, held: Option<Held<()>>) {
        self.live = self.live.saturating_sub(held.map_or(0, |held| held.size));
        let live = self.live;
        self.now(at).live = live;
    }

    fn count(&mut self, at: At, size: u64) {
        self.came(at, size);
        let now = self.now(at);
        now.allocations += 1;
        now.bytes = now.bytes.saturating_add(size);
    }
}

fn joined(pair: &[Interval]) -> Interval {
    let mut all = pair[0];
    if let Some(second) = pair.get(1) {
        all = Interval {
            allocations: all.allocations + second.allocations,
            bytes: all.bytes.saturating_add(second.bytes),
            frees: all.frees + second.frees,
            live: second.live,
            peak: all.peak.max(second.peak),
        };
    }
    all
}

impl Visitor for Intervals {
    type Note = ();

    fn allocated(&mut self, at: At, asked: Asked) {
        self.count(at, asked.size);
    }

    fn freed(&mut self, at: At, _function: Function, _block: u64, held: Option<Held<()>>) {
        self.went(at, held);
        self.now(at).frees += 1;
    }

    fn realloc_begins(&mut self, at: At, _block: u64, held: Option<Held<()>>) {
        self.went(at, held);
    }

    fn reallocated(&mut self, at: At, _from: From<()>, to: Asked) {
        self.count(at, to.size);
        self.now(at).frees += 1;
    }

    fn realloc_failed(&mut self, at: At, _block: u64, _size: u64, held: Option<Held<()>>) {
        self.came(at, held.map_or(0, |held| held.size));
    }

    fn lost(&mut self, at: At, _block: u64, held: Held<()>) {
        self.went(at, Some(held));
    }

    fn process_ended(&mut self, _at: At, live: &Live<()>) {
        // What it held shows in the interval in which it ended.
        self.live = live.iter().fold(self.live, |live, (_, held)| live.saturating_sub(held.size));
    }
}
