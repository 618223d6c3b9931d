//! Addition, multiplication, division, square root, and the fused multiply-add. Each computes the
//! exact result and rounds once.

use super::{
    Finite, Flagged, Flags, Format, Rounding, Sign, Value, invalid, nan,
    round::{Exact, round, shift_right_jam},
};

impl Finite {
    fn exact(self) -> Exact {
        Exact { sign: self.sign, exponent: self.exponent, significand: u128::from(self.significand) << 64 }
    }
}

/// `a + b`.
#[must_use]
pub fn add(format: Format, a: u64, b: u64, mode: Rounding) -> Flagged<u64> {
    let (a, b) = (Value::of(format, a), Value::of(format, b));
    sum(format, a, b, mode, nan(format, &[a, b]).1)
}

/// `a − b`.
#[must_use]
pub fn subtract(format: Format, a: u64, b: u64, mode: Rounding) -> Flagged<u64> {
    // Flipping the sign of a NaN changes nothing that shows.
    add(format, a, b ^ format.sign_bit(), mode)
}

fn sum(format: Format, a: Value, b: Value, mode: Rounding, nan_flags: Flags) -> Flagged<u64> {
    match (a, b) {
        _ if a.is_nan() || b.is_nan() => (format.canonical_nan(), nan_flags),
        (Value::Infinite(x), Value::Infinite(y)) if x != y => invalid(format),
        (Value::Infinite(sign), _) | (_, Value::Infinite(sign)) => {
            (format.signed(sign, format.infinity()), Flags::NONE)
        }
        (Value::Zero(x), Value::Zero(y)) => (format.signed(zero_sum(x, y, mode), 0), Flags::NONE),
        (Value::Finite(x), Value::Zero(_)) | (Value::Zero(_), Value::Finite(x)) => {
            round(format, x.exact(), mode)
        }
        (Value::Finite(x), Value::Finite(y)) => sum_exact(format, x.exact(), y.exact(), mode),
        (Value::QuietNan | Value::SignalingNan, _) | (_, Value::QuietNan | Value::SignalingNan) => {
            invalid(format)
        }
    }
}

/// The sign of a sum that is exactly zero.
fn zero_sum(a: Sign, b: Sign, mode: Rounding) -> Sign {
    match (a == b, mode) {
        (true, _) => a,
        (false, Rounding::Down) => Sign::Minus,
        (false, _) => Sign::Plus,
    }
}

/// Adds two exact values whose significands have their top bit set.
///
/// Jamming the smaller one is harmless: more than one leading bit can cancel only where the
/// exponents differ by at most one, and then no set bit is lost, because products and operands of
/// double precision leave at least 22 of the 128 bits clear.
fn sum_exact(format: Format, a: Exact, b: Exact, mode: Rounding) -> Flagged<u64> {
    let (large, small) =
        if (a.exponent, a.significand) >= (b.exponent, b.significand) { (a, b) } else { (b, a) };
    let distance = (large.exponent - small.exponent).cast_unsigned();
    // One bit of room for the carry.
    let big = shift_right_jam(large.significand, 1);
    let little = shift_right_jam(small.significand, distance.saturating_add(1));
    let exponent = large.exponent + 1;
    if large.sign == small.sign {
        return round(format, Exact { sign: large.sign, exponent, significand: big + little }, mode);
    }
    match big - little {
        0 => (format.signed(zero_sum(a.sign, b.sign, mode), 0), Flags::NONE),
        significand => round(format, Exact { sign: large.sign, exponent, significand }, mode),
    }
}

/// `a × b`.
#[must_use]
pub fn multiply(format: Format, a: u64, b: u64, mode: Rounding) -> Flagged<u64> {
    let (a, b) = (Value::of(format, a), Value::of(format, b));
    let sign = a.sign().times(b.sign());
    match (a, b) {
        _ if a.is_nan() || b.is_nan() => nan(format, &[a, b]),
        (Value::Infinite(_), Value::Zero(_)) | (Value::Zero(_), Value::Infinite(_)) => invalid(format),
        (Value::Infinite(_), _) | (_, Value::Infinite(_)) => {
            (format.signed(sign, format.infinity()), Flags::NONE)
        }
        (Value::Finite(x), Value::Finite(y)) => round(format, product(x, y), mode),
        _ => (format.signed(sign, 0), Flags::NONE),
    }
}

