//! CSRs: which exist, who may use them, and what a write leaves in them.

use super::{asm::*, *};
use crate::{
    csr::{MISA, number, status},
    insn::Op,
};

/// Writes `value` to a CSR in M-mode; what it reads as afterwards, or `None` where it trapped.
fn written(number: u16, value: u64) -> Option<u64> {
    let mut bench = Bench::new(&[csr(Op::Csrrw, ZERO, number, A0), csr(Op::Csrrs, A1, number, ZERO)]);
    bench.set(A0, value).run(2);
    (bench.hart().pc == CODE + 8).then(|| bench.x(A1))
}

#[test]
fn writes_keep_only_what_is_legal() {
    let cases = [
        (number::MSTATUS, u64::MAX, 0x8000_000a_007e_79aa),
        (number::MSTATUS, 0x1000, 0x0000_000a_0000_0000), // MPP = 2 does not exist
        (number::MSTATUS, 0x0800, 0x0000_000a_0000_0800),
        (number::MISA, 0, MISA),
        (number::MEDELEG, u64::MAX, 0xb3ff),
        (number::MIDELEG, u64::MAX, 0x222),
        (number::MIE, u64::MAX, 0xaaa),
        (number::MIP, u64::MAX, 0x222),
        (number::MTVEC, 0x8000_0101, 0x8000_0101),
        (number::MTVEC, 0x8000_0102, M_HANDLER), // reserved mode
        (number::STVEC, 0x8000_0103, S_HANDLER),
        (number::MEPC, 0x8000_0003, 0x8000_0002),
        (number::SEPC, u64::MAX, u64::MAX - 1),
        (number::MCOUNTEREN, u64::MAX, 0xffff_ffff),
        (number::SCOUNTEREN, u64::MAX, 0xffff_ffff),
        (number::MENVCFG, u64::MAX, 1 << 63 | 1 << 61 | 1),
        (number::SENVCFG, u64::MAX, 1),
        (number::MSCRATCH, u64::MAX, u64::MAX),
        (number::SSTATUS, u64::MAX, 0x8000_0002_000c_6122),
        (number::SATP, 9 << 60 | 5, 9 << 60 | 5),
        (number::SATP, 1 << 60 | 5, 0),
        (number::PMPADDR0, u64::MAX, (1 << 54) - 1),
        (number::PMPCFG0, 0x1f | 0x62 << 8, 0x1f), // W without R is reserved
        (number::MHPMCOUNTER3, 5, 0),
        (number::MHPMEVENT31, 5, 0),
        (number::MCOUNTINHIBIT, u64::MAX, 0b101),
        (number::STIMECMP, 1234, 1234),
    ];
    for (number, value, expected) in cases {
        assert_eq!(written(number, value), Some(expected), "{number:#x} = {value:#x}");
    }
}

#[test]
fn satp_takes_sv39_sv48_and_bare_and_ignores_the_rest() {
    let sv39 = 8 << 60 | 0x1234 << 44 | 0x80100;
    let sv48 = 9 << 60 | 0x1234 << 44 | 0x80100;
    assert_eq!(written(number::SATP, sv39), Some(sv39));
    assert_eq!(written(number::SATP, sv48), Some(sv48));
    assert_eq!(written(number::SATP, 10 << 60 | 1), Some(0));
}

#[test]
fn what_does_not_exist_is_illegal() {
    for number in
        [0x001, 0x002, 0x003, 0x008, 0x105 + 0x100, 0x3a1, 0x3a3, 0x3c0, 0x7a4, 0x7b0, 0xbff, 0x5a8, 0xda0]
    {
        assert_eq!(written(number, 0), None, "{number:#x}");
    }
}

#[test]
fn read_only_registers_refuse_writes_but_not_reads() {
    for (word, traps) in [
        (csr(Op::Csrrw, A0, number::MHARTID, A1), true),
        (csr(Op::Csrrsi, A0, number::CYCLE, 1), true),
        (csr(Op::Csrrs, A0, number::MHARTID, ZERO), false),
        (csr(Op::Csrrci, A0, number::INSTRET, 0), false),
    ] {
        let mut bench = Bench::new(&[word]);
        bench.run(1);
        assert_eq!(bench.hart().pc == M_HANDLER, traps);
    }
}

