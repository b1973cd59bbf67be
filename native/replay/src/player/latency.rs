//! How long calls take: one in `EVERY` is timed, into a histogram with 32 steps an octave (within 3 %).

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Reading the clock twice costs as much as a pair of calls: timing all of them would double what is measured.
pub const EVERY: u32 = 32;

const STEPS: usize = 32;
const OCTAVES: usize = 40;

/// Counts of durations, in ticks of `now`.
pub struct Histogram(Vec<AtomicU32>);

impl Histogram {
    pub fn new() -> Self {
        Self((0..STEPS * OCTAVES).map(|_| AtomicU32::new(0)).collect())
    }

    /// Count one duration. Only one thread at a time writes to a histogram.
    #[inline]
    pub fn add(&self, ticks: u64) {
        let count = &self.0[bucket(ticks)];
        count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
    }
}

/// All histograms as one.
pub struct Merged {
    counts: Vec<u64>,
    pub samples: u64,
}

impl Merged {
    pub fn of<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Self {
        let mut counts = vec![0; STEPS * OCTAVES];
        for histogram in histograms {
            for (sum, count) in counts.iter_mut().zip(&histogram.0) {
                *sum += u64::from(count.load(Relaxed));
            }
        }
        let samples = counts.iter().sum();
        Self { counts, samples }
    }

    /// The duration that this part of all calls does not exceed, in ticks; none were timed: 0.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn quantile(&self, part: f64) -> u64 {
        let rank = (self.samples as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return middle(index);
            }
        }
        0
    }
}

#[inline]
fn bucket(ticks: u64) -> usize {
    if ticks < STEPS as u64 {
        return ticks as usize;
    }
    let octave = ticks.ilog2() as usize - STEPS.ilog2() as usize;
    let step = (ticks >> octave) as usize - STEPS;
    ((octave + 1) * STEPS + step).min(STEPS * OCTAVES - 1)
}

fn middle(index: usize) -> u64 {
    if index < STEPS {
        return index as u64;
    }
    let octave = index / STEPS - 1;
    let low = ((index % STEPS + STEPS) as u64) << octave;
    low + (1 << octave) / 2
}

/// A counter that runs at a constant rate and costs little to read.
#[inline]
pub fn now() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has it.
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(target_arch = "aarch64")]
    {
        let ticks: u64;
        // SAFETY: reads the virtual counter, which user space may.
        unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack)) };
        return ticks;
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return super::clock::monotonic();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_middle() {
        for ticks in (0..100_000).chain([1 << 20, (1 << 30) + 12_345]) {
            let shown = middle(bucket(ticks));
            assert!(shown.abs_diff(ticks) * STEPS as u64 <= ticks.max(1) + STEPS as u64, "{ticks} shown as {shown}");
        }
        assert_eq!(bucket(u64::MAX), STEPS * OCTAVES - 1);
    }

    #[test]
    fn quantiles_are_ranks() {
        let histogram = Histogram::new();
        (1..=100).for_each(|_| histogram.add(10));
        histogram.add(20);
        let merged = Merged::of([&histogram].into_iter());
        assert_eq!((merged.samples, merged.quantile(0.5), merged.quantile(0.99)), (101, 10, 10));
        assert_eq!(merged.quantile(1.0), 20);
        assert_eq!(Merged::of([].into_iter()).quantile(0.5), 0);
    }
}
