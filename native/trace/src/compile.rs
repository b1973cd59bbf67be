//! `compile FILE SCRIPT [PID]`: the calls of one process as a script for the player, see `native/replay`.
//!
//! Two passes: the first finds how far large blocks were touched, which the recording tells when they are freed; the
//! second composes. Memory is bounded by what the process had live, and four bytes for each large block.

use crate::container::Container;
use crate::failure::Failure;
use crate::live::Held;
use crate::merge::{self, Asked, At, Visitor};
use crate::touched::{LARGE, Touched};
use heapswap_replay::compose::{self, Block, Composer, Way};
use heapswap_trace_format::event::{Event, Function};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;

pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let (file, script, pid) = match arguments {
        [file, script] => (file, script, None),
        [file, script, pid] => {
            let number = pid.to_str().and_then(|word| word.parse::<u64>().ok());
            (file, script, Some(number.ok_or_else(|| Failure::Misuse("compile FILE SCRIPT [PID]".into()))?))
        }
        _ => return Err(Failure::Misuse("compile FILE SCRIPT [PID]".into())),
    };
    let (container, path) = (Container::open(Path::new(file))?, Path::new(script));
    let process = chosen(&container, pid)?;
    let file = File::create(path).map_err(Failure::io(path))?;
    println!("{}", compiled(&container, process, file, path)?);
    Ok(())
}

/// Composes the script of one process into a file, and says what it holds.
///
/// # Errors
///
/// A segment is damaged, or the file cannot be written.
pub fn compiled(container: &Container, process: u32, file: File, path: &Path) -> Result<Value, Failure> {
    let touched = Touched::of(container, process)?;
    let mut compiler = Compiler {
        composer: Composer::new(file),
        process,
        touched,
        tick: container.tick_ns(),
        first: None,
        threads: HashMap::new(),
        tids: HashMap::new(),
        alive: HashMap::new(),
        failed: None,
        lost: 0,
        unknown: 0,
    };
    merge::visit(container, &mut compiler)?;
    let Compiler { composer, touched, failed, lost, unknown, .. } = compiler;
    if let Some(error) = failed {
        return Err(Failure::io(path)(error));
    }
    let header = composer.finish().map_err(Failure::io(path))?;
    let described = container.processes.get(&process).unwrap_or(&Value::Null);
    Ok(json!({
        "pid": described["pid"],
        "executable": described["executable"],
        "processes": container.processes.len(),
        "calls": header.calls,
        "threads": header.threads,
        "peak_live": header.peak_live,
        "end_live": header.end_live,
        "seconds": header.duration as f64 / 1e9,
        "cpu_seconds": described["cpu_ns"].as_f64().map(|nanoseconds| nanoseconds / 1e9),
        "unknown_frees": unknown,
        "lost_frees": lost,
        "large_bytes": touched.large,
        "large_bytes_told": touched.told,
    }))
}

/// The process with this id, or the one that did most.
///
/// # Errors
///
/// There is none.
pub fn chosen(container: &Container, pid: Option<u64>) -> Result<u32, Failure> {
    if let Some(pid) = pid {
        let found = container.processes.iter().find(|(_, described)| described["pid"].as_u64() == Some(pid));
        let pids: Vec<String> = container.processes.values().map(|described| described["pid"].to_string()).collect();
        return found
            .map(|(process, _)| *process)
            .ok_or_else(|| Failure::Misuse(format!("no process {pid} in this trace; it has {}", pids.join(", "))));
    }
    let mut lengths: HashMap<u32, u64> = HashMap::new();
    for ((process, _), segments) in &container.streams {
        *lengths.entry(*process).or_default() +=
            segments.iter().map(|one| u64::from(one.header.raw_length)).sum::<u64>();
    }
    let most = lengths.into_iter().max_by_key(|&(process, length)| (length, std::cmp::Reverse(process)));
    most.map(|(process, _)| process).ok_or_else(|| Failure::Misuse("this trace holds no events".into()))
}

struct Compiler {
    composer: Composer,
    process: u32,
    touched: Touched,
    tick: u64,
    first: Option<u64>,
    /// The script's thread for each of the trace's, and what the system called that one.
    threads: HashMap<u32, usize>,
    tids: HashMap<u32, u32>,
    /// The script's thread of each that has not ended, by what the system called it.
    alive: HashMap<u32, usize>,
    failed: Option<io::Error>,
    lost: u64,
    unknown: u64,
}

impl Compiler {
    fn at(&mut self, at: At) -> compose::At {
        let first = *self.first.get_or_insert(at.epoch);
        let thread = match self.threads.get(&at.thread) {
            Some(thread) => *thread,
            None => {
                let tid = self.tids.get(&at.thread).copied().unwrap_or(0);
                let thread = match self.alive.get(&tid) {
                    // A signal handler in the middle of a call has a stream of its own, and is the same thread.
                    Some(thread) if tid != 0 => *thread,
                    _ => self.composer.thread(u64::from(tid)),
                };
                self.alive.insert(tid, thread);
                self.threads.insert(at.thread, thread);
                thread
            }
        };
        compose::At { thread, time: at.epoch.saturating_sub(first).saturating_mul(self.tick) }
    }

    fn asked(&mut self, size: u64) -> compose::Asked {
        compose::Asked { size, touched: if size >= LARGE { self.touched.next() } else { None } }
    }

    /// The first error is kept, and told at the end.
    fn kept(&mut self, result: io::Result<Block>) -> Block {
        result.unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            Block::default()
        })
    }
}

impl Visitor for Compiler {
    type Note = Block;

    fn allocated(&mut self, at: At, asked: Asked) -> Block {
        if at.process != self.process {
            return Block::default();
        }
        let (at, wanted) = (self.at(at), self.asked(asked.size));
        let way = match asked.function {
            Function::Calloc => Way::Calloc,
            _ if asked.alignment != 0 => Way::Aligned(asked.alignment),
            _ => Way::Malloc,
        };
        let result = self.composer.allocate(at, way, wanted);
        self.kept(result)
    }

    fn freed(&mut self, at: At, _function: Function, _block: u64, held: Option<Held<Block>>) {
        if at.process != self.process {
            return;
        }
        let Some(held) = held else {
            self.unknown += 1;
            return;
        };
        let at = self.at(at);
        let result = self.composer.free(at, held.note, held.size);
        self.kept(result.map(|()| Block::default()));
    }

    fn reallocated(&mut self, at: At, (_, held): (u64, Option<Held<Block>>), to: Asked) -> Block {
        let Some(held) = held.filter(|_| at.process == self.process) else { return self.allocated(at, to) };
        let (at, asked) = (self.at(at), self.asked(to.size));
        let result = self.composer.reallocate(at, held.note, held.size, asked);
        self.kept(result)
    }

    fn lost(&mut self, at: At, block: u64, held: Held<Block>) {
        self.lost += u64::from(at.process == self.process);
        self.freed(at, Function::Free, block, Some(held));
    }

    fn thread(&mut self, at: At, tid: u32) {
        self.tids.insert(at.thread, tid);
    }

    fn other(&mut self, at: At, event: Event) {
        if event == Event::ThreadEnd
            && let Some(thread) = self.threads.get(&at.thread)
        {
            self.composer.end_thread(*thread);
            self.alive.retain(|_, alive| alive != thread);
        }
    }
}
