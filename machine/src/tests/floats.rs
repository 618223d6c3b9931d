//! The floating-point unit around the arithmetic: FS, NaN boxing, rounding modes, flags. The
//! arithmetic itself is tested in [`crate::float`].

use super::{asm::*, *};
use crate::{
    csr::{number, status},
    encode::encode,
    insn::{Insn, Op},
    trap::Exception,
};

/// `rm` of an instruction that rounds as `frm` says.
const DYNAMIC: i32 = 7;

/// A bench whose floating-point unit is on, in its initial state.
fn bench(program: &[u32]) -> Bench {
    let mut words = vec![csr(Op::Csrrs, ZERO, number::MSTATUS, T0)];
    words.extend(program);
    let mut bench = Bench::new(&words);
    bench.set(T0, 1 << 13).run(1);
    bench
}

/// `op frd, frs1, frs2` with a rounding mode.
fn rounded(op: Op, rd: u8, rs1: u8, rs2: u8, mode: i32) -> u32 {
    encode(Insn { op, rd, rs1, rs2, imm: mode })
}

#[test]
fn an_fpu_that_is_off_traps_every_use_of_it() {
    let uses = [
        imm(Op::Fld, 1, A0, 0),
        store(Op::Fsw, 1, 0, A0),
        rounded(Op::FaddD, 1, 2, 3, DYNAMIC),
        reg(Op::FeqS, A0, 1, 2),
        reg(Op::FmvXW, A0, 1, 0),
        csr(Op::Csrrs, A0, number::FCSR, ZERO),
    ];
    for word in uses {
        let mut bench = Bench::new(&[word]);
        bench.run(1);
        let csrs = bench.hart().csrs();
        assert_eq!((csrs.mcause, csrs.mtval), (Exception::Illegal.code(), word.into()));
    }
}

#[test]
fn a_change_of_state_makes_it_dirty_and_sd_says_so() {
    let mut bench = bench(&[
        csr(Op::Csrrs, A0, number::MSTATUS, ZERO),
        reg(Op::FmvDX, 1, ZERO, 0),
        csr(Op::Csrrs, A1, number::SSTATUS, ZERO),
    ]);
    bench.run(3);
    assert_eq!(bench.x(A0) & (status::FS | status::SD), 1 << 13);
    assert_eq!(bench.x(A1) & (status::FS | status::SD), status::FS | status::SD);
}

#[test]
fn a_single_in_a_register_is_boxed_and_what_is_not_boxed_is_nan() {
    let one = u64::from(1f32.to_bits());
    let mut bench = bench(&[
        reg(Op::FmvWX, 1, A0, 0),
        reg(Op::FmvXD, A1, 1, 0),
        reg(Op::FmvDX, 2, A0, 0),
        reg(Op::FclassS, A2, 2, 0),
        reg(Op::FsgnjS, 3, 2, 2),
        reg(Op::FmvXW, A3, 3, 0),
    ]);
    bench.set(A0, one).run(6);
    assert_eq!(bench.x(A1), one | 0xffff_ffff_0000_0000);
    assert_eq!(bench.x(A2), 1 << 9, "a quiet NaN");
    assert_eq!(bench.x(A3), 0x7fc0_0000, "the canonical one");
}

#[test]
fn a_store_takes_the_lower_half_as_it_is() {
    let mut bench = bench(&[reg(Op::FmvDX, 1, A0, 0), store(Op::Fsw, 1, 0, A1), imm(Op::Lwu, A2, A1, 0)]);
    bench.set(A0, 0x1234_5678_9abc_def0).set(A1, DATA).run(3);
    assert_eq!(bench.x(A2), 0x9abc_def0);
}

#[test]
fn f0_is_a_register_like_any_other() {
    let mut bench = bench(&[reg(Op::FmvDX, 0, A0, 0), reg(Op::FmvXD, A1, 0, 0)]);
    bench.set(A0, 42).run(2);
    assert_eq!((bench.x(A1), bench.x(ZERO)), (42, 0));
}

#[test]
fn flags_accrue_and_rounding_follows_the_instruction_or_frm() {
    let third = |mode| rounded(Op::FdivD, 3, 1, 2, mode);
    let mut bench = bench(&[
        reg(Op::FmvDX, 1, A0, 0),
        reg(Op::FmvDX, 2, A1, 0),
        third(3), // up
        reg(Op::FmvXD, A2, 3, 0),
        csr(Op::Csrrwi, ZERO, number::FRM, 2), // down
        third(DYNAMIC),
        reg(Op::FmvXD, A3, 3, 0),
        csr(Op::Csrrs, T1, number::FCSR, ZERO),
    ]);
    bench.set(A0, 1f64.to_bits()).set(A1, 3f64.to_bits()).run(8);
    assert_eq!(bench.x(A2), bench.x(A3) + 1);
    assert_eq!(bench.x(T1), 2 << 5 | 1, "frm = RDN, NX");
}

#[test]
fn a_reserved_rounding_mode_is_illegal_in_the_instruction_and_in_frm() {
    for (frm, mode) in [(0, 5), (0, 6), (5, DYNAMIC), (7, DYNAMIC)] {
        let word = rounded(Op::FaddS, 1, 2, 3, mode);
        let mut bench = bench(&[csr(Op::Csrrwi, ZERO, number::FRM, frm), word]);
        bench.run(2);
        assert_eq!(bench.hart().csrs().mtval, u64::from(word), "frm {frm}, rm {mode}");
    }
}

#[test]
fn the_four_fused_operations_differ_in_their_signs() {
    let cases = [(Op::FmaddD, 7.0), (Op::FmsubD, 5.0), (Op::FnmsubD, -5.0), (Op::FnmaddD, -7.0)];
    for (op, expected) in cases {
        let fused = encode(Insn { op, rd: 4, rs1: 1, rs2: 2, imm: 3 << 3 });
        let moves = [reg(Op::FmvDX, 1, A0, 0), reg(Op::FmvDX, 2, A1, 0), reg(Op::FmvDX, 3, A2, 0)];
        let mut bench = bench(&[moves[0], moves[1], moves[2], fused, reg(Op::FmvXD, A3, 4, 0)]);
        let [two, three, one] = [2.0, 3.0, 1.0].map(f64::to_bits);
        bench.set(A0, two).set(A1, three).set(A2, one).run(5);
        assert_eq!(f64::from_bits(bench.x(A3)), expected, "{op:?}");
    }
}
