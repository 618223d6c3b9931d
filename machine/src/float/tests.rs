//! Against LLVM's soft float (`rustc_apfloat`) in every rounding mode, and against the host for
//! what LLVM's lacks; both were written by others.

use rustc_apfloat::{
    Float, FloatConvert, Round, Status, StatusAnd,
    ieee::{Double, Single},
};

use super::*;

const MODES: [(Rounding, Round); 5] = [
    (Rounding::NearestEven, Round::NearestTiesToEven),
    (Rounding::TowardZero, Round::TowardZero),
    (Rounding::Down, Round::TowardNegative),
    (Rounding::Up, Round::TowardPositive),
    (Rounding::NearestMaxMagnitude, Round::NearestTiesToAway),
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Bits of a number where things go wrong: ends of the range, short and long significands.
    fn operand(&mut self, format: Format) -> u64 {
        let all = format.sign_bit() | (format.sign_bit() - 1);
        let fraction_mask = (1 << format.fraction_bits) - 1;
        let random = self.next();
        let fraction = match self.next() % 6 {
            0 => 0,
            1 => fraction_mask,
            2 => 1 << (random % u64::from(format.fraction_bits)),
            3 => fraction_mask & !(fraction_mask >> (random % u64::from(format.fraction_bits))),
            _ => random & fraction_mask,
        };
        let top = (1u64 << format.exponent_bits) - 1;
        let exponent = match self.next() % 8 {
            0 => self.next() % 3,
            1 => top - self.next() % 3,
            2..=5 => (top >> 1).wrapping_add(self.next() % 130).wrapping_sub(65) & top,
            _ => self.next() & top,
        };
        (exponent << format.fraction_bits
            | fraction
            | if self.next() & 1 == 0 { 0 } else { format.sign_bit() })
            & all
    }
}

fn flags_of(status: Status) -> Flags {
    let pairs = [
        (Status::INVALID_OP, Flags::INVALID),
        (Status::DIV_BY_ZERO, Flags::DIVIDE_BY_ZERO),
        (Status::OVERFLOW, Flags::OVERFLOW),
        (Status::UNDERFLOW, Flags::UNDERFLOW),
        (Status::INEXACT, Flags::INEXACT),
    ];
    pairs
        .iter()
        .filter(|(status_bit, _)| status.contains(*status_bit))
        .fold(Flags::NONE, |all, (_, flag)| all.and(*flag))
}

fn bits_of<F: Float>(format: Format, result: StatusAnd<F>) -> Flagged<u64> {
    let bits = u64::try_from(result.value.to_bits()).unwrap();
    (if result.value.is_nan() { format.canonical_nan() } else { bits }, flags_of(result.status))
}

/// LLVM differs in two flags: it never reports underflow where a result rounds up to the smallest
/// normal number (`tininess_is_detected_after_rounding` has those), and it does not call it an overflow where the rounding mode
/// stops at the largest finite one.
fn agree(format: Format, ours: Flagged<u64>, theirs: Flagged<u64>) -> bool {
    let magnitude = ours.0 & !format.sign_bit();
    let (ours_flags, theirs_flags) = match magnitude {
        _ if magnitude == 1 << format.fraction_bits => (ours.1, theirs.1.and(Flags::UNDERFLOW)),
        _ if magnitude == format.largest_finite() => (ours.1, theirs.1.and(Flags::OVERFLOW)),
        _ => (ours.1, theirs.1),
    };
    ours.0 == theirs.0 && (ours.1 == theirs.1 || ours_flags == theirs_flags)
}

type Binary = fn(Format, u64, u64, Rounding) -> Flagged<u64>;

fn against_llvm<F: Float>(format: Format) {
    let mut random = Random(7);
    for _ in 0..60_000 {
        let [a, b, c] = [(); 3].map(|()| random.operand(format));
        let [fa, fb, fc] = [a, b, c].map(|bits| F::from_bits(bits.into()));
        for (mode, round) in MODES {
            let cases: [(&str, Binary, StatusAnd<F>); 4] = [
                ("add", add, fa.add_r(fb, round)),
                ("subtract", subtract, fa.sub_r(fb, round)),
                ("multiply", multiply, fa.mul_r(fb, round)),
                ("divide", divide, fa.div_r(fb, round)),
            ];
            for (name, ours, theirs) in cases {
                let (ours, theirs) = (ours(format, a, b, mode), bits_of(format, theirs));
                assert!(agree(format, ours, theirs), "{name} {a:#x} {b:#x} {mode:?}: {ours:x?} {theirs:x?}");
            }
            let ours = fused_multiply_add(format, a, b, c, mode);
            let theirs = bits_of(format, fa.mul_add_r(fb, fc, round));
            assert!(agree(format, ours, theirs), "fma {a:#x} {b:#x} {c:#x} {mode:?}: {ours:x?} {theirs:x?}");
        }
    }
}

