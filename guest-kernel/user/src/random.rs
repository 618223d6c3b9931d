//! Random numbers that follow from a seed (Marsaglia's xorshift).

/// A source of random numbers.
pub struct Random(u64);

impl Random {
    /// Stream number `stream` of those that follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64, stream: u64) -> Self {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream.wrapping_mul(0xd1b5_4a32_d192_ed03);
        Self(mixed | 1 << 63)
    }

    /// 64 random bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not zero.
    pub const fn below(&mut self, bound: u64) -> u64 {
        (self.bits() >> 11) % bound
    }

    /// The same as an index.
    pub fn index(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or(0)
    }

    /// A random byte.
    pub const fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[3]
    }

    /// Another stream that follows from this one.
    #[must_use]
    pub const fn another(&mut self) -> Self {
        Self(self.bits() | 1 << 63)
    }
}
