//! Rounding: the one place where an exact result becomes a number of the format.

use super::{Flagged, Flags, Format, Rounding, Sign};

/// An exact result other than zero: `significand × 2^(exponent − 127)`. Bits below what 128 bits
/// can hold are gathered in the lowest one ("jammed"), which keeps every rounding decision right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    pub(super) sign: Sign,
    pub(super) exponent: i32,
    pub(super) significand: u128,
}

/// Shifts right; whatever falls out leaves a one in the lowest bit.
pub(super) fn shift_right_jam(value: u128, by: u32) -> u128 {
    match by {
        0 => value,
        1..128 => value >> by | u128::from(value << (128 - by) != 0),
        _ => u128::from(value != 0),
    }
}

/// Whether the part below the last kept bit rounds the magnitude up.
fn rounds_up(sign: Sign, odd: bool, below: u128, half: u128, mode: Rounding) -> bool {
    match mode {
        Rounding::NearestEven => below > half || below == half && odd,
        Rounding::NearestMaxMagnitude => below >= half,
        Rounding::TowardZero => false,
        Rounding::Down => sign == Sign::Minus && below != 0,
        Rounding::Up => sign == Sign::Plus && below != 0,
    }
}

/// Keeps the top `precision` bits of a significand; the rounded value and whether anything was lost.
fn keep(exact: Exact, precision: u32, mode: Rounding) -> (u64, bool) {
    let dropped = 128 - precision;
    let below = exact.significand & ((1 << dropped) - 1);
    let kept = u64::try_from(exact.significand >> dropped).unwrap_or(u64::MAX);
    let up = rounds_up(exact.sign, kept & 1 == 1, below, 1 << (dropped - 1), mode);
    (kept + u64::from(up), below != 0)
}

/// Rounds an exact result to the format.
pub(super) fn round(format: Format, mut exact: Exact, mode: Rounding) -> Flagged<u64> {
    let normalize = exact.significand.leading_zeros();
    exact.significand <<= normalize;
    exact.exponent -= normalize.cast_signed();
    let precision = format.fraction_bits + 1;
    if exact.exponent < format.least_exponent() {
        return round_tiny(format, exact, mode);
    }
    let (kept, inexact) = keep(exact, precision, mode);
    // A carry out of the significand moves into the exponent field by itself.
    let biased = i64::from(exact.exponent + format.bias());
    let magnitude = (biased.cast_unsigned() << format.fraction_bits) + kept - (1 << format.fraction_bits);
    if magnitude >= format.infinity() {
        return overflow(format, exact.sign, mode);
    }
    let flags = if inexact { Flags::INEXACT } else { Flags::NONE };
    (format.signed(exact.sign, magnitude), flags)
}

/// Below the normal numbers: fewer bits are kept. Tiny means tiny after rounding with an unbounded
/// exponent, so a value that would round up to the smallest normal number does not underflow.
fn round_tiny(format: Format, exact: Exact, mode: Rounding) -> Flagged<u64> {
    let precision = format.fraction_bits + 1;
    let (unbounded, _) = keep(exact, precision, mode);
    let becomes_normal = exact.exponent == format.least_exponent() - 1 && unbounded >> precision == 1;
    let shift = (format.least_exponent() - exact.exponent).cast_unsigned();
    let shifted = Exact { significand: shift_right_jam(exact.significand, shift), ..exact };
    let (magnitude, inexact) = keep(shifted, precision, mode);
    let flags = match (inexact, becomes_normal) {
        (false, _) => Flags::NONE,
        (true, true) => Flags::INEXACT,
        (true, false) => Flags::INEXACT.and(Flags::UNDERFLOW),
    };
    (format.signed(exact.sign, magnitude), flags)
}

fn overflow(format: Format, sign: Sign, mode: Rounding) -> Flagged<u64> {
    let to_infinity = match mode {
        Rounding::NearestEven | Rounding::NearestMaxMagnitude => true,
        Rounding::TowardZero => false,
        Rounding::Down => sign == Sign::Minus,
        Rounding::Up => sign == Sign::Plus,
    };
    let magnitude = if to_infinity { format.infinity() } else { format.largest_finite() };
    (format.signed(sign, magnitude), Flags::OVERFLOW.and(Flags::INEXACT))
}
