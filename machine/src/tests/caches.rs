//! Decoded code and cached translations never differ from memory, and page tables are known.

use super::{asm::*, *};
use crate::insn::Op;

fn pte_events(log: &Log) -> Vec<PteWrite> {
    let write = |event: &Seen| if let Seen::Pte(_, write) = event { Some(*write) } else { None };
    log.events.iter().filter_map(write).collect()
}

#[test]
fn code_that_is_overwritten_is_executed_as_it_is_now() {
    // The store replaces the instruction right behind it, in the block that is being executed.
    let mut bench = Bench::new(&[store(Op::Sw, A1, 4, A0), li(A2, 1), jal(ZERO, -8)]);
    bench.set(A0, CODE).set(A1, nop().into());
    bench.run(2);
    assert_eq!(bench.x(A2), 0, "the new instruction is a nop");
    bench.set(A1, li(A2, 2).into()).run(3);
    assert_eq!(bench.x(A2), 2);
}

#[test]
fn code_in_a_frame_that_is_used_for_data_and_then_code_again_is_new() {
    let mut bench = Bench::new(&[imm(Op::Jalr, T0, A0, 0), store(Op::Sw, A1, 0, A0), jal(ZERO, -8)]);
    bench.program(DATA, &[imm(Op::Addi, A2, A2, 1), imm(Op::Jalr, ZERO, T0, 0)]);
    bench.set(A0, DATA).set(A1, imm(Op::Addi, A2, A2, 100).into());
    bench.run(5).run(3);
    assert_eq!(bench.x(A2), 101);
}

#[test]
fn data_beside_code_does_not_disturb_it() {
    // Stores into the page of the running code, but not onto it, many times.
    let mut bench =
        Bench::new(&[store(Op::Sd, A1, 0x400, A0), imm(Op::Addi, A1, A1, -1), branch(Op::Bne, A1, ZERO, -8)]);
    bench.set(A0, CODE).set(A1, 200).run(600);
    assert_eq!((bench.peek(CODE + 0x400), bench.hart().pc), (1, CODE + 12));
}

#[test]
fn code_written_by_a_device_is_executed_as_it_is_now() {
    let mut bench = Bench::new(&[nop(), store(Op::Sd, A0, 0, A1), li(A2, 1), li(A2, 2)]);
    bench.set(A0, CODE + 8).set(A1, DMA).run(3);
    assert_eq!(bench.machine_trap(), (2, 0xffff_ffff, CODE + 8));
}

#[test]
fn a_changed_entry_counts_at_once_and_is_reported() {
    // The entry is reached through a mapping of the table itself, without any fence.
    let program = [
        imm(Op::Ld, A2, A1, 0),
        store(Op::Sd, T0, 0, A0),
        imm(Op::Ld, A3, A1, 0),
        store(Op::Sd, ZERO, 0, A0),
        imm(Op::Ld, A3, A1, 0),
    ];
    let mut bench = Bench::supervisor(&program);
    bench.map(0x4000, DATA, "DAWRV");
    let entry = bench.entry(0x4000);
    bench.map(0x6000, entry & !0xfff, "DAWRV");
    bench.poke(DATA, 1);
    bench.poke(DATA + 0x1000, 2);
    let (old, new) = (leaf(DATA, "DAWRV"), leaf(DATA + 0x1000, "DAWRV"));
    let log = bench.set(A1, 0x4000).set(A0, 0x6000 + (entry & 0xfff)).set(T0, new).watch(5);
    assert_eq!((bench.x(A2), bench.x(A3)), (1, 2));
    assert_eq!(bench.supervisor_trap(), (13, 0x4000, CODE + 16));
    let changes: Vec<_> = pte_events(&log).iter().map(|write| (write.old.raw(), write.new.raw())).collect();
    assert_eq!(changes, [(old, new), (new, 0)]);
    let first = pte_events(&log)[0];
    assert_eq!((first.va, first.level, first.pte_addr.get()), (Some(VirtAddr::new(0x4000)), 0, entry));
    assert_eq!(first.root.get(), TABLES >> 12);
}

