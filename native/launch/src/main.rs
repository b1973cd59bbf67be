//! The only thing that spawns what heapswap measures: small, so that what it spawns is not charged with its size.
//!
//! `heapswap-launch FD`: FD is one end of a stream socket; `protocol` says what is spoken over it.

mod clock;
mod memory;
mod process;
mod protocol;
mod run;
mod signals;
mod spawn;
mod timeline;
mod tree;

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use protocol::{Reply, Request};
use run::Run;
use signals::Signals;

fn main() -> ExitCode {
    let Some(descriptor) = std::env::args().nth(1).and_then(|word| word.parse::<RawFd>().ok()) else {
        eprintln!("heapswap-launch: started by heapswap with the descriptor of a socket; not for use by hand");
        return ExitCode::from(2);
    };
    match set_up(descriptor).and_then(Supervisor::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heapswap-launch: {error}");
            ExitCode::from(3)
        }
    }
}

/// Adopt every orphan of the tree, notice the end of the parent, and let no descriptor through to a program.
fn set_up(descriptor: RawFd) -> io::Result<Supervisor> {
    let signals = Signals::block()?;
    // SAFETY: prctl with integers.
    if unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: prctl with integers; the end of the socket tells the same where this is refused.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signals::PARENT_GONE) };
    // SAFETY: fcntl with integers; an error means that it is not an open descriptor.
    if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    close_on_exec_from(3);
    // SAFETY: open, given to this process for this use, and owned by nothing else in it.
    let socket = unsafe { UnixStream::from_raw_fd(descriptor) };
    Ok(Supervisor { socket, signals, parent: parent(), received: Vec::new(), run: None })
}

fn close_on_exec_from(first: libc::c_uint) {
    const CLOEXEC: libc::c_uint = 4;
    // SAFETY: flags descriptors and touches no memory.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, CLOEXEC) };
    if done == 0 {
        return;
    }
    // Before Linux 5.11: one by one.
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    for number in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok()) {
        if number > 2 {
            // SAFETY: flags a descriptor; one that is closed meanwhile is an error that is no news.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
}

fn parent() -> i32 {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::getppid() }
}

struct Supervisor {
    socket: UnixStream,
    signals: Signals,
    parent: i32,
    received: Vec<u8>,
    run: Option<Run>,
}

impl Supervisor {
    /// Until the other end is gone: it may leave while a reply is on its way, and that is no error.
    fn serve(mut self) -> io::Result<()> {
        let result = match self.attend() {
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => Ok(()),
            result => result,
        };
        if let Some(mut run) = self.run.take() {
            run.kill();
        }
        result
    }

    fn attend(&mut self) -> io::Result<()> {
        loop {
            let patience = self.run.as_ref().map(|run| run.due().saturating_sub(clock::monotonic()));
            let [asked, signalled] = signals::poll([self.socket.as_raw_fd(), self.signals.descriptor()], patience);
            let now = clock::monotonic();
            if signalled && self.must_leave() {
                return Ok(());
            }
            if let Some(record) = self.run.as_mut().and_then(|run| run.advance(now)) {
                self.run = None;
                self.reply(&Reply::Ended(Box::new(record)))?;
            }
            while let Some(mark) = self.run.as_mut().and_then(Run::answer) {
                self.reply(&Reply::Marked(mark))?;
            }
            if asked && !self.read()? {
                return Ok(());
            }
        }
    }

    fn must_leave(&self) -> bool {
        let came = self.signals.take();
        came.contains(&libc::SIGTERM) || (came.contains(&signals::PARENT_GONE) && parent() != self.parent)
    }

    /// Take in what was sent and act on every whole line of it; false at the end of the socket.
    fn read(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 16 * 1024];
        let count = self.socket.read(&mut chunk)?;
        self.received.extend_from_slice(&chunk[..count]);
        while let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.received.drain(..=end).collect();
            if let Some(reply) = self.act(&line) {
                self.reply(&reply)?;
            }
        }
        // A large request must not stay behind as resident memory that the next program is forked from.
        self.received.shrink_to_fit();
        Ok(count > 0)
    }

    fn act(&mut self, line: &[u8]) -> Option<Reply> {
        let request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(error) => return Some(Reply::Error { reason: error.to_string() }),
        };
        match (request, self.run.as_mut()) {
            (Request::Start(_), Some(_)) => Some(Reply::Error { reason: "a run is under way".to_owned() }),
            (Request::Start(start), None) => match Run::start(&start, self.signals.given) {
                Ok(run) => {
                    let pid = run.pid();
                    self.run = Some(run);
                    Some(Reply::Started { pid })
                }
                Err(refusal) => Some(Reply::Refused(refusal)),
            },
            (Request::Mark { name }, Some(run)) => run.mark(name).map(Reply::Marked),
            (Request::Stop { signal, grace }, Some(run)) => {
                run.stop(signal, grace);
                None
            }
            (Request::Kill, Some(run)) => {
                let record = run.kill();
                self.run = None;
                Some(Reply::Ended(Box::new(record)))
            }
            (_, None) => None,
        }
    }

    fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        let mut line = serde_json::to_vec(reply).map_err(io::Error::other)?;
        line.push(b'\n');
        self.socket.write_all(&line)
    }
}
