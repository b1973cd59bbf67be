//! The course of one run in a bounded number of points: all of it coarsely, its end finely.
//!
//! The whole course is kept at an interval that doubles whenever it fills, and the last points are kept as they came,
//! because memory at rest is read near the end, however long the run was.

use std::collections::VecDeque;

use crate::protocol::Point;

const COURSE: usize = 500;
const TAIL: usize = 500;

#[derive(Default)]
pub struct Timeline {
    course: Vec<Point>,
    /// One point in `1 << doublings` goes into the course.
    doublings: u32,
    taken: u64,
    tail: VecDeque<Point>,
    area: f64,
    first: Option<f64>,
}

impl Timeline {
    pub fn push(&mut self, point: Point) {
        if let Some(previous) = self.tail.back() {
            self.area += held(previous, point.at);
        }
        self.first.get_or_insert(point.at);
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(point);
        if self.taken.is_multiple_of(1 << self.doublings) {
            if self.course.len() == COURSE {
                let mut index = 0;
                self.course.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.doublings += 1;
            }
            self.course.push(point);
        }
        self.taken += 1;
    }

    /// Time-weighted mean of resident memory until `end`, each point holding until the next.
    pub fn mean(&self, end: f64) -> Option<f64> {
        let (first, last) = (self.first?, self.tail.back()?);
        let length = end - first;
        #[allow(clippy::cast_precision_loss)] // bytes of memory stay below 2^53
        let single = last.resident as f64;
        Some(if length > 0.0 { (self.area + held(last, end)) / length } else { single })
    }

    pub fn last(&self) -> Option<&Point> {
        self.tail.back()
    }

    /// CPU seconds used since `at`, as far as the tail reaches back; None where it does not.
    pub fn cpu_since(&self, at: f64) -> Option<f64> {
        let then = self.tail.iter().rev().find(|point| point.at <= at)?;
        Some(self.tail.back()?.cpu - then.cpu)
    }

    /// The points in order of time: the course up to where the tail begins, then the tail.
    pub fn points(&self) -> Vec<Point> {
        let from = self.tail.front().map_or(f64::INFINITY, |point| point.at);
        let early = self.course.iter().take_while(|point| point.at < from);
        early.chain(&self.tail).copied().collect()
    }
}

#[allow(clippy::cast_precision_loss)] // bytes of memory stay below 2^53
fn held(point: &Point, until: f64) -> f64 {
    point.resident as f64 * (until - point.at).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: f64, resident: u64) -> Point {
        Point { at, resident, cpu: at / 2.0, processes: 1 }
    }

    fn filled(count: u32) -> Timeline {
        let mut timeline = Timeline::default();
        for index in 0..count {
            timeline.push(point(f64::from(index), u64::from(index)));
        }
        timeline
    }

    #[test]
    fn few_points_are_all_kept() {
        assert_eq!(filled(500).points().len(), 500);
    }

    #[test]
    fn many_points_are_bounded_ordered_and_fine_at_the_end() {
        let points = filled(100_000).points();
        assert!(points.len() <= COURSE + TAIL);
        assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert!(points.windows(2).rev().take(TAIL - 1).all(|pair| pair[1].at - pair[0].at == 1.0));
        assert_eq!(points[0].at, 0.0);
        assert_eq!(points[points.len() - 1].at, 99_999.0);
    }

    #[test]
    fn the_mean_weighs_by_time_and_survives_thinning() {
        let mut timeline = Timeline::default();
        timeline.push(point(0.0, 100));
        timeline.push(point(3.0, 500));
        assert_eq!(timeline.mean(4.0), Some(200.0));
        assert_eq!(Timeline::default().mean(1.0), None);
        assert_eq!(filled(1).mean(0.0), Some(0.0));
        let mean = filled(100_000).mean(100_000.0).expect("there are points");
        assert!((mean - 49_999.5).abs() < 1e-6);
    }

    #[test]
    fn cpu_is_told_back_to_where_the_tail_reaches() {
        let timeline = filled(10);
        assert_eq!(timeline.cpu_since(5.0), Some(2.0));
        assert_eq!(timeline.cpu_since(-1.0), None);
    }
}
