//! Translation as the hart does it: the walk's rules reached through instructions, A and D, and what
//! depends on privilege, SUM, MXR and MPRV.

use faultline_abi::sv39::Check;

use super::{asm::*, *};
use crate::{csr::status, insn::Op};

/// The load, the store, and the check that each fails in S-mode; `None` where it is allowed.
type Row = (&'static str, u64, Option<Check>, Option<Check>);

fn check_of(log: &Log) -> Option<Check> {
    log.events.iter().find_map(|event| match event {
        Seen::Trap(_, _, _, Some(walk)) => walk.result.err(),
        _ => None,
    })
}

#[test]
fn each_check_fails_by_its_name() {
    let rows: [Row; 9] = [
        ("DAWRV", 0, None, None),
        ("DARV", 0, None, Some(Check::NotWritable)),
        ("DAXV", 0, Some(Check::NotReadable), Some(Check::NotWritable)),
        ("DAWR", 0, Some(Check::NotValid), Some(Check::NotValid)),
        ("DAWV", 0, Some(Check::WriteWithoutRead), Some(Check::WriteWithoutRead)),
        ("DAWRV", 1 << 54, Some(Check::ReservedBits), Some(Check::ReservedBits)),
        ("DAWRV", 1 << 63, Some(Check::ReservedBits), Some(Check::ReservedBits)),
        ("V", 0, Some(Check::PointerAtLastLevel), Some(Check::PointerAtLastLevel)),
        ("DAUWRV", 0, Some(Check::UserPage), Some(Check::UserPage)),
    ];
    for (flags, extra, load, stored) in rows {
        for (word, expected) in [(imm(Op::Ld, A0, A1, 0), load), (store(Op::Sd, A0, 0, A1), stored)] {
            let mut bench = Bench::supervisor(&[word]);
            let at = bench.entry(0x4000);
            bench.poke(at, leaf(DATA, flags) | extra);
            let log = bench.set(A1, 0x4000).watch(1);
            assert_eq!(check_of(&log), expected, "{flags} {extra:#x}");
        }
    }
}

#[test]
fn an_address_that_is_not_canonical_is_a_page_fault_with_all_its_bits() {
    for va in [1 << 39, 1 << 63, 0x40_0000_0000, u64::MAX ^ 1 << 38] {
        let mut bench = Bench::supervisor(&[imm(Op::Lb, A0, A1, 0)]);
        let log = bench.set(A1, va).watch(1);
        assert_eq!(check_of(&log), Some(Check::NonCanonical));
        assert_eq!(bench.supervisor_trap(), (13, va, CODE));
    }
    let mut bench = Bench::supervisor(&[imm(Op::Jalr, A0, A1, 0)]);
    bench.set(A1, 1 << 45).run(2);
    assert_eq!(bench.supervisor_trap(), (12, 1 << 45, 1 << 45));
}

#[test]
fn a_table_where_no_memory_is_gives_an_access_fault_of_the_original_kind() {
    for (word, cause) in [(imm(Op::Lb, A0, A1, 0), 5), (store(Op::Sb, A0, 0, A1), 7)] {
        let mut bench = Bench::supervisor(&[word]);
        bench.poke(TABLES, sv39_pointer(0x4000_0000));
        let log = bench.set(A1, 0x4000).watch(1);
        assert_eq!(check_of(&log), Some(Check::TableAccess));
        assert_eq!(bench.supervisor_trap(), (cause, 0x4000, CODE));
    }
}

#[test]
fn a_table_that_pmp_forbids_gives_an_access_fault_of_the_original_kind() {
    for (word, va, cause) in [
        (imm(Op::Lb, A0, A1, 0), 0x4000, 5),
        (store(Op::Sb, A0, 0, A1), 0x4000, 7),
        (reg(Op::LrD, A0, A1, ZERO), 0x4000, 5),
        (reg(Op::AmoorD, A0, A1, A2), 0x4000, 7),
        (imm(Op::Jalr, ZERO, A1, 0), 0x4000, 1),
    ] {
        let mut bench = Bench::supervisor(&[word]);
        bench.map(0x4000, DATA, "DAXWRV");
        let table = bench.entry(0x4000) & !0xfff;
        let pmp = &mut bench.hart().csrs.pmp;
        pmp.set_address(1, u64::MAX);
        // Entry 0: the table's page, for nobody below M; entry 1: everything, for all.
        pmp.set_address(0, table >> 2 | 0x1ff);
        pmp.set_config(0, 0x1f << 8 | 0x18);
        let log = bench.set(A1, va).watch(if cause == 1 { 2 } else { 1 });
        assert_eq!(check_of(&log), Some(Check::TableAccess));
        assert_eq!(bench.supervisor_trap().0, cause);
        assert_eq!(bench.supervisor_trap().1, va);
    }
}

#[test]
fn a_page_where_nothing_answers_is_an_access_fault_that_shows_its_walk() {
    let mut bench = Bench::supervisor(&[imm(Op::Lb, A0, A1, 0)]);
    bench.map(0x4000, 0x4000_0000, "DARV");
    let log = bench.set(A1, 0x4000).watch(1);
    assert_eq!(check_of(&log), Some(Check::PhysicalAccess));
    assert_eq!(bench.supervisor_trap(), (5, 0x4000, CODE));
}

#[test]
fn superpages_map_and_must_be_aligned() {
    for (level, aligned) in [(1_u32, 0x20_0000_u64), (2, 0x4000_0000)] {
        let mut bench = Bench::supervisor(&[imm(Op::Lb, A0, A1, 0)]);
        let va = 5 * aligned;
        let at = TABLES + VirtAddr::new(va).vpn(2) as u64 * 8;
        let at = if level == 1 {
            bench.entry(va);
            (bench.peek(at) >> 10 << 12) + VirtAddr::new(va).vpn(1) as u64 * 8
        } else {
            at
        };
        bench.poke(at, leaf(0x8000_0000, "DAXWRV"));
        bench.poke(DATA, 0x55);
        bench.set(A1, va + (DATA - 0x8000_0000) % aligned).run(1);
        if level == 2 {
            assert_eq!(bench.x(A0), 0x55);
        }

        let mut bench = Bench::supervisor(&[imm(Op::Lb, A0, A1, 0)]);
        bench.entry(va);
        bench.poke(at, leaf(0x8000_1000, "DAXWRV"));
        let log = bench.set(A1, va).watch(1);
        assert_eq!(check_of(&log), Some(Check::MisalignedSuperpage));
    }
}

#[test]
fn a_and_d_are_set_when_everything_else_allows_it_and_not_before() {
    let program = [imm(Op::Lb, A0, A1, 0), store(Op::Sb, A0, 0, A1)];
    let mut bench = Bench::supervisor(&program);
    bench.map(0x4000, DATA, "WRV");
    let at = bench.entry(0x4000);
    let log = bench.set(A1, 0x4000).watch(1);
    assert_eq!(bench.peek(at), leaf(DATA, "AWRV"), "a load sets A");
    let Some(Seen::Marked(cx, write)) = log.events.first() else { panic!("no event: {log:?}") };
    assert_eq!((cx.pc.get(), write.pte_addr.get(), write.level), (CODE, at, 0));
    assert_eq!((write.old.raw(), write.new.raw()), (leaf(DATA, "WRV"), leaf(DATA, "AWRV")));
    assert_eq!(write.va, Some(VirtAddr::new(0x4000)));
    bench.run(1);
    assert_eq!(bench.peek(at), leaf(DATA, "DAWRV"), "the first store sets D, though the page is in the TLB");

    let mut bench = Bench::supervisor(&program[1..]);
    bench.map(0x4000, DATA, "RV");
    let at = bench.entry(0x4000);
    bench.set(A1, 0x4000).run(1);
    assert_eq!(bench.supervisor_trap(), (15, 0x4000, CODE));
    assert_eq!(bench.peek(at), leaf(DATA, "RV"), "a store that is refused sets nothing");
}

#[test]
fn an_access_across_pages_that_faults_in_the_second_has_marked_the_first() {
    let mut bench = Bench::supervisor(&[store(Op::Sd, A0, 0, A1)]);
    bench.map(0x4000, DATA, "WRV");
    bench.map(0x5000, DATA, "RV");
    let (first, second) = (bench.entry(0x4000), bench.entry(0x5000));
    bench.set(A1, 0x4ffc).run(1);
    assert_eq!(bench.supervisor_trap(), (15, 0x5000, CODE));
    assert_eq!((bench.peek(first), bench.peek(second)), (leaf(DATA, "DAWRV"), leaf(DATA, "RV")));
}

#[test]
fn an_access_that_pmp_refuses_marks_nothing() {
    let mut bench = Bench::supervisor(&[imm(Op::Lb, A0, A1, 0)]);
    bench.map(0x4000, DATA, "WRV");
    let entry = bench.entry(0x4000);
    let pmp = &mut bench.hart().csrs.pmp;
    pmp.set_address(1, u64::MAX);
    pmp.set_address(0, DATA >> 2);
    pmp.set_config(0, 0x1f10);
    bench.set(A1, 0x4000).run(1);
    assert_eq!(bench.supervisor_trap(), (5, 0x4000, CODE));
    assert_eq!(bench.peek(entry), leaf(DATA, "WRV"));
}

#[test]
fn under_svade_the_access_faults_instead() {
    let program = [imm(Op::Lb, A0, A1, 0), store(Op::Sb, A0, 0, A1)];
    for (flags, steps, trap, check) in [
        ("WRV", 1, (13, 0x4000, CODE), Check::AccessedClear),
        ("AWRV", 2, (15, 0x4000, CODE + 4), Check::DirtyClear),
    ] {
        let mut bench = Bench::supervisor(&program);
        bench.hart().csrs.menvcfg = 0;
        bench.map(0x4000, DATA, flags);
        let at = bench.entry(0x4000);
        let log = bench.set(A1, 0x4000).watch(steps);
        assert_eq!(check_of(&log), Some(check));
        assert_eq!(bench.supervisor_trap(), trap);
        assert_eq!(bench.peek(at), leaf(DATA, flags));
    }
}

#[test]
fn sum_opens_user_pages_to_loads_and_stores_but_never_to_fetches() {
    let program = [imm(Op::Lb, A0, A1, 0), store(Op::Sb, A0, 0, A1), imm(Op::Jalr, A0, A1, 0)];
    let mut bench = Bench::supervisor(&program);
    bench.map(0x4000, DATA, "DAUXWRV");
    bench.hart().csrs.mstatus |= status::SUM;
    bench.set(A1, 0x4000).run(4);
    assert_eq!(bench.supervisor_trap(), (12, 0x4000, 0x4000));
}

#[test]
fn clearing_sum_closes_a_page_that_is_in_the_tlb() {
    let sum = [li(T0, 1), imm(Op::Slli, T0, T0, 18)];
    let program = [
        sum[0],
        sum[1],
        csr(Op::Csrrs, ZERO, 0x100, T0),
        imm(Op::Lb, A0, A1, 0),
        csr(Op::Csrrc, ZERO, 0x100, T0),
        imm(Op::Lb, A0, A1, 0),
    ];
    let mut bench = Bench::supervisor(&program);
    bench.map(0x4000, DATA, "DAURV");
    bench.set(A1, 0x4000).run(6);
    assert_eq!(bench.supervisor_trap(), (13, 0x4000, CODE + 20));
}

#[test]
fn mxr_lets_loads_read_what_can_be_executed() {
    for (mxr, cause) in [(0, 13), (status::MXR, 0)] {
        let mut bench = Bench::supervisor(&[imm(Op::Lb, A0, A1, 0)]);
        bench.map(0x4000, DATA, "DAXV");
        bench.hart().csrs.mstatus |= mxr;
        bench.set(A1, 0x4000).run(1);
        assert_eq!(bench.hart().csrs.scause, cause);
    }
}

#[test]
fn user_mode_reaches_user_pages_only() {
    let mut bench = Bench::user(&[imm(Op::Lb, A0, A1, 0), imm(Op::Lb, A0, A2, 0)]);
    bench.map(0x4000, DATA + 0x1000, "DAURV");
    bench.map(0x5000, DATA + 0x1000, "DARV");
    bench.poke(DATA + 0x1000, 0x33);
    bench.set(A1, 0x4000).set(A2, 0x5000).run(2);
    assert_eq!(bench.x(A0), 0x33);
    assert_eq!(bench.supervisor_trap(), (13, 0x5000, 0x1004));
}

#[test]
fn mprv_lends_loads_the_privilege_in_mpp_but_not_fetches() {
    // In M-mode, addresses of loads are translated as for U-mode.
    let mut bench = Bench::supervisor(&[imm(Op::Lb, A0, A1, 0), imm(Op::Lb, A0, A2, 0)]);
    bench.map(0x4000, DATA, "DAURV");
    bench.map(0x5000, DATA, "DARV");
    bench.poke(DATA, 0x44);
    bench.hart().mode = Privilege::Machine;
    bench.hart().csrs.mstatus |= status::MPRV;
    bench.set(A1, 0x4000).set(A2, 0x5000).run(2);
    assert_eq!(bench.x(A0), 0x44);
    assert_eq!(bench.machine_trap(), (13, 0x5000, CODE + 4), "faults in M-mode are not delegated");
}
