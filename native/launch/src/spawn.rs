//! Start one program, changing nothing about it but what was asked.
//!
//! A real fork, not vfork or posix_spawn: a child that shares its parent's memory until exec is charged with the parent's
//! resident set for ever (`ru_maxrss`), and that is the figure this program exists for.

use std::ffi::{CString, OsStr};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr;

use crate::clock;
use crate::protocol::{Bytes, Refusal, Start, Step};

pub struct Spawned {
    pub pid: i32,
    /// Nanoseconds of the monotonic clock just before exec.
    pub at: u64,
}

/// What the child tells over the pipe: once just before exec, and once more when exec failed.
#[repr(C)]
#[derive(Clone, Copy)]
struct Word {
    /// Zero before exec, else the step that failed.
    step: u32,
    errno: i32,
    at: u64,
}

const WORD: usize = size_of::<Word>();

/// Everything the child needs, allocated before the fork.
struct Prepared {
    program: CString,
    argv: Vec<*const libc::c_char>,
    env: Vec<*const libc::c_char>,
    cwd: CString,
    stdin: File,
    stdout: File,
    stderr: File,
    ignored: Vec<i32>,
    mask: libc::sigset_t,
    launcher: libc::pid_t,
    report: RawFd,
    // The pointers above point into these.
    _strings: Vec<CString>,
}

/// Run a program in a session of its own, with the signal mask the launcher was started with.
///
/// As with execvp(3), a script without an interpreter line is the shell's.
pub fn spawn(start: &Start, mask: libc::sigset_t) -> Result<Spawned, Refusal> {
    match attempt(start, mask) {
        Err(Refusal { step: Step::Exec, errno: libc::ENOEXEC }) => match by_shell(start) {
            Some(script) => attempt(&script, mask),
            None => Err(Refusal { step: Step::Exec, errno: libc::ENOEXEC }),
        },
        outcome => outcome,
    }
}

/// The same program as an argument of the shell; None for one that is made for another machine.
fn by_shell(start: &Start) -> Option<Start> {
    let (name, arguments) = start.argv.split_first()?;
    let program = start.program.as_ref().unwrap_or(name);
    if is_elf(program) {
        return None;
    }
    let shell = Bytes(b"/bin/sh".to_vec());
    // A name without a slash was looked up in PATH; the shell would not look there.
    let script = if name.0.contains(&b'/') { name } else { program };
    let argv = [&shell, script].into_iter().chain(arguments).cloned().collect();
    Some(Start { program: Some(shell), argv, ..start.clone() })
}

fn is_elf(path: &Bytes) -> bool {
    let mut magic = [0; 4];
    let read = File::open(OsStr::from_bytes(&path.0)).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *b"\x7fELF"
}

fn attempt(start: &Start, mask: libc::sigset_t) -> Result<Spawned, Refusal> {
    let (mut receive, send) = pipe().map_err(|error| refusal(Step::Fork, &error))?;
    let prepared = prepare(start, mask, send.as_raw_fd())?;
    // SAFETY: the launcher has one thread, so the child may use everything that it had.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(refusal(Step::Fork, &io::Error::last_os_error()));
    }
    if pid == 0 {
        become_program(&prepared);
    }
    drop(send);
    drop(prepared);
    let mut told = Vec::new();
    // A pipe between a process and its child does not fail; whatever was read is judged below.
    let _ = receive.read_to_end(&mut told);
    let words: Vec<Word> = told.chunks_exact(WORD).map(decode).collect();
    match words.as_slice() {
        [Word { step: 0, at, .. }] => Ok(Spawned { pid, at: *at }),
        [.., failed] => {
            reap(pid);
            Err(Refusal { step: step(failed.step), errno: failed.errno })
        }
        // Killed before it could say anything: it ran nothing, and the wait for it tells the rest.
        [] => Ok(Spawned { pid, at: clock::monotonic() }),
    }
}

