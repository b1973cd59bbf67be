//! The witness: preloaded into every measured process, it writes down whose malloc answers there, once, at start.
//!
//! A process of one millisecond cannot be read from outside in time, and a library that is mapped is not always one
//! that is used. So each process says it itself: one record (see `record`), appended with one `write` to the file that
//! `HEAPSWAP_WITNESS` names. The program must never notice: no allocation, nothing printed, no descriptor left, `errno`
//! and signals untouched, and on any failure silence. A process without a record is *not seen*, which is an answer too.
#![no_std]

mod c;
mod journal;
mod owner;
mod record;

use core::ffi::CStr;
use record::Record;

/// The C library's own initialisers have run by the time the loader calls this.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = testify;

extern "C" fn testify() {
    let Some(path) = journal::path() else { return };
    let errno = c::errno();
    let mut buffer = [0; 4096];
    let executable = executable(&mut buffer);
    if let Some(owner) = owner::of_malloc(executable)
        && let Some(record) = Record::new(c::getpid(), c::getppid(), owner, executable)
    {
        journal::append(path, record.bytes());
    }
    c::set_errno(errno);
}

/// The path of the program, or nothing where /proc is not there or the path is longer than a record can be.
fn executable(buffer: &mut [u8; 4096]) -> &[u8] {
    const LINK: &CStr = c"/proc/self/exe";
    // SAFETY: the link is a C string and the buffer is writable for the length given.
    let length = unsafe { c::readlink(LINK.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) };
    match usize::try_from(length) {
        Ok(length) if length < buffer.len() => &buffer[..length],
        _ => &[],
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: abort has no precondition.
    unsafe { c::abort() }
}
