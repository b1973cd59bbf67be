//! The processes of one run: who they are, what they used, what they hold together.

use crate::clock;
use crate::memory::{Estimate, Holding, Share};
use crate::process::{self, Rollup, Stat};
use crate::protocol::{Bytes, Peak, Point, Seen};

/// Named processes that are gone; beyond this the one that used least CPU is forgotten.
const REMEMBERED: usize = 256;
/// Looks between two readings of a process's high-water mark.
const HIGH_WATER_EVERY: u64 = 8;
/// What reading the proportional set costs, to decide beforehand whether it can be afforded: 200 MiB took 3 ms.
const READING_COSTS_PER_PAGE: u64 = 60;
/// Nanoseconds of readings that every run may use, before the hundredth of its time.
const READING_CREDIT: u64 = 20_000_000;

/// How far the proportional set is read at a look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Where it would tell much and the budget allows.
    Affordable,
    /// Where it would tell much.
    WhereVague,
    Always,
}

struct Process {
    pid: i32,
    started: u64,
    parent: i32,
    exe: Vec<u8>,
    /// Nanoseconds of CPU of its own, and of descendants it waited for.
    own: u64,
    waited: u64,
    holding: Holding,
    /// Largest resident set at a look, and by the kernel's own account.
    sampled: u64,
    high_water: u64,
    looks: u64,
}

impl Process {
    fn seen(&self) -> Seen {
        Seen {
            pid: self.pid,
            parent: self.parent,
            exe: Bytes(self.exe.clone()),
            cpu: clock::seconds(self.own),
            peak: self.sampled.max(self.high_water),
        }
    }

    /// What it held at most between two looks and no look saw.
    fn spike(&self) -> u64 {
        self.high_water.saturating_sub(self.sampled)
    }
}

pub struct Tree {
    launcher: i32,
    page: u64,
    alive: Vec<Process>,
    gone: Vec<Seen>,
    /// The largest spikes, at most as many as there were processes at once.
    spikes: Vec<u64>,
    together: usize,
    /// What processes gone since the last reading of the proportional sets shared with others.
    left: u64,
    /// Nanoseconds.
    cpu: u64,
    reading: u64,
    peak: Estimate,
    largest_sampled: u64,
    largest: u64,
    buffer: Vec<u8>,
}

