//! How much memory a tree holds at one moment, when its processes share pages.
//!
//! The resident sets of a 200 MiB parent and its 4 forks sum to 1,028 MiB; together they hold 207. Only the kernel's
//! proportional set (`smaps_rollup`) tells the truth, and it costs milliseconds. So it is read when it matters, and between
//! two readings every process is carried on from its last one:
//!
//! - at *most* by one page for each page fault since: a page that is new, or no longer shared, was faulted in;
//! - at *best guess* by the growth of its resident set since;
//! - a process not yet read counts whole at most, and at best guess without what it got from its parent by fork;
//! - a process that is gone leaves its shared pages to those that shared them.
//!
//! Pages that processes outside the tree map too (the C library) count whole, once, as they do in the resident set of a
//! single process; the lower bound of a peak counts them by share, as the kernel does.

/// One process at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holding {
    pub resident: u64,
    /// Pages faulted in so far, each counted whenever it was.
    pub faulted: u64,
    /// What it held when it was first seen as a fork of its parent.
    pub inherited: u64,
    pub share: Option<Share>,
}

/// The last reading of its proportional set.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    pub resident: u64,
    pub proportional: u64,
    pub private: u64,
    /// `faulted` at that time.
    pub faulted: u64,
}

impl Share {
    /// Its part of pages that others map too.
    pub fn common(&self) -> u64 {
        self.proportional.saturating_sub(self.private)
    }
}

impl Holding {
    /// Pages that are its own alone, as far as is known.
    fn private(&self) -> u64 {
        self.share.map_or(0, |share| share.private.min(self.resident))
    }

    fn most(&self) -> u64 {
        let Some(share) = self.share else { return self.resident };
        let faulted = self.faulted.saturating_sub(share.faulted);
        let grown = self.resident.saturating_sub(share.resident);
        self.resident.min(share.proportional + grown.max(faulted))
    }

    fn guess(&self) -> u64 {
        let Some(share) = self.share else { return self.resident.saturating_sub(self.inherited) };
        let grown = self.resident.saturating_sub(share.resident);
        let shrunk = share.resident.saturating_sub(self.resident);
        self.resident.min((share.proportional + grown).saturating_sub(shrunk.min(share.private)))
    }
}

/// What the tree holds: surely, probably, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    pub low: u64,
    pub value: u64,
    pub high: u64,
    /// The kernel's own count, where every process was read: pages shared with processes outside the tree by share.
    pub proportional: Option<u64>,
}

impl Estimate {
    /// `left` is what processes gone since the last reading may have left to the others.
    pub fn of(holdings: &[Holding], left: u64) -> Self {
        let sum: u64 = holdings.iter().map(|holding| holding.resident).sum();
        if holdings.len() < 2 {
            return Self { low: sum, value: sum, high: sum, proportional: None };
        }
        let largest = holdings.iter().map(|holding| holding.resident).max().unwrap_or(0);
        let private: u64 = holdings.iter().map(Holding::private).sum();
        let common = holdings.iter().map(|holding| holding.resident - holding.private()).max().unwrap_or(0);
        let floor = largest.max(private + common);
        let high = (holdings.iter().map(Holding::most).sum::<u64>() + left).clamp(floor, sum);
        let value = (holdings.iter().map(Holding::guess).sum::<u64>() + left).clamp(floor, high);
        let current =
            holdings.iter().all(|holding| holding.share.is_some_and(|share| share.faulted == holding.faulted));
        let proportional: u64 =
            holdings.iter().filter_map(|holding| holding.share).map(|share| share.proportional).sum();
        Self { low: if current { value } else { largest }, value, high, proportional: current.then_some(proportional) }
    }

    /// Whether a reading would tell much more than is known.
    pub fn is_vague(holdings: &[Holding], left: u64) -> bool {
        if holdings.len() < 2 {
            return false;
        }
        let unread: u64 =
            holdings.iter().filter(|holding| holding.share.is_none()).map(|holding| holding.resident).sum();
        let Self { value, high, .. } = Self::of(holdings, left);
        (unread + left + high - value) * 20 > high
    }

