//! Python functions of this thread, innermost first, where the program is Python 3.11 to 3.13.
//!
//! A thread's frames change only by that thread, and a frame holds its code object, so while the thread is here nothing
//! of it moves. All the same every read is checked by the kernel and every object by its type: a thread that just begins
//! or ends has a chain that is not whole. Where frames lie is known for 3.11 and 3.12, and 3.13 says it itself; what is
//! none of these is not looked at, which the file says.

use crate::checked::BATCH;
use crate::stack_layout::{Area, CODES, CODES_AT, CODES_OF_RECORD, Code, FILENAME, QUALNAME, UNNAMED};
use crate::{checked, file};
use core::ffi::{CStr, c_void};
use core::ptr::null_mut;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize};

type ThisThread = unsafe extern "C" fn() -> *mut c_void;

/// Answers this thread's state from its own thread-specific data, also without the interpreter's lock.
static THIS_THREAD: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static VERSION: AtomicU64 = AtomicU64::new(0);
static CODE_TYPE: AtomicUsize = AtomicUsize::new(0);
static TEXT_TYPE: AtomicUsize = AtomicUsize::new(0);
static OFFSETS: [AtomicUsize; FIELDS] = [const { AtomicUsize::new(0) }; FIELDS];

const FIELDS: usize = 11;
/// Places in `OFFSETS`, bytes.
#[repr(usize)]
#[derive(Clone, Copy)]
enum Field {
    /// in the thread's state: the frame, or in 3.11 and 3.12 a structure on the C stack that has it
    Current = 0,
    /// in that structure
    Frame,
    Code,
    Previous,
    Owner,
    /// in the frame, 3.11: not 0 where the interpreter was entered
    Entry,
    Filename,
    Qualname,
    Line,
    /// of a text of ASCII, and of others
    Ascii,
    Wide,
}

const NONE: usize = usize::MAX;
const OF_3_11: [usize; FIELDS] = [56, 8, 32, 48, 69, 68, 112, 128, 72, 48, 72];
const OF_3_12: [usize; FIELDS] = [56, 0, 0, 8, 70, NONE, 112, 128, 68, 40, 56];
/// Frames that the interpreter puts between its own and the C stack's have this owner, since 3.12.
const OWNED_BY_C: u8 = 3;
/// What is read of a frame and of a code object, words.
const FRAME: usize = 10;
const CODE: usize = 17;
const TRIES: usize = 32;
/// The names of a code object stand in a row: file, function, function with what it is in.
const NAMES: usize = 3;

/// Older ones do not say which they are.
const BEFORE_3_11: u64 = 1;

/// At the start of the program.
pub fn find() {
    let version = symbol(c"Py_Version").cast::<u64>();
    let this_thread = symbol(c"PyGILState_GetThisThreadState");
    if this_thread.is_null() {
        return;
    }
    if version.is_null() {
        return VERSION.store(BEFORE_3_11, Relaxed);
    }
    // SAFETY: Python's constant of that name, an unsigned long.
    let version = unsafe { *version };
    VERSION.store(version, Relaxed);
    let offsets = match version >> 16 {
        0x030b => Some(OF_3_11),
        0x030c => Some(OF_3_12),
        0x030d => said_by_python(version),
        _ => None,
    };
    let (code, text) = (symbol(c"PyCode_Type"), symbol(c"PyUnicode_Type"));
    let Some(offsets) = offsets.filter(|offsets| !code.is_null() && !text.is_null() && are_read(offsets)) else {
        return;
    };
    CODE_TYPE.store(code as usize, Relaxed);
    TEXT_TYPE.store(text as usize, Relaxed);
    for (place, offset) in OFFSETS.iter().zip(offsets) {
        place.store(offset, Relaxed);
    }
    THIS_THREAD.store(this_thread, Relaxed);
}

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: the name is a C string.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// `_Py_DebugOffsets` of 3.13: a word of letters, the version, whether it is free-threaded, then offsets by structure.
fn said_by_python(version: u64) -> Option<[usize; FIELDS]> {
    const COOKIE: u64 = u64::from_le_bytes(*b"xdebugpy");
    let said = checked::words::<80>(symbol(c"_PyRuntime") as usize)?;
    // A free-threaded one changes frames from other threads.
    if said[0] != COOKIE || said[1] != version || said[2] != 0 {
        return None;
    }
    let at = |index: usize| said[index] as usize;
    let ascii = at(70);
    Some([at(23), NONE, at(30), at(29), at(33), NONE, at(35), at(37), at(39), ascii, ascii + 16])
}

