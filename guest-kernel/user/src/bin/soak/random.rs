//! Random numbers that follow from a seed (Marsaglia's xorshift).

/// A source of random numbers.
pub(crate) struct Random(u64);

impl Random {
    /// Stream number `stream` of those that follow from `seed`.
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(mixed | 1 << 63)
    }

    /// 64 random bits.
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not zero.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        (self.bits() >> 11) % bound
    }

    /// The same as an index.
    pub(crate) fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }

    /// A random byte.
    pub(crate) const fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[3]
    }

    /// Another stream that follows from this one.
    pub(crate) const fn another(&mut self) -> Self {
        Self(self.bits() | 1 << 63)
    }
}