/// The exact product, its top bit set.
fn product(a: Finite, b: Finite) -> Exact {
    let significand = u128::from(a.significand) * u128::from(b.significand);
    let shift = significand.leading_zeros();
    Exact {
        sign: a.sign.times(b.sign),
        exponent: a.exponent + b.exponent + 1 - shift.cast_signed(),
        significand: significand << shift,
    }
}

/// `a × b + c`, rounded once.
#[must_use]
pub fn fused_multiply_add(format: Format, a: u64, b: u64, c: u64, mode: Rounding) -> Flagged<u64> {
    let (a, b, c) = (Value::of(format, a), Value::of(format, b), Value::of(format, c));
    let sign = a.sign().times(b.sign());
    let nan_flags = nan(format, &[a, b, c]).1;
    match (a, b) {
        // Invalid even where c is a quiet NaN.
        (Value::Infinite(_), Value::Zero(_)) | (Value::Zero(_), Value::Infinite(_)) => invalid(format),
        _ if a.is_nan() || b.is_nan() || c.is_nan() => (format.canonical_nan(), nan_flags),
        (Value::Infinite(_), _) | (_, Value::Infinite(_)) => {
            sum(format, Value::Infinite(sign), c, mode, nan_flags)
        }
        (Value::Finite(x), Value::Finite(y)) => match c {
            Value::Finite(z) => sum_exact(format, product(x, y), z.exact(), mode),
            Value::Infinite(sign) => (format.signed(sign, format.infinity()), Flags::NONE),
            _ => round(format, product(x, y), mode),
        },
        _ => sum(format, Value::Zero(sign), c, mode, nan_flags),
    }
}

/// `a ÷ b`.
#[must_use]
pub fn divide(format: Format, a: u64, b: u64, mode: Rounding) -> Flagged<u64> {
    let (a, b) = (Value::of(format, a), Value::of(format, b));
    let sign = a.sign().times(b.sign());
    match (a, b) {
        _ if a.is_nan() || b.is_nan() => nan(format, &[a, b]),
        (Value::Infinite(_), Value::Infinite(_)) | (Value::Zero(_), Value::Zero(_)) => invalid(format),
        (Value::Infinite(_), _) => (format.signed(sign, format.infinity()), Flags::NONE),
        (Value::Finite(_), Value::Zero(_)) => (format.signed(sign, format.infinity()), Flags::DIVIDE_BY_ZERO),
        (Value::Finite(x), Value::Finite(y)) => round(format, quotient(sign, x, y), mode),
        _ => (format.signed(sign, 0), Flags::NONE),
    }
}

/// 63 or 64 bits of the quotient, the remainder jammed: enough for any format up to 61 bits.
fn quotient(sign: Sign, a: Finite, b: Finite) -> Exact {
    let dividend = u128::from(a.significand) << 63;
    let divisor = u128::from(b.significand);
    let quotient = (dividend / divisor) << 1 | u128::from(dividend % divisor != 0);
    Exact { sign, exponent: a.exponent - b.exponent + 63, significand: quotient }
}

/// `√a`.
#[must_use]
pub fn square_root(format: Format, a: u64, mode: Rounding) -> Flagged<u64> {
    match Value::of(format, a) {
        value if value.is_nan() => nan(format, &[value]),
        Value::Zero(sign) => (format.signed(sign, 0), Flags::NONE),
        Value::Infinite(Sign::Plus) => (format.infinity(), Flags::NONE),
        Value::Finite(x) if x.sign == Sign::Plus => round(format, root(x), mode),
        _ => invalid(format),
    }
}

/// 64 bits of the root, the remainder jammed.
fn root(a: Finite) -> Exact {
    // An even exponent halves exactly; the radicand keeps 127 or 128 bits.
    let odd = a.exponent & 1;
    let radicand = u128::from(a.significand) << (63 + odd);
    let root = radicand.isqrt();
    let significand = root << 1 | u128::from(root * root != radicand);
    Exact { sign: Sign::Plus, exponent: (a.exponent - odd) / 2 + 63, significand }
}
