//! Plays a script.

mod actor;
mod answer;
mod calls;
mod clock;
mod course;
mod gate;
mod latency;
mod memory;
mod source;
mod stage;
mod threads;

use std::sync::OnceLock;

pub use answer::Answer;
pub use source::Refusal;
pub use stage::Speed;

use latency::now;
use memory::{Meter, Status, beside_the_heap, forget_peak};
use source::Source;
use stage::Stage;

static STAGE: OnceLock<Stage> = OnceLock::new();

/// Play a script to its end, in this process, on its first thread and those that it starts.
///
/// # Errors
/// It cannot be read, or there is no memory for the player itself.
pub fn play(path: &str, speed: Speed) -> Result<Answer, Refusal> {
    let source = Source::open(path)?;
    let stage = Stage::set(source, speed).map_err(|error| error.to_string())?;
    let stage = STAGE.get_or_init(|| stage);
    threads::watch().map_err(|error| error.to_string())?;
    // All that the player needs is there: from here on, what is added is the allocator's.
    let rest_bytes = beside_the_heap() + crate::own::mapped();
    forget_peak();
    let meter = Meter::new(rest_bytes).map_err(|error| error.to_string())?;
    stage.begin(meter);
    let (began, ticks, cpu) = (clock::monotonic(), now(), clock::cpu());
    threads::act(stage, 0);
    stage.gate.wait(0, stage.source.header.parts);
    let (ended, later, used) = (clock::monotonic(), now(), clock::cpu());
    let course = stage.end();
    let heap_end = stage.heap();
    let status = Status::now().map_err(|error| error.to_string())?;
    let nanoseconds = ended.saturating_sub(began).max(1);
    #[allow(clippy::cast_precision_loss)] // a day of ticks is still exact to a part in a million
    let tick = nanoseconds as f64 / later.wrapping_sub(ticks).max(1) as f64;
    Ok(Answer {
        header: stage.source.header,
        mismatches: stage.gate.mismatches.load(std::sync::atomic::Ordering::SeqCst),
        wall: nanoseconds,
        cpu: used.saturating_sub(cpu),
        heap_start: course.points.first().map_or(0, |first| first.resident),
        heap_peak: status.peak.saturating_sub(status.other + rest_bytes).max(course.peak),
        heap_end,
        own: rest_bytes,
        taking: latency::Merged::of(stage.latencies.iter().map(|pair| &pair.0)),
        giving: latency::Merged::of(stage.latencies.iter().map(|pair| &pair.1)),
        tick,
        course,
    })
}
