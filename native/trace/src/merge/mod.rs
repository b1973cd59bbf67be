//! One order over the events of all streams.
//!
//! Between ticks of the epoch the ticks order them. Within one the addresses do: a block is given back before its
//! address is given out again, and it is written down when it is given out (after the call) and before it is given back.
//! So an allocation is *ready* when its address is not live, and a free when it is. A stream whose next event is not
//! ready waits for the others. A block that another thread allocated, and that this thread frees soon by itself, too, is
//! given out more than once within the epoch: then the other waits, since a thread mostly frees its own. Where an epoch
//! has few events, one that undoes what it does to a block goes before one that does the same and leaves it at that, since
//! it could not have come second. Where all wait, one goes on whose block this thread gives out anew before it frees it:
//! it cannot do that before. Where there is none, the recording lacks something, a block that is older than it, say, or
//! the order was another: one goes on as if it were ready, and that is counted. Streams that could all go on take turns.

mod together;
mod visitor;

pub use visitor::{Asked, At, Doubts, From, Visitor};

use crate::container::Container;
use crate::failure::Failure;
use crate::live::{Held, Live};
use crate::stream::Stream;
use heapswap_trace_format::event::{Event, Function};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use together::{another_frees, another_is_given};

/// Let a visitor see every event of a trace.
///
/// # Errors
///
/// A segment is damaged.
pub fn visit<V: Visitor>(container: &Container, visitor: &mut V) -> Result<Doubts, Failure> {
    let mut merge = Merge::new(container, visitor);
    while let Some(Reverse((epoch, first))) = merge.later.pop() {
        let mut together = vec![first];
        while let Some(&Reverse((same, next))) = merge.later.peek()
            && same == epoch
        {
            merge.later.pop();
            together.push(next);
        }
        if together.len() == 1 { merge.alone(first)? } else { merge.together(epoch, together)? }
    }
    Ok(merge.doubts)
}

/// Whether an event that is not ready happens all the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    Needed,
    Waived,
}

struct Process<N> {
    live: Live<N>,
    /// Its streams that have not ended.
    streams: u32,
}

struct Merge<'a, V: Visitor> {
    container: &'a Container,
    visitor: &'a mut V,
    streams: Vec<Stream<'a>>,
    /// What each stream's realloc had, where one has begun.
    begun: Vec<Option<From<V::Note>>>,
    processes: Vec<Process<V::Note>>,
    /// Streams that have few events in the present epoch, where there are few such streams.
    few: Vec<usize>,
    /// Streams by the epoch of their next event.
    later: BinaryHeap<Reverse<(u64, usize)>>,
    threads: u32,
    /// Threads that have begun and not ended, by process and the kernel's number.
    by_tid: HashMap<(u32, u32), u32>,
    doubts: Doubts,
}

impl<'a, V: Visitor> Merge<'a, V> {
    fn new(container: &'a Container, visitor: &'a mut V) -> Self {
        let mut merge = Self {
            container,
            visitor,
            streams: Vec::new(),
            begun: Vec::new(),
            processes: Vec::new(),
            few: Vec::new(),
            later: BinaryHeap::new(),
            threads: 0,
            by_tid: HashMap::new(),
            doubts: Doubts::default(),
        };
        let mut numbers = BTreeMap::new();
        for (&(process, _), segments) in &container.streams {
            let index = *numbers.entry(process).or_insert(merge.processes.len());
            if index == merge.processes.len() {
                merge.processes.push(Process { live: Live::new(), streams: 0 });
            }
            merge.processes[index].streams += 1;
            let stream = Stream::new(process, index, segments);
            merge.later.push(Reverse((stream.epoch, merge.streams.len())));
            merge.streams.push(stream);
            merge.begun.push(None);
        }
        merge
    }

    /// One stream, until another's events come.
    fn alone(&mut self, index: usize) -> Result<(), Failure> {
        let until = self.later.peek().map_or(u64::MAX, |Reverse((epoch, _))| *epoch);
        while let Some(event) = self.streams[index].peek(self.container)? {
            let epoch = self.streams[index].epoch;
            if epoch >= until && until != u64::MAX {
                self.later.push(Reverse((epoch, index)));
                return Ok(());
            }
            self.step(index, event, Readiness::Waived);
            self.streams[index].take();
            self.run(index)?;
        }
        self.ended(index);
        Ok(())
    }

    /// The most frequent events of a stream that is alone, as far as they follow one another within its epoch.
    fn run(&mut self, index: usize) -> Result<(), Failure> {
        let at = self.at(index);
        let live = &mut self.processes[self.streams[index].table].live;
        let Some(decoder) = self.streams[index].unread() else { return Ok(()) };
        loop {
            match decoder.next_event() {
                Ok(Some(Event::Allocate { function, block, size, alignment, caller })) => {
                    let asked = Asked { function, block, size, alignment, caller };
                    allocate(live, self.visitor, &mut self.doubts, at, index as u32, asked);
                }
                Ok(Some(Event::Free { function, block })) => {
                    free(live, self.visitor, &mut self.doubts, at, function, block);
                }
                Ok(Some(Event::Tick { .. }) | None) => return Ok(()),
                Ok(Some(event)) => {
                    self.streams[index].put_back(event);
                    return Ok(());
                }
                Err(damage) => return Err(self.streams[index].damaged(self.container, damage)),
            }
        }
    }

    fn ended(&mut self, index: usize) {
        let at = self.at(index);
        self.realloc_failed(index, at, 0);
        self.streams[index].end();
        let process = &mut self.processes[self.streams[index].table];
        process.streams -= 1;
        if process.streams == 0 {
            let live = std::mem::replace(&mut process.live, Live::new());
            self.visitor.process_ended(at, &live);
        }
    }