#[test]
fn a_register_is_open_to_its_privilege_and_above() {
    for (number, lowest) in [
        (number::MSTATUS, Privilege::Machine),
        (number::PMPADDR0, Privilege::Machine),
        (number::SSTATUS, Privilege::Supervisor),
        (number::SATP, Privilege::Supervisor),
    ] {
        for mode in [Privilege::User, Privilege::Supervisor, Privilege::Machine] {
            let mut bench = Bench::new(&[csr(Op::Csrrs, A0, number, ZERO)]);
            bench.hart().mode = mode;
            bench.run(1);
            assert_eq!(bench.hart().pc == CODE + 4, mode >= lowest, "{number:#x} from {mode:?}");
        }
    }
}

#[test]
fn the_three_ways_to_write_and_their_immediate_forms() {
    for (op, operand, expected) in [
        (Op::Csrrw, A1, 0b0110),
        (Op::Csrrs, A1, 0b1110),
        (Op::Csrrc, A1, 0b1000),
        (Op::Csrrwi, 0b0011, 0b0011),
        (Op::Csrrsi, 0b0011, 0b1111),
        (Op::Csrrci, 0b0011, 0b1100),
    ] {
        let mut bench = Bench::new(&[csr(op, A0, number::MSCRATCH, operand)]);
        bench.hart().csrs.mscratch = 0b1100 | 0b1000;
        let before = if matches!(op, Op::Csrrw | Op::Csrrs | Op::Csrrc) { 0b1000 } else { 0b1100 };
        bench.hart().csrs.mscratch = before;
        bench.set(A1, 0b0110).run(1);
        assert_eq!((bench.x(A0), bench.hart().csrs.mscratch), (before, expected), "{op:?}");
    }
}

#[test]
fn a_csr_and_its_source_may_be_the_same_register() {
    let mut bench = Bench::new(&[csr(Op::Csrrw, A0, number::MSCRATCH, A0)]);
    bench.hart().csrs.mscratch = 1;
    bench.set(A0, 2).run(1);
    assert_eq!((bench.x(A0), bench.hart().csrs.mscratch), (1, 2));
}

#[test]
fn supervisor_views_show_what_is_delegated() {
    let mut bench = Bench::new(&[
        csr(Op::Csrrw, ZERO, number::SIE, A0),
        csr(Op::Csrrs, A1, number::SIE, ZERO),
        csr(Op::Csrrs, A2, number::SIP, ZERO),
        csr(Op::Csrrw, ZERO, number::SIP, ZERO),
    ]);
    bench.hart().csrs.mideleg = 0x022;
    bench.hart().csrs.mip = 0x222;
    bench.hart().mode = Privilege::Supervisor;
    bench.set(A0, u64::MAX).run(4);
    assert_eq!((bench.x(A1), bench.hart().csrs.mie, bench.x(A2)), (0x022, 0x022, 0x022));
    assert_eq!(bench.hart().csrs.mip, 0x220, "of sip only SSIP can be written");
}

#[test]
fn seip_reads_with_the_line_but_is_modified_without_it() {
    let mut bench = Bench::new(&[csr(Op::Csrrsi, A0, number::MIP, 2), csr(Op::Csrrs, A1, number::MIP, ZERO)]);
    bench.machine.devices_mut().lines = crate::bus::line::SEIP;
    bench.run(2);
    assert_eq!((bench.x(A0), bench.x(A1)), (0x200, 0x202));
    assert_eq!(bench.hart().csrs.mip, 0x002, "the line was not written back");
}

#[test]
fn a_write_to_a_counter_wins_over_its_increment() {
    for counter in [number::MINSTRET, number::MCYCLE] {
        let mut bench = Bench::new(&[
            nop(),
            csr(Op::Csrrw, A2, counter, A0),
            csr(Op::Csrrs, A1, counter, ZERO),
            csr(Op::Csrrs, A3, counter, ZERO),
        ]);
        bench.set(A0, 1000).run(4);
        assert_eq!((bench.x(A2), bench.x(A1), bench.x(A3)), (1, 1000, 1001));
    }
}

