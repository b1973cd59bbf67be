//! The threads of a replay, on stacks of the player's own so that nothing of them counts as heap.

use std::ffi::c_void;
use std::io;
use std::mem::{MaybeUninit, zeroed};
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::actor::{self, Ending, Fall};
use super::source::Words;
use super::stage::Stage;
use super::{STAGE, clock};

/// Exit status where the allocator had no memory, and where the script was damaged.
const EXHAUSTED: i32 = 12;
const DAMAGED: i32 = 3;

/// Where the threads of one lane live, one after the other.
pub struct Room {
    lowest: *mut c_void,
    length: usize,
    occupant: Mutex<Option<libc::pthread_t>>,
}

// SAFETY: the stack is used by one thread at a time, the occupant.
unsafe impl Sync for Room {}

impl Room {
    /// # Errors
    /// There is no memory.
    pub fn new() -> io::Result<Self> {
        let (lowest, length) = crate::own::stack()?;
        Ok(Self { lowest, length, occupant: Mutex::new(None) })
    }
}

/// Start a thread of the script once the one before it in its room has ended.
///
/// # Errors
/// The system starts no more threads.
pub fn start(room: &Room, thread: usize) -> io::Result<()> {
    begin(room, enter, thread)
}

/// Start the thread that watches memory. It never calls malloc, so it does not count among those that do.
///
/// # Errors
/// The system starts no more threads.
pub fn watch() -> io::Result<()> {
    begin(&Room::new()?, see, 0)
}

/// Play one thread of the script on the thread that calls.
pub fn act(stage: &'static Stage, thread: usize) {
    let lane = usize::try_from(stage.source.threads[thread].lane).unwrap_or(usize::MAX);
    // SAFETY: a thread is started in its lane once the one before was joined; lane 0 is the first thread's for ever.
    let buffer = unsafe { stage.buffer(lane) };
    match actor::play(stage, lane, Words::of(&stage.source, thread, buffer)) {
        Ok(Ending::Ends) => {}
        // The end of everything is nobody's turn.
        Ok(Ending::Stays) if thread != 0 => stage.gate.wait(lane, u64::MAX - 1),
        Ok(Ending::Stays) => {}
        Err(Fall::Exhausted(exhausted)) => {
            fall(&format!("the allocator had no {} bytes", exhausted.size), EXHAUSTED);
        }
        Err(Fall::Damaged) => fall("the script is damaged, or no more threads can be started", DAMAGED),
    }
}

fn fall(message: &str, status: i32) {
    eprintln!("heapswap-replay: {message}");
    // SAFETY: ends the process; nothing of it is left to look after.
    unsafe { libc::_exit(status) };
}

extern "C" fn enter(thread: *mut c_void) -> *mut c_void {
    if let Some(stage) = STAGE.get() {
        act(stage, thread.addr());
    }
    null_mut()
}

extern "C" fn see(_nothing: *mut c_void) -> *mut c_void {
    while let Some(distance) = STAGE.get().and_then(Stage::look) {
        clock::sleep_until(clock::monotonic() + distance);
    }
    null_mut()
}

fn begin(room: &Room, work: extern "C" fn(*mut c_void) -> *mut c_void, thread: usize) -> io::Result<()> {
    let mut occupant = room.occupant.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(before) = occupant.take() {
        // SAFETY: a thread that was started joinable, and is joined once.
        unsafe { libc::pthread_join(before, null_mut()) };
    }
    // SAFETY: plain data, filled in by the call after it.
    let mut attributes: libc::pthread_attr_t = unsafe { zeroed() };
    // SAFETY: `attributes` can be written.
    unsafe { libc::pthread_attr_init(&raw mut attributes) };
    // SAFETY: the stack is the room's, and empty.
    unsafe { libc::pthread_attr_setstack(&raw mut attributes, room.lowest, room.length) };
    let mut started = MaybeUninit::uninit();
    // SAFETY: attributes are set up; the work takes any pointer, and this one is a number.
    let failed = unsafe {
        libc::pthread_create(
            started.as_mut_ptr(),
            &raw const attributes,
            work,
            std::ptr::without_provenance_mut(thread),
        )
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed));
    }
    // SAFETY: the call succeeded and wrote it.
    *occupant = Some(unsafe { started.assume_init() });
    Ok(())
}