    /// Let an event happen, if it may; false where it has to wait.
    #[inline]
    fn step(&mut self, index: usize, event: Event, readiness: Readiness) -> bool {
        let at = self.at(index);
        if readiness == Readiness::Needed && self.has_to_wait(index, event) {
            return false;
        }
        let live = &mut self.processes[self.streams[index].table].live;
        match event {
            Event::Allocate { function, block, size, alignment, caller } => {
                let asked = Asked { function, block, size, alignment, caller };
                allocate(live, self.visitor, &mut self.doubts, at, index as u32, asked);
            }
            Event::Free { function, block } => free(live, self.visitor, &mut self.doubts, at, function, block),
            _ => self.rarer(index, at, event),
        }
        true
    }

    /// A thread writes a second stream while a signal handler has interrupted its first.
    fn thread_begins(&mut self, index: usize, tid: u32) {
        let known = self.by_tid.get(&(self.streams[index].process, tid)).copied();
        self.streams[index].thread = Some(known.unwrap_or(self.threads));
        if known.is_none() {
            if tid != 0 {
                self.by_tid.insert((self.streams[index].process, tid), self.threads);
            }
            self.threads += 1;
            let at = self.at(index);
            self.visitor.thread(at, tid);
        }
    }

    /// Give a block back to the realloc's stream, where one has begun.
    fn realloc_failed(&mut self, index: usize, at: At, size: u64) {
        let Some((block, held)) = self.begun[index].take() else { return };
        if let Some(held) = held {
            let (was_live, place) = self.processes[self.streams[index].table].live.entry(block);
            let other = std::mem::replace(place, held);
            // Somebody else was given the address meanwhile: that free is missing, too.
            if was_live {
                self.doubts.unordered += 1;
                self.visitor.lost(at, block, other);
            }
        }
        self.visitor.realloc_failed(at, block, size, held);
    }

    /// Whether another stream's event has to come first.
    #[inline]
    fn has_to_wait(&self, index: usize, event: Event) -> bool {
        let live = &self.processes[self.streams[index].table].live;
        if let Some(block) = freed_by(event) {
            let Some(held) = live.get(block) else { return true };
            return another_frees(&self.streams, &self.few, index, held.stream as usize, block);
        }
        allocated_by(event)
            .is_some_and(|block| live.get(block).is_some() || another_is_given(&self.streams, &self.few, index, block))
    }

    fn rarer(&mut self, index: usize, at: At, event: Event) {
        let live = &mut self.processes[self.streams[index].table].live;
        match event {
            Event::ReallocFrom { block } => {
                let held = live.remove(block);
                if held.is_none() {
                    self.doubts.unknown_frees += 1;
                }
                // One that was never seen to end has not happened.
                self.realloc_failed(index, at, 0);
                self.visitor.realloc_begins(at, block, held);
                self.begun[index] = Some((block, held));
            }
            Event::ReallocTo { block, size, caller } => {
                let asked = Asked { function: Function::Realloc, block, size, alignment: 0, caller };
                let (was_live, held) = live.entry(block);
                if was_live {
                    self.doubts.unordered += 1;
                    self.visitor.lost(at, block, *held);
                }
                let note = match self.begun[index].take() {
                    Some(from) => self.visitor.reallocated(at, from, asked),
                    None => self.visitor.allocated(at, asked),
                };
                *held = Held { size, stream: index as u32, note };
            }
            Event::ReallocFailed { size, .. } => self.realloc_failed(index, at, size),
            Event::Thread { tid } => self.thread_begins(index, tid),
            Event::ThreadEnd => {
                self.by_tid.retain(|_, thread| *thread != at.thread);
                self.visitor.other(at, event);
            }
            _ => self.visitor.other(at, event),
        }
    }

    #[inline(always)]
    fn at(&mut self, index: usize) -> At {
        let stream = &mut self.streams[index];
        let thread = match stream.thread {
            Some(thread) => thread,
            // Its beginning is not in the recording.
            None if matches!(stream.next(), Some(Event::Thread { .. })) => 0,
            None => {
                let thread = *stream.thread.insert(self.threads);
                self.threads += 1;
                let at = At { process: stream.process, thread, epoch: stream.epoch };
                self.visitor.thread(at, 0);
                thread
            }
        };
        At { process: stream.process, thread, epoch: stream.epoch }
    }
}

#[inline(always)]
fn allocate<V: Visitor>(
    live: &mut Live<V::Note>,
    visitor: &mut V,
    doubts: &mut Doubts,
    at: At,
    stream: u32,
    asked: Asked,
) {
    let (was_live, held) = live.entry(asked.block);
    if was_live {
        doubts.unordered += 1;
        visitor.lost(at, asked.block, *held);
    }
    *held = Held { size: asked.size, stream, note: visitor.allocated(at, asked) };
}

#[inline(always)]
fn free<V: Visitor>(
    live: &mut Live<V::Note>,
    visitor: &mut V,
    doubts: &mut Doubts,
    at: At,
    function: Function,
    block: u64,
) {
    let held = live.remove(block);
    doubts.unknown_frees += u64::from(held.is_none());
    visitor.freed(at, function, block, held);
}

#[inline(always)]
const fn freed_by(event: Event) -> Option<u64> {
    match event {
        Event::Free { block, .. } | Event::ReallocFrom { block } => Some(block),
        _ => None,
    }
}

#[inline(always)]
const fn allocated_by(event: Event) -> Option<u64> {
    match event {
        Event::Allocate { block, .. } | Event::ReallocTo { block, .. } => Some(block),
        _ => None,
    }
}
