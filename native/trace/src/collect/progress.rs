//! What the collector says while it works: one JSON object a line.

use super::drain::Rings;
use heapswap_trace_format::ring::{Control, SEGMENT};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const BETWEEN: Duration = Duration::from_millis(250);

pub struct Progress {
    due: Duration,
}

impl Progress {
    pub fn begin() -> Self {
        say(&json!({"ready": true}));
        Self { due: BETWEEN }
    }

    pub fn tell(&mut self, elapsed: Duration, rings: &Rings<'_>, control: &Control) {
        if elapsed < self.due {
            return;
        }
        self.due = elapsed + BETWEEN;
        say(&json!({
            "seconds": elapsed.as_secs_f64(),
            "events": rings.events,
            "bytes": rings.bytes,
            "processes": rings.processes(),
        "threads": rings.threads(),
            "ring_memory": u64::from(control.segments.load(Relaxed)) * SEGMENT as u64,
        }));
    }

    pub fn end(self, end: &Value) {
        say(end);
    }
}

/// Whoever listened may be gone: that is told by standard input.
fn say(value: &Value) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{value}").and_then(|()| output.flush());
}
