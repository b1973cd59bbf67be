//! The events of one stream, segment after segment.

use crate::columns::Fields;
use crate::container::{Container, Entry, Place};
use crate::failure::Failure;
use heapswap_trace_format::decode::{Damage, Decoder};
use heapswap_trace_format::event::Event;

/// Events that are looked at before it is their turn, where several streams share an epoch: at most of one stream, and
/// about of all together.
const WINDOW: usize = 1 << 16;
const WINDOWS: usize = 1 << 20;
/// Events in which the uses of one block are looked for.
const FAR: usize = 1 << 14;
/// Bits of the filter that tells which blocks a stream frees within its window, for each event of it.
const FILTER: usize = 16;

/// What happens to a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    GivenOut,
    GivenBack,
}

pub struct Stream<'a> {
    pub process: u32,
    /// Index of the process in the merge.
    pub table: usize,
    /// Counted over the whole trace; None before the stream's first event.
    pub thread: Option<u32>,
    /// The next event, where it has been read and is not in the window.
    head: Option<Event>,
    /// Its epoch; before there was one, the epoch at which the stream begins.
    pub epoch: u64,
    /// Events of one epoch that have been looked at, and how many of them have happened.
    window: Vec<Event>,
    happened: usize,
    frees: Filter,
    /// The event behind the window, where its epoch is another.
    beyond: Option<(Event, u64)>,
    segments: std::slice::Iter<'a, Entry>,
    reading: Option<(Entry, Decoder<Fields>)>,
}

impl<'a> Stream<'a> {
    pub fn new(process: u32, table: usize, segments: &'a [Entry]) -> Self {
        Self {
            process,
            table,
            thread: None,
            head: None,
            epoch: segments.first().map_or(0, |entry| entry.header.epoch),
            window: Vec::new(),
            happened: 0,
            frees: Filter::default(),
            beyond: None,
            segments: segments.iter(),
            reading: None,
        }
    }

    /// The next event, which stays until it is taken; None after the last. Ticks show in `epoch` only. Nothing that was
    /// looked at may be left.
    ///
    /// # Errors
    ///
    /// A segment is damaged.
    #[inline]
    pub fn peek(&mut self, container: &Container) -> Result<Option<Event>, Failure> {
        if self.head.is_none()
            && let Some((event, epoch)) = self.decoded(container)?
        {
            (self.head, self.epoch) = (Some(event), epoch);
        }
        Ok(self.head)
    }

    /// Go on: the event that was peeked at has happened.
    #[inline(always)]
    pub const fn take(&mut self) {
        self.head = None;
    }

    /// The next event, where it has been read.
    pub fn next(&self) -> Option<Event> {
        self.looked_at().first().copied().or(self.head)
    }

    /// Events of this epoch that have been looked at and have not happened.
    #[inline(always)]
    pub fn looked_at(&self) -> &[Event] {
        &self.window[self.happened..]
    }

    /// So many of them have happened.
    #[inline(always)]
    pub const fn pass(&mut self, many: usize) {
        self.happened += many;
    }

    /// Look at the events of an epoch that follow, as far as the window reaches, where none are left of the last look.
    ///
    /// # Errors
    ///
    /// A segment is damaged.
    pub fn look_ahead(&mut self, container: &Container, epoch: u64) -> Result<(), Failure> {
        if !self.looked_at().is_empty() || self.beyond.is_some() {
            return Ok(());
        }
        self.peek(container)?;
        if self.epoch != epoch {
            return Ok(());
        }
        let window = (WINDOWS / container.streams.len().max(1)).clamp(1, WINDOW);
        self.window.clear();
        self.happened = 0;
        self.window.extend(self.head.take());
        while self.window.len() < window {
            self.look_on(container, window)?;
            match self.decoded(container)? {
                Some((event, of)) if of == epoch => self.window.push(event),
                next => {
                    self.beyond = next;
                    break;
                }
            }
        }
        self.frees.clear(FILTER * self.window.len());
        for event in &self.window {
            if let Event::Free { block, .. } | Event::ReallocFrom { block } = *event {
                self.frees.add(block);
            }
        }
        Ok(())
    }