    /// The largest of each, over time.
    pub fn rise_to(&mut self, other: Self) {
        self.low = self.low.max(other.low);
        self.value = self.value.max(other.value);
        self.high = self.high.max(other.high);
        self.proportional = self.proportional.max(other.proportional);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn read(resident: u64, proportional: u64, private: u64) -> Holding {
        let share =
            Share { resident: resident * MIB, proportional: proportional * MIB, private: private * MIB, faulted: 0 };
        Holding { resident: resident * MIB, share: Some(share), ..Holding::default() }
    }

    #[test]
    fn one_process_is_exact_whatever_was_read_before() {
        let alone = read(200, 40, 0);
        assert_eq!(
            Estimate::of(&[alone], 0),
            Estimate { low: 200 * MIB, value: 200 * MIB, high: 200 * MIB, proportional: None }
        );
        assert!(!Estimate::is_vague(&[alone], 0));
        assert_eq!(Estimate::of(&[], 0), Estimate::default());
    }

    #[test]
    fn forks_that_were_read_count_once() {
        let tree = [read(205, 42, 1); 5];
        assert_eq!(
            Estimate::of(&tree, 0),
            Estimate { low: 210 * MIB, value: 210 * MIB, high: 210 * MIB, proportional: Some(210 * MIB) }
        );
        assert!(!Estimate::is_vague(&tree, 0));
    }

    #[test]
    fn forks_that_were_not_read_are_guessed_shared_and_bounded_by_the_sum() {
        let fork = Holding { resident: 204 * MIB, inherited: 200 * MIB, ..Holding::default() };
        let parent = Holding { resident: 205 * MIB, ..Holding::default() };
        let tree = [parent, fork, fork];
        assert_eq!(
            Estimate::of(&tree, 0),
            Estimate { low: 205 * MIB, value: 213 * MIB, high: 613 * MIB, proportional: None }
        );
        assert!(Estimate::is_vague(&tree, 0));
    }

    #[test]
    fn faults_since_the_reading_raise_the_most_and_never_above_the_resident_set() {
        let mut unsharing = read(200, 40, 0);
        unsharing.faulted = 100 * MIB;
        let quiet = read(200, 40, 0);
        let estimate = Estimate::of(&[unsharing, quiet], 0);
        assert_eq!((estimate.low, estimate.high), (200 * MIB, 200 * MIB));
        let estimate = Estimate::of(&[unsharing, quiet, quiet, quiet, quiet], 0);
        assert_eq!((estimate.value, estimate.high), (200 * MIB, 300 * MIB));
        unsharing.faulted = 1 << 60;
        assert_eq!(Estimate::of(&[unsharing, quiet, quiet, quiet, quiet], 0).high, 360 * MIB);
    }

    #[test]
    fn those_that_go_leave_what_they_shared() {
        let tree = [read(200, 40, 0); 3];
        assert_eq!(Estimate::of(&tree, 80 * MIB).value, 200 * MIB);
        assert_eq!(read(200, 40, 10).share.map(|share| share.common()), Some(30 * MIB));
    }

    #[test]
    fn what_all_the_machine_shares_counts_at_least_once() {
        // Two programs of 1 MiB each and a C library of 2 MiB that a hundred others map.
        let tree = [read(3, 1, 1); 2];
        assert_eq!(
            Estimate::of(&tree, 0),
            Estimate { low: 4 * MIB, value: 4 * MIB, high: 4 * MIB, proportional: Some(2 * MIB) }
        );
    }

    #[test]
    fn growth_after_the_reading_counts_whole() {
        let mut grown = read(200, 100, 0);
        grown.resident += 50 * MIB;
        let estimate = Estimate::of(&[grown, read(200, 100, 0)], 0);
        assert_eq!((estimate.value, estimate.high), (250 * MIB, 250 * MIB));
    }
}
