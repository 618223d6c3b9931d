//! A seeded generator (SplitMix64), so that a seed names a program for good.

pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another generator, whose numbers have nothing to do with this one's.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next() ^ 0xd1b5_4a32_d192_ed03)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number in `0..end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A number in `0..end`, as a register or field.
    pub(super) fn field(&mut self, end: u32) -> u32 {
        u32::try_from(self.below(end.into())).expect("below end")
    }

    /// True once in `n` times.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = usize::try_from(self.below(from.len() as u64)).expect("an index");
        from[index]
    }

    /// A 64-bit value that is interesting as an operand: small, near a power of two, or anything.
    pub(super) fn value(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(32),
            1 => 0u64.wrapping_sub(self.below(32)),
            2 => (1u64 << self.below(64)).wrapping_sub(self.below(3)).wrapping_add(1),
            3 => u64::from(self.next() as u32),
            4 => i64::from(self.next() as i32).cast_unsigned(),
            _ => self.next(),
        }
    }

    /// The bits of a floating-point number where things go wrong: zeros, ends of the range, few or
    /// many significant digits, infinities and NaNs. A single one is boxed, now and then badly.
    pub(super) fn float(&mut self, double: bool) -> u64 {
        let (exponent_bits, fraction_bits) = if double { (11, 52) } else { (8, 23) };
        let top = (1u64 << exponent_bits) - 1;
        let exponent = match self.below(8) {
            0 => self.below(3),
            1 => top - self.below(3),
            2..=6 => (top >> 1) + self.below(64) - 32,
            _ => self.below(top + 1),
        };
        let fraction = match self.below(4) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(fraction_bits),
            _ => self.next(),
        } & ((1 << fraction_bits) - 1);
        let bits = self.below(2) << (exponent_bits + fraction_bits) | exponent << fraction_bits | fraction;
        if double || self.one_in(16) { bits } else { bits | 0xffff_ffff_0000_0000 }
    }
}
