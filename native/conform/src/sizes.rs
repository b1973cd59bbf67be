//! Which sizes are asked for: every small one, and those beside the borders of size classes.

/// The alignment of every block that can hold the largest basic type (`max_align_t`).
pub const NATURAL: usize = 16;

/// In ascending order, up to `largest`.
pub fn up_to(largest: usize) -> Vec<usize> {
    let mut sizes: Vec<usize> = (1..=512).chain((520..4096).step_by(8)).collect();
    let mut power = 512;
    while power <= largest {
        // Allocators divide each doubling into four or eight classes.
        for eighths in 8..16 {
            let border = power / 8 * eighths;
            sizes.extend([border - 1, border, border + 1]);
        }
        power *= 2;
    }
    sizes.retain(|&size| size <= largest);
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

/// Sizes in no order, the same in every run; small ones are frequent, as in programs.
pub struct Mixed(u64);

impl Mixed {
    pub fn new(seed: u64) -> Mixed {
        Mixed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// xorshift64* (S. Vigna, 2016).
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }

    pub fn size(&mut self, bits: usize) -> usize {
        let most = 1 << (4 + self.below(bits - 3));
        1 + self.below(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_ascend_to_the_largest_with_the_borders_on_both_sides() {
        let sizes = up_to(1 << 20);
        assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((sizes[0], *sizes.last().unwrap()), (1, 1 << 20));
        for border in [512, 640, 1 << 15, 3 << 15] {
            assert!([border - 1, border, border + 1].iter().all(|size| sizes.contains(size)));
        }
    }

    #[test]
    fn mixed_sizes_are_within_their_bits_and_the_same_each_time() {
        let draw = || {
            let mut mixed = Mixed::new(5);
            (0..1000).map(|_| mixed.size(12)).collect::<Vec<_>>()
        };
        assert_eq!(draw(), draw());
        assert!(draw().iter().all(|size| (1..=1 << 12).contains(size)));
    }
}
