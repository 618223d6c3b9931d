//! Four levels: translation, reports and coherence under Sv48, and changing between the two schemes.

use faultline_abi::{satp::Root, sv39::Check};

use super::{asm::*, *};
use crate::insn::Op;

/// An Sv48 root whose first entry points at the Sv39 root, so that both schemes map the same low
/// addresses.
const ROOT48: u64 = TABLES + 0x8_0000;
const HIGH: u64 = 0x1234_5678_9000;

/// In S-mode under Sv48; [`HIGH`] is mapped beside what `Bench::supervisor` maps.
fn supervisor(program: &[u32]) -> Bench {
    let mut bench = Bench::supervisor(program);
    bench.poke(ROOT48, sv39_pointer(TABLES));
    bench.hart().csrs.satp = Root::sv48(Ppn::new(ROOT48 >> 12)).satp();
    let mut table = ROOT48;
    for level in [3, 2, 1] {
        let next = ROOT48 + 0x1000 * u64::from(level);
        bench.poke(table + VirtAddr::new(HIGH).vpn(level) as u64 * 8, sv39_pointer(next));
        table = next;
    }
    bench.poke(entry(), leaf(DATA, "WRV"));
    bench
}

/// Where the level-0 entry for [`HIGH`] is.
fn entry() -> u64 {
    ROOT48 + 0x1000 + VirtAddr::new(HIGH).vpn(0) as u64 * 8
}

#[test]
fn an_address_of_48_bits_is_translated_through_four_tables() {
    let mut bench = supervisor(&[store(Op::Sd, A1, 8, A0), imm(Op::Ld, A2, A0, 8)]);
    let log = bench.set(A0, HIGH).set(A1, 55).watch(2);
    assert_eq!((bench.peek(DATA + 8), bench.x(A2)), (55, 55));
    let Some(Seen::Marked(_, write)) = log.events.last() else { panic!("{:?}", log.events) };
    assert_eq!((write.va, write.level), (Some(VirtAddr::new(HIGH)), 0));
    assert_eq!(write.root, Ppn::new(ROOT48 >> 12));
    assert_eq!(bench.peek(entry()), leaf(DATA, "DAWRV"));
}

#[test]
fn addresses_that_do_not_repeat_bit_47_fault_with_all_their_bits() {
    for va in [1 << 47, 0xffff_7fff_ffff_f000, HIGH | 1 << 63] {
        let mut bench = supervisor(&[imm(Op::Ld, A2, A0, 0)]);
        let log = bench.set(A0, va).watch(1);
        assert_eq!(bench.supervisor_trap(), (13, va, CODE));
        assert!(matches!(&log.events[..], [Seen::Trap(_, _, _, Some(walk))]
            if walk.result == Err(Check::NonCanonical) && walk.steps.is_empty()));
    }
}

#[test]
fn a_fault_shows_the_four_entries_that_were_read() {
    let mut bench = supervisor(&[imm(Op::Ld, A2, A0, 0)]);
    let log = bench.set(A0, HIGH + 0x1000).watch(1);
    let Some(Seen::Trap(_, _, _, Some(walk))) = log.events.first() else { panic!("{:?}", log.events) };
    assert_eq!(walk.steps.iter().map(|step| step.level).collect::<Vec<_>>(), [3, 2, 1, 0]);
    assert_eq!(walk.result, Err(Check::NotValid));
}

#[test]
fn a_leaf_of_512_gib_translates_and_must_be_aligned() {
    for (ppn, cause) in [(0, None), (1 << 26, Some(13))] {
        let mut bench = supervisor(&[imm(Op::Ld, A2, A0, 0)]);
        bench.poke(ROOT48 + 2 * 8, ppn << 10 | 0xcf);
        bench.poke(DATA, 99);
        bench.set(A0, 2 << 39 | DATA).run(1);
        match cause {
            None => assert_eq!(bench.x(A2), 99),
            Some(cause) => assert_eq!(bench.supervisor_trap().0, cause),
        }
    }
}

#[test]
fn a_store_to_any_of_the_four_tables_is_reported_and_takes_effect() {
    const WINDOW: u64 = 0x40_0000;
    for level in 0..4 {
        let mut bench =
            supervisor(&[imm(Op::Ld, A2, A0, 0), store(Op::Sd, ZERO, 0, A1), imm(Op::Ld, A2, A0, 0)]);
        let table = if level == 3 { ROOT48 } else { ROOT48 + 0x1000 * (u64::from(level) + 1) };
        bench.map(WINDOW, table, "DAWRV");
        let index = VirtAddr::new(HIGH).vpn(level) as u64;
        bench.set(A0, HIGH).set(A1, WINDOW + index * 8);
        let log = bench.watch(3);
        let written = log.events.iter().find_map(|event| match event {
            Seen::Pte(_, write) => Some((write.level, write.va)),
            _ => None,
        });
        let first = HIGH & !(sv39::leaf_size(level) - 1);
        assert_eq!(written, Some((level, Some(VirtAddr::new(first)))), "level {level}");
        assert_eq!(bench.supervisor_trap(), (13, HIGH, CODE + 8), "level {level}");
    }
}

#[test]
fn one_table_can_be_the_root_of_either_scheme() {
    // The same root, read as Sv39 and as Sv48: entry 2 is a leaf of 1 GiB, or of 512 GiB.
    let mut bench = Bench::supervisor(&[
        imm(Op::Ld, A2, A0, 0),
        csr(Op::Csrrw, ZERO, 0x180, A1),
        imm(Op::Ld, A3, A0, 0),
        csr(Op::Csrrw, ZERO, 0x180, A1),
    ]);
    let (root, below) = (ROOT48, ROOT48 + 0x1000);
    bench.poke(root + 2 * 8, leaf(0x8000_0000, "DAXWRV"));
    bench.poke(root, sv39_pointer(below));
    // Under Sv48 the code and the data lie below entry 0.
    bench.poke(below + 2 * 8, leaf(0x8000_0000, "DAXWRV"));
    bench.poke(DATA, 3);
    bench.hart().csrs.satp = Root::sv39(Ppn::new(root >> 12)).satp();
    bench.set(A0, DATA).set(A1, Root::sv48(Ppn::new(root >> 12)).satp());
    bench.run(4);
    assert_eq!((bench.x(A2), bench.x(A3)), (3, 3));
}
