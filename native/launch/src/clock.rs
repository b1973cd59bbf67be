//! Clocks and counters of the machine.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

const NANOSECONDS: u64 = 1_000_000_000;

/// Nanoseconds of the monotonic clock.
pub fn monotonic() -> u64 {
    read(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

/// Nanoseconds of CPU that the launcher has used.
pub fn own_cpu() -> u64 {
    read(libc::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(0)
}

/// Nanoseconds of CPU that a process has used, all its threads, dead ones included.
///
/// `/proc/PID/stat` tells the same in ticks of 10 ms, too coarse to see that a program of 20 ms rests.
pub fn cpu_of(pid: i32) -> Option<u64> {
    const PROCESS_WIDE_SCHEDULER_CLOCK: libc::clockid_t = 2;
    read((!pid << 3) | PROCESS_WIDE_SCHEDULER_CLOCK)
}

fn read(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is valid for writing; a clock that does not exist is an error return.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (result == 0).then(|| time.tv_sec.unsigned_abs() * NANOSECONDS + time.tv_nsec.unsigned_abs())
}

/// Seconds since the epoch.
pub fn epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Nanoseconds as seconds.
#[allow(clippy::cast_precision_loss)] // a run of 100 days is still exact to the microsecond
pub fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / NANOSECONDS as f64
}

/// Counters of the whole machine that tell how disturbed a run was; absent where the kernel does not tell.
#[derive(Clone, Copy, Default)]
pub struct Disturbance {
    pub steal: Option<f64>,
    pub pressure: Option<f64>,
}

impl Disturbance {
    pub fn now() -> Self {
        Self {
            steal: fs::read_to_string("/proc/stat").ok().as_deref().and_then(steal),
            pressure: fs::read_to_string("/proc/pressure/cpu").ok().as_deref().and_then(pressure),
        }
    }

    pub fn since(self, before: Self) -> Self {
        let difference = |now: Option<f64>, then: Option<f64>| Some((now? - then?).max(0.0));
        Self { steal: difference(self.steal, before.steal), pressure: difference(self.pressure, before.pressure) }
    }
}

/// Seconds from the eighth number of `cpu  user nice system idle iowait irq softirq steal …`, in ticks.
#[allow(clippy::cast_precision_loss)] // ticks of a century fit
fn steal(stat: &str) -> Option<f64> {
    let ticks: u64 = stat.lines().next()?.split_ascii_whitespace().nth(8)?.parse().ok()?;
    Some(ticks as f64 / 100.0)
}

/// Seconds from `some avg10=… avg60=… avg300=… total=MICROSECONDS`.
#[allow(clippy::cast_precision_loss)] // microseconds of a century fit
fn pressure(text: &str) -> Option<f64> {
    let some = text.lines().find(|line| line.starts_with("some"))?;
    let total: u64 = some.rsplit_once("total=")?.1.trim().parse().ok()?;
    Some(total as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steal_is_the_eighth_number() {
        assert_eq!(steal("cpu  5290 0 1974 194861 219 0 27 75 0 0\ncpu0 1 1\n"), Some(0.75));
        assert_eq!(steal("cpu  1 2 3\n"), None);
    }

    #[test]
    fn pressure_is_the_total_of_some() {
        let text = "some avg10=0.32 avg60=1.01 avg300=0.35 total=3084706\nfull avg10=0.00 total=9\n";
        assert_eq!(pressure(text), Some(3.084706));
        assert_eq!(pressure(""), None);
    }

    #[test]
    fn own_clock_agrees_with_the_clock_of_this_pid() {
        let pid = i32::try_from(std::process::id()).expect("a pid is an i32");
        let before = own_cpu();
        let seen = cpu_of(pid).expect("this process exists");
        assert!(before <= seen && seen <= own_cpu());
    }
}
