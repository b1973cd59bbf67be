//! Several streams with events in one epoch: they go on in turns, as far as what each asks for can have come.

use super::{Asked, At, Merge, Readiness, Visitor, allocate, allocated_by, free, freed_by};
use crate::failure::Failure;
use crate::stream::{Stream, Use};
use heapswap_trace_format::event::Event;
use std::cmp::Reverse;

/// Events that a stream may go on for while others could, too.
const TURN: usize = 64;

/// Where an epoch has no more streams and events than this, who uses a block first is told by what each does to it next.
const FEW_STREAMS: usize = 16;
const FEW_EVENTS: usize = 512;
/// Where more streams than this wait for each other, it is not asked whether one of them gives out what another frees.
const CROWD: usize = 64;

/// Whether another stream than this frees a block that is live before this one does. A thread mostly frees its own, so
/// that is the owner, where it frees the block at all; except where the other one cannot be second.
#[inline]
pub(super) fn another_frees(streams: &[Stream<'_>], few: &[usize], index: usize, owner: usize, block: u64) -> bool {
    if few.is_empty() || owner != index {
        owner != index && streams[owner].may_free(block) && !cannot_be_second(streams, few, index, owner, block)
    } else {
        few.iter().any(|&other| cannot_be_second(streams, few, other, owner, block))
    }
}

/// Whether another stream than this is given a block that is not live before this one is.
#[inline]
pub(super) fn another_is_given(streams: &[Stream<'_>], few: &[usize], index: usize, block: u64) -> bool {
    few.iter().any(|&other| cannot_be_second(streams, few, other, index, block))
}

/// Whether of two streams that do the same to a block this one has to be first: it undoes that afterwards, and the other
/// does not; where it came second, nobody would have undone it in between.
#[inline(never)]
fn cannot_be_second(streams: &[Stream<'_>], few: &[usize], index: usize, other: usize, block: u64) -> bool {
    let table = streams[other].table;
    let uses = |index: usize| {
        let mut uses = streams[index].uses(block);
        [uses.next(), uses.next()]
    };
    let is_of_few = index != other && few.contains(&index) && streams[index].table == table;
    // Both uses of it are among what it has looked at, and one of them is a free.
    if !is_of_few || !streams[index].may_free(block) {
        return false;
    }
    let ([Some(first), Some(undone)], [Some(same), after]) = (uses(index), uses(other)) else { return false };
    first == same
        && undone != first
        && after != Some(undone)
        && !few.iter().any(|&third| streams[third].table == table && uses(third)[0] == Some(undone))
}

impl<V: Visitor> Merge<'_, V> {
    /// Several streams, until each has left the epoch.
    pub(super) fn together(&mut self, epoch: u64, mut streams: Vec<usize>) -> Result<(), Failure> {
        for &index in &streams {
            self.streams[index].look_ahead(self.container, epoch)?;
        }
        let is_few = streams.len() <= FEW_STREAMS
            && streams.iter().all(|&index| self.streams[index].looked_at().len() <= FEW_EVENTS);
        self.few.clear();
        self.few.extend(streams.iter().filter(|_| is_few));
        let (mut at, mut waiting) = (0, 0);
        while !streams.is_empty() {
            at %= streams.len();
            let index = streams[at];
            if waiting >= streams.len() {
                let stuck = self.first_to_go_on(&streams);
                if let Some(&event) = self.streams[stuck].looked_at().first() {
                    self.step(stuck, event, Readiness::Waived);
                    self.streams[stuck].pass(1);
                }
                waiting = 0;
            }
            let mut turn = 0;
            loop {
                // Of few events what has happened must not be looked at as if it were to come.
                let many = if self.few.is_empty() { TURN - turn } else { usize::from(turn < TURN) };
                turn += self.turn(index, many);
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
                self.streams[index].pass(1);
                turn += 1;
            }
            waiting = if turn == 0 { waiting + 1 } else { 0 };
        }
        Ok(())
    }

    /// The most frequent events of a stream that others go beside, as far as they are ready; how many there were.
    #[inline]
    fn turn(&mut self, index: usize, many: usize) -> usize {
        let stream = &self.streams[index];
        let Some(thread) = stream.thread else { return 0 };
        let at = At { process: stream.process, thread, epoch: stream.epoch };
        let live = &mut self.processes[stream.table].live;
        let mut gone = 0;
        // The events stay where they are: to copy one whole, just written in pieces, takes longer than what it does.
        for event in stream.looked_at().iter().take(many) {
            match *event {
                Event::Allocate { function, block, size, alignment, caller } => {
                    if live.get(block).is_some() || another_is_given(&self.streams, &self.few, index, block) {
                        break;
                    }
                    let asked = Asked { function, block, size, alignment, caller };
                    allocate(live, self.visitor, &mut self.doubts, at, index as u32, asked);
                }
                Event::Free { function, block } => {
                    let Some(held) = live.get(block) else { break };
                    if another_frees(&self.streams, &self.few, index, held.stream as usize, block) {
                        break;
                    }
                    free(live, self.visitor, &mut self.doubts, at, function, block);
                }
                _ => break,
            }
            gone += 1;
        }
        self.streams[index].pass(gone);
        gone
    }

    /// The next event of a stream within an epoch; None where the stream has left it.
    #[inline(always)]
    fn next_of(&mut self, index: usize, epoch: u64) -> Result<Option<Event>, Failure> {
        match self.streams[index].looked_at().first() {
            Some(event) => Ok(Some(*event)),
            None => self.next_look(index, epoch),
        }
    }

    #[cold]
    #[inline(never)]
    fn next_look(&mut self, index: usize, epoch: u64) -> Result<Option<Event>, Failure> {
        let stream = &mut self.streams[index];
        stream.look_ahead(self.container, epoch)?;
        if let Some(event) = stream.looked_at().first() {
            return Ok(Some(*event));
        }
        stream.leave();
        match stream.peek(self.container)? {
            None => self.ended(index),
            Some(_) => self.later.push(Reverse((stream.epoch, index))),
        }
        Ok(None)
    }

    /// Of streams that all wait: one that frees a block whose owner gives it out again before it frees it, or does not
    /// use it; else one that frees what another waits to be given; else one that frees what is not there and what nobody
    /// gives out (only that can be older than the recording); else one that frees, else any.
    #[cold]
    #[inline(never)]
    fn first_to_go_on(&self, streams: &[usize]) -> usize {
        let head = |index: usize| self.streams[index].next();
        let needed: Vec<u64> = streams.iter().filter_map(|&index| allocated_by(head(index)?)).collect();
        let (mut first, mut least, mut absent) = (streams[0], u32::MAX, Vec::new());
        for &index in streams {
            let Some(block) = head(index).and_then(freed_by) else { continue };
            let Some(owner) = self.owner(index, block) else {
                absent.push((index, block));
                continue;
            };
            let urgency = match (self.streams[owner].uses(block).next(), needed.contains(&block)) {
                (Some(Use::GivenBack), is_needed) => 3 - u32::from(is_needed),
                (_, is_needed) => 1 - u32::from(is_needed),
            };
            if urgency < least {
                (first, least) = (index, urgency);
            }
            if least == 0 {
                break;
            }
        }
        if least <= 2 {
            return first;
        }
        let mut absent_here = absent.iter().filter(|_| streams.len() <= CROWD);
        let older = absent_here.find(|(index, block)| !self.is_given_out(*index, *block, streams));
        older.or(absent.first().filter(|_| least == u32::MAX)).map_or(first, |(index, _)| *index)
    }

    /// The stream that allocated a block that is live in the process of this one.
    fn owner(&self, index: usize, block: u64) -> Option<usize> {
        self.processes[self.streams[index].table].live.get(block).map(|held| held.stream as usize)
    }

    /// Whether a stream of the same process gives a block out next, as far as has been looked at.
    fn is_given_out(&self, index: usize, block: u64, streams: &[usize]) -> bool {
        let table = self.streams[index].table;
        let mut others = streams.iter().map(|other| &self.streams[*other]).filter(|other| other.table == table);
        others.any(|other| other.uses(block).next() == Some(Use::GivenOut))
    }
}
