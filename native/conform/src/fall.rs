//! Says in which call of the malloc family a crash happened; then the crash takes its course.

use std::cell::Cell;
use std::mem::zeroed;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering::SeqCst};

/// A call: its name and arguments.
#[derive(Clone, Copy)]
pub struct Call {
    pub name: &'static str,
    pub arguments: [usize; 3],
    pub count: usize,
}

thread_local! {
    // Without a destructor and constant: the signal handler reads it in the thread that crashed.
    static LAST: Cell<Call> = const { Cell::new(Call { name: "", arguments: [0; 3], count: 0 }) };
}

/// What this thread does next.
pub fn note<const N: usize>(name: &'static str, arguments: [usize; N]) {
    let mut all = [0; 3];
    all[..N].copy_from_slice(&arguments);
    LAST.set(Call { name, arguments: all, count: N });
}

static SCENE: AtomicPtr<&'static str> = AtomicPtr::new(null_mut());

/// What goes on meanwhile, told after the call: ``, while 4 threads call at once``.
pub fn scene(words: &'static &'static str) {
    SCENE.store(std::ptr::from_ref(words).cast_mut(), SeqCst);
}

const SIGNALS: [(libc::c_int, &str); 6] = [
    (libc::SIGSEGV, "SIGSEGV"),
    (libc::SIGBUS, "SIGBUS"),
    (libc::SIGILL, "SIGILL"),
    (libc::SIGFPE, "SIGFPE"),
    (libc::SIGTRAP, "SIGTRAP"),
    (libc::SIGABRT, "SIGABRT"),
];

pub fn catch() {
    for (signal, _) in SIGNALS {
        // SAFETY: a structure of integers and pointers, for which zero is a value.
        let mut action: libc::sigaction = unsafe { zeroed() };
        action.sa_sigaction = fallen as *const () as usize;
        action.sa_flags = libc::SA_ONSTACK;
        // SAFETY: the handler only reads this thread's note and writes.
        unsafe { libc::sigaction(signal, &action, null_mut()) };
    }
    // SAFETY: prctl with integers: a crash here is an answer, and leaves no core file.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0) };
}

/// Set by the first thread that falls: another one must not end the process before the first has spoken.
static FALLEN: AtomicBool = AtomicBool::new(false);

extern "C" fn fallen(signal: libc::c_int) {
    while FALLEN.swap(true, SeqCst) {
        // SAFETY: waits for a signal, here for the end.
        unsafe { libc::pause() };
    }
    let mut line = Line::new();
    line.text("crashed\t");
    line.text(SIGNALS.iter().find(|known| known.0 == signal).map_or("a signal", |known| known.1));
    let call = LAST.get();
    if call.name.is_empty() {
        line.text(" before the first call of its thread");
    } else {
        line.text(" in ");
        line.text(call.name);
        line.text("(");
        for (index, &argument) in call.arguments[..call.count].iter().enumerate() {
            line.text(if index > 0 { ", " } else { "" });
            line.number(argument);
        }
        line.text(")");
    }
    // SAFETY: null or what `scene` was given, which lives for ever.
    line.text(unsafe { SCENE.load(SeqCst).as_ref() }.unwrap_or(&""));
    line.text("\n");
    // SAFETY: the bytes are this function's own.
    unsafe { libc::write(1, line.bytes.as_ptr().cast(), line.length) };
    // The fault comes again when this returns, and ends the process as it would have; abort raises its signal again.
    // SAFETY: the default for a signal that was caught.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// A line without an allocation.
struct Line {
    bytes: [u8; 160],
    length: usize,
}

impl Line {
    fn new() -> Line {
        Line { bytes: [0; 160], length: 0 }
    }

    fn text(&mut self, words: &str) {
        let room = self.bytes.len() - self.length;
        let count = words.len().min(room);
        self.bytes[self.length..self.length + count].copy_from_slice(&words.as_bytes()[..count]);
        self.length += count;
    }

    /// Addresses in hexadecimal, everything else as a person writes it.
    fn number(&mut self, value: usize) {
        let base = if value >= 1 << 40 { 16 } else { 10 };
        if base == 16 {
            self.text("0x");
        }
        let (mut digits, mut at, mut left) = ([0; 20], 20, value);
        while at == 20 || left > 0 {
            at -= 1;
            digits[at] = b"0123456789abcdef"[left % base];
            left /= base;
        }
        self.text(std::str::from_utf8(&digits[at..]).unwrap_or(""));
    }
}
