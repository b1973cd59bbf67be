//! Live and resident bytes over time, in a bounded number of points.

/// Points that are kept; when there are more, every other one goes and the distance doubles.
const POINTS: usize = 512;
/// Nanoseconds between two points at first.
const DISTANCE: u64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Nanoseconds since the start.
    pub at: u64,
    pub live: u64,
    pub resident: u64,
}

/// The points so far, and time-weighted sums.
pub struct Course {
    pub points: Vec<Point>,
    pub distance: u64,
    last: Option<Point>,
    live: u128,
    resident: u128,
    pub peak: u64,
}

impl Course {
    pub fn new() -> Self {
        Self { points: Vec::with_capacity(POINTS + 1), distance: DISTANCE, last: None, live: 0, resident: 0, peak: 0 }
    }

    pub fn add(&mut self, point: Point) {
        if let Some(last) = self.last {
            let time = u128::from(point.at.saturating_sub(last.at));
            self.live += u128::from(last.live) * time;
            self.resident += u128::from(last.resident) * time;
        }
        self.last = Some(point);
        self.peak = self.peak.max(point.resident);
        self.points.push(point);
        if self.points.len() > POINTS {
            let mut index = 0;
            self.points.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.distance *= 2;
        }
    }

    /// Mean live and resident bytes over time.
    pub fn means(&self) -> (u64, u64) {
        let time = self.last.map_or(0, |last| last.at - self.points[0].at);
        if time == 0 {
            return self.last.map_or((0, 0), |last| (last.live, last.resident));
        }
        let mean = |sum: u128| u64::try_from(sum / u128::from(time)).unwrap_or(u64::MAX);
        (mean(self.live), mean(self.resident))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_points_is_bounded_and_the_mean_is_by_time() {
        let mut course = Course::new();
        for index in 0..5_000 {
            course.add(Point { at: index, live: index, resident: 2 * index });
        }
        assert!(course.points.len() <= POINTS && course.points.len() > POINTS / 4);
        assert_eq!(course.points[0].at, 0);
        assert_eq!(course.means(), (2_499, 4_998));
        assert_eq!(course.peak, 9_998);
    }
}
