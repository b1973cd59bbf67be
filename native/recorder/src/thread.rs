//! What the two words of a thread are here.
//!
//! ```text
//! first word    0     nothing is known of this thread yet, or it has just been born by a fork
//!               OFF   its calls are passed on
//!               BUSY  it is writing a record: a call that comes now is a signal handler's
//!               else  the address of its stream
//! second word   the address of its stream, also while it is busy
//! ```

use crate::streams::Stream;
use interpose::tls;

const OFF: usize = 1;
const BUSY: usize = 2;
const LEAST_ADDRESS: usize = 4096;

/// This thread's stream, where a record may be written to it now.
#[inline(always)]
pub fn stream() -> Option<&'static Stream> {
    let word = tls::get();
    // SAFETY: not one of the small numbers, so what `resume` stored; a stream's memory stays mapped for ever.
    (word >= LEAST_ADDRESS).then(|| unsafe { &*(word as *const Stream) })
}

#[inline(always)]
pub fn busy() {
    tls::set(BUSY);
}

/// The calls of this thread are passed on: recording is over, or something behind the recorder is calling the malloc
/// family itself, which is not the program's doing.
#[inline(always)]
pub fn off() {
    tls::set(OFF);
}

#[inline(always)]
pub fn resume(stream: &'static Stream) {
    tls::set(core::ptr::from_ref(stream) as usize);
}

/// The stream is this thread's from here on.
pub fn settle(stream: &'static Stream) {
    // SAFETY: the second word is this thread's own and always valid.
    unsafe { tls::second().write(core::ptr::from_ref(stream) as usize) };
    resume(stream);
}

pub fn is_off() -> bool {
    tls::get() == OFF
}

/// The stream of a thread that is writing a record.
pub fn interrupted() -> Option<&'static Stream> {
    if tls::get() != BUSY {
        return None;
    }
    // SAFETY: the second word is this thread's own and always valid.
    let word = unsafe { tls::second().read() };
    // SAFETY: 0, or what `settle` stored; a stream's memory stays mapped for ever.
    unsafe { (word as *const Stream).as_ref() }
}
