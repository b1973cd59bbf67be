//! What happens in a trace, as whoever reads it sees it.

use crate::live::{Held, Live};
use heapswap_trace_format::event::{Event, Function};

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
