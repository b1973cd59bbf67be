//! The file of this process: begun at its start, begun anew in the child of a fork.

use crate::{control, streams};
use core::ffi::{CStr, c_int, c_void};
use core::fmt::Write;
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicUsize};
use interpose::file::{self, Mapping, Shape};
use interpose::path::{Folder, Path};
use interpose::surroundings::{environment, read_file, read_link};
use interpose::sys::Undisturbed;
use interpose::{next, objects, sys};
use trace_format::ring::{FIRST, Header, LENGTH, MAGIC, PATH, SEGMENT, SUFFIX, VERSION, over};

const SHAPE: Shape = Shape { length: LENGTH, first: size_of::<Header>(), at_once: FIRST + 15 * SEGMENT };

/// The largest of the architecture.
const PAGE: usize = if cfg!(target_arch = "x86_64") { 4096 } else { 65536 };

/// Null: nothing is recorded.
static HEADER: AtomicPtr<Header> = AtomicPtr::new(null_mut());
/// Bytes of the mapping that may be used.
static USABLE: AtomicUsize = AtomicUsize::new(0);
static FOLDER: Folder = Folder::none();

/// The file of this process.
pub fn current() -> Option<&'static Header> {
    // SAFETY: null, or mapped for ever.
    unsafe { HEADER.load(Acquire).as_ref() }
}

/// Whether a range of the mapping may be written; its pages are allocated where that can be done one by one.
pub fn has_room(offset: usize, length: usize) -> bool {
    let usable = USABLE.load(Relaxed);
    let page = offset - offset % PAGE;
    let address = HEADER.load(Relaxed).cast::<c_void>().wrapping_byte_add(page);
    let size = offset + length - page;
    // SAFETY: a range of the mapping.
    offset + length <= usable && (usable == SHAPE.at_once || unsafe { file::allocate(address, size) })
}

/// At the start of a program, once the functions behind are known.
pub fn begin() {
    objects::find_library();
    let Some(folder) = environment(c"HEAPSWAP_TRACE").filter(|folder| !folder.is_empty()) else { return };
    // SAFETY: once, before there is a second thread that could begin.
    if unsafe { FOLDER.keep(folder.to_bytes()) } && control::find(FOLDER.name()) && streams::reserve() {
        open(&Birth::default(), null_mut());
    }
}

/// In the child of a fork: a file of its own in the place of its parent's, so that segments stay where they are mapped.
pub fn begin_child() {
    let Some(parent) = current() else { return };
    let birth =
        Birth { forks: parent.forks.load(Relaxed) + 1, parent: parent.id.load(Relaxed), position: streams::position() };
    let place = core::ptr::from_ref(parent).cast_mut();
    HEADER.store(null_mut(), Release);
    streams::forget();
    if !control::is_over() {
        open(&birth, place.cast());
    }
    if current().is_none() {
        // SAFETY: the parent's mapping, which is this process's by now.
        unsafe { file::abandon(place.cast(), LENGTH) };
    }
}

#[derive(Default)]
struct Birth {
    forks: u64,
    parent: u64,
    position: streams::Position,
}

fn open(birth: &Birth, place: *mut c_void) {
    let id = sys::random();
    let Some(mapping) = create(id, birth.forks, place) else { return refused() };
    let header: *mut Header = mapping.address.cast();
    // SAFETY: the file is new and this process its only writer, with this thread alone until the pointer is stored.
    describe(unsafe { &mut *header }, id, birth);
    USABLE.store(mapping.length, Relaxed);
    HEADER.store(header, Release);
    control::announce_file();
}

/// Where memory is what is missing, the others will lack it next; else only this process goes unrecorded.
#[cold]
fn refused() {
    if sys::errno() == libc::ENOSPC || sys::errno() == libc::ENOMEM {
        control::end(over::MEMORY, control::epoch());
    }
    control::process_refused();
}

