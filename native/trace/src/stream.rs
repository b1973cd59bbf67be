//! The events of one stream, segment after segment.

use crate::columns::Fields;
use crate::container::{Container, Entry};
use crate::failure::Failure;
use heapswap_trace_format::decode::Decoder;
use heapswap_trace_format::event::Event;

pub struct Stream<'a> {
    pub process: u32,
    /// Index of the process in the merge.
    pub table: usize,
    /// Counted over the whole trace; None before the stream's first event.
    pub thread: Option<u32>,
    /// The next event, where it has been looked at.
    pub head: Option<Event>,
    /// Its epoch; before there was one, the epoch at which the stream begins.
    pub epoch: u64,
    segments: std::slice::Iter<'a, Entry>,
    reading: Option<(Entry, Decoder<Fields>)>,
}

impl<'a> Stream<'a> {
    pub fn new(process: u32, table: usize, segments: &'a [Entry]) -> Self {
        let epoch = segments.first().map_or(0, |entry| entry.header.epoch);
        Self { process, table, thread: None, head: None, epoch, segments: segments.iter(), reading: None }
    }

    /// The next event, which stays until `head` is taken; None after the last. Ticks show in `epoch` only.
    ///
    /// # Errors
    ///
    /// A segment is damaged.
    #[inline]
    pub fn peek(&mut self, container: &Container) -> Result<Option<Event>, Failure> {
        while self.head.is_none() {
            let Some((entry, decoder)) = &mut self.reading else {
                if !self.next_segment(container)? {
                    return Ok(None);
                }
                continue;
            };
            match decoder.next_event() {
                Ok(Some(Event::Tick { epoch })) => self.epoch = self.epoch.max(epoch),
                Ok(Some(event)) if block_of(&event) == Some(0) => {
                    return Err(container.damaged(entry.place(), "a block at address 0"));
                }
                Ok(Some(event)) => self.head = Some(event),
                Ok(None) => self.reading = None,
                Err(damage) => return Err(container.damaged(entry.place(), damage)),
            }
        }
        Ok(self.head)
    }

    #[cold]
    fn next_segment(&mut self, container: &Container) -> Result<bool, Failure> {
        let Some(entry) = self.segments.next() else { return Ok(false) };
        self.epoch = self.epoch.max(entry.header.epoch);
        self.reading = Some((*entry, Decoder::new(container.fields(entry)?, entry.header.epoch)));
        Ok(true)
    }
}

#[inline(always)]
const fn block_of(event: &Event) -> Option<u64> {
    match event {
        Event::Allocate { block, .. }
        | Event::Free { block, .. }
        | Event::ReallocFrom { block }
        | Event::ReallocTo { block, .. }
        | Event::ReallocFailed { block, .. } => Some(*block),
        _ => None,
    }
}