    /// The same within a segment, as far as no tick comes in between.
    fn look_on(&mut self, container: &Container, window: usize) -> Result<(), Failure> {
        let Some((_, decoder)) = self.reading.as_mut().filter(|(_, decoder)| decoder.epoch() <= self.epoch) else {
            return Ok(());
        };
        while self.window.len() < window {
            match decoder.next_event() {
                Ok(Some(Event::Tick { .. }) | None) => break,
                Ok(Some(event)) => self.window.push(event),
                Err(damage) => return Err(self.damaged(container, damage)),
            }
        }
        Ok(())
    }

    /// The epoch has no more: the event behind it is the next one.
    pub fn leave(&mut self) {
        self.window.clear();
        self.happened = 0;
        if let Some((event, epoch)) = self.beyond.take() {
            (self.head, self.epoch) = (Some(event), epoch);
        }
    }

    /// Whether the stream may free this block itself, within its window.
    #[inline]
    pub fn may_free(&self, block: u64) -> bool {
        !self.looked_at().is_empty() && self.frees.may_hold(block)
    }

    /// What the stream does to a block, in order, as far as it pays to look.
    pub fn uses(&self, block: u64) -> impl Iterator<Item = Use> {
        self.looked_at().iter().take(FAR).filter_map(move |event| match *event {
            Event::Allocate { block: used, .. } | Event::ReallocTo { block: used, .. } if used == block => {
                Some(Use::GivenOut)
            }
            Event::Free { block: used, .. } | Event::ReallocFrom { block: used } if used == block => {
                Some(Use::GivenBack)
            }
            _ => None,
        })
    }

    /// Gives back what only a stream needs that goes on.
    pub fn end(&mut self) {
        self.window = Vec::new();
        self.happened = 0;
        self.frees = Filter::default();
    }

    /// The decoder, where what follows has not been looked at.
    #[inline]
    pub fn unread(&mut self) -> Option<&mut Decoder<Fields>> {
        self.reading.as_mut().filter(|_| self.head.is_none()).map(|(_, decoder)| decoder)
    }

    /// Take an event of the same epoch back that `unread` gave.
    pub const fn put_back(&mut self, event: Event) {
        self.head = Some(event);
    }

    /// What is wrong with the segment that is being read.
    #[cold]
    pub fn damaged(&self, container: &Container, damage: Damage) -> Failure {
        let place = self.reading.as_ref().map_or(Place { offset: 0, segment: None }, |(entry, _)| entry.place());
        container.damaged(place, damage)
    }

    /// The next event of the segments, and its epoch.
    #[inline(always)]
    fn decoded(&mut self, container: &Container) -> Result<Option<(Event, u64)>, Failure> {
        loop {
            let Some((entry, decoder)) = &mut self.reading else {
                if !self.next_segment(container)? {
                    return Ok(None);
                }
                continue;
            };
            match decoder.next_event() {
                Ok(Some(Event::Tick { .. })) => {}
                // An epoch never lies before the one before it.
                Ok(Some(event)) => return Ok(Some((event, self.epoch.max(decoder.epoch())))),
                Ok(None) => {
                    container.released(entry);
                    self.reading = None;
                }
                Err(damage) => return Err(self.damaged(container, damage)),
            }
        }
    }

    #[cold]
    fn next_segment(&mut self, container: &Container) -> Result<bool, Failure> {
        let Some(entry) = self.segments.next() else { return Ok(false) };
        self.reading = Some((*entry, Decoder::new(container.fields(entry)?, entry.header.epoch)));
        Ok(true)
    }
}

/// A set of blocks that may hold more than was added (B. H. Bloom, 1970, with one hash).
#[derive(Default)]
struct Filter {
    words: Vec<u64>,
    /// Bits of a hash that are not needed to name a place.
    shift: u32,
}

impl Filter {
    /// Nothing is in it, and it has room for at least so many places.
    fn clear(&mut self, places: usize) {
        let places = places.next_power_of_two().max(64);
        self.words.clear();
        self.words.resize(places / 64, 0);
        self.shift = 64 - places.trailing_zeros();
    }

    fn add(&mut self, block: u64) {
        let place = self.place(block);
        self.words[place / 64] |= 1 << (place % 64);
    }

    fn may_hold(&self, block: u64) -> bool {
        let place = self.place(block);
        self.words[place / 64] >> (place % 64) & 1 != 0
    }

    const fn place(&self, block: u64) -> usize {
        (block.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize
    }
}
