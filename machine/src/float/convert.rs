//! Conversions between formats and to and from integers.

use super::{
    Finite, Flagged, Flags, Format, Rounding, Sign, Value, nan,
    round::{Exact, round, shift_right_jam},
};

/// The integer side of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// 32 bits, signed.
    I32,
    /// 32 bits, unsigned.
    U32,
    /// 64 bits, signed.
    I64,
    /// 64 bits, unsigned.
    U64,
}

impl Integer {
    fn range(self) -> (i128, i128) {
        match self {
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::I64 => (i64::MIN.into(), i64::MAX.into()),
            Self::U64 => (0, u64::MAX.into()),
        }
    }

    /// The integer in a register: 32-bit values, unsigned ones too, are sign-extended.
    fn to_register(self, value: i128) -> u64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "value lies in range()")]
        match self {
            Self::I32 | Self::U32 => i64::from(value as i32).cast_unsigned(),
            Self::I64 | Self::U64 => value as u64,
        }
    }

    fn of_register(self, register: u64) -> i128 {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_possible_wrap,
            reason = "the low half is what is meant"
        )]
        match self {
            Self::I32 => (register as i32).into(),
            Self::U32 => (register as u32).into(),
            Self::I64 => register.cast_signed().into(),
            Self::U64 => register.into(),
        }
    }
}

/// FCVT.{W,WU,L,LU}: rounds to an integer. Out of range, and NaN, give the nearest end of the range
/// (NaN the upper one) and NV alone.
#[must_use]
pub fn to_integer(format: Format, bits: u64, integer: Integer, mode: Rounding) -> Flagged<u64> {
    let (least, most) = integer.range();
    let out_of_range = |sign| match sign {
        Sign::Plus => (integer.to_register(most), Flags::INVALID),
        Sign::Minus => (integer.to_register(least), Flags::INVALID),
    };
    let finite = match Value::of(format, bits) {
        Value::QuietNan | Value::SignalingNan => return out_of_range(Sign::Plus),
        Value::Infinite(sign) => return out_of_range(sign),
        Value::Zero(_) => return (0, Flags::NONE),
        Value::Finite(finite) => finite,
    };
    if finite.exponent > 64 {
        return out_of_range(finite.sign);
    }
    let (magnitude, inexact) = round_to_integer(finite, mode);
    let value = if finite.sign == Sign::Minus { -magnitude } else { magnitude };
    if !(least..=most).contains(&value) {
        return out_of_range(finite.sign);
    }
    (integer.to_register(value), if inexact { Flags::INEXACT } else { Flags::NONE })
}

/// The magnitude rounded to an integer, for exponents up to 64.
fn round_to_integer(finite: Finite, mode: Rounding) -> (i128, bool) {
    // The binary point stands above the two lowest bits: one half, and whatever is less.
    let shift = (127 - 2 - finite.exponent).cast_unsigned();
    let scaled = shift_right_jam(u128::from(finite.significand) << 64, shift);
    let (whole, below) = (scaled >> 2, scaled & 3);
    let up = match mode {
        Rounding::NearestEven => below == 3 || below == 2 && whole & 1 == 1,
        Rounding::NearestMaxMagnitude => below >= 2,
        Rounding::TowardZero => false,
        Rounding::Down => finite.sign == Sign::Minus && below != 0,
        Rounding::Up => finite.sign == Sign::Plus && below != 0,
    };
    ((whole + u128::from(up)).cast_signed(), below != 0)
}

/// FCVT from an integer in a register.
#[must_use]
pub fn from_integer(format: Format, register: u64, integer: Integer, mode: Rounding) -> Flagged<u64> {
    let value = integer.of_register(register);
    if value == 0 {
        return (0, Flags::NONE);
    }
    let sign = if value < 0 { Sign::Minus } else { Sign::Plus };
    round(format, Exact { sign, exponent: 127, significand: value.unsigned_abs() }, mode)
}

/// FCVT.S.D and FCVT.D.S.
#[must_use]
pub fn resize(from: Format, to: Format, bits: u64, mode: Rounding) -> Flagged<u64> {
    match Value::of(from, bits) {
        value @ (Value::QuietNan | Value::SignalingNan) => nan(to, &[value]),
        Value::Infinite(sign) => (to.signed(sign, to.infinity()), Flags::NONE),
        Value::Zero(sign) => (to.signed(sign, 0), Flags::NONE),
        Value::Finite(Finite { sign, exponent, significand }) => {
            round(to, Exact { sign, exponent, significand: u128::from(significand) << 64 }, mode)
        }
    }
}
