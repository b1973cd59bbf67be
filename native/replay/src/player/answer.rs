//! What a replay says: one JSON object of numbers on standard error, one line that never changes on standard output.

use heapswap_replay::script::Header;

use super::course::{Course, Point};
use super::latency::Merged;

/// Everything that was measured; bytes and nanoseconds.
pub struct Answer {
    pub header: Header,
    pub mismatches: u64,
    pub wall: u64,
    pub cpu: u64,
    pub heap_start: u64,
    pub heap_peak: u64,
    pub heap_end: u64,
    pub own: u64,
    pub taking: Merged,
    pub giving: Merged,
    /// Nanoseconds of a tick that calls are timed in.
    pub tick: f64,
    pub course: Course,
}

const QUANTILES: [(&str, f64); 5] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("p99_99", 0.9999)];

impl Answer {
    /// The same whatever the allocator, if it has been played as it was recorded.
    pub fn line(&self) -> String {
        let Header { calls, threads, end_live, .. } = self.header;
        format!(
            "played {calls} calls of {threads} threads; {end_live} bytes live at the end; {} moments off",
            self.mismatches
        )
    }

    #[allow(clippy::cast_precision_loss)] // seconds and rates are for people
    pub fn json(&self) -> String {
        let Header { threads, lanes, slots, epochs, calls, peak_live, end_live, .. } = self.header;
        let (live_mean, heap_mean) = self.course.means();
        let seconds = self.wall as f64 / 1e9;
        format!(
            "{{\"calls\": {calls}, \"threads\": {threads}, \"lanes\": {lanes}, \"slots\": {slots}, \"moments\": {epochs}, \
             \"moments_off\": {}, \"seconds\": {seconds:.6}, \"cpu\": {:.6}, \"rate\": {:.0}, \"peak_live\": {peak_live}, \
             \"mean_live\": {live_mean}, \"end_live\": {end_live}, \"heap_start\": {}, \"heap_peak\": {}, \
             \"heap_mean\": {heap_mean}, \"heap_end\": {}, \"own\": {}, \"allocate\": {}, \
             \"free\": {}, \"timeline\": [{}]}}",
            self.mismatches,
            self.cpu as f64 / 1e9,
            calls as f64 / seconds,
            self.heap_start,
            self.heap_peak,
            self.heap_end,
            self.own,
            self.latencies(&self.taking),
            self.latencies(&self.giving),
            self.course.points.iter().map(point).collect::<Vec<_>>().join(", "),
        )
    }

    #[allow(clippy::cast_precision_loss)]
    fn latencies(&self, merged: &Merged) -> String {
        let quantiles =
            QUANTILES.map(|(name, part)| format!("\"{name}\": {:.1}", merged.quantile(part) as f64 * self.tick));
        format!("{{\"samples\": {}, {}}}", merged.samples, quantiles.join(", "))
    }
}

/// `[seconds, live bytes, resident bytes]`
#[allow(clippy::cast_precision_loss)]
fn point(point: &Point) -> String {
    format!("[{:.6}, {}, {}]", point.at as f64 / 1e9, point.live, point.resident)
}
