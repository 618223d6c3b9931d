//! Binary floating point, bit for bit as RISC-V wants it: five rounding modes, five flags, the
//! canonical NaN, tininess detected after rounding (unprivileged specification, "F" and "D";
//! IEEE 754-2019).
//!
//! The host's floating point is not used at all: it gives other NaNs, hides the flags, and knows
//! one rounding mode only. Values travel as their bits in a `u64`; [`Format`] says how wide.

mod arithmetic;
mod compare;
mod convert;
mod round;

pub use arithmetic::{add, divide, fused_multiply_add, multiply, square_root, subtract};
pub use compare::{Order, classify, equal, less, less_or_equal, maximum, minimum};
pub use convert::{Integer, from_integer, resize, to_integer};

/// A binary interchange format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    exponent_bits: u32,
    fraction_bits: u32,
}

/// binary32.
pub const SINGLE: Format = Format { exponent_bits: 8, fraction_bits: 23 };
/// binary64.
pub const DOUBLE: Format = Format { exponent_bits: 11, fraction_bits: 52 };

impl Format {
    /// The canonical NaN: positive, quiet, no payload.
    #[must_use]
    pub const fn canonical_nan(self) -> u64 {
        self.infinity() | 1 << (self.fraction_bits - 1)
    }

    const fn infinity(self) -> u64 {
        ((1 << self.exponent_bits) - 1) << self.fraction_bits
    }

    const fn largest_finite(self) -> u64 {
        self.infinity() - 1
    }

    const fn sign_bit(self) -> u64 {
        1 << (self.exponent_bits + self.fraction_bits)
    }

    const fn signed(self, sign: Sign, magnitude: u64) -> u64 {
        match sign {
            Sign::Plus => magnitude,
            Sign::Minus => magnitude | self.sign_bit(),
        }
    }

    const fn bias(self) -> i32 {
        (1 << (self.exponent_bits - 1)) - 1
    }

    /// The exponent of the smallest normal number.
    const fn least_exponent(self) -> i32 {
        1 - self.bias()
    }
}

/// Rounding mode, in the encoding of `frm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// RNE: to nearest, ties to even.
    NearestEven,
    /// RTZ: towards zero.
    TowardZero,
    /// RDN: towards negative infinity.
    Down,
    /// RUP: towards positive infinity.
    Up,
    /// RMM: to nearest, ties away from zero.
    NearestMaxMagnitude,
}

impl Rounding {
    /// The mode that `frm` or an instruction's `rm` field names; `None` for the reserved ones.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::NearestEven),
            1 => Some(Self::TowardZero),
            2 => Some(Self::Down),
            3 => Some(Self::Up),
            4 => Some(Self::NearestMaxMagnitude),
            _ => None,
        }
    }
}

/// Accrued exception flags, in the encoding of `fflags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// Nothing happened.
    pub const NONE: Self = Self(0);
    /// NX: the result was rounded.
    pub const INEXACT: Self = Self(1);
    /// UF: tiny and inexact.
    pub const UNDERFLOW: Self = Self(1 << 1);
    /// OF: too large for the format.
    pub const OVERFLOW: Self = Self(1 << 2);
    /// DZ: a finite number was divided by zero.
    pub const DIVIDE_BY_ZERO: Self = Self(1 << 3);
    /// NV: no usefully definable result.
    pub const INVALID: Self = Self(1 << 4);

    /// The bits for `fflags`.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A result with the flags that it raises.
pub type Flagged<T> = (T, Flags);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

impl Sign {
    fn times(self, other: Self) -> Self {
        if self == other { Self::Plus } else { Self::Minus }
    }
}

/// What the bits of a number mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Zero(Sign),
    Infinite(Sign),
    QuietNan,
    SignalingNan,
    Finite(Finite),
}

/// A finite number other than zero: `significand × 2^(exponent − 63)`, the top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Finite {
    sign: Sign,
    exponent: i32,
    significand: u64,
}

impl Value {
    fn of(format: Format, bits: u64) -> Self {
        let sign = if bits & format.sign_bit() == 0 { Sign::Plus } else { Sign::Minus };
        let fraction = bits & ((1 << format.fraction_bits) - 1);
        let biased = bits >> format.fraction_bits & ((1 << format.exponent_bits) - 1);
        let biased = i32::try_from(biased).unwrap_or_default();
        if biased == (1 << format.exponent_bits) - 1 {
            return match fraction {
                0 => Self::Infinite(sign),
                _ if fraction >> (format.fraction_bits - 1) == 1 => Self::QuietNan,
                _ => Self::SignalingNan,
            };
        }
        if biased == 0 && fraction == 0 {
            return Self::Zero(sign);
        }
        let hidden = u64::from(biased != 0) << format.fraction_bits;
        let shift = (hidden | fraction).leading_zeros();
        let exponent =
            biased.max(1) - format.bias() + 63 - shift.cast_signed() - format.fraction_bits.cast_signed();
        Self::Finite(Finite { sign, exponent, significand: (hidden | fraction) << shift })
    }

    fn is_nan(self) -> bool {
        matches!(self, Self::QuietNan | Self::SignalingNan)
    }

    /// The sign; NaNs count as positive.
    fn sign(self) -> Sign {
        match self {
            Self::Zero(sign) | Self::Infinite(sign) | Self::Finite(Finite { sign, .. }) => sign,
            Self::QuietNan | Self::SignalingNan => Sign::Plus,
        }
    }
}

/// The canonical NaN, with NV where an operand signals.
fn nan(format: Format, operands: &[Value]) -> Flagged<u64> {
    let signals = operands.contains(&Value::SignalingNan);
    (format.canonical_nan(), if signals { Flags::INVALID } else { Flags::NONE })
}

/// The canonical NaN, with NV.
fn invalid(format: Format) -> Flagged<u64> {
    (format.canonical_nan(), Flags::INVALID)
}

#[cfg(test)]
mod tests;