/// Whether everything is in the words that are read.
fn are_read(offsets: &[usize; FIELDS]) -> bool {
    use Field::{Code, Entry, Filename, Line, Owner, Previous, Qualname};
    let frame = [Code, Previous, Owner].into_iter().all(|field| offsets[field as usize] < FRAME * 8);
    let code = [Filename, Qualname, Line].into_iter().all(|field| offsets[field as usize] < CODE * 8);
    let row = offsets[Filename as usize] + 8 * (NAMES - 1) == offsets[Qualname as usize];
    frame && code && row && (offsets[Entry as usize] == NONE || offsets[Entry as usize] < FRAME * 8)
}

/// `Py_Version`; 1 where it is older than that, 0 where the program is not Python.
pub fn version() -> u64 {
    VERSION.load(Relaxed)
}

/// Whether it is a Python whose frames are not known.
pub fn is_unknown() -> bool {
    version() != 0 && THIS_THREAD.load(Relaxed).is_null()
}

fn offset(field: Field) -> usize {
    OFFSETS[field as usize].load(Relaxed)
}

fn word(words: &[u64], field: Field) -> usize {
    words.get(offset(field) / 8).map_or(0, |word| *word as usize)
}

fn byte(words: &[u64], field: Field) -> u8 {
    let at = offset(field);
    words.get(at / 8).map_or(0, |word| word.to_le_bytes()[at % 8])
}

/// Writes the numbers of this thread's functions, and a 0 wherever the interpreter was entered; answers how many numbers,
/// and whether there were more.
pub fn functions(area: &'static Area, to: &mut [u16; CODES_OF_RECORD]) -> (usize, bool) {
    let mut frame = current_frame().unwrap_or(0);
    let (mut count, mut page, mut waiting) = (0, 0, Waiting::default());
    // A chain that is broken may be a ring.
    for _ in 0..2 * CODES_OF_RECORD {
        let Some(words) = (frame != 0).then(|| frame_at(frame, &mut page)).flatten() else {
            waiting.give_numbers(area, to);
            return (count, false);
        };
        let says = offset(Field::Entry) != NONE;
        let entered = if says { byte(&words, Field::Entry) != 0 } else { byte(&words, Field::Owner) >= OWNED_BY_C };
        for entry in [(says || !entered).then_some(false), entered.then_some(true)].into_iter().flatten() {
            let Some(place) = to.get_mut(count) else {
                waiting.give_numbers(area, to);
                return (count, true);
            };
            *place = 0;
            if !entry {
                waiting.add(area, to, count, word(&words, Field::Code));
            }
            count += 1;
        }
        frame = word(&words, Field::Previous);
    }
    waiting.give_numbers(area, to);
    (count, true)
}

/// A frame. One on the page of the last one is read as it is: that page was there a moment ago, and only this thread takes
/// its frames away.
fn frame_at(frame: usize, page: &mut usize) -> Option<[u64; FRAME]> {
    const LAST: usize = FRAME * 8 - 1;
    if frame / 4096 == *page && (frame + LAST) / 4096 == *page && frame.is_multiple_of(8) {
        // SAFETY: aligned and readable, as argued above; every bit pattern is words.
        return Some(unsafe { (frame as *const [u64; FRAME]).read_volatile() });
    }
    let words = checked::words::<FRAME>(frame)?;
    *page = (frame + LAST) / 4096;
    Some(words)
}

/// Code objects that are looked at together, with the places of their numbers.
#[derive(Default)]
struct Waiting {
    codes: [usize; BATCH],
    places: [usize; BATCH],
    count: usize,
}

impl Waiting {
    fn add(&mut self, area: &'static Area, to: &mut [u16; CODES_OF_RECORD], place: usize, code: usize) {
        self.codes[self.count] = code;
        self.places[self.count] = place;
        self.count += 1;
        if self.count == BATCH {
            self.give_numbers(area, to);
        }
    }

    fn give_numbers(&mut self, area: &'static Area, to: &mut [u16; CODES_OF_RECORD]) {
        if self.count == 0 {
            return;
        }
        let names = self.codes.map(|code| code.wrapping_add(offset(Field::Filename)));
        let mut found = [[0; NAMES]; BATCH];
        let known = checked::words_of_each(&names[..self.count], &mut found);
        for index in 0..self.count {
            let [filename, _, qualname] = found[index];
            let code = self.codes[index] as u64;
            to[self.places[index]] = if index < known { number(area, [code, filename, qualname]) } else { UNNAMED };
        }
        self.count = 0;
    }
}

