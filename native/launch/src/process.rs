//! What `/proc` tells about one process. A process that is gone is `None`, never an error.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::{fs, io};

/// Nanoseconds in one tick of `/proc/PID/stat`; USER_HZ is 100 on every Linux that user space sees.
const TICK: u64 = 10_000_000;

/// One reading of `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    pub comm: Vec<u8>,
    pub parent: i32,
    pub faults: u64,
    /// Nanoseconds of CPU in ticks of 10 ms.
    pub cpu: u64,
    /// The same of the descendants it has waited for.
    pub waited: u64,
    /// Together with the pid this names one process: pids are given out again.
    pub started: u64,
    /// Zero once its memory is gone: a zombie, or a process on its way there.
    pub pages: u64,
}

impl Stat {
    pub fn read(pid: i32, buffer: &mut Vec<u8>) -> Option<Self> {
        read_into(&format!("/proc/{pid}/stat"), buffer).ok()?;
        Self::parse(buffer)
    }

    /// `pid (comm) state ppid …`: comm may hold spaces and parentheses, so the numbers begin after the last one.
    fn parse(line: &[u8]) -> Option<Self> {
        let open = line.iter().position(|&byte| byte == b'(')?;
        let close = line.iter().rposition(|&byte| byte == b')')?;
        let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc(5) counts from 1 with the pid; `fields` starts with number 3, the state.
        let number = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
        let ticks = |n: usize| number(n).map(|ticks| ticks * TICK);
        Some(Self {
            comm: line.get(open + 1..close)?.to_vec(),
            parent: fields.get(1)?.parse().ok()?,
            faults: number(10)? + number(12)?,
            cpu: ticks(14)? + ticks(15)?,
            waited: ticks(16)? + ticks(17)?,
            started: number(22)?,
            pages: number(24)?,
        })
    }
}

/// Memory of one process with shared pages divided among those that share them, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rollup {
    pub resident: u64,
    pub proportional: u64,
    pub private: u64,
}

impl Rollup {
    /// Costs up to 3 ms for 200 MiB: the kernel walks every page.
    pub fn read(pid: i32, buffer: &mut Vec<u8>) -> Option<Self> {
        read_into(&format!("/proc/{pid}/smaps_rollup"), buffer).ok()?;
        Self::parse(buffer)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        Some(Self {
            resident: kilobytes(text, "Rss:")?,
            proportional: kilobytes(text, "Pss:")?,
            private: kilobytes(text, "Private_Clean:")? + kilobytes(text, "Private_Dirty:")?,
        })
    }
}

/// The largest resident set a process ever had, in bytes.
pub fn high_water(pid: i32, buffer: &mut Vec<u8>) -> Option<u64> {
    read_into(&format!("/proc/{pid}/status"), buffer).ok()?;
    // The name of the program is on the first line, in any bytes; the numbers are ASCII.
    let numbers = buffer.iter().position(|&byte| byte == b'\n')?;
    kilobytes(std::str::from_utf8(buffer.get(numbers..)?).ok()?, "VmHWM:")
}

/// Path of the executable; None where it may not or can no longer be read.
pub fn executable(pid: i32) -> Option<Vec<u8>> {
    let path = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    Some(path.into_os_string().into_vec())
}

/// The children of a process, of all its threads. One that changes its parent meanwhile may be there twice, or missing.
///
/// A kernel without `/proc/PID/task/TID/children` is searched by parent instead, at the price of reading every process.
pub fn children(pid: i32, into: &mut Vec<i32>, buffer: &mut Vec<u8>) {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return };
    for thread in threads.flatten() {
        let thread = thread.file_name();
        let Some(thread) = thread.to_str() else { continue };
        match read_into(&format!("/proc/{pid}/task/{thread}/children"), buffer) {
            Ok(()) => {
                let text = std::str::from_utf8(buffer).unwrap_or_default();
                into.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<i32>().ok()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !knows_children() => {
                return children_by_parent(pid, into, buffer);
            }
            Err(_) => {}
        }
    }
}

/// Every descendant of a process, each once, parents before children.
pub fn descendants(pid: i32, buffer: &mut Vec<u8>) -> Vec<i32> {
    let mut met = BTreeSet::from([pid]);
    let mut found = Vec::new();
    let mut children_of_one = Vec::new();
    let mut parent = Some(pid);
    let mut next = 0;
    while let Some(pid) = parent {
        children_of_one.clear();
        children(pid, &mut children_of_one, buffer);
        found.extend(children_of_one.iter().copied().filter(|&child| met.insert(child)));
        parent = found.get(next).copied();
        next += 1;
    }
    found
}

fn knows_children() -> bool {
    let own = std::process::id();
    fs::exists(format!("/proc/{own}/task/{own}/children")).unwrap_or(false)
}

fn children_by_parent(pid: i32, into: &mut Vec<i32>, buffer: &mut Vec<u8>) {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    for other in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        if Stat::read(other, buffer).is_some_and(|stat| stat.parent == pid) {
            into.push(other);
        }
    }
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok().map(|count| count * 1024)
}

fn read_into(path: &str, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.read_to_end(buffer)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_reads_past_any_name() {
        let line = b"4711 (a) (b c) S 17 4711 4711 0 -1 4194304 100 0 5 0 7 3 20 10 20 0 1 0 98765 123456 512 1844\n";
        let stat = Stat::parse(line).expect("a whole line");
        let expected = Stat {
            comm: b"a) (b c".to_vec(),
            parent: 17,
            faults: 105,
            cpu: 10 * TICK,
            waited: 30 * TICK,
            started: 98765,
            pages: 512,
        };
        assert_eq!(stat, expected);
        assert_eq!(Stat::parse(b"4711 (short"), None);
        assert_eq!(Stat::parse(b"4711 (short) S 1 2"), None);
    }

    #[test]
    fn rollup_adds_what_is_private() {
        let text = b"5581-7ffd ---p 0 00:00 0 [rollup]\nRss:   884 kB\nPss:  385 kB\nPss_Dirty: 68 kB\n\
            Shared_Clean: 816 kB\nPrivate_Clean:  8 kB\nPrivate_Dirty: 60 kB\n";
        let expected = Rollup { resident: 884 * 1024, proportional: 385 * 1024, private: 68 * 1024 };
        assert_eq!(Rollup::parse(text), Some(expected));
        assert_eq!(Rollup::parse(b""), None);
    }

    #[test]
    fn this_process_can_be_read_and_a_gone_one_is_none() {
        let mut buffer = Vec::new();
        let pid = i32::try_from(std::process::id()).expect("a pid is an i32");
        assert!(Stat::read(pid, &mut buffer).is_some_and(|stat| stat.pages > 0));
        assert!(high_water(pid, &mut buffer).is_some_and(|bytes| bytes > 0));
        assert!(Rollup::read(pid, &mut buffer).is_some());
        assert!(executable(pid).is_some());
        assert_eq!(Stat::read(i32::MAX, &mut buffer), None);
        assert_eq!(executable(i32::MAX), None);
    }

    #[test]
    fn both_ways_find_the_same_children() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep exists");
        let mut buffer = Vec::new();
        let pid = i32::try_from(std::process::id()).expect("a pid is an i32");
        let found = descendants(pid, &mut buffer);
        let mut scanned = Vec::new();
        children_by_parent(pid, &mut scanned, &mut buffer);
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
        let expected = i32::try_from(child.id()).expect("a pid is an i32");
        assert!(found.contains(&expected));
        assert!(scanned.contains(&expected));
    }
}