impl Tree {
    pub fn new() -> Self {
        // SAFETY: sysconf only reads its argument.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        Self {
            launcher: i32::try_from(std::process::id()).unwrap_or_default(),
            page: u64::try_from(page).unwrap_or(4096),
            alive: Vec::new(),
            gone: Vec::new(),
            spikes: Vec::new(),
            together: 0,
            left: 0,
            cpu: 0,
            reading: 0,
            peak: Estimate::default(),
            largest_sampled: 0,
            largest: 0,
            buffer: Vec::new(),
        }
    }

    /// Look at every process. None where none of them holds memory any more.
    pub fn look(&mut self, elapsed: u64, reading: Reading) -> Option<Point> {
        self.update();
        let mut holdings = self.holdings();
        let wanted = holdings.len() > 1
            && match reading {
                Reading::Always => true,
                Reading::WhereVague => Estimate::is_vague(&holdings, self.left),
                Reading::Affordable => self.can_afford(&holdings, elapsed) && Estimate::is_vague(&holdings, self.left),
            };
        if wanted {
            self.read_shares();
            holdings = self.holdings();
        }
        if holdings.is_empty() {
            return None;
        }
        let estimate = Estimate::of(&holdings, self.left);
        self.peak.rise_to(estimate);
        self.together = self.together.max(holdings.len());
        Some(Point {
            at: clock::seconds(elapsed),
            resident: estimate.value,
            cpu: clock::seconds(self.cpu),
            processes: holdings.len(),
        })
    }

    /// A process was waited for: what the kernel says of it is exact. Nanoseconds of its own CPU, and with those that it
    /// had waited for itself; bytes of the largest of them.
    pub fn reaped(&mut self, pid: i32, own: u64, cpu: u64, largest: u64) {
        self.largest = self.largest.max(largest);
        let mut known = 0;
        if let Some(index) = self.alive.iter().position(|process| process.pid == pid) {
            let mut process = self.alive.swap_remove(index);
            known = process.own + process.waited;
            process.own = process.own.max(own);
            self.bury(process);
        }
        self.cpu += cpu.saturating_sub(known);
    }

    /// The processes that are there now.
    pub fn present(&mut self) -> Vec<Seen> {
        self.update();
        self.alive.iter().map(Process::seen).collect()
    }

    /// Nanoseconds of the launcher's CPU that readings of proportional sets took.
    pub fn reading(&self) -> u64 {
        self.reading
    }

    /// Every process that was seen, in the order of their pids.
    pub fn processes(&self) -> Vec<Seen> {
        let mut all: Vec<Seen> = self.alive.iter().map(Process::seen).chain(self.gone.iter().cloned()).collect();
        all.sort_by_key(|seen| seen.pid);
        all
    }

    /// The largest `ru_maxrss` of those that were waited for.
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// Exact where one process was alone all the time, else bounds (see `memory`): the looks' own, raised by what single
    /// processes held between two looks, as far as high-water marks and `ru_maxrss` tell.
    pub fn peak(&self) -> Peak {
        if self.together < 2 {
            return Peak { value: self.largest, low: self.largest, high: self.largest };
        }
        let unseen = self.largest.saturating_sub(self.largest_sampled);
        let mut spikes: Vec<u64> = self.alive.iter().map(Process::spike).chain(self.spikes.iter().copied()).collect();
        spikes.sort_unstable_by(|a, b| b.cmp(a));
        let spikes: u64 = spikes.iter().take(self.together).sum();
        let low = self.peak.low.max(self.largest);
        let high = (self.peak.high + spikes.max(unseen)).max(low);
        Peak {
            value: (self.peak.value + unseen).clamp(low, high),
            low: self.peak.proportional.map_or(low, |count| count.min(low)),
            high,
        }
    }

    fn holdings(&self) -> Vec<Holding> {
        self.alive.iter().map(|process| process.holding).filter(|holding| holding.resident > 0).collect()
    }

    fn can_afford(&self, holdings: &[Holding], elapsed: u64) -> bool {
        let pages: u64 = holdings.iter().map(|holding| holding.resident / self.page).sum();
        self.reading + pages * READING_COSTS_PER_PAGE <= READING_CREDIT + elapsed / 100
    }

    /// Bring every process up to date. CPU is added up by growth, so that nothing is lost or counted twice when it moves
    /// from a process to the parent that waits for it.
    fn update(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut pids = process::descendants(self.launcher, &mut buffer);
        // A process changing its parent while the tree is walked can be missed; it is still ours.
        let missed = self.alive.iter().map(|process| process.pid).filter(|pid| !pids.contains(pid));
        let missed: Vec<i32> = missed.collect();
        pids.extend(missed);

        let mut before = std::mem::take(&mut self.alive);
        let (mut own, mut waited) = (0, 0);
        for pid in pids {
            let Some(stat) = Stat::read(pid, &mut buffer) else { continue };
            let old = before.iter().position(|process| process.pid == pid && process.started == stat.started);
            let mut process = match old {
                Some(index) => before.swap_remove(index),
                None => self.newcomer(pid, &stat),
            };
            let cpu = clock::cpu_of(pid).unwrap_or(stat.cpu).max(process.own);
            own += cpu - process.own;
            waited += stat.waited.saturating_sub(process.waited);
            process.own = cpu;
            process.waited = process.waited.max(stat.waited);
            process.parent = stat.parent;
            if let Some(exe) = process::executable(pid) {
                process.exe = exe;
            }
            process.holding.resident = stat.pages * self.page;
            process.holding.faulted = stat.faults * self.page;
            process.sampled = process.sampled.max(process.holding.resident);
            self.largest_sampled = self.largest_sampled.max(process.holding.resident);
            self.alive.push(process);
        }
        if self.alive.len() > 1 {
            for process in &mut self.alive {
                if process.looks.is_multiple_of(HIGH_WATER_EVERY) {
                    process.high_water = process::high_water(process.pid, &mut buffer).unwrap_or(process.high_water);
                }
                process.looks += 1;
            }
        }
        let mut moved = 0;
        for process in before {
            moved += process.own + process.waited;
            self.bury(process);
        }
        self.cpu += own + waited.saturating_sub(moved);
        self.buffer = buffer;
    }

    fn newcomer(&self, pid: i32, stat: &Stat) -> Process {
        let exe = process::executable(pid).unwrap_or_else(|| stat.comm.clone());
        let parent = self.alive.iter().find(|process| process.pid == stat.parent && process.exe == exe);
        let inherited = parent.map_or(0, |parent| parent.holding.resident.min(stat.pages * self.page));
        Process {
            pid,
            started: stat.started,
            parent: stat.parent,
            exe,
            own: 0,
            waited: 0,
            holding: Holding { inherited, ..Holding::default() },
            sampled: 0,
            high_water: 0,
            looks: 0,
        }
    }

    fn read_shares(&mut self) {
        let began = clock::own_cpu();
        for process in &mut self.alive {
            let Some(rollup) = Rollup::read(process.pid, &mut self.buffer) else { continue };
            process.holding.resident = rollup.resident;
            process.holding.share = Some(Share {
                resident: rollup.resident,
                proportional: rollup.proportional,
                private: rollup.private,
                faulted: process.holding.faulted,
            });
            process.sampled = process.sampled.max(rollup.resident);
        }
        self.left = 0;
        self.reading += clock::own_cpu() - began;
    }

    fn bury(&mut self, process: Process) {
        self.left += process.holding.share.map_or(0, |share| share.common());
        self.spikes.push(process.spike());
        self.spikes.sort_unstable_by(|a, b| b.cmp(a));
        self.spikes.truncate(self.together.max(1));
        if self.gone.len() == REMEMBERED {
            let least = self.gone.iter().enumerate().skip(1).min_by(|(_, a), (_, b)| a.cpu.total_cmp(&b.cpu));
            if let Some((index, _)) = least {
                self.gone.remove(index);
            }
        }
        self.gone.push(process.seen());
    }
}
