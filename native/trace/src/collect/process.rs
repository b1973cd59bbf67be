//! One recorded process: its ring, whether it is gone, what is loaded into it.

use super::modules::Modules;
use heapswap_trace_format::ring::{Control, ENTRIES, Entry, FIRST, Header, LENGTH, MAGIC, SEGMENT, SEGMENTS, VERSION};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// What everybody shares.
pub struct Shared {
    pub control: &'static Control,
    pub folder: PathBuf,
}

/// A file of one page, mapped for ever.
pub fn create<T>(path: &Path) -> io::Result<&'static T> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    // A page that is not allocated kills whoever stores into it.
    file.write_all_at(&[0; 4096], 0)?;
    let address = map(&file, 4096)?;
    // SAFETY: mapped for ever and zero, which is a value of every structure of atomics.
    Ok(unsafe { &*address.cast::<T>() })
}

fn map(file: &File, length: usize) -> io::Result<*mut libc::c_void> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh range over an open descriptor.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), length, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
    if address == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(address) }
}

/// The ring of one process, mapped until it is dropped.
pub struct Ring {
    header: *const Header,
    pub path: PathBuf,
    /// Its number in the trace.
    pub number: u32,
    modules: Modules,
}

impl Ring {
    /// None where the file is not, or not yet, a ring.
    pub fn open(path: PathBuf) -> Option<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        if file.metadata().ok()?.len() < LENGTH as u64 {
            return None;
        }
        let header = map(&file, LENGTH).ok()?.cast::<Header>().cast_const();
        let ring = Self { header, path, number: 0, modules: Modules::default() };
        let is_whole = ring.header().magic.load(Acquire) == MAGIC && ring.header().version.load(Relaxed) == VERSION;
        is_whole.then_some(ring)
    }

    pub fn header(&self) -> &Header {
        // SAFETY: mapped as long as this value lives; the page was allocated before the file was announced.
        unsafe { &*self.header }
    }

    /// Every segment's entry, with its place.
    pub fn entries(&self) -> impl Iterator<Item = (usize, &Entry)> {
        let many = (self.header().segments.load(Acquire) as usize).min(SEGMENTS);
        (0..many).map(|index| {
            let entry = self.place(ENTRIES + index * size_of::<Entry>()).cast::<Entry>();
            // SAFETY: inside the mapping, in a page that was allocated before the segment counted.
            (index, unsafe { &*entry })
        })
    }

    /// The beginning of a segment that is whole.
    pub fn records(&self, index: usize, used: u32) -> &[u8] {
        let start = self.place(FIRST + index * SEGMENT);
        // SAFETY: inside the mapping; what is whole is not written again before the segment is free.
        unsafe { std::slice::from_raw_parts(start, (used as usize).min(SEGMENT)) }
    }

    fn place(&self, offset: usize) -> *const u8 {
        self.header.cast::<u8>().wrapping_add(offset)
    }

    /// Whether the process exists no longer. One in another namespace counts as there: its number says nothing here.
    pub fn is_gone(&self) -> bool {
        let header = self.header();
        if header.namespace.load(Relaxed) != own_namespace() {
            return false;
        }
        let process = header.process.load(Relaxed);
        let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return true };
        // The name in parentheses may hold anything.
        let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let (Some(state), Some(started)) = (fields.first(), fields.get(19).and_then(|field| field.parse().ok())) else {
            return false;
        };
        // A first thread that has ended is a zombie as long as others go on.
        let tasks = || std::fs::read_dir(format!("/proc/{process}/task")).map_or(0, Iterator::count);
        is_after(started, header.begun.load(Relaxed)) || (*state == "Z" && tasks() <= 1)
    }

    /// Notes what is loaded, where the process is there to be asked or has left word.
    pub fn look_at_modules(&mut self) {
        let process = self.header().process.load(Relaxed);
        let is_seen = self.header().namespace.load(Relaxed) == own_namespace();
        let left = std::fs::read(self.path.with_extension("maps")).ok().filter(|text| !text.is_empty());
        let text = left.or_else(|| is_seen.then(|| std::fs::read(format!("/proc/{process}/maps")).ok()).flatten());
        self.modules.look(&String::from_utf8_lossy(&text.unwrap_or_default()), is_seen.then_some(process));
    }

    pub fn describe(&self, forked_from: Option<u32>) -> Value {
        let header = self.header();
        let arguments: Vec<String> =
            header.arguments.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let end = arguments.iter().rposition(|word| !word.is_empty()).map_or(0, |last| last + 1);
        json!({
            "pid": header.process.load(Relaxed),
            "parent": header.parent.load(Relaxed),
            "executable": text(&header.program),
            "arguments": arguments[..end],
            "allocator": text(&header.library),
            "modules": self.modules.described(),
            "forked_from": forked_from,
            "forked_at": [header.forked_by.load(Relaxed), header.forked_in.load(Relaxed), header.forked_at.load(Relaxed)],
            "begun": header.begun_epoch.load(Relaxed),
            "epoch": header.epoch.load(Relaxed),
            "ended": header.ended.load(Relaxed) == 1,
            "cpu_ns": header.cpu.load(Relaxed),
        })
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `open` with this length, and nobody has a reference into it.
        unsafe { libc::munmap(self.header.cast_mut().cast(), LENGTH) };
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn own_namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |status| status.ino())
}

/// Whether a process that started at so many ticks of the clock came after a moment in nanoseconds.
fn is_after(ticks: u64, moment: u64) -> bool {
    // SAFETY: no precondition.
    let rate = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100).max(1);
    // The kernel cuts the ticks off.
    ticks > moment / 1_000_000_000 * rate + (moment % 1_000_000_000) * rate / 1_000_000_000 + 1
}
