//! The page that the collector and all recorded processes share.

use core::fmt::Write;
use core::ptr::null_mut;
use core::sync::atomic::AtomicPtr;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use interpose::path::Path;
use trace_format::ring::{CONTROL, Control, MAGIC, VERSION, over};

/// Null: nothing is recorded.
static PAGE: AtomicPtr<Control> = AtomicPtr::new(null_mut());

/// Maps the page in the folder of the recording; whether there is a collector to record for.
pub fn find(folder: &[u8]) -> bool {
    let Some(page) = map(folder) else { return false };
    // SAFETY: mapped, of this length, and never unmapped.
    let control = unsafe { &*page };
    if control.magic.load(Acquire) != MAGIC || control.version.load(Relaxed) != VERSION {
        return false;
    }
    PAGE.store(page, Release);
    control.over.load(Relaxed) == over::NO
}

fn map(folder: &[u8]) -> Option<*mut Control> {
    let mut path = Path::new(folder)?;
    write!(path, "/{CONTROL}\0").ok()?;
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.name()?.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC | libc::O_NOFOLLOW) };
    if file < 0 {
        return None;
    }
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh range. The collector has allocated the page.
    let page = unsafe { libc::mmap(null_mut(), size_of::<Control>(), access, libc::MAP_SHARED, file, 0) };
    // SAFETY: opened above and not used after.
    unsafe { libc::close(file) };
    (page != libc::MAP_FAILED).then_some(page.cast())
}

#[inline(always)]
fn page() -> Option<&'static Control> {
    // SAFETY: null, or what `find` mapped for ever.
    unsafe { PAGE.load(Relaxed).as_ref() }
}

/// Nanoseconds since recording began: the collector counts milliseconds, and the program's threads one now and then.
#[inline(always)]
pub fn epoch() -> u64 {
    page().map_or(0, |control| control.epoch.load(Relaxed))
}

/// What comes after is told from what came before.
pub fn count_up() {
    if let Some(control) = page() {
        control.epoch.fetch_add(1, Relaxed);
    }
}

/// Whether recording is over for the whole tree.
pub fn is_over() -> bool {
    page().is_none_or(|control| control.over.load(Relaxed) != over::NO)
}

/// Ends recording for the whole tree, from this epoch on; the first reason stands.
pub fn end(reason: u32, epoch: u64) {
    if let Some(control) = page() {
        control.end(reason, epoch);
    }
}

/// Takes one from the segments that all processes may have together; whether there was one.
pub fn take_segment() -> bool {
    page().is_some_and(|control| {
        let limit = control.limit.load(Relaxed);
        control.segments.fetch_update(Relaxed, Relaxed, |taken| (taken < limit).then_some(taken + 1)).is_ok()
    })
}

pub fn give_segment_back() {
    if let Some(control) = page() {
        control.segments.fetch_sub(1, Relaxed);
    }
}

/// The collector looks for a new file.
pub fn announce_file() {
    if let Some(control) = page() {
        control.files.fetch_add(1, AcqRel);
    }
}

pub fn process_refused() {
    if let Some(control) = page() {
        control.processes_refused.fetch_add(1, Relaxed);
    }
}

pub fn thread_refused() {
    if let Some(control) = page() {
        control.threads_refused.fetch_add(1, Relaxed);
    }
}