fn prepare(start: &Start, mask: libc::sigset_t, report: RawFd) -> Result<Prepared, Refusal> {
    let text =
        |bytes: &Bytes| CString::new(bytes.0.clone()).map_err(|_| Refusal { step: Step::Request, errno: libc::EINVAL });
    let strings = start.argv.iter().chain(&start.env).map(text).collect::<Result<Vec<_>, _>>()?;
    let Some(name) = start.argv.first() else {
        return Err(Refusal { step: Step::Request, errno: libc::EINVAL });
    };
    let (argv, env) = strings.split_at(start.argv.len());
    let pointers = |strings: &[CString]| strings.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
    let opened = |bytes: &Bytes, step, options: &mut OpenOptions| {
        options.open(Path::new(OsStr::from_bytes(&bytes.0))).map_err(|error| refusal(step, &error))
    };
    // A FIFO without a writer must not hold up the launcher; the flag is taken back below.
    let stdin = opened(&start.stdin, Step::Stdin, OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK))?;
    let written = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).clone();
    // SAFETY: the descriptor is open and F_SETFL takes an integer.
    unsafe { libc::fcntl(stdin.as_raw_fd(), libc::F_SETFL, libc::O_RDONLY) };
    Ok(Prepared {
        program: text(start.program.as_ref().unwrap_or(name))?,
        argv: pointers(argv),
        env: pointers(env),
        cwd: text(&start.cwd)?,
        stdin,
        stdout: opened(&start.stdout, Step::Stdout, &mut written())?,
        stderr: opened(&start.stderr, Step::Stderr, &mut written())?,
        ignored: start.ignored.clone(),
        mask,
        launcher: libc::pid_t::try_from(std::process::id()).unwrap_or_default(),
        report,
        _strings: strings,
    })
}

/// The child's way from fork to exec. Every descriptor beyond the three is close-on-exec.
fn become_program(prepared: &Prepared) -> ! {
    // SAFETY: no memory is touched; the launcher is never a session leader's child with a terminal to lose.
    unsafe { libc::setsid() };
    // SAFETY: prctl with integers; the kernel ends this process should the launcher be killed outright.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: no arguments.
    if unsafe { libc::getppid() } != prepared.launcher {
        fail(prepared.report, Step::Fork);
    }
    // SAFETY: a NUL-terminated string that outlives the call.
    if unsafe { libc::chdir(prepared.cwd.as_ptr()) } != 0 {
        fail(prepared.report, Step::Directory);
    }
    for (file, number) in [(&prepared.stdin, 0), (&prepared.stdout, 1), (&prepared.stderr, 2)] {
        // SAFETY: both are descriptors; the opened one is above 2, as 0 to 2 are open in the launcher.
        if unsafe { libc::dup2(file.as_raw_fd(), number) } < 0 {
            fail(prepared.report, Step::Streams);
        }
    }
    for signal in 1..=libc::SIGRTMAX() {
        let action = if prepared.ignored.contains(&signal) { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: SIG_IGN and SIG_DFL run no code; signals that may not be set are refused by an error.
        unsafe { libc::signal(signal, action) };
    }
    // SAFETY: the mask is an initialised set.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const prepared.mask, ptr::null_mut()) };
    tell(prepared.report, Word { step: 0, errno: 0, at: clock::monotonic() });
    // SAFETY: the path is NUL-terminated; both arrays end with a null pointer and hold NUL-terminated strings; all
    // outlive the call.
    unsafe { libc::execve(prepared.program.as_ptr(), prepared.argv.as_ptr(), prepared.env.as_ptr()) };
    fail(prepared.report, Step::Exec)
}

fn fail(report: RawFd, step: Step) -> ! {
    let errno = io::Error::last_os_error().raw_os_error().unwrap_or(0);
    tell(report, Word { step: step as u32, errno, at: 0 });
    // SAFETY: ends this child without running anything of the launcher's.
    unsafe { libc::_exit(127) }
}

fn tell(report: RawFd, word: Word) {
    // SAFETY: `word` is plain data of WORD bytes; so short a write to a pipe is whole or an error.
    unsafe { libc::write(report, (&raw const word).cast(), WORD) };
}

fn decode(bytes: &[u8]) -> Word {
    // SAFETY: `chunks_exact` gives WORD bytes, written as a Word, and every bit pattern is one.
    unsafe { bytes.as_ptr().cast::<Word>().read_unaligned() }
}

fn step(number: u32) -> Step {
    [Step::Fork, Step::Directory, Step::Streams].into_iter().find(|&step| step as u32 == number).unwrap_or(Step::Exec)
}

fn refusal(step: Step, error: &io::Error) -> Refusal {
    Refusal { step, errno: error.raw_os_error().unwrap_or(libc::EIO) }
}

fn reap(pid: i32) {
    // SAFETY: the status is not wanted; the child has said that it is about to exit.
    unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
}

fn pipe() -> io::Result<(File, File)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: pipe2 made this descriptor and nothing else owns it.
    let receive = unsafe { File::from_raw_fd(ends[0]) };
    // SAFETY: likewise.
    let send = unsafe { File::from_raw_fd(ends[1]) };
    Ok((receive, send))
}