#[test]
fn arithmetic_agrees_with_llvm_in_single_precision() {
    against_llvm::<Single>(SINGLE);
}

#[test]
fn arithmetic_agrees_with_llvm_in_double_precision() {
    against_llvm::<Double>(DOUBLE);
}

#[test]
fn conversions_agree_with_llvm() {
    let mut random = Random(8);
    for _ in 0..60_000 {
        let (single, double, register) = (random.operand(SINGLE), random.operand(DOUBLE), random.next());
        let register = register >> (random.next() % 64);
        for (mode, round) in MODES {
            let narrow: StatusAnd<Single> = Double::from_bits(double.into()).convert_r(round, &mut false);
            let ours = resize(DOUBLE, SINGLE, double, mode);
            assert!(
                agree(SINGLE, ours, signal(DOUBLE, double, bits_of(SINGLE, narrow))),
                "{double:#x} {mode:?} {ours:x?}"
            );
            let wide: StatusAnd<Double> = Single::from_bits(single.into()).convert_r(round, &mut false);
            assert_eq!(
                resize(SINGLE, DOUBLE, single, mode),
                signal(SINGLE, single, bits_of(DOUBLE, wide)),
                "{single:#x}"
            );
            let theirs = Double::from_u128_r(register.into(), round);
            assert_eq!(from_integer(DOUBLE, register, Integer::U64, mode), bits_of(DOUBLE, theirs));
            let theirs = Single::from_i128_r(register.cast_signed().into(), round);
            assert_eq!(from_integer(SINGLE, register, Integer::I64, mode), bits_of(SINGLE, theirs));
            let float = Double::from_bits(double.into());
            let theirs = float.to_i128_r(64, round, &mut false);
            let value = i64::try_from(theirs.value).unwrap().cast_unsigned();
            let theirs = (value, flags_of(theirs.status));
            if !float.is_nan() {
                assert_eq!(to_integer(DOUBLE, double, Integer::I64, mode), theirs, "{double:#x} {mode:?}");
            }
            let theirs = float.to_u128_r(32, round, &mut false);
            let value = i64::from(u32::try_from(theirs.value).unwrap().cast_signed()).cast_unsigned();
            let theirs = (value, flags_of(theirs.status));
            if !float.is_nan() {
                assert_eq!(to_integer(DOUBLE, double, Integer::U32, mode), theirs, "{double:#x} {mode:?}");
            }
        }
    }
}

/// A signaling NaN raises NV when it is converted, whatever the library reports.
fn signal(format: Format, operand: u64, result: Flagged<u64>) -> Flagged<u64> {
    if Value::of(format, operand) == Value::SignalingNan { (result.0, Flags::INVALID) } else { result }
}

#[test]
fn square_roots_agree_with_the_host_and_are_correctly_rounded_in_every_mode() {
    let mut random = Random(9);
    for _ in 0..60_000 {
        let bits = random.operand(DOUBLE) & !DOUBLE.sign_bit();
        if f64::from_bits(bits).is_nan() {
            assert_eq!(square_root(DOUBLE, bits, Rounding::NearestEven).0, DOUBLE.canonical_nan());
            continue;
        }
        let host = f64::from_bits(bits).sqrt();
        let (nearest, _) = square_root(DOUBLE, bits, Rounding::NearestEven);
        assert_eq!(nearest, host.to_bits(), "{bits:#x}");
        if !(1e-200..f64::INFINITY).contains(&f64::from_bits(bits)) {
            continue;
        }
        let (down, flags) = square_root(DOUBLE, bits, Rounding::Down);
        let (up, _) = square_root(DOUBLE, bits, Rounding::Up);
        let exact = flags == Flags::NONE;
        assert_eq!(up, down + u64::from(!exact), "{bits:#x}");
        assert!(nearest == down || nearest == up);
        // down² ≤ x: the fused operation gives the sign of the difference exactly.
        let below = f64::from_bits(down).mul_add(f64::from_bits(down), -f64::from_bits(bits));
        assert!(below <= 0.0 && (below == 0.0) == exact, "{bits:#x}");
        let single = random.operand(SINGLE) & !SINGLE.sign_bit();
        if single > SINGLE.infinity() {
            continue;
        }
        let host = f32::from_bits(u32::try_from(single).unwrap()).sqrt();
        let (ours, _) = square_root(SINGLE, single, Rounding::NearestEven);
        assert_eq!(ours, u64::from(host.to_bits()));
    }
    assert_eq!(square_root(DOUBLE, (-1f64).to_bits(), Rounding::NearestEven), invalid(DOUBLE));
    assert_eq!(
        square_root(DOUBLE, (-0f64).to_bits(), Rounding::NearestEven),
        ((-0f64).to_bits(), Flags::NONE)
    );
}

