//! Zba, Zbb and Zbs against their definitions, bit by bit, and Svinval.

use super::{asm::*, *};
use crate::{csr::status, insn::Op};

const VALUES: [u64; 12] = [
    0,
    1,
    0x80,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x0123_4567_89ab_cdef,
    0x8000_0000_0000_0000,
    0xff00_00ff_0000_8000,
    u64::MAX - 1,
    u64::MAX,
];

/// A value as its bits, the lowest first.
type Bits = [bool; 64];

fn bits(value: u64) -> Bits {
    core::array::from_fn(|index| value >> index & 1 == 1)
}

fn number(bits: Bits) -> u64 {
    bits.iter().rev().fold(0, |value, &bit| value * 2 + u64::from(bit))
}

/// The low `len` bits, with bit `len - 1` repeated above, or zeros where `fill` is false.
fn low(value: u64, len: usize, fill: bool) -> u64 {
    let from = bits(value);
    number(core::array::from_fn(|index| if index < len { from[index] } else { fill && from[len - 1] }))
}

/// How many bits are clear before the first that is set.
fn clear_before(bits: impl Iterator<Item = bool>) -> u64 {
    bits.take_while(|&bit| !bit).count() as u64
}

/// The value with its low `len` bits rotated right.
fn rotated(value: u64, by: u64, len: usize) -> u64 {
    let from = bits(value);
    let by = usize::try_from(by).expect("small") % len;
    number(core::array::from_fn(|index| index < len && from[(index + by) % len]))
}

fn bytes(value: u64, f: impl Fn([u8; 8], usize) -> u8) -> u64 {
    let from = value.to_le_bytes();
    u64::from_le_bytes(core::array::from_fn(|index| f(from, index)))
}

/// What the specification says that `op` makes of its operands.
fn expected(op: Op, a: u64, b: u64) -> u64 {
    let (low_a, index) = (low(a, 32, false), b % 64);
    let other =
        |bit: bool| number(core::array::from_fn(|at| if at as u64 == index { bit } else { bits(a)[at] }));
    let signed = |value: u64| i128::from(value.cast_signed());
    let smaller_signed = if signed(a) < signed(b) { a } else { b };
    let smaller = if u128::from(a) < u128::from(b) { a } else { b };
    match op {
        Op::AddUw => low_a.wrapping_add(b),
        Op::Sh1add => a.wrapping_mul(2).wrapping_add(b),
        Op::Sh2add => a.wrapping_mul(4).wrapping_add(b),
        Op::Sh3add => a.wrapping_mul(8).wrapping_add(b),
        Op::Sh1addUw => low_a.wrapping_mul(2).wrapping_add(b),
        Op::Sh2addUw => low_a.wrapping_mul(4).wrapping_add(b),
        Op::Sh3addUw => low_a.wrapping_mul(8).wrapping_add(b),
        Op::SlliUw => (0..index).fold(low_a, |value, _| value.wrapping_mul(2)),
        Op::Andn => number(core::array::from_fn(|at| bits(a)[at] && !bits(b)[at])),
        Op::Orn => number(core::array::from_fn(|at| bits(a)[at] || !bits(b)[at])),
        Op::Xnor => number(core::array::from_fn(|at| bits(a)[at] == bits(b)[at])),
        Op::Clz => clear_before(bits(a).into_iter().rev()),
        Op::Clzw => clear_before(bits(a)[..32].iter().copied().rev()),
        Op::Ctz => clear_before(bits(a).into_iter()),
        Op::Ctzw => clear_before(bits(a)[..32].iter().copied()),
        Op::Cpop => bits(a).iter().filter(|&&bit| bit).count() as u64,
        Op::Cpopw => bits(a)[..32].iter().filter(|&&bit| bit).count() as u64,
        Op::Min => smaller_signed,
        Op::Max => {
            if smaller_signed == a {
                b
            } else {
                a
            }
        }
        Op::Minu => smaller,
        Op::Maxu => {
            if smaller == a {
                b
            } else {
                a
            }
        }
        Op::SextB => low(a, 8, true),
        Op::SextH => low(a, 16, true),
        Op::ZextH => low(a, 16, false),
        Op::Rol => rotated(a, 64 - b % 64, 64),
        Op::Ror | Op::Rori => rotated(a, b % 64, 64),
        Op::Rolw => low(rotated(a, 32 - b % 32, 32), 32, true),
        Op::Rorw | Op::Roriw => low(rotated(a, b % 32, 32), 32, true),
        Op::OrcB => bytes(a, |from, index| if from[index] == 0 { 0 } else { 0xff }),
        Op::Rev8 => bytes(a, |from, index| from[7 - index]),
        Op::Bset | Op::Bseti => other(true),
        Op::Bclr | Op::Bclri => other(false),
        Op::Binv | Op::Binvi => other(!bits(a)[usize::try_from(index).expect("small")]),
        Op::Bext | Op::Bexti => bits(a)[usize::try_from(index).expect("small")].into(),
        _ => unreachable!("{op:?} is no bit manipulation"),
    }
}