fn current_frame() -> Option<usize> {
    let function = THIS_THREAD.load(Relaxed);
    if function.is_null() {
        return None;
    }
    // SAFETY: Python's function of that name, and its type.
    let this_thread = unsafe { core::mem::transmute::<*mut c_void, ThisThread>(function) };
    // SAFETY: may be called at any time; it reads thread-specific data.
    let state = unsafe { this_thread() } as usize;
    if state == 0 {
        return None;
    }
    let [current] = checked::words::<1>(state + offset(Field::Current))?;
    if offset(Field::Frame) == NONE || current == 0 {
        return Some(current as usize);
    }
    checked::words::<1>(current as usize + offset(Field::Frame)).map(|[frame]| frame as usize)
}

/// The number of a code object in the table, from 1, where it is entered if it is new. It is told by its address and those
/// of its file's name and its own.
fn number(area: &'static Area, identity: [u64; NAMES]) -> u16 {
    let [code, ..] = identity;
    let start = ((code >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize;
    for step in 0..TRIES {
        let index = (start + step) % CODES;
        let Some(place) = place(area, index) else { break };
        // SAFETY: inside the mapping, its page allocated; every bit pattern is a code.
        let entry = unsafe { &*place };
        let owner = entry.identity[0].load(Acquire);
        if owner == 0 {
            let Some(line) = first_line(code as usize) else { return UNNAMED };
            if entry.identity[0].compare_exchange(0, code, Acquire, Relaxed).is_ok() {
                // SAFETY: this thread's alone by the exchange, and nobody reads the texts before it is ready.
                enter(unsafe { &mut *place }, identity, line);
                return index as u16 + 1;
            }
        }
        if entry.ready.load(Acquire) == 1
            && identity.iter().zip(&entry.identity).all(|(one, other)| *one == other.load(Relaxed))
        {
            return index as u16 + 1;
        }
    }
    area.codes_lost.fetch_add(1, Relaxed);
    UNNAMED
}

/// The first line of a code object; None where it is none.
fn first_line(code: usize) -> Option<u64> {
    let words = checked::words::<CODE>(code)?;
    let (at, shift) = (offset(Field::Line) / 8, offset(Field::Line) % 8 * 8);
    (words[1] as usize == CODE_TYPE.load(Relaxed)).then(|| u64::from((words[at] >> shift) as u32))
}

/// An entry of the table; None where there is no room for its page.
fn place(area: &Area, index: usize) -> Option<*mut Code> {
    let at = index * size_of::<Code>();
    let (page, bit) = (at / 4096 / 64, 1 << (at / 4096 % 64));
    let table = core::ptr::from_ref(area).cast_mut().cast::<u8>().wrapping_add(CODES_AT);
    if area.code_pages[page].load(Relaxed) & bit == 0 {
        let start = table.wrapping_add(at / 4096 * 4096);
        if !file::has_page(start.cast(), 4096, file::LENGTH) {
            return None;
        }
        area.code_pages[page].fetch_or(bit, Relaxed);
    }
    Some(table.wrapping_add(at).cast())
}

fn enter(entry: &mut Code, identity: [u64; NAMES], line: u64) {
    let [_, filename, qualname] = identity;
    for (place, value) in entry.identity[1..].iter().zip([filename, qualname, line]) {
        place.store(value, Relaxed);
    }
    (entry.qualname_bytes, entry.qualname_width) = copy_text(identity[2] as usize, &mut entry.qualname, Keep::Start);
    (entry.filename_bytes, entry.filename_width) = copy_text(identity[1] as usize, &mut entry.filename, Keep::End);
    entry.ready.store(1, Release);
}

#[derive(Clone, Copy)]
enum Keep {
    Start,
    End,
}

const _: () = assert!(QUALNAME < 256 && FILENAME < 256);

/// Copies what fits of a Python text; answers how many bytes, and how many a character has.
fn copy_text(text: usize, to: &mut [u8], keep: Keep) -> (u8, u8) {
    let Some([_, of, length, _, state]) = checked::words::<5>(text) else { return (0, 1) };
    let (width, compact, ascii) = ((state >> 2 & 7) as usize, state >> 5 & 1 == 1, state >> 6 & 1 == 1);
    if of as usize != TEXT_TYPE.load(Relaxed) || !compact || !matches!(width, 1 | 2 | 4) {
        return (0, 1);
    }
    let whole = (length as usize).saturating_mul(width);
    let size = whole.min(to.len() / 4 * 4);
    let skipped = if matches!(keep, Keep::End) { whole - size } else { 0 };
    let start = text + offset(if ascii { Field::Ascii } else { Field::Wide }) + skipped;
    // SAFETY: the target is at least so long.
    (unsafe { checked::copy(start, to.as_mut_ptr(), size) } as u8, width as u8)
}
