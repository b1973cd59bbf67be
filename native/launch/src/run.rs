//! One run, from exec to the last of its descendants.
//!
//! ```text
//! Working ──root exits──▶ Leaving ──0.5 s──▶ Terminated ──0.5 s──▶ killed
//!    │                       └──────────────┴── no child left ──▶ ended
//!    └── timeout, kill, or stop's grace over: the whole tree is killed ──▶ ended
//! ```

use crate::clock::{self, Disturbance};
use crate::protocol::{Mark, Point, Record, Refusal, Seen, Start};
use crate::signals::{self, Reaped, Wait};
use crate::spawn;
use crate::timeline::Timeline;
use crate::tree::{Reading, Tree};
use std::collections::VecDeque;

const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
/// What outlives the root may end by itself for so long, and then after SIGTERM for as long again.
const GRACE: u64 = 500 * MILLISECOND;
/// A killed tree is gone in milliseconds, but for a process that the kernel holds uninterruptibly.
const DEATH: u64 = 10 * SECOND;
/// Looks begin every millisecond and get rarer with the length of the run.
const SHORTEST: u64 = MILLISECOND;
const LONGEST: u64 = 20 * MILLISECOND;
const FRACTION: u64 = 64;
/// The launcher's looks may cost so many nanoseconds, and beyond that a hundredth of the run's time.
const LOOK_CREDIT: u64 = 2 * MILLISECOND;
const LOOK_FRACTION: u64 = 100;
/// Rest is less than 2 % of a core over a quarter of a second.
const REST: f64 = 0.25;
const REST_CPU: f64 = 0.02 * REST;

enum Stage {
    Working,
    Leaving { until: u64 },
    Terminated { until: u64 },
}

struct End {
    at: u64,
    status: i32,
}

#[derive(Default)]
struct Usage {
    user: u64,
    system: u64,
    faults: i64,
    major_faults: i64,
    voluntary: i64,
    involuntary: i64,
}

pub struct Run {
    launcher: i32,
    root: i32,
    started: f64,
    exec: u64,
    stage: Stage,
    deadline: Option<u64>,
    timed_out: bool,
    killed: bool,
    end: Option<End>,
    usage: Usage,
    tree: Tree,
    timeline: Timeline,
    marks: Vec<Mark>,
    /// Marks that were asked for and not answered yet.
    asked: VecDeque<String>,
    left_behind: Vec<Seen>,
    before: Disturbance,
    own_before: u64,
    next_look: u64,
    /// Nanoseconds of the launcher's CPU that looks took, readings of proportional sets not counted.
    looking: u64,
    rest_was_read: bool,
}

impl Run {
    pub fn start(start: &Start, mask: libc::sigset_t) -> Result<Self, Refusal> {
        let before = Disturbance::now();
        let own_before = clock::own_cpu();
        let started = clock::epoch();
        let spawned = spawn::spawn(start, mask)?;
        let exec = spawned.at;
        let mut run = Self {
            launcher: i32::try_from(std::process::id()).unwrap_or_default(),
            root: spawned.pid,
            started,
            exec,
            stage: Stage::Working,
            deadline: start.timeout.map(|seconds| exec.saturating_add(nanoseconds(seconds))),
            timed_out: false,
            killed: false,
            end: None,
            usage: Usage::default(),
            tree: Tree::new(),
            timeline: Timeline::default(),
            marks: Vec::new(),
            asked: VecDeque::new(),
            left_behind: Vec::new(),
            before,
            own_before,
            next_look: 0,
            looking: 0,
            rest_was_read: false,
        };
        run.look();
        Ok(run)
    }

    pub fn pid(&self) -> i32 {
        self.root
    }

    /// Nanoseconds of the monotonic clock at which `advance` wants to be called.
    pub fn due(&self) -> u64 {
        let due = match self.stage {
            Stage::Working => self.next_look,
            Stage::Leaving { until } | Stage::Terminated { until } => until,
        };
        self.deadline.map_or(due, |deadline| deadline.min(due))
    }

