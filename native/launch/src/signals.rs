//! Signals to the launcher arrive as data on a descriptor; signals to the tree are sent from here.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use crate::{clock, process};

/// Sent by the kernel when the thread that started the launcher ends: whether the process did, `getppid` tells.
pub const PARENT_GONE: i32 = libc::SIGUSR1;

pub struct Signals {
    descriptor: OwnedFd,
    /// The mask that the launcher was started with, and that programs get.
    pub given: libc::sigset_t,
}

impl Signals {
    /// From now on SIGCHLD, SIGTERM and `PARENT_GONE` are read from here.
    pub fn block() -> io::Result<Self> {
        // SAFETY: all zero is a valid, empty set.
        let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
        let mut given = set;
        for signal in [libc::SIGCHLD, libc::SIGTERM, PARENT_GONE] {
            // SAFETY: a valid set and valid signal numbers.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        // SAFETY: valid sets.
        if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut given) } != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a valid set; the result is checked.
        let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: signalfd made it and nothing else owns it.
        Ok(Self { descriptor: unsafe { OwnedFd::from_raw_fd(descriptor) }, given })
    }

    pub fn descriptor(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }

    /// The signals that have come since the last time.
    pub fn take(&self) -> BTreeSet<i32> {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        let mut came = BTreeSet::new();
        loop {
            // SAFETY: plain data; all zero is a value of it.
            let mut information: libc::signalfd_siginfo = unsafe { std::mem::zeroed() };
            // SAFETY: room for SIZE bytes at `information`.
            let got = unsafe { libc::read(self.descriptor.as_raw_fd(), (&raw mut information).cast(), SIZE) };
            if usize::try_from(got) != Ok(SIZE) {
                return came;
            }
            came.insert(information.ssi_signo.cast_signed());
        }
    }
}

pub fn send(pid: i32, signal: i32) {
    // SAFETY: kill touches no memory; a process that is gone is an error that is no news here.
    unsafe { libc::kill(pid, signal) };
}

/// Send SIGKILL to every descendant.
///
/// Each is stopped before its children are listed: a process with a signal pending completes no fork, so nothing can be
/// added behind the search. One that forks and exits in between is met again as a child of the launcher, in a later round.
pub fn kill_descendants(launcher: i32, buffer: &mut Vec<u8>) {
    const ROUNDS: usize = 100;
    let mut stopped = BTreeSet::new();
    for _ in 0..ROUNDS {
        let known = stopped.len();
        let mut parents = vec![launcher];
        let mut children = Vec::new();
        while let Some(parent) = parents.pop() {
            children.clear();
            process::children(parent, &mut children, buffer);
            for &child in &children {
                if stopped.insert(child) {
                    send(child, libc::SIGSTOP);
                    parents.push(child);
                }
            }
        }
        if stopped.len() == known {
            break;
        }
    }
    for pid in process::descendants(launcher, buffer) {
        send(pid, libc::SIGKILL);
    }
}

/// One process that has ended.
pub struct Reaped {
    pub pid: i32,
    pub status: i32,
    /// Its own, and of every descendant that it had waited for.
    pub usage: libc::rusage,
    /// Nanoseconds of CPU of its own alone.
    pub own: u64,
}

pub enum Wait {
    Ended(Reaped),
    /// There are children, and none of them has ended.
    Running,
    /// There is no child left.
    Alone,
}

/// Wait for any child without blocking.
pub fn wait() -> Wait {
    const PEEK: libc::c_int = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: plain data; all zero is a value of it.
    let mut peeked: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: valid for writing.
    if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut peeked, PEEK) } != 0 {
        return Wait::Alone;
    }
    // SAFETY: waitid has filled it in for a child, or left it zero.
    let pid = unsafe { peeked.si_pid() };
    if pid == 0 {
        return Wait::Running;
    }
    // The kernel tells what it used itself only until it is waited for.
    let own = clock::cpu_of(pid).unwrap_or(0);
    let mut status = 0;
    // SAFETY: plain data; all zero is a value of it.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both are valid for writing; the child has ended, so this does not block.
    unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    Wait::Ended(Reaped { pid, status, usage, own })
}

/// Wait until one of the descriptors can be read or `nanoseconds` have passed; whether each can be read.
pub fn poll<const N: usize>(descriptors: [RawFd; N], nanoseconds: Option<u64>) -> [bool; N] {
    let mut entries = descriptors.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    let time = nanoseconds.map(|nanoseconds| libc::timespec {
        tv_sec: i64::try_from(nanoseconds / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(nanoseconds % 1_000_000_000).unwrap_or(0),
    });
    let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: N entries; `time` is null or points to a valid timespec; no mask.
    unsafe { libc::ppoll(entries.as_mut_ptr(), N as libc::nfds_t, time, ptr::null()) };
    entries.map(|entry| entry.revents != 0)
}
