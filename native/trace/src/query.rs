//! `query size|lifetime|thread|time|site FILE`: what a trace holds, by one thing, as one JSON object.
//!
//! A realloc counts as an allocation of its new size and as a free of its block, as in a profile.

use crate::container::Container;
use crate::failure::Failure;
use crate::groups::{Group, Groups, Key};
use crate::intervals::Intervals;
use crate::live::{Held, Live};
use crate::merge::{self, Asked, At, From, Visitor};
use crate::places::{Place, Places};
use heapswap_trace_format::event::Function;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let asked = match arguments {
        [by, file] => QUERIES.iter().find(|(name, _)| by.to_str() == Some(name)).map(|found| (found, file)),
        _ => None,
    };
    let Some(((by, rows), file)) = asked else {
        return Err(Failure::Misuse(format!("query {} FILE", QUERIES.map(|(name, _)| name).join("|"))));
    };
    println!("{}", json!({"by": by, "rows": rows(&Container::open(Path::new(file))?)?}));
    Ok(())
}

pub type Rows = fn(&Container) -> Result<Vec<Value>, Failure>;

pub const QUERIES: [(&str, Rows); 5] =
    [("size", by_size), ("lifetime", by_lifetime), ("thread", by_thread), ("time", by_time), ("site", by_site)];

fn by_size(container: &Container) -> Result<Vec<Value>, Failure> {
    let query = Query::of(container, |_, asked| (0, class_of(asked.size)), None)?;
    Ok(query.rows(|(_, up_to)| json!({"up_to": up_to})))
}

/// A block is counted where it ends: by how many calls of the program it lived.
fn by_lifetime(container: &Container) -> Result<Vec<Value>, Failure> {
    let query = Query::of(container, |_, _| NEVER_FREED, Some(class_of_calls))?;
    let tick_ns = container.tick_ns();
    let told = query.groups.finished().into_iter().map(|(key, group)| {
        let (blocks, bytes) = match key {
            NEVER_FREED => (group.allocations, group.left),
            _ => (group.frees, group.freed_bytes),
        };
        (key, group, blocks, bytes)
    });
    let freed: u64 = told.clone().filter(|(key, ..)| *key != NEVER_FREED).map(|(.., blocks, _)| blocks).sum();
    Ok(told
        .map(|(key, group, blocks, bytes)| {
            if key == NEVER_FREED {
                return json!({"calls": null, "blocks": blocks.saturating_sub(freed), "bytes": bytes, "mean_ns": null});
            }
            let mean = u128::from(group.lived) * u128::from(tick_ns) / u128::from(blocks.max(1));
            json!({"calls": key.1, "blocks": blocks, "bytes": bytes, "freed_elsewhere": group.elsewhere, "mean_ns": mean as u64})
        })
        .collect())
}

fn by_thread(container: &Container) -> Result<Vec<Value>, Failure> {
    let query = Query::of(container, |at, _| (0, u64::from(at.thread)), None)?;
    let threads = query.threads.clone();
    Ok(query.rows(|(_, thread)| {
        let (process, tid) = threads.get(thread as usize).copied().unwrap_or_default();
        let pid = container.processes.get(&process).and_then(|value| value["pid"].as_u64());
        json!({"process": process, "pid": pid, "tid": tid})
    }))
}

fn by_site(container: &Container) -> Result<Vec<Value>, Failure> {
    let query = Query::of(container, |at, asked| (at.process, asked.caller), None)?;
    let places = Places::new(container);
    // The same place of the same file, in whatever process.
    let mut joined: BTreeMap<Place, Group> = BTreeMap::new();
    for ((process, address), group) in query.groups.finished() {
        let all = joined.entry(places.of(process, address)).or_default();
        *all = all.with(&group);
    }
    let mut rows: Vec<_> = joined.into_iter().collect();
    rows.sort_by_key(|(_, group)| std::cmp::Reverse((group.at_peak, group.bytes)));
    Ok(rows.iter().map(|(place, group)| row(place.told(), group)).collect())
}

fn by_time(container: &Container) -> Result<Vec<Value>, Failure> {
    let mut intervals = Intervals::default();
    merge::visit(container, &mut intervals)?;
    Ok(intervals.rows(container.tick_ns()))
}