#[test]
fn counters_are_opened_mode_by_mode() {
    for (mode, m, s, open) in [
        (Privilege::Machine, 0, 0, true),
        (Privilege::Supervisor, 0, 7, false),
        (Privilege::Supervisor, 7, 0, true),
        (Privilege::User, 7, 0, false),
        (Privilege::User, 0, 7, false),
        (Privilege::User, 7, 7, true),
    ] {
        for counter in [number::CYCLE, number::TIME, number::INSTRET] {
            let mut bench = Bench::new(&[csr(Op::Csrrs, A0, counter, ZERO)]);
            bench.hart().mode = mode;
            bench.hart().csrs.mcounteren = m;
            bench.hart().csrs.scounteren = s;
            bench.run(1);
            assert_eq!(bench.hart().pc == CODE + 4, open, "{counter:#x} in {mode:?}");
        }
    }
}

#[test]
fn tvm_closes_satp_and_sfence_vma_to_supervisors() {
    for word in [csr(Op::Csrrs, A0, number::SATP, ZERO), reg(Op::SfenceVma, ZERO, ZERO, ZERO)] {
        for (mode, tvm, open) in [
            (Privilege::Supervisor, 0, true),
            (Privilege::Supervisor, status::TVM, false),
            (Privilege::Machine, status::TVM, true),
            (Privilege::User, 0, false),
        ] {
            let mut bench = Bench::new(&[word]);
            bench.hart().mode = mode;
            bench.hart().csrs.mstatus |= tvm;
            bench.run(1);
            assert_eq!(bench.hart().pc == CODE + 4, open);
        }
    }
}

#[test]
fn pmp_checks_the_first_entry_that_matches_and_locks() {
    // Entry 0: four bytes at DATA that nobody below M may touch; entry 1: everything open.
    let open = |bench: &mut Bench, mode: Privilege, at: u64| {
        bench.hart().mode = mode;
        bench.hart().pc = CODE;
        bench.set(A1, at).run(1);
        bench.hart().pc == CODE + 4
    };
    let setup = |config: u64| {
        let mut bench = Bench::new(&[imm(Op::Lw, A0, A1, 0)]);
        let pmp = &mut bench.hart().csrs.pmp;
        pmp.set_address(1, u64::MAX);
        pmp.set_address(0, DATA >> 2);
        pmp.set_config(0, 0x1f00 | config);
        bench
    };
    let mut bench = setup(0x10);
    assert!(open(&mut bench, Privilege::Machine, DATA), "not locked: M-mode passes");
    assert!(!open(&mut bench, Privilege::Supervisor, DATA));
    assert_eq!(bench.machine_trap(), (5, DATA, CODE));
    assert!(!open(&mut bench, Privilege::Supervisor, DATA - 2), "covered in part");
    assert!(open(&mut bench, Privilege::Supervisor, DATA + 4));
    assert!(open(&mut bench, Privilege::Supervisor, DATA + 0x1000));

    let mut bench = setup(0x90);
    assert!(!open(&mut bench, Privilege::Machine, DATA), "locked: M-mode, too");
    bench.hart().csrs.pmp.set_config(0, 0x1f1f);
    bench.hart().csrs.pmp.set_address(0, 0);
    assert!(!open(&mut bench, Privilege::Machine, DATA), "locked entries cannot be changed");

    let mut bench = setup(0x10);
    bench.hart().csrs.pmp.set_config(0, 0);
    assert!(open(&mut bench, Privilege::Machine, DATA));
    assert!(!open(&mut bench, Privilege::Supervisor, DATA), "no entry matches: only M-mode passes");
}

#[test]
fn code_in_a_page_that_is_open_in_part_runs() {
    let mut bench = Bench::new(&[imm(Op::Addi, A0, A0, 1), imm(Op::Ld, A2, A1, 0), nop(), nop()]);
    let pmp = &mut bench.hart().csrs.pmp;
    // The first twelve bytes may be executed; behind them nothing may.
    for (entry, address) in [(0, CODE), (1, CODE + 12), (2, CODE + 0x1000), (3, u64::MAX >> 8)] {
        pmp.set_address(entry, address >> 2);
    }
    pmp.set_config(0, 0x1f_08_0f_08);
    bench.hart().mode = Privilege::Supervisor;
    bench.poke(DATA, 5);
    bench.set(A1, DATA).run(4);
    assert_eq!((bench.x(A0), bench.x(A2)), (1, 5));
    assert_eq!(bench.machine_trap(), (1, CODE + 12, CODE + 12));
}