#[test]
fn a_changed_pointer_counts_at_once() {
    let program = [imm(Op::Ld, A2, A1, 0), store(Op::Sd, ZERO, 0, A0), imm(Op::Ld, A3, A1, 0)];
    let mut bench = Bench::supervisor(&program);
    bench.map(0x4000, DATA, "DAWRV");
    bench.map(0x4000_0000, TABLES, "DAWRV");
    let log = bench.set(A1, 0x4000).set(A0, 0x4000_0000).watch(3);
    assert_eq!(bench.supervisor_trap(), (13, 0x4000, CODE + 8));
    assert_eq!(pte_events(&log)[0].level, 2);
}

#[test]
fn narrow_and_misaligned_stores_to_tables_count_too() {
    for (op, offset) in [(Op::Sb, 0), (Op::Sh, 0), (Op::Sw, 0), (Op::Sd, -3)] {
        let program = [imm(Op::Lb, A2, A1, 0), store(op, ZERO, offset, A0), imm(Op::Lb, A3, A1, 0)];
        let mut bench = Bench::supervisor(&program);
        bench.map(0x4000, DATA, "DAWRV");
        let entry = bench.entry(0x4000);
        bench.map(0x6000, entry & !0xfff, "DAWRV");
        let log = bench.set(A1, 0x4000).set(A0, 0x6000 + (entry & 0xfff)).watch(3);
        assert_eq!(bench.supervisor_trap(), (13, 0x4000, CODE + 8), "{op:?}");
        assert!(!pte_events(&log).is_empty());
    }
}

#[test]
fn entries_written_by_a_device_count_and_are_reported() {
    let program = [imm(Op::Lb, A2, A1, 0), store(Op::Sd, A0, 0, A3), imm(Op::Lb, A2, A1, 0)];
    let mut bench = Bench::supervisor(&program);
    bench.map(0x4000, DATA, "DAWRV");
    bench.map(0x5000, DMA & !0xfff, "DAWRV");
    let entry = bench.entry(0x4000);
    let log = bench.set(A1, 0x4000).set(A0, entry).set(A3, 0x5000 + (DMA & 0xfff)).watch(3);
    assert_eq!(bench.supervisor_trap(), (13, 0x4000, CODE + 8));
    assert_eq!(pte_events(&log).len(), 1);
    assert_eq!(pte_events(&log)[0].new.raw(), u64::MAX);
}

#[test]
fn tables_are_known_as_soon_as_satp_names_them() {
    // No walk has touched the entry for 0x4000 when it is written, in M-mode.
    let mut bench = Bench::supervisor(&[]);
    let entry = bench.entry(0x4000);
    let satp = bench.hart().csrs.satp;
    bench.hart().csrs.satp = 0;
    bench.hart().mode = Privilege::Machine;
    bench.program(CODE, &[csr(Op::Csrrw, ZERO, 0x180, A0), store(Op::Sd, A2, 0, A1)]);
    let log = bench.set(A0, satp).set(A1, entry).set(A2, leaf(DATA, "RV")).watch(2);
    assert!(matches!(log.events[0], Seen::Satp(_, 0, new) if new == satp));
    assert_eq!(pte_events(&log)[0].va, Some(VirtAddr::new(0x4000)));
}

#[test]
fn a_table_that_is_linked_later_is_known_from_then_on() {
    let mut bench = Bench::supervisor(&[store(Op::Sd, A2, 0, A0), store(Op::Sd, A3, 8, A1)]);
    let (satp, table) = (TABLES + 8 * 3, TABLES + 0x8000);
    bench.map(0x4000_0000, TABLES, "DAWRV");
    bench.map(0x4000_1000, table, "DAWRV");
    bench.set(A0, 0x4000_0000 + (satp & 0xfff)).set(A1, 0x4000_1000);
    let log = bench.set(A2, sv39_pointer(table)).set(A3, leaf(0x8000_0000, "RV")).watch(2);
    let writes = pte_events(&log);
    let second = writes.last().expect("two writes");
    assert_eq!((second.va, second.level), (Some(VirtAddr::new(0xc020_0000)), 1));
}

