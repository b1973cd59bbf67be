//! What is said over the socket: one JSON object a line, requests in, replies out.
//!
//! One run at a time; the launcher serves any number of them in turn.
//!
//! ```text
//! → {"do":"start","program":"/bin/true","argv":["true"],"env":["PATH=/usr/bin"],"cwd":"/","stdin":"/dev/null",
//!    "stdout":"/tmp/r/stdout","stderr":"/tmp/r/stderr","timeout":60.0,"ignored":[]}
//! ← {"event":"started","pid":4711}
//! → {"do":"mark","name":"ready"}                     services: name this moment and measure it
//! ← {"event":"marked","name":"ready","at":0.81,"resident":9437184,"cpu":0.42,"processes":3}
//! → {"do":"stop","signal":15,"grace":10.0}           services: signal the root, kill the tree after the grace
//! → {"do":"kill"}                                    end the whole tree now
//! ← {"event":"ended","exit":0,"signal":null,…}       the record of the run (`Record`)
//! ```
//!
//! A start that fails answers `{"event":"refused","step":"exec","errno":2}`, and nothing has run.
//! A line that cannot be read, or a start during a run, answers `{"event":"error","reason":"…"}` and changes nothing.
//! `mark`, `stop` and `kill` that find no run are not answered: the `ended` that crossed them is the answer.
//! The end of the socket, or of the process at its other end, ends the whole tree and then the launcher.
//!
//! Arguments, environment and paths are bytes, and JSON carries text: every byte travels as the character of the same
//! number (Latin-1), so plain ASCII stays readable and nothing is lost.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Bytes of the operating system: an argument, a path, a variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.chars()
            .map(|character| u8::try_from(u32::from(character)))
            .collect::<Result<_, _>>()
            .map(Bytes)
            .map_err(|_| de::Error::custom("a character above U+00FF stands for no byte"))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.iter().map(|&byte| char::from(byte)).collect::<String>())
    }
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    Start(Start),
    Mark { name: String },
    Stop { signal: i32, grace: f64 },
    Kill,
}

/// One run: what is executed, where its standard streams go, and when it is given up.
#[derive(Clone, Debug, Deserialize)]
pub struct Start {
    /// The path that is executed, no search; `argv[0]` where it is absent.
    #[serde(default)]
    pub program: Option<Bytes>,
    pub argv: Vec<Bytes>,
    /// `NAME=value`, the whole environment.
    pub env: Vec<Bytes>,
    pub cwd: Bytes,
    pub stdin: Bytes,
    pub stdout: Bytes,
    pub stderr: Bytes,
    /// Seconds from exec after which the whole tree is killed.
    pub timeout: Option<f64>,
    /// Signals that stay ignored in the program; every other one gets its default action.
    #[serde(default)]
    pub ignored: Vec<i32>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Reply {
    Started { pid: i32 },
    Refused(Refusal),
    Marked(Mark),
    Ended(Box<Record>),
    Error { reason: String },
}

/// Why nothing was run: the step that failed, and its error number.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct Refusal {
    pub step: Step,
    pub errno: i32,
}

#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
#[repr(u32)]
pub enum Step {
    /// An argument or a path that no program can be given: empty argv, a NUL inside.
    Request,
    Stdin,
    Stdout,
    Stderr,
    Fork,
    Directory,
    Streams,
    Exec,
}

/// A named moment of a service.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    pub name: String,
    #[serde(flatten)]
    pub point: Point,
}

/// The tree at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Seconds since exec.
    pub at: f64,
    /// Bytes.
    pub resident: u64,
    /// Seconds of CPU used by the tree so far.
    pub cpu: f64,
    pub processes: usize,
}

/// Everything that was seen of one run. Times in seconds, memory in bytes.
#[derive(Debug, Serialize)]
pub struct Record {
    /// Exit status of the root; null when a signal ended it.
    pub exit: Option<i32>,
    pub signal: Option<i32>,
    pub timed_out: bool,
    /// The tree was ended by `kill`, or by `stop` after its grace.
    pub killed: bool,
    /// Seconds since the epoch.
    pub started: f64,
    /// From just before exec to the exit of the root.
    pub wall: f64,
    /// CPU of the root, of every descendant that was waited for, and of every orphan.
    pub user: f64,
    pub system: f64,
    pub faults: i64,
    pub major_faults: i64,
    pub voluntary: i64,
    pub involuntary: i64,
    /// Largest `ru_maxrss` of one process of the tree.
    pub largest: u64,
    pub peak: Peak,
    /// Time-weighted mean of resident memory; null where the run ended before it could be looked at.
    pub mean: Option<f64>,
    /// CPU seconds taken by the hypervisor meanwhile, all cores; null where the kernel does not tell.
    pub steal: Option<f64>,
    /// Seconds in which some task of the machine waited for a CPU; null where the kernel does not tell.
    pub pressure: Option<f64>,
    pub timeline: Vec<Point>,
    pub marks: Vec<Mark>,
    pub processes: Vec<Seen>,
    /// Descendants that outlived the root and were ended.
    pub left_behind: Vec<Seen>,
    /// CPU seconds the launcher itself used during the run.
    pub overhead: f64,
}

/// The most the tree held at once: exact for one process, else an estimate between bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Peak {
    pub value: u64,
    pub low: u64,
    pub high: u64,
}

/// One process of the tree.
#[derive(Clone, Debug, Serialize)]
pub struct Seen {
    pub pid: i32,
    pub parent: i32,
    /// Its executable, the last one where it executed several; the command name where that cannot be read.
    pub exe: Bytes,
    /// CPU seconds of its own.
    pub cpu: f64,
    /// Largest resident set seen.
    pub peak: u64,
}
