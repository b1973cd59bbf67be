//! From recorded calls in their one order to a script.
//!
//! Memory is bounded by what the program had live and by one epoch: nothing of the past is kept.

use std::fs::File;
use std::io;
use std::mem::take;

pub use crate::live::Block;
use crate::live::Slots;
use crate::script::{EPOCH, Header, LARGEST, Op, PLACES, Thread};
use crate::threads::{Chunks, Lane};

/// How a block is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Malloc,
    Calloc,
    /// With this alignment.
    Aligned(u64),
}

/// What is asked for, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub size: u64,
    /// Bytes that the program has touched; None where the recording does not tell: all of them.
    pub touched: Option<u64>,
}

/// Who does something, and when: nanoseconds since the recording began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// As numbered by `Composer::thread`.
    pub thread: usize,
    pub time: u64,
}

/// A script under way.
pub struct Composer {
    chunks: Chunks,
    threads: Vec<Lane>,
    /// The thread in each lane, where there is one.
    lanes: Vec<Option<usize>>,
    /// What the threads of each lane have published so far.
    published: Vec<u64>,
    slots: Slots,
    /// Threads with a part in this epoch, in the order of their first calls.
    here: Vec<usize>,
    /// Threads that begin in this epoch, and who starts them.
    begun: Vec<(usize, usize)>,
    /// Who waits, at which of its words, for which word of whom.
    waits: Vec<(usize, usize, usize, u32)>,
    calls_here: usize,
    last: usize,
    live: u64,
    header: Header,
}

impl Composer {
    /// Compose into an empty file.
    pub fn new(file: File) -> Self {
        Self {
            chunks: Chunks::new(file, Header::LENGTH as u64),
            threads: Vec::new(),
            lanes: Vec::new(),
            published: Vec::new(),
            slots: Slots::default(),
            here: Vec::new(),
            begun: Vec::new(),
            waits: Vec::new(),
            calls_here: 0,
            last: 0,
            live: 0,
            header: Header::default(),
        }
    }

    /// A thread, named by the number that is returned. The first one is the program's first.
    pub fn thread(&mut self, tid: u64) -> usize {
        self.threads.push(Lane::new(tid));
        let thread = self.threads.len() - 1;
        if thread == 0 {
            self.settle(0);
        }
        thread
    }

    /// A block is allocated.
    ///
    /// # Errors
    /// The file cannot be written, or there are more threads or slots than a script can name; so too below.
    pub fn allocate(&mut self, at: At, way: Way, asked: Asked) -> io::Result<Block> {
        let thread = self.enter(at);
        let slot = self.slots.take(&mut self.threads[thread].freed);
        let low = asked.size & 0xFFFF_FFFF;
        let part = self.sized(thread, asked);
        match way {
            Way::Malloc => part.push(Op::Malloc.place(slot, low)),
            Way::Calloc => part.push(Op::Calloc.place(slot, low)),
            Way::Aligned(alignment) => part.extend([Op::Aligned.place(slot, low), alignment]),
        }
        let block = self.block(thread, slot);
        self.called(thread, 0, asked.size)?;
        Ok(block)
    }

    /// A block of so many bytes is freed.
    ///
    /// # Errors
    /// As above.
    pub fn free(&mut self, at: At, block: Block, size: u64) -> io::Result<()> {
        let thread = self.enter(at);
        self.wait(thread, block);
        let part = self.sized(thread, Asked { size, touched: None });
        part.push(Op::Free.place(block.slot, size & 0xFFFF_FFFF));
        self.threads[thread].freed.push(block.slot);
        self.called(thread, size, 0)
    }

    /// A block of `old` bytes is given another size.
    ///
    /// # Errors
    /// As above.
    pub fn reallocate(&mut self, at: At, block: Block, old: u64, asked: Asked) -> io::Result<Block> {
        let thread = self.enter(at);
        self.wait(thread, block);
        let part = self.sized(thread, asked);
        part.extend([Op::Realloc.place(block.slot, asked.size & 0xFFFF_FFFF), old]);
        let block = self.block(thread, block.slot);
        self.called(thread, old, asked.size)?;
        Ok(block)
    }

    /// A thread ends. The first one's end is the program's.
    pub fn end_thread(&mut self, thread: usize) {
        self.threads[thread].has_ended = thread != 0;
    }

