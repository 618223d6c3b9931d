//! LR, SC and AMOs.

use super::{asm::*, *};
use crate::insn::Op;

#[test]
fn amos_return_what_was_there_and_store_the_combination() {
    let (old, operand) = (0xffff_ffff_8000_0001_u64, 0x0000_0000_7fff_fff0_u64);
    let cases = [
        (Op::AmoswapD, operand),
        (Op::AmoaddD, 0xffff_ffff_ffff_fff1),
        (Op::AmoxorD, old ^ operand),
        (Op::AmoandD, 0),
        (Op::AmoorD, old | operand),
        (Op::AmominD, old),
        (Op::AmomaxD, operand),
        (Op::AmominuD, operand),
        (Op::AmomaxuD, old),
        // Words: the upper half of memory stays.
        (Op::AmoswapW, 0xffff_ffff_7fff_fff0),
        (Op::AmoaddW, 0xffff_ffff_ffff_fff1),
        (Op::AmominW, 0xffff_ffff_8000_0001),
        (Op::AmomaxW, 0xffff_ffff_7fff_fff0),
        (Op::AmominuW, 0xffff_ffff_7fff_fff0),
        (Op::AmomaxuW, 0xffff_ffff_8000_0001),
    ];
    for (op, stored) in cases {
        let mut bench = Bench::new(&[reg(op, A0, A1, A2)]);
        bench.poke(DATA, old);
        bench.set(A1, DATA).set(A2, operand).run(1);
        assert_eq!((bench.x(A0), bench.peek(DATA)), (old, stored), "{op:?}");
    }
}

#[test]
fn sc_succeeds_once_after_lr_and_only_on_the_same_bytes() {
    let lr = reg(Op::LrD, A0, A1, ZERO);
    let sc = reg(Op::ScD, A2, A1, A3);
    let cases: [(&[u32], u64); 5] = [
        (&[lr, sc], 0),
        (&[nop(), sc], 1),
        (&[lr, sc, sc], 1),
        (&[lr, imm(Op::Addi, A1, A1, 8), sc], 1),
        (&[reg(Op::LrW, A0, A1, ZERO), sc], 1),
    ];
    for (program, result) in cases {
        let mut bench = Bench::new(program);
        bench.set(A1, DATA).set(A3, 7).run(program.len() as u64);
        assert_eq!(bench.x(A2), result);
    }
}

#[test]
fn a_failing_sc_stores_nothing_and_ends_the_reservation() {
    let mut bench =
        Bench::new(&[reg(Op::LrD, A0, A1, ZERO), reg(Op::ScD, A2, T0, A3), reg(Op::ScD, A2, A1, A3)]);
    bench.set(A1, DATA).set(T0, DATA + 8).set(A3, 7).run(3);
    assert_eq!((bench.x(A2), bench.peek(DATA), bench.peek(DATA + 8)), (1, 0, 0));
}

#[test]
fn the_reservation_is_on_the_physical_address() {
    let mut bench = Bench::supervisor(&[reg(Op::LrD, A0, A1, ZERO), reg(Op::ScD, A2, T0, A3)]);
    bench.map(0x4000, DATA, "DAWRV");
    bench.map(0x7000, DATA, "DAWRV");
    bench.set(A1, 0x4008).set(T0, 0x7008).set(A3, 7).run(2);
    assert_eq!((bench.x(A2), bench.peek(DATA + 8)), (0, 7));
}

#[test]
fn a_trap_between_lr_and_sc_ends_the_reservation() {
    let mut bench = Bench::new(&[reg(Op::LrD, A0, A1, ZERO), plain(Op::Ecall), reg(Op::ScD, A2, A1, A3)]);
    bench.set(A1, DATA).run(2);
    bench.hart().pc = CODE + 8;
    bench.run(1);
    assert_eq!(bench.x(A2), 1);
}

#[test]
fn misaligned_atomics_trap() {
    for (word, cause) in
        [(reg(Op::LrD, A0, A1, ZERO), 4), (reg(Op::ScD, A0, A1, A2), 6), (reg(Op::AmoaddD, A0, A1, A2), 6)]
    {
        let mut bench = Bench::new(&[word]);
        bench.set(A1, DATA + 4).run(1);
        assert_eq!(bench.machine_trap(), (cause, DATA + 4, CODE));
    }
}

#[test]
fn amo_and_sc_raise_store_faults_and_lr_a_load_fault() {
    for (word, cause) in [(reg(Op::LrW, A0, A1, ZERO), 13), (reg(Op::AmoaddW, A0, A1, A2), 15)] {
        let mut bench = Bench::supervisor(&[word]);
        bench.set(A1, 0x4000).run(1);
        assert_eq!(bench.supervisor_trap(), (cause, 0x4000, CODE));
    }
    // A page that can be read only: AMO and SC fault as stores.
    let mut bench = Bench::supervisor(&[reg(Op::LrW, A0, A1, ZERO), reg(Op::ScW, A0, A1, A2)]);
    bench.map(0x4000, DATA, "DARV");
    bench.set(A1, 0x4000).run(2);
    assert_eq!(bench.supervisor_trap(), (15, 0x4000, CODE + 4));
}

#[test]
fn devices_cannot_be_accessed_atomically() {
    for (word, cause) in [(reg(Op::LrW, A0, A1, ZERO), 5), (reg(Op::AmoaddW, A0, A1, A2), 7)] {
        let mut bench = Bench::new(&[word]);
        bench.set(A1, REGISTER).run(1);
        assert_eq!(bench.machine_trap(), (cause, REGISTER, CODE));
    }
}