    /// Reap what has ended at or before `now`, look, and act on what is due. The record once nothing is left.
    pub fn advance(&mut self, now: u64) -> Option<Record> {
        if self.reap(now) {
            return Some(self.record());
        }
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.timed_out = self.end.is_none() && !self.killed;
            return Some(self.kill());
        }
        match self.stage {
            Stage::Working if self.next_look <= now => self.look(),
            Stage::Leaving { until } if until <= now => {
                self.left_behind = self.tree.present();
                for seen in &self.left_behind {
                    signals::send(seen.pid, libc::SIGTERM);
                }
                self.stage = Stage::Terminated { until: now + GRACE };
            }
            Stage::Terminated { until } if until <= now => return Some(self.kill()),
            _ => {}
        }
        None
    }

    /// What the tree uses now, or for one that has just begun as soon as it has memory (`answer`).
    pub fn mark(&mut self, name: String) -> Option<Mark> {
        self.asked.push_back(name);
        self.answer()
    }

    /// The mark that was asked for first and not answered yet. None where there is none, where the kernel does not count
    /// any memory yet, as for a moment after exec, and where the root has ended: the record is on its way then.
    pub fn answer(&mut self) -> Option<Mark> {
        if self.asked.is_empty() || self.end.is_some() {
            return None;
        }
        let elapsed = clock::monotonic().saturating_sub(self.exec);
        let point = self.tree.look(elapsed, Reading::Always)?;
        self.timeline.push(point);
        let mark = Mark { name: self.asked.pop_front()?, point };
        self.marks.push(mark.clone());
        Some(mark)
    }

    /// Signal the root; when the grace is over, the whole tree is killed. A root that has ended was not stopped.
    pub fn stop(&mut self, signal: i32, grace: f64) {
        if self.end.is_none() {
            signals::send(self.root, signal);
            self.killed = true;
        }
        self.deadline = Some(clock::monotonic().saturating_add(nanoseconds(grace)));
    }

    /// End the whole tree now.
    pub fn kill(&mut self) -> Record {
        self.killed |= self.end.is_none() && !self.timed_out;
        let give_up = clock::monotonic() + DEATH;
        let mut buffer = Vec::new();
        loop {
            signals::kill_descendants(self.launcher, &mut buffer);
            let now = clock::monotonic();
            if self.reap(now) || now > give_up {
                return self.record();
            }
            signals::poll([], Some(MILLISECOND));
        }
    }

    /// Take in every child that has ended; whether none is left.
    fn reap(&mut self, now: u64) -> bool {
        loop {
            match signals::wait() {
                Wait::Ended(reaped) => self.count(&reaped, now),
                Wait::Running => return false,
                Wait::Alone => return true,
            }
        }
    }

    fn count(&mut self, reaped: &Reaped, now: u64) {
        let usage = &reaped.usage;
        let (user, system) = (time(usage.ru_utime), time(usage.ru_stime));
        self.usage.user += user;
        self.usage.system += system;
        self.usage.faults += usage.ru_minflt;
        self.usage.major_faults += usage.ru_majflt;
        self.usage.voluntary += usage.ru_nvcsw;
        self.usage.involuntary += usage.ru_nivcsw;
        let largest = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
        self.tree.reaped(reaped.pid, reaped.own, user + system, largest);
        if reaped.pid == self.root {
            self.end = Some(End { at: now, status: reaped.status });
            self.stage = Stage::Leaving { until: now + GRACE };
        }
    }

    fn look(&mut self) {
        let began = clock::monotonic();
        let cpu = clock::own_cpu() - self.tree.reading();
        let elapsed = began.saturating_sub(self.exec);
        let resting = self
            .timeline
            .last()
            .is_some_and(|last| self.timeline.cpu_since(last.at - REST).is_some_and(|used| used < REST_CPU));
        let reading = if resting && !self.rest_was_read { Reading::WhereVague } else { Reading::Affordable };
        self.rest_was_read = resting;
        if let Some(point) = self.tree.look(elapsed, reading) {
            self.timeline.push(point);
        }
        self.looking += clock::own_cpu() - self.tree.reading() - cpu;
        let affordable = self.exec + self.looking.saturating_sub(LOOK_CREDIT) * LOOK_FRACTION;
        self.next_look = affordable.max(began + (elapsed / FRACTION).clamp(SHORTEST, LONGEST));
    }

    fn record(&mut self) -> Record {
        let end = self.end.as_ref();
        let wall = clock::seconds(end.map_or_else(clock::monotonic, |end| end.at).saturating_sub(self.exec));
        // A tree that could not even be killed has no status: it counts as killed.
        let status = end.map_or(libc::SIGKILL, |end| end.status);
        let disturbance = Disturbance::now().since(self.before);
        Record {
            exit: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
            signal: libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status)),
            timed_out: self.timed_out,
            killed: self.killed,
            started: self.started,
            wall,
            user: clock::seconds(self.usage.user),
            system: clock::seconds(self.usage.system),
            faults: self.usage.faults,
            major_faults: self.usage.major_faults,
            voluntary: self.usage.voluntary,
            involuntary: self.usage.involuntary,
            largest: self.tree.largest(),
            peak: self.tree.peak(),
            mean: self.timeline.mean(wall),
            steal: disturbance.steal,
            pressure: disturbance.pressure,
            timeline: self.timeline.points().into_iter().filter(|point: &Point| point.at <= wall).collect(),
            marks: std::mem::take(&mut self.marks),
            processes: self.tree.processes(),
            left_behind: std::mem::take(&mut self.left_behind),
            overhead: clock::seconds(clock::own_cpu() - self.own_before),
        }
    }
}

fn time(time: libc::timeval) -> u64 {
    time.tv_sec.unsigned_abs() * SECOND + time.tv_usec.unsigned_abs() * 1000
}

/// Seconds that someone asked for, as nanoseconds: nothing below zero, for ever at most.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}
