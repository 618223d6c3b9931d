//! Numbers that follow from a seed.

/// A stream of numbers.
pub(super) struct Dice(u64);

impl Dice {
    /// The stream of a seed at a place.
    pub(super) fn new(seed: u32, place: usize) -> Self {
        Self((u64::from(seed) << 32) ^ place as u64)
    }

    /// The next number, smaller than `below`; `SplitMix64`'s mixing.
    pub(super) fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % below.max(1) as u64).unwrap_or(0)
    }

    /// The members in another order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, members: &mut [T]) {
        for last in (1..members.len()).rev() {
            members.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_place_give_the_same_numbers_again_and_others_give_others() {
        let run = |seed, place| {
            let mut dice = Dice::new(seed, place);
            (0..20).map(|_| dice.below(100)).collect::<Vec<_>>()
        };
        assert_eq!(run(1, 2), run(1, 2));
        assert!(run(1, 2) != run(1, 3) && run(1, 2) != run(2, 2));
        assert!(run(1, 2).iter().all(|&n| n < 100));
    }

    #[test]
    fn shuffling_loses_nothing() {
        let mut members: Vec<u32> = (0..10).collect();
        Dice::new(3, 4).shuffle(&mut members);
        assert_ne!(members, (0..10).collect::<Vec<_>>());
        members.sort_unstable();
        assert_eq!(members, (0..10).collect::<Vec<_>>());
    }
}
