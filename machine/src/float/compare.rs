//! Comparisons, minimum and maximum, classification.

use super::{Flagged, Flags, Format, Sign, Value};

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first is smaller.
    Less,
    /// They are equal; zeros are, whatever their signs.
    Equal,
    /// The first is larger.
    Greater,
    /// At least one is a NaN.
    Unordered,
}

fn order(format: Format, a: u64, b: u64) -> Order {
    if Value::of(format, a).is_nan() || Value::of(format, b).is_nan() {
        return Order::Unordered;
    }
    match key(format, a).cmp(&key(format, b)) {
        core::cmp::Ordering::Less => Order::Less,
        core::cmp::Ordering::Equal => Order::Equal,
        core::cmp::Ordering::Greater => Order::Greater,
    }
}

/// An integer that orders as the number does, both zeros at the same place.
fn key(format: Format, bits: u64) -> i64 {
    let magnitude = (bits & (format.sign_bit() - 1)).cast_signed();
    if bits & format.sign_bit() == 0 { magnitude } else { -magnitude }
}

fn signals(format: Format, a: u64, b: u64) -> Flags {
    let signaling = |bits| Value::of(format, bits) == Value::SignalingNan;
    if signaling(a) || signaling(b) { Flags::INVALID } else { Flags::NONE }
}

/// FEQ: quiet; NV for a signaling NaN only.
#[must_use]
pub fn equal(format: Format, a: u64, b: u64) -> Flagged<bool> {
    (order(format, a, b) == Order::Equal, signals(format, a, b))
}

/// FLT: NV for any NaN.
#[must_use]
pub fn less(format: Format, a: u64, b: u64) -> Flagged<bool> {
    signaling_comparison(order(format, a, b), &[Order::Less])
}

/// FLE: NV for any NaN.
#[must_use]
pub fn less_or_equal(format: Format, a: u64, b: u64) -> Flagged<bool> {
    signaling_comparison(order(format, a, b), &[Order::Less, Order::Equal])
}

fn signaling_comparison(order: Order, wanted: &[Order]) -> Flagged<bool> {
    let flags = if order == Order::Unordered { Flags::INVALID } else { Flags::NONE };
    (wanted.contains(&order), flags)
}

/// FMIN: the smaller number; a NaN loses against a number; −0 is below +0.
#[must_use]
pub fn minimum(format: Format, a: u64, b: u64) -> Flagged<u64> {
    choose(format, a, b, Sign::Minus)
}

/// FMAX: the larger number; a NaN loses against a number; +0 is above −0.
#[must_use]
pub fn maximum(format: Format, a: u64, b: u64) -> Flagged<u64> {
    choose(format, a, b, Sign::Plus)
}

/// `towards` is the end of the number line that wins.
fn choose(format: Format, a: u64, b: u64, towards: Sign) -> Flagged<u64> {
    let nan = |bits| Value::of(format, bits).is_nan();
    let wins = if towards == Sign::Minus { Order::Less } else { Order::Greater };
    let result = match (nan(a), nan(b)) {
        (true, true) => format.canonical_nan(),
        (true, false) => b,
        (false, true) => a,
        (false, false) => match order(format, a, b) {
            // Equal bits, or two zeros: then the sign decides.
            Order::Equal => {
                if Value::of(format, a).sign() == towards {
                    a
                } else {
                    b
                }
            }
            order => {
                if order == wins {
                    a
                } else {
                    b
                }
            }
        },
    };
    (result, signals(format, a, b))
}

/// FCLASS: one bit set of ten (unprivileged specification, "Floating-Point Classify Instruction").
#[must_use]
pub fn classify(format: Format, bits: u64) -> u64 {
    let value = Value::of(format, bits);
    let bit = match (value, value.sign()) {
        (Value::Infinite(_), Sign::Minus) => 0,
        (Value::Finite(x), Sign::Minus) if x.exponent >= format.least_exponent() => 1,
        (Value::Finite(_), Sign::Minus) => 2,
        (Value::Zero(_), Sign::Minus) => 3,
        (Value::Zero(_), Sign::Plus) => 4,
        (Value::Finite(x), Sign::Plus) if x.exponent < format.least_exponent() => 5,
        (Value::Finite(_), Sign::Plus) => 6,
        (Value::Infinite(_), Sign::Plus) => 7,
        (Value::SignalingNan, _) => 8,
        (Value::QuietNan, _) => 9,
    };
    1 << bit
}