fn create(id: u64, forks: u64, place: *mut c_void) -> Option<Mapping> {
    let mut path = Path::new(FOLDER.name())?;
    write!(path, "/{id:016x}-{forks}{SUFFIX}\0").ok()?;
    // SAFETY: the place is null or this process's own mapping.
    unsafe { file::create(&path, &SHAPE, place) }
}

fn describe(header: &mut Header, id: u64, birth: &Birth) {
    header.version.store(VERSION, Relaxed);
    header.id.store(id, Relaxed);
    header.process.store(sys::process(), Relaxed);
    header.parent.store(sys::parent(), Relaxed);
    header.namespace.store(namespace(), Relaxed);
    header.begun.store(sys::clock(libc::CLOCK_BOOTTIME), Relaxed);
    header.begun_epoch.store(sys::clock(libc::CLOCK_REALTIME), Relaxed);
    header.forks.store(birth.forks, Relaxed);
    header.forked_from.store(birth.parent, Relaxed);
    header.forked_by.store(birth.position.stream, Relaxed);
    header.forked_in.store(birth.position.sequence, Relaxed);
    header.forked_at.store(birth.position.used, Relaxed);
    header.epoch.store(control::epoch(), Relaxed);
    read_link(c"/proc/self/exe", &mut header.program);
    if let Some(name) = objects::library() {
        let length = name.len().min(PATH - 1);
        header.library[..length].copy_from_slice(&name[..length]);
    }
    read_file(c"/proc/self/cmdline", &mut header.arguments);
    header.magic.store(MAGIC, Release);
}

/// The namespace of this process's number; 0 where the kernel does not tell.
fn namespace() -> u64 {
    const LINK: &CStr = c"/proc/self/ns/pid";
    let mut status = core::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: the path is a C string, the status writable.
    let known = unsafe { libc::stat(LINK.as_ptr(), status.as_mut_ptr()) } == 0;
    // SAFETY: all zero is a value of it, and so is what stat writes.
    if known { unsafe { status.assume_init() }.st_ino } else { 0 }
}

/// The program ends in an orderly way.
pub fn finish() {
    // A child that never allocated has no file: what is mapped there is its parent's.
    if next::NEXT.malloc.get().is_none() {
        return;
    }
    if let Some(header) = current() {
        let _undisturbed = Undisturbed::begin();
        leave_modules(header);
        note_cpu(header);
        header.ended.store(1, Relaxed);
    }
}

/// What the process has worked until now: time that its calls can be a share of.
pub fn note_cpu(header: &Header) {
    header.cpu.store(sys::clock(libc::CLOCK_PROCESS_CPUTIME_ID), Relaxed);
}

/// Leaves a copy of what is loaded beside the file: most processes are gone before anybody could look.
fn leave_modules(header: &Header) -> Option<()> {
    if control::is_over() {
        return None;
    }
    let mut path = Path::new(FOLDER.name())?;
    let (id, forks) = (header.id.load(Relaxed), header.forks.load(Relaxed));
    write!(path, "/{id:016x}-{forks}.maps\0").ok()?;
    const FLAGS: c_int = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    // SAFETY: the path is a C string.
    let from = unsafe { libc::open(c"/proc/self/maps".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    // SAFETY: the path is a C string.
    let to = unsafe { libc::open(path.name()?.as_ptr(), FLAGS, 0o600) };
    let mut bytes = [0u8; 4096];
    loop {
        // SAFETY: the buffer is writable for the length given; a descriptor that is none is an error.
        let count = unsafe { libc::read(from, bytes.as_mut_ptr().cast(), bytes.len()) };
        // SAFETY: so many bytes were read.
        if count <= 0 || unsafe { libc::write(to, bytes.as_ptr().cast(), count as usize) } != count {
            break;
        }
    }
    for file in [from, to] {
        // SAFETY: opened above and not used after, or none.
        unsafe { libc::close(file) };
    }
    Some(())
}