fn row(mut told: Value, group: &Group) -> Value {
    told["allocations"] = group.allocations.into();
    told["bytes"] = group.bytes.into();
    told["frees"] = group.frees.into();
    told["freed_elsewhere"] = group.elsewhere.into();
    told["live_bytes_at_peak"] = group.at_peak.into();
    told["live_bytes_at_end"] = group.left.into();
    told
}

const NEVER_FREED: Key = (1, 0);

/// The size class of a request: the largest size of it, two for each power of two, from 8 bytes.
fn class_of(size: u64) -> u64 {
    let (mut half, mut whole) = (8, 12);
    while size > half && half < 1 << 62 {
        (half, whole) = (whole, half * 2);
    }
    half
}

/// The least power of ten that is not below a number of calls.
fn class_of_calls(calls: u64) -> u64 {
    let mut most = 1_u64;
    while most < calls {
        most = most.saturating_mul(10);
    }
    most
}

/// Of a live block.
#[derive(Clone, Copy, Default)]
struct Note {
    group: u32,
    thread: u32,
    epoch: u64,
    /// Calls before it was allocated.
    born: u64,
}

struct Query {
    /// The group that a block belongs to when it is allocated.
    group_of: fn(At, Asked) -> Key,
    /// The group that its free is counted in, by how many calls it lived; None: the same.
    ends_in: Option<fn(u64) -> u64>,
    groups: Groups,
    calls: u64,
    /// Process and id of each thread.
    threads: Vec<(u32, u32)>,
}

impl Query {
    fn of(
        container: &Container,
        group_of: fn(At, Asked) -> Key,
        ends_in: Option<fn(u64) -> u64>,
    ) -> Result<Self, Failure> {
        let mut query = Self { group_of, ends_in, groups: Groups::default(), calls: 0, threads: Vec::new() };
        merge::visit(container, &mut query)?;
        Ok(query)
    }

    fn rows(self, told: impl Fn(Key) -> Value) -> Vec<Value> {
        self.groups.finished().iter().map(|(key, group)| row(told(*key), group)).collect()
    }

    #[inline]
    fn came(&mut self, at: At, asked: Asked) -> Note {
        self.calls += 1;
        let group = self.groups.of((self.group_of)(at, asked));
        self.groups.allocated(group, asked.size);
        Note { group, thread: at.thread, epoch: at.epoch, born: self.calls }
    }

    #[inline]
    fn gone(&mut self, held: Option<Held<Note>>) {
        if let Some(held) = held {
            self.groups.gone(held.note.group, held.size);
        }
    }

    /// Count the free of a block that is gone.
    #[inline]
    fn count_free(&mut self, at: At, held: Option<Held<Note>>) {
        let Some(Held { size, note, .. }) = held else { return };
        let counted = match self.ends_in {
            Some(class) => self.groups.of((0, class(self.calls - note.born))),
            None => note.group,
        };
        self.groups.freed(counted, size, at.epoch.saturating_sub(note.epoch));
        if note.thread != at.thread {
            self.groups.freed_elsewhere(counted);
        }
    }
}

impl Visitor for Query {
    type Note = Note;

    #[inline]
    fn allocated(&mut self, at: At, asked: Asked) -> Note {
        self.came(at, asked)
    }

    #[inline]
    fn freed(&mut self, at: At, _function: Function, _block: u64, held: Option<Held<Note>>) {
        self.calls += 1;
        self.gone(held);
        self.count_free(at, held);
    }

    fn realloc_begins(&mut self, _at: At, _block: u64, held: Option<Held<Note>>) {
        self.gone(held);
    }

    fn reallocated(&mut self, at: At, (_, held): From<Note>, to: Asked) -> Note {
        self.count_free(at, held);
        self.came(at, to)
    }

    fn realloc_failed(&mut self, _at: At, _block: u64, _size: u64, held: Option<Held<Note>>) {
        if let Some(held) = held {
            self.groups.back(held.note.group, held.size);
        }
    }

    fn lost(&mut self, _at: At, _block: u64, held: Held<Note>) {
        self.gone(Some(held));
    }

    fn thread(&mut self, at: At, tid: u32) {
        self.threads.push((at.process, tid));
    }

    fn process_ended(&mut self, _at: At, live: &Live<Note>) {
        for (_, held) in live.iter() {
            self.groups.left(held.note.group, held.size);
        }
    }
}
