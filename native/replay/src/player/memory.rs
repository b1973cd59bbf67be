//! How much of this process's memory is the heap's: all anonymous memory, less what was there for other reasons.
//!
//! Before the first call of the script everything of the player's own is resident already, and counted; what is added
//! later is the allocator's. The kernel keeps the peak (`VmHWM`), so that none is missed between two looks.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub anonymous: u64,
    /// Pages of files and of shared mappings.
    pub other: u64,
    /// Largest resident set so far.
    pub peak: u64,
}

impl Status {
    /// # Errors
    /// There is no `/proc`.
    pub fn now() -> std::io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string("/proc/self/status")?))
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        Self { anonymous: field("RssAnon"), other: field("RssFile") + field("RssShmem"), peak: field("VmHWM") }
    }
}

/// Anonymous bytes of the program's and its libraries' data and of its first stack, as `/proc/self/smaps` has them.
pub fn beside_the_heap() -> u64 {
    fs::read_to_string("/proc/self/smaps").map_or(0, |text| beside(&text))
}

fn beside(smaps: &str) -> u64 {
    let mut counts = false;
    let mut sum = 0;
    for line in smaps.lines() {
        if let Some(rest) = line.strip_prefix("Anonymous:") {
            let kilobytes: u64 = rest.trim().trim_end_matches(" kB").parse().unwrap_or(0);
            sum += if counts { kilobytes * 1024 } else { 0 };
        } else if line.split(' ').next().is_some_and(|first| first.contains('-')) {
            let name = line.split_ascii_whitespace().nth(5).unwrap_or("");
            counts = name.starts_with('/') || name == "[stack]";
        }
    }
    sum
}

/// Begin the peak anew. Where the kernel does not, it is the peak since the start, which was lower still.
pub fn forget_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Resident anonymous bytes, read over and over without allocating.
pub struct Meter {
    statm: File,
    /// Anonymous bytes that are not the heap's.
    pub rest: u64,
}

impl Meter {
    pub fn new(rest: u64) -> std::io::Result<Self> {
        Ok(Self { statm: File::open("/proc/self/statm")?, rest })
    }

    /// Bytes of the heap that are resident.
    pub fn heap(&self) -> u64 {
        let mut bytes = [0; 128];
        let length = self.statm.read_at(&mut bytes, 0).unwrap_or(0);
        let mut pages = bytes[..length].split(|byte| *byte == b' ').skip(1).map(number);
        let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
        (resident.saturating_sub(shared) * 4096).saturating_sub(self.rest)
    }
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().filter(|byte| byte.is_ascii_digit()).fold(0, |value, digit| value * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_of_files_and_the_stack_are_beside_the_heap() {
        let smaps = "\
55d0-55d1 rw-p 00000000 08:01 12 /usr/bin/true\nRss: 8 kB\nAnonymous:             8 kB\n\
55d2-55d3 rw-p 00000000 00:00 0  [heap]\nAnonymous:           100 kB\n\
7f00-7f01 rw-p 00000000 00:00 0 \nAnonymous:           200 kB\n\
7ffc-7ffd rw-p 00000000 00:00 0  [stack]\nAnonymous:            16 kB\n";
        assert_eq!(beside(smaps), 24 * 1024);
    }

    #[test]
    fn a_status_is_read() {
        let text =
            "Name:\tx\nVmHWM:\t    1752 kB\nRssAnon:\t     112 kB\nRssFile:\t    1640 kB\nRssShmem:\t       4 kB\n";
        assert_eq!(Status::parse(text), Status { anonymous: 112 << 10, other: 1644 << 10, peak: 1752 << 10 });
    }
}
