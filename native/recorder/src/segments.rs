//! Where a stream gets its next segment from. Nobody waits: who finds none ends the recording.

use crate::{control, ring};
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use trace_format::ring::{ENTRIES, Entry, FIRST, Header, SEGMENT, SEGMENTS, over, state};

/// A segment that is the caller's alone.
#[derive(Clone, Copy)]
pub struct Segment {
    pub entry: &'static Entry,
    pub start: *mut u8,
}

/// A segment for a stream; None where recording is over, or is now.
pub fn take(stream: u32, sequence: u32, epoch: u64) -> Option<Segment> {
    if control::is_over() {
        return None;
    }
    let header = ring::current()?;
    let index = take_free(header).or_else(|| allocate(header, epoch)).or_else(|| take_free(header));
    let Some(index) = index else {
        control::end(over::BEHIND, epoch);
        return None;
    };
    ring::note_cpu(header);
    let entry = entry(header, index);
    entry.used.store(0, Relaxed);
    entry.stream.store(stream, Relaxed);
    entry.sequence.store(sequence, Relaxed);
    entry.epoch.store(epoch, Relaxed);
    // What stands in the entry is read by others only from here on: until now its sequence was another's.
    entry.state.store(state::TAKEN, Release);
    Some(Segment { entry, start: place(header, FIRST + index * SEGMENT) })
}

/// One that the collector has emptied; it is UNUSED meanwhile, which nobody looks into.
fn take_free(header: &Header) -> Option<usize> {
    let allocated = header.segments.load(Acquire) as usize;
    (0..allocated.min(SEGMENTS)).find(|index| {
        let state = &entry(header, *index).state;
        state.load(Relaxed) == state::FREE
            && state.compare_exchange(state::FREE, state::UNUSED, AcqRel, Relaxed).is_ok()
    })
}

fn allocate(header: &Header, epoch: u64) -> Option<usize> {
    if !control::take_segment() {
        return None;
    }
    let mut next = header.segments.load(Relaxed) as usize;
    loop {
        // The entry's page first: whoever reads a page that has no room is killed, too.
        if next >= SEGMENTS
            || !ring::has_room(ENTRIES + next * size_of::<Entry>(), size_of::<Entry>())
            || !ring::has_room(FIRST + next * SEGMENT, SEGMENT)
        {
            control::give_segment_back();
            if next < SEGMENTS {
                control::end(over::MEMORY, epoch);
            }
            return None;
        }
        match header.segments.compare_exchange(next as u32, next as u32 + 1, AcqRel, Acquire) {
            Ok(_) => return Some(next),
            Err(found) => next = found as usize,
        }
    }
}

fn entry(header: &Header, index: usize) -> &'static Entry {
    // SAFETY: inside the mapping, which stays for ever, in a page that was allocated; every bit pattern is an entry.
    unsafe { &*place(header, ENTRIES + index * size_of::<Entry>()).cast::<Entry>() }
}

fn place(header: &Header, offset: usize) -> *mut u8 {
    core::ptr::from_ref(header).cast_mut().cast::<u8>().wrapping_add(offset)
}

/// Nothing will be added to it.
pub fn give_up(entry: &Entry) {
    entry.state.store(state::FULL, Release);
}