    /// Everything has been told; gives what the script holds.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> io::Result<Header> {
        self.close()?;
        if self.threads.is_empty() {
            self.thread(0);
        }
        for thread in &mut self.threads {
            if !thread.is_closed {
                self.chunks.close(thread)?;
            }
        }
        let rows: Vec<u8> = self.threads.iter().map(Lane::row).flat_map(Thread::to_bytes).collect();
        self.header.table = self.chunks.finish(&rows)?;
        self.header.threads = self.threads.len() as u64;
        self.header.lanes = self.lanes.len() as u64;
        self.header.slots = self.slots.made();
        self.header.end_live = self.live;
        self.chunks.head(&self.header.to_bytes())?;
        Ok(self.header)
    }

    /// The thread itself; once its end is written, another one in its stead (destructors may call later still).
    fn heir(&mut self, thread: usize) -> usize {
        if !self.threads[thread].is_closed {
            return thread;
        }
        if let Some(heir) = self.threads[thread].heir {
            return self.heir(heir);
        }
        let heir = self.thread(self.threads[thread].tid);
        self.threads[thread].heir = Some(heir);
        self.threads[heir].has_ended = true;
        heir
    }

    /// A thread has a call in this epoch; gives the thread.
    fn enter(&mut self, At { thread, time }: At) -> usize {
        let time = time.min(LARGEST);
        let thread = self.heir(thread);
        if self.threads[thread].part.is_empty() {
            self.here.push(thread);
            if !self.threads[thread].has_begun {
                self.settle(thread);
                let starter = if self.threads[self.last].has_ended { 0 } else { self.last };
                self.begun.push((thread, starter));
            }
        }
        let one = &mut self.threads[thread];
        // The first word may be a time that is known already: a part is never empty.
        if one.part.is_empty() || time > one.told {
            one.told = one.told.max(time);
            one.part.push(Op::At.number(one.told));
        }
        self.header.duration = self.header.duration.max(time);
        thread
    }

    /// A call has been told, which freed and allocated so many bytes.
    fn called(&mut self, thread: usize, freed: u64, allocated: u64) -> io::Result<()> {
        self.live = self.live.saturating_add(allocated).saturating_sub(freed);
        self.header.calls += 1;
        self.header.peak_live = self.header.peak_live.max(self.live);
        self.last = thread;
        self.calls_here += 1;
        if self.calls_here == EPOCH { self.close() } else { Ok(()) }
    }

    /// Give a thread a lane of its own. Lane 0 stays the first thread's.
    fn settle(&mut self, thread: usize) {
        let lane = self.lanes.iter().position(Option::is_none).unwrap_or(self.lanes.len());
        if lane == self.lanes.len() {
            self.lanes.push(None);
            self.published.push(0);
        }
        self.lanes[lane] = Some(thread);
        self.threads[thread].lane = lane as u64;
        self.threads[thread].has_begun = true;
    }

    /// The words of a thread, with what the next one needs before it.
    fn sized(&mut self, thread: usize, Asked { size, touched }: Asked) -> &mut Vec<u64> {
        let part = &mut self.threads[thread].part;
        if size >> 32 != 0 {
            part.push(Op::Large.number(size >> 32));
        }
        if let Some(touched) = touched.filter(|touched| *touched < size) {
            part.push(Op::Touch.number(touched.min(LARGEST)));
        }
        part
    }

    /// A block that a thread has just been given.
    fn block(&self, thread: usize, slot: u32) -> Block {
        let word = self.threads[thread].part.len() as u32;
        Block { slot, thread: thread as u32, epoch: self.header.epochs as u32, word }
    }

    /// A block of this epoch, of another thread, has to be there first.
    fn wait(&mut self, thread: usize, block: Block) {
        let owner = block.thread as usize;
        if u64::from(block.epoch) == self.header.epochs && owner != thread {
            self.threads[owner].publishes.push(block.word);
            self.waits.push((thread, self.threads[thread].part.len(), owner, block.word));
            self.threads[thread].part.push(0);
        }
    }

    /// The epoch ends here.
    fn close(&mut self) -> io::Result<()> {
        if self.threads.len() as u64 >= PLACES || self.slots.made() >= PLACES {
            return Err(io::Error::other("more threads or live blocks than a replay script can name"));
        }
        for &thread in &self.here {
            let publishes = &mut self.threads[thread].publishes;
            publishes.sort_unstable();
            publishes.dedup();
        }
        for (thread, word, owner, published) in take(&mut self.waits) {
            let lane = self.threads[owner].lane;
            let rank = self.threads[owner].publishes.partition_point(|one| *one <= published) as u64;
            let count = self.published[lane as usize] + rank;
            self.threads[thread].part[word] = Op::Wait.place(lane as u32, count & 0xFFFF_FFFF);
        }
        let base = self.header.parts;
        self.header.parts += self.here.len() as u64;
        for (_, starter) in &self.begun {
            if !self.here.contains(starter) {
                self.chunks.append(&mut self.threads[*starter], [Op::Await.number(base)])?;
            }
        }
        for &thread in &self.here {
            self.chunks.append(&mut self.threads[thread], [Op::Enter.number(base)])?;
        }
        for (thread, starter) in take(&mut self.begun) {
            self.chunks.append(&mut self.threads[starter], [Op::Start.number(thread as u64)])?;
        }
        for thread in take(&mut self.here) {
            let lane = &mut self.threads[thread];
            let publishes = take(&mut lane.publishes);
            self.published[lane.lane as usize] += publishes.len() as u64;
            let part = woven(take(&mut lane.part), &publishes);
            self.chunks.append(lane, part)?;
            self.chunks.append(lane, [Op::Leave.number(self.header.parts), self.live])?;
            self.slots.give_back(&mut lane.freed);
        }
        for place in &mut self.lanes {
            if let Some(thread) = *place
                && self.threads[thread].has_ended
            {
                self.chunks.close(&mut self.threads[thread])?;
                *place = None;
            }
        }
        self.header.epochs += 1;
        self.calls_here = 0;
        Ok(())
    }
}

/// Words, with `Publish` before each of these places.
fn woven(words: Vec<u64>, publishes: &[u32]) -> Vec<u64> {
    if publishes.is_empty() {
        return words;
    }
    let mut result = Vec::with_capacity(words.len() + publishes.len());
    let mut done = 0;
    for &place in publishes {
        result.extend_from_slice(&words[done..place as usize]);
        result.push(Op::Publish.number(0));
        done = place as usize;
    }
    result.extend_from_slice(&words[done..]);
    result
}