fn result(word: u32, a: u64, b: u64) -> u64 {
    let mut bench = Bench::new(&[word]);
    bench.set(A1, a).set(A2, b).run(1);
    bench.x(A0)
}

#[test]
fn operations_on_two_registers_do_what_their_definitions_say() {
    let ops = [
        Op::AddUw,
        Op::Sh1add,
        Op::Sh2add,
        Op::Sh3add,
        Op::Sh1addUw,
        Op::Sh2addUw,
        Op::Sh3addUw,
        Op::Andn,
        Op::Orn,
        Op::Xnor,
        Op::Min,
        Op::Minu,
        Op::Max,
        Op::Maxu,
        Op::Rol,
        Op::Rolw,
        Op::Ror,
        Op::Rorw,
        Op::Bset,
        Op::Bclr,
        Op::Binv,
        Op::Bext,
    ];
    for op in ops {
        for a in VALUES {
            for b in VALUES {
                let word = reg(op, A0, A1, A2);
                assert_eq!(result(word, a, b), expected(op, a, b), "{} {a:#x}, {b:#x}", op.name());
            }
        }
    }
}

#[test]
fn operations_with_an_immediate_or_one_operand_do_what_their_definitions_say() {
    let wide = [Op::SlliUw, Op::Rori, Op::Bseti, Op::Bclri, Op::Binvi, Op::Bexti];
    for a in VALUES {
        for shift in [0, 1, 7, 31, 32, 63] {
            for op in wide.into_iter().chain((shift < 32).then_some(Op::Roriw)) {
                let word = imm(op, A0, A1, shift);
                let b = u64::try_from(shift).expect("positive");
                assert_eq!(result(word, a, 0), expected(op, a, b), "{} {a:#x}, {shift}", op.name());
            }
        }
        for op in [
            Op::Clz,
            Op::Clzw,
            Op::Ctz,
            Op::Ctzw,
            Op::Cpop,
            Op::Cpopw,
            Op::SextB,
            Op::SextH,
            Op::ZextH,
            Op::OrcB,
            Op::Rev8,
        ] {
            assert_eq!(result(reg(op, A0, A1, 0), a, 0), expected(op, a, 0), "{} {a:#x}", op.name());
        }
    }
}

#[test]
fn fine_grained_invalidation_is_reported_as_a_fence_and_obeys_tvm() {
    let mut bench = Bench::supervisor(&[
        plain(Op::SfenceWInval),
        reg(Op::SinvalVma, ZERO, A0, A1),
        plain(Op::SfenceInvalIr),
    ]);
    bench.set(A0, 0x4000).set(A1, 7);
    let log = bench.watch(3);
    assert!(
        matches!(log.events[..], [Seen::Fence(_, Some(va), Some(7))] if va.get() == 0x4000),
        "{:?}",
        log.events
    );
    for (op, mode, trap_bit, traps) in [
        (Op::SinvalVma, Privilege::Supervisor, status::TVM, true),
        (Op::SinvalVma, Privilege::Machine, status::TVM, false),
        (Op::SinvalVma, Privilege::User, 0, true),
        (Op::SfenceWInval, Privilege::Supervisor, status::TVM, false),
        (Op::SfenceInvalIr, Privilege::Supervisor, status::TVM, false),
        (Op::SfenceWInval, Privilege::User, 0, true),
        (Op::SfenceInvalIr, Privilege::User, 0, true),
    ] {
        let mut bench = Bench::new(&[plain(op)]);
        bench.hart().mode = mode;
        bench.hart().csrs.mstatus |= trap_bit;
        bench.run(1);
        assert_eq!(bench.hart().pc == M_HANDLER, traps, "{op:?} in {mode:?}");
    }
}
