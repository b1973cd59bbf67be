//! One order over the events of all streams.
//!
//! Between ticks of the epoch the ticks order them. Within one the addresses do: a block is given back before its
//! address is given out again, and it is written down when it is given out (after the call) and before it is given back.
//! So an allocation is *ready* when its address is not live, and a free when it is. A stream whose next event is not
//! ready waits for the others. A block that another thread allocated, and that this thread frees soon by itself, too, is
//! given out more than once within the epoch: then the other waits, since a thread mostly frees its own. Where all wait,
//! one such goes on; where there is none, the recording lacks something, a block that is older than it, say: one goes on
//! as if it were ready, and that is counted. Streams that could all go on take turns.

use crate::container::Container;
use crate::failure::Failure;
use crate::live::{Held, Live};
use crate::stream::Stream;
use heapswap_trace_format::event::{Event, Function};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

/// Events that a stream may go on for while others could, too.
const TURN: u32 = 64;

/// Where and when an event happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct At {
    /// As numbered in the file.
    pub process: u32,
    /// Counted over the whole trace, in the order in which they appear.
    pub thread: u32,
    pub epoch: u64,
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    pub function: Function,
    pub block: u64,
    pub size: u64,
    /// 0 where none was asked for.
    pub alignment: u64,
    pub caller: u64,
}

/// The block that a realloc had, with what was held.
pub type From<N> = (u64, Option<Held<N>>);

/// What happens, in one order. A note is kept with every live block.
pub trait Visitor {
    type Note: Copy + Default;

    fn allocated(&mut self, at: At, asked: Asked) -> Self::Note;
    /// `held` is None where the block was never seen.
    fn freed(&mut self, at: At, function: Function, block: u64, held: Option<Held<Self::Note>>);
    /// A realloc that had a block begins: what it holds is not live until the realloc has ended.
    fn realloc_begins(&mut self, _at: At, _block: u64, _held: Option<Held<Self::Note>>) {}
    /// It has ended.
    fn reallocated(&mut self, at: At, from: From<Self::Note>, to: Asked) -> Self::Note;
    /// It has failed, or was never seen to end: `held` is live again.
    fn realloc_failed(&mut self, _at: At, _block: u64, _size: u64, _held: Option<Held<Self::Note>>) {}
    /// A block was given out at an address that was live: its free is missing.
    fn lost(&mut self, _at: At, _block: u64, _held: Held<Self::Note>) {}
    /// A thread has begun; `tid` is 0 where its beginning is not in the recording.
    fn thread(&mut self, _at: At, _tid: u32) {}
    /// Whatever else is recorded.
    fn other(&mut self, _at: At, _event: Event) {}
    /// The last event of a process has been seen, and these blocks are still live.
    fn process_ended(&mut self, _at: At, _live: &Live<Self::Note>) {}
}

/// What the order could not account for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Doubts {
    /// Blocks given back that were never seen: older than the recording, or inherited in a fork.
    pub unknown_frees: u64,
    /// Blocks given out at an address that was live.
    pub unordered: u64,
}

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

    /// Several streams, until each has left the epoch.
    fn together(&mut self, epoch: u64, mut streams: Vec<usize>) -> Result<(), Failure> {
        for &index in &streams {
            self.streams[index].look_ahead(self.container)?;
        }
        let (mut at, mut waiting) = (0, 0);
        while !streams.is_empty() {
            at %= streams.len();
            let index = streams[at];
            if waiting >= streams.len() {
                let stuck = self.first_to_go_on(&streams);
                if let Some(event) = self.streams[stuck].head() {
                    self.step(stuck, event, Readiness::Waived);
                    self.streams[stuck].take();
                }
                waiting = 0;
            }
            let mut turn = 0;
            loop {
                let Some(event) = self.next_of(index, epoch)? else {
                    streams.swap_remove(at);
                    // The others may have waited for it.
                    turn = 1;
                    break;
                };
                if turn == TURN || !self.step(index, event, Readiness::Needed) {
                    at += 1;
                    break;
                }
                self.streams[index].take();
                turn += 1;
            }
            waiting = if turn == 0 { waiting + 1 } else { 0 };
        }
        Ok(())
    }

    /// The next event of a stream within an epoch; None where the stream has left it.
    #[inline(always)]
    fn next_of(&mut self, index: usize, epoch: u64) -> Result<Option<Event>, Failure> {
        match self.streams[index].looked_at(epoch) {
            Some(event) => Ok(Some(event)),
            None => self.next_look(index, epoch),
        }
    }

    #[cold]
    #[inline(never)]
    fn next_look(&mut self, index: usize, epoch: u64) -> Result<Option<Event>, Failure> {
        self.streams[index].look_ahead(self.container)?;
        let event = self.streams[index].peek(self.container)?;
        match event {
            None => self.ended(index),
            Some(_) if self.streams[index].epoch > epoch => {
                self.later.push(Reverse((self.streams[index].epoch, index)));
                return Ok(None);
            }
            Some(_) => {}
        }
        Ok(event)
    }

    /// Of streams that all wait: one that can free what another needs freed, else one that can free, else one that frees
    /// what is not there (only that can be older than the recording), else any.
    fn first_to_go_on(&self, streams: &[usize]) -> usize {
        let needed: Vec<u64> = streams.iter().filter_map(|&index| allocated_by(self.streams[index].head()?)).collect();
        let urgency = |&&index: &&usize| match self.streams[index].head().and_then(freed_by) {
            Some(block) if self.processes[self.streams[index].table].live.get(block).is_none() => 2,
            Some(block) if needed.contains(&block) => 0,
            Some(_) => 1,
            None => 3,
        };
        streams.iter().min_by_key(urgency).copied().unwrap_or(0)
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
            let owner = held.stream as usize;
            return owner != index && self.streams[owner].may_free(block);
        }
        allocated_by(event).is_some_and(|block| live.get(block).is_some())
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
            None if matches!(stream.head(), Some(Event::Thread { .. })) => 0,
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
