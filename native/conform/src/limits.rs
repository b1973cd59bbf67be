//! The address space that this process may take.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::answer::Stop;

/// Set in a process that was started anew within a limit.
const LIMITED: &str = "HEAPSWAP_CONFORM_LIMITED";

/// Start this program anew so that all of it, the allocator's own reservations too, has this many bytes: `ulimit -v`.
/// Returns in the new one.
pub fn start_within(bytes: usize) -> Result<(), Stop> {
    if std::env::var_os(LIMITED).is_some() {
        return Ok(());
    }
    limit(bytes)?;
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let refusal = Command::new("/proc/self/exe").args(words).env(LIMITED, "1").exec();
    Err(Stop::Absent(format!("it cannot be started within {bytes} B: {refusal}")))
}

/// Allow so many bytes more than are mapped now.
pub fn allow(more: usize) -> Result<(), Stop> {
    limit(mapped()? + more)
}

fn limit(bytes: usize) -> Result<(), Stop> {
    let limit = bytes as libc::rlim_t;
    let wanted = libc::rlimit { rlim_cur: limit, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a valid structure.
    let refused = unsafe { libc::setrlimit(libc::RLIMIT_AS, &wanted) } != 0;
    let kept = libc::rlimit { rlim_cur: limit, rlim_max: limit };
    // Where the hard limit is lower already, only lowering is allowed.
    // SAFETY: a valid structure.
    if refused && unsafe { libc::setrlimit(libc::RLIMIT_AS, &kept) } != 0 {
        return Err(Stop::Absent("the address space cannot be limited here".to_owned()));
    }
    Ok(())
}

fn mapped() -> Result<usize, Stop> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').next()?.parse::<usize>().ok());
    pages.map(|count| count * page_size()).ok_or_else(|| Stop::Absent("/proc cannot be read here".to_owned()))
}

pub fn page_size() -> usize {
    // SAFETY: no arguments that could be wrong.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}
