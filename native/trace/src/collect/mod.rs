//! `collect FOLDER FILE SETTINGS`: empties the rings of all recorded processes into a file while they run.
//!
//! SETTINGS is a JSON object:
//!
//! ```text
//! metadata   object   what the file's first frame says
//! segments   number   that all processes may have in memory at one time
//! size       number   bytes that the file may have, or null
//! seconds    number   after which recording ends, or null
//! ```
//!
//! Standard input is a pipe whose end tells to finish: where heapswap is killed, too, the file is whole. Standard output
//! says `{"ready": true}` once programs may start, then how far it is every quarter of a second, and last why it ended.
//! The folder is removed. Whatever goes wrong here, the recorded program goes on.

mod drain;
mod elf;
mod modules;
mod process;
mod progress;

use crate::container::Writer;
use crate::failure::Failure;
use drain::Rings;
use heapswap_trace_format::ring::{CONTROL, Control, MAGIC, VERSION, over};
use process::Shared;
use progress::Progress;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

/// Between two looks at the rings, after which the epoch is the time again.
const TICK: Duration = Duration::from_millis(1);
/// Between looks at which processes are gone.
const ROUNDS: Duration = Duration::from_millis(50);
/// What a thread needs at most to finish the record it was writing when recording ended.
const LAST_RECORDS: Duration = Duration::from_millis(2);

struct Settings {
    metadata: Value,
    segments: u32,
    size: u64,
    time: Duration,
}

impl Settings {
    fn read(text: &str) -> Option<Self> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        let mut metadata = value["metadata"].take();
        metadata["tick_ns"] = json!(1);
        metadata["architecture"] = json!(std::env::consts::ARCH);
        let seconds = value["seconds"].as_f64();
        Some(Self {
            metadata,
            segments: u32::try_from(value["segments"].as_u64()?).ok()?,
            size: value["size"].as_u64().unwrap_or(u64::MAX),
            time: seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(Duration::MAX),
        })
    }
}

pub fn run(arguments: &[OsString]) -> Result<(), Failure> {
    let misuse = || Failure::Misuse("collect FOLDER FILE SETTINGS".into());
    let [folder, path, settings] = arguments else { return Err(misuse()) };
    let settings = settings.to_str().and_then(Settings::read).ok_or_else(misuse)?;
    let (folder, path) = (Path::new(folder), Path::new(path));
    // What the terminal sends is meant for the program, whose end ends this.
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGPIPE] {
        // SAFETY: SIG_IGN runs no code.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    let file = File::create(path).map_err(Failure::io(path))?;
    let writer = Writer::begin(file, path, &settings.metadata)?;
    let outcome = control(folder, &settings).and_then(|control| collect(control, folder, writer, &settings));
    // Nobody looks for anything in it any more; processes that still write do so into memory without a name.
    let _ = std::fs::remove_dir_all(folder);
    outcome
}

/// Makes the page that everybody shares.
fn control(folder: &Path, settings: &Settings) -> Result<&'static Control, Failure> {
    let path = folder.join(CONTROL);
    let control: &'static Control = process::create(&path).map_err(Failure::io(&path))?;
    control.version.store(VERSION, Relaxed);
    control.limit.store(settings.segments, Relaxed);
    control.epoch.store(1, Relaxed);
    control.magic.store(MAGIC, Release);
    Ok(control)
}

fn collect(control: &'static Control, folder: &Path, writer: Writer, settings: &Settings) -> Result<(), Failure> {
    let shared = Shared { control, folder: folder.to_owned() };
    let mut rings = Rings::new(&shared, writer);
    let mut progress = Progress::begin();
    let began = Instant::now();
    let mut next_round = ROUNDS;
    while control.over.load(Acquire) == over::NO {
        let told = wait_for_word(TICK);
        let elapsed = began.elapsed();
        // Threads count on by ones, far less than the time that passes; if ever they do not, time waits for them.
        control.epoch.fetch_max(elapsed.as_nanos() as u64, Relaxed);
        let round = elapsed >= next_round;
        if round {
            next_round = elapsed + ROUNDS;
        }
        let done = rings.drain().and_then(|()| if round { rings.bury() } else { Ok(()) });
        let reason = match done {
            Err(_) => over::DISK,
            Ok(()) if rings.written() >= settings.size => over::SIZE,
            Ok(()) if elapsed >= settings.time => over::TIME,
            Ok(()) if told => over::TOLD,
            Ok(()) => over::NO,
        };
        if reason != over::NO {
            control.end(reason, control.epoch.fetch_add(1, Relaxed) + 1);
        }
        progress.tell(elapsed, &rings, control);
    }
    std::thread::sleep(LAST_RECORDS);
    let reason = control.over.load(Relaxed);
    let rest = if reason == over::DISK { Ok(()) } else { rings.drain_all() };
    let reason = if rest.is_err() { over::DISK } else { reason };
    let end = json!({
        "reason": name(reason),
        "seconds": began.elapsed().as_secs_f64(),
        "events": rings.events,
        "bytes": rings.bytes,
        "processes": rings.processes(),
        "threads": rings.threads(),
        "ring_memory": rings.most_memory(),
        "processes_refused": control.processes_refused.load(Relaxed),
        "threads_refused": control.threads_refused.load(Relaxed),
    });
    let written = if reason == over::DISK { Ok(0) } else { rings.end(&end) };
    let end = if written.is_err() { json!({"reason": name(over::DISK)}) } else { end };
    progress.end(&end);
    Ok(())
}

fn name(reason: u32) -> &'static str {
    match reason {
        over::SIZE => "size",
        over::TIME => "time",
        over::BEHIND => "behind",
        over::MEMORY => "memory",
        over::DISK => "disk",
        _ => "ended",
    }
}

/// Waits so long at most; whether standard input has come to its end meanwhile, or says anything.
fn wait_for_word(time: Duration) -> bool {
    let mut input = libc::pollfd { fd: 0, events: libc::POLLIN, revents: 0 };
    let milliseconds = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: one descriptor, writable.
    unsafe { libc::poll(&raw mut input, 1, milliseconds) > 0 }
}