#[test]
fn tininess_is_detected_after_rounding() {
    // 2^-1022 × (1 − 2^-53) has 53 significant bits, so it is tiny, and rounds up all the same.
    let (largest_subnormal, smallest, half) = (0x000f_ffff_ffff_ffff, 1, 0x3fe0_0000_0000_0000);
    let (bits, flags) = fused_multiply_add(DOUBLE, smallest, half, largest_subnormal, Rounding::NearestEven);
    assert_eq!((bits, flags), (0x0010_0000_0000_0000, Flags::INEXACT.and(Flags::UNDERFLOW)));
    // 2^-1022 × (1 − 2^-54) rounds to 2^-1022 even with an unbounded exponent: not tiny.
    let (bits, flags) = fused_multiply_add(
        DOUBLE,
        0x3c80_0000_0000_0000,
        0x8010_0000_0000_0000,
        0x0010_0000_0000_0000,
        Rounding::NearestEven,
    );
    assert_eq!((bits, flags), (0x0010_0000_0000_0000, Flags::INEXACT));
}

#[test]
fn comparisons_agree_with_the_host_and_signal_as_specified() {
    let mut random = Random(10);
    let signaling = DOUBLE.infinity() | 1;
    for _ in 0..60_000 {
        let [a, b] = [(); 2].map(|()| random.operand(DOUBLE));
        let (x, y) = (f64::from_bits(a), f64::from_bits(b));
        let nan = if x.is_nan() || y.is_nan() { Flags::INVALID } else { Flags::NONE };
        assert_eq!(equal(DOUBLE, a, b).0, x == y);
        assert_eq!(less(DOUBLE, a, b), (x < y, nan));
        assert_eq!(less_or_equal(DOUBLE, a, b), (x <= y, nan));
    }
    let quiet = DOUBLE.canonical_nan();
    assert_eq!(equal(DOUBLE, quiet, 0), (false, Flags::NONE));
    assert_eq!(equal(DOUBLE, signaling, 0), (false, Flags::INVALID));
}

#[test]
fn minimum_and_maximum_prefer_numbers_and_order_zeros() {
    let [plus, minus] = [0f64, -0f64].map(f64::to_bits);
    let (quiet, signaling, one) = (DOUBLE.canonical_nan(), DOUBLE.infinity() | 1, 1f64.to_bits());
    assert_eq!(minimum(DOUBLE, plus, minus), (minus, Flags::NONE));
    assert_eq!(minimum(DOUBLE, minus, plus), (minus, Flags::NONE));
    assert_eq!(maximum(DOUBLE, minus, plus), (plus, Flags::NONE));
    assert_eq!(minimum(DOUBLE, quiet, one), (one, Flags::NONE));
    assert_eq!(maximum(DOUBLE, one, signaling), (one, Flags::INVALID));
    assert_eq!(minimum(DOUBLE, quiet | 5, quiet | 9), (quiet, Flags::NONE));
}

#[test]
fn every_class_has_its_bit() {
    let values = [f32::NEG_INFINITY, -1.0, -1e-40, -0.0, 0.0, 1e-40, 1.0, f32::INFINITY];
    for (value, bit) in values.into_iter().zip(0..) {
        assert_eq!(classify(SINGLE, value.to_bits().into()), 1 << bit, "{value}");
    }
    assert_eq!(classify(SINGLE, SINGLE.infinity() | 1), 1 << 8);
    assert_eq!(classify(SINGLE, SINGLE.canonical_nan()), 1 << 9);
}
