//! What the targets share: files of traces made of an input, and every way in which they are read.
//!
//! Nothing may panic, hang, or take memory out of proportion, and what can be read must say the same in every form.

pub mod container;
pub mod reading;

use heapswap_trace_format::count::count;
use heapswap_trace_format::decode::Decoder;
use heapswap_trace_format::event::Event;

/// Decodes a segment; looking at the lengths of its records only must tell the same.
pub fn decode(records: &[u8]) {
    let mut decoder = Decoder::raw(records, 0);
    let (mut calls, mut latest) = (0, 0);
    let is_whole = loop {
        match decoder.next_event() {
            Ok(Some(event)) => {
                calls += u64::from(is_call(&event));
                latest = latest.max(decoder.epoch());
            }
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    let seen = count(records, 0, u64::MAX, |_| {});
    assert!(seen.length <= records.len());
    // Counting ends before the last epoch there is, which stands for none.
    if is_whole && latest < u64::MAX {
        assert_eq!((seen.calls, seen.length), (calls, records.len()));
    }
}

/// A realloc is one call, and is counted at its end.
const fn is_call(event: &Event) -> bool {
    matches!(
        event,
        Event::Allocate { .. }
            | Event::Free { .. }
            | Event::ReallocTo { .. }
            | Event::ReallocFailed { .. }
            | Event::Failed { .. }
    )
}