#[test]
fn a_frame_that_a_dead_tree_leaves_behind_is_no_table_any_more() {
    // A byte store into a tree that no satp names: the kernel clears a recycled frame.
    let mut bench = Bench::supervisor(&[]);
    let satp = bench.hart().csrs.satp;
    bench.hart().csrs.satp = 0;
    bench.hart().mode = Privilege::Machine;
    bench.program(
        CODE,
        &[
            csr(Op::Csrrw, ZERO, 0x180, A0),
            csr(Op::Csrrw, ZERO, 0x180, ZERO),
            store(Op::Sb, A2, 16, A1),
            store(Op::Sd, A2, 24, A1),
        ],
    );
    let log = bench.set(A0, satp).set(A1, TABLES).set(A2, 5).watch(4);
    assert_eq!(pte_events(&log), []);
}

#[test]
fn a_root_of_old_that_stands_in_the_middle_of_another_tree_leads_to_that_trees_pages() {
    let mut bench = Bench::supervisor(&[]);
    bench.hart().csrs.satp = 0;
    bench.hart().mode = Privilege::Machine;
    let (old, new, last) = (TABLES + 0x10000, TABLES + 0x11000, TABLES + 0x12000);
    bench.poke(new, sv39_pointer(old));
    // The kernel builds a tree of recycled frames before `satp` names it.
    bench.program(
        CODE,
        &[
            csr(Op::Csrrw, ZERO, 0x180, A0),
            csr(Op::Csrrw, ZERO, 0x180, ZERO),
            store(Op::Sd, A2, 0, A1),
            csr(Op::Csrrw, ZERO, 0x180, A3),
            store(Op::Sd, T0, 4 * 8, T1),
        ],
    );
    let satp = |root: u64| 8 << 60 | root >> 12;
    bench.set(A0, satp(old)).set(A1, old).set(A2, sv39_pointer(last));
    let log = bench.set(A3, satp(new)).set(T0, leaf(DATA, "RV")).set(T1, last).watch(5);
    let writes = pte_events(&log);
    let entry = writes.last().expect("two writes");
    assert_eq!((entry.va, entry.level, entry.root.get()), (Some(VirtAddr::new(0x4000)), 0, new >> 12));
}

#[test]
fn two_address_spaces_do_not_see_each_others_pages() {
    let mut bench = Bench::supervisor(&[
        imm(Op::Ld, A2, A1, 0),
        csr(Op::Csrrw, A0, 0x180, A0),
        imm(Op::Ld, A3, A1, 0),
        csr(Op::Csrrw, A0, 0x180, A0),
        imm(Op::Ld, A1, A1, 0),
    ]);
    bench.map(0x4000, DATA, "DAWRV");
    // The second tree shares the entry for the program, and has another page at 0x4000.
    let (root, middle, last) = (TABLES + 0x10000, TABLES + 0x11000, TABLES + 0x12000);
    let code = bench.peek(TABLES + 16);
    bench.poke(root + 16, code);
    bench.poke(root, sv39_pointer(middle));
    bench.poke(middle, sv39_pointer(last));
    bench.poke(last + 4 * 8, leaf(DATA + 0x1000, "DAWRV"));
    bench.poke(DATA, 1);
    bench.poke(DATA + 0x1000, 2);
    bench.set(A0, sv39::satp_sv39(Ppn::new(root >> 12))).set(A1, 0x4000).run(5);
    assert_eq!((bench.x(A2), bench.x(A3), bench.x(A1)), (1, 2, 1));
}
