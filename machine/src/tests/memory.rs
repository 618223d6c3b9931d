//! Loads, stores and fetches, aligned and not, inside pages and across them.

use super::{asm::*, *};
use crate::insn::Op;

#[test]
fn loads_extend_their_sign_or_do_not() {
    let cases = [
        (Op::Lb, 0xffff_ffff_ffff_ff88),
        (Op::Lbu, 0x88),
        (Op::Lh, 0xffff_ffff_ffff_9988),
        (Op::Lhu, 0x9988),
        (Op::Lw, 0xffff_ffff_bbaa_9988),
        (Op::Lwu, 0xbbaa_9988),
        (Op::Ld, 0xffee_ddcc_bbaa_9988),
    ];
    for (op, expected) in cases {
        // Twice: the first goes the slow path, the second finds the page in the TLB.
        let mut bench = Bench::new(&[imm(op, A0, A1, 0), imm(op, A2, A1, 0)]);
        bench.poke(DATA, 0xffee_ddcc_bbaa_9988);
        bench.set(A1, DATA).run(2);
        assert_eq!((bench.x(A0), bench.x(A2)), (expected, expected), "{op:?}");
    }
}

#[test]
fn stores_write_their_width_and_no_more() {
    for (op, expected) in [
        (Op::Sb, 0xffff_ffff_ffff_ff88),
        (Op::Sh, 0xffff_ffff_ffff_7788),
        (Op::Sw, 0xffff_ffff_5566_7788),
        (Op::Sd, 0x1122_3344_5566_7788),
    ] {
        let mut bench = Bench::new(&[store(op, A0, 0, A1), store(op, A0, 16, A1)]);
        bench.poke(DATA, u64::MAX);
        bench.poke(DATA + 16, u64::MAX);
        bench.set(A0, 0x1122_3344_5566_7788).set(A1, DATA).run(2);
        assert_eq!((bench.peek(DATA), bench.peek(DATA + 16)), (expected, expected), "{op:?}");
    }
}

#[test]
fn misaligned_accesses_work_inside_a_page_and_across_two_that_lie_apart() {
    for distance in 1..16 {
        let mut bench =
            Bench::supervisor(&[store(Op::Sd, A0, 0, A1), imm(Op::Ld, A2, A1, 0), imm(Op::Lw, A3, A1, 3)]);
        bench.map(0x4000, DATA + 0x3000, "DAWRV");
        bench.map(0x5000, DATA, "DAWRV");
        bench.set(A0, 0x8877_6655_4433_2211).set(A1, 0x5000 - distance).run(3);
        assert_eq!(bench.x(A2), 0x8877_6655_4433_2211, "{distance}");
        assert_eq!(bench.x(A3), 0x7766_5544, "{distance}");
    }
}

#[test]
fn a_store_across_pages_does_nothing_unless_both_pages_allow_it() {
    for (first, second, tval) in [("DAWRV", "DARV", 0x5000), ("DARV", "DAWRV", 0x4ffd), ("DAWRV", "", 0x5000)]
    {
        let mut bench = Bench::supervisor(&[store(Op::Sd, A0, 0, A1)]);
        bench.map(0x4000, DATA, first);
        bench.map(0x5000, DATA + 0x1000, second);
        bench.set(A0, u64::MAX).set(A1, 0x4ffd).run(1);
        assert_eq!(bench.supervisor_trap(), (15, tval, CODE));
        assert_eq!((bench.peek(DATA + 0xff8), bench.peek(DATA + 0x1000)), (0, 0));
    }
}

#[test]
fn a_load_across_pages_names_the_page_that_faults() {
    let mut bench = Bench::supervisor(&[imm(Op::Lw, A0, A1, 0)]);
    bench.map(0x4000, DATA, "DARV");
    bench.set(A1, 0x4ffe).run(1);
    assert_eq!(bench.supervisor_trap(), (13, 0x5000, CODE));
}

#[test]
fn an_access_wraps_around_the_address_space_to_page_zero() {
    let mut bench = Bench::supervisor(&[imm(Op::Ld, A0, A1, 0)]);
    bench.map(0xffff_ffff_ffff_f000, DATA, "DARV");
    bench.map(0, DATA + 0x1000, "DARV");
    bench.poke(DATA + 0xff8, 0x4433_2211_0000_0000);
    bench.poke(DATA + 0x1000, 0x8877_6655);
    bench.set(A1, u64::MAX - 3).run(1);
    assert_eq!(bench.x(A0), 0x8877_6655_4433_2211);
}

#[test]
fn an_instruction_may_lie_in_two_pages() {
    let mut bench = Bench::supervisor(&[]);
    bench.map(0x4000, DATA, "DAXRV");
    bench.map(0x5000, DATA + 0x3000, "DAXRV");
    let word = imm(Op::Addi, A0, A0, 5).to_le_bytes();
    bench.bytes(DATA + 0xffe, &word[..2]);
    bench.bytes(DATA + 0x3000, &word[2..]);
    bench.bytes(DATA + 0x3002, &imm(Op::Addi, A0, A0, 7).to_le_bytes());
    bench.hart().pc = 0x4ffe;
    bench.run(1);
    assert_eq!((bench.x(A0), bench.hart().pc), (5, 0x5002));
    bench.run(1);
    assert_eq!((bench.x(A0), bench.hart().pc), (12, 0x5006));
}

#[test]
fn a_jump_or_a_store_may_lie_in_two_pages() {
    for (word, pc) in [(jal(A1, -0x20), 0x4fde), (store(Op::Sd, A0, 0, SP), 0x5002)] {
        let mut bench = Bench::supervisor(&[]);
        bench.map(0x4000, DATA, "DAXRV");
        bench.map(0x5000, DATA + 0x1000, "DAXRV");
        bench.map(0x6000, DATA + 0x2000, "DAWRV");
        bench.bytes(DATA + 0xffe, &word.to_le_bytes());
        bench.set(SP, 0x6000).set(A0, 99);
        bench.hart().pc = 0x4ffe;
        bench.run(1);
        assert_eq!(bench.hart().pc, pc);
        assert!(bench.x(A1) == 0x5002 || bench.peek(DATA + 0x2000) == 99);
    }
}

#[test]
fn a_fetch_across_pages_faults_at_the_second_page_and_returns_to_the_start() {
    let mut bench = Bench::supervisor(&[]);
    bench.map(0x4000, DATA, "DAXRV");
    bench.bytes(DATA + 0xffe, &nop().to_le_bytes()[..2]);
    bench.hart().pc = 0x4ffe;
    bench.run(1);
    assert_eq!(bench.supervisor_trap(), (12, 0x5000, 0x4ffe));
}

#[test]
fn a_compressed_instruction_at_the_end_of_a_page_does_not_touch_the_next() {
    let mut bench = Bench::supervisor(&[]);
    bench.map(0x4000, DATA, "DAXRV");
    bench.bytes(DATA + 0xffe, &0x4515_u16.to_le_bytes()); // c.li a0, 5
    bench.hart().pc = 0x4ffe;
    bench.run(1);
    assert_eq!((bench.x(A0), bench.hart().pc), (5, 0x5000));
    bench.run(1);
    assert_eq!(bench.supervisor_trap(), (12, 0x5000, 0x5000));
}

#[test]
fn where_nothing_is_access_faults_name_the_address() {
    let nowhere = 0x4000_0000;
    for (word, cause) in
        [(imm(Op::Lw, A0, A1, 0), 5), (store(Op::Sw, A0, 0, A1), 7), (imm(Op::Jalr, A0, A1, 0), 1)]
    {
        for address in [nowhere, 1 << 60, CODE + (16 << 20)] {
            let mut bench = Bench::new(&[word]);
            bench.set(A1, address).run(if cause == 1 { 2 } else { 1 });
            let epc = if cause == 1 { address } else { CODE };
            assert_eq!(bench.machine_trap(), (cause, address, epc));
        }
    }
}

#[test]
fn devices_answer_aligned_accesses_only_and_never_fetches() {
    let mut bench = Bench::new(&[store(Op::Sw, A0, 0, A1), imm(Op::Lwu, A2, A1, 0), imm(Op::Lw, A3, A1, 1)]);
    bench.set(A0, u64::MAX).set(A1, REGISTER).run(2);
    assert_eq!(bench.x(A2), 0xffff_ffff, "only the width of the store arrives");
    bench.run(1);
    assert_eq!(bench.machine_trap(), (5, REGISTER + 1, CODE + 8));

    let mut bench = Bench::new(&[]);
    bench.hart().pc = REGISTER;
    bench.run(1);
    assert_eq!(bench.machine_trap(), (1, REGISTER, REGISTER));
}

#[test]
fn the_boot_rom_can_be_read_and_executed_but_not_written() {
    let mut ram = Ram::new(1 << 20);
    let words = [imm(Op::Lw, A0, A1, 0), store(Op::Sw, A0, 0, A1)];
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    ram.set_rom(&bytes).expect("it fits");
    assert!(ram.set_rom(&vec![0; 1 << 20]).is_err());
    assert!(ram.write(PhysAddr::new(0x1000), &[1]).is_err());
    let mut machine = Machine::from_parts(ram, Pins::default(), 0x1000);
    machine.hart_mut().x[A1] = 0x1000;
    machine.run(1, &mut NoObserver);
    assert_eq!(machine.hart(0).registers()[10], u64::from(words[0]));
    machine.run(1, &mut NoObserver);
    assert_eq!((machine.hart(0).csrs.mcause, machine.hart(0).csrs.mtval), (7, 0x1000));
}

#[test]
fn branches_and_jumps_link_and_land_where_they_should() {
    // auipc a0, 0; jal a1, 8; (skipped); jalr a2, 16(a0); bne; beq back
    let program = [
        encode(crate::insn::Insn { rd: A0, ..crate::insn::Insn::plain(Op::Auipc) }),
        jal(A1, 8),
        plain(Op::Ebreak),
        imm(Op::Jalr, A0, A0, 21),
        plain(Op::Ebreak),
        branch(Op::Bne, A0, A0, 100),
        branch(Op::Beq, A0, A0, -20),
    ];
    let mut bench = Bench::new(&program);
    bench.run(5);
    assert_eq!((bench.x(A0), bench.x(A1)), (CODE + 16, CODE + 8), "jalr may overwrite its own base");
    assert_eq!(bench.hart().pc, CODE + 4);
}

#[test]
fn x0_stays_zero_whatever_writes_it() {
    let mut bench = Bench::new(&[
        li(ZERO, 5),
        imm(Op::Ld, ZERO, A1, 0),
        csr(Op::Csrrs, ZERO, 0x301, ZERO),
        reg(Op::AmoaddD, ZERO, A1, A1),
        jal(ZERO, 4),
        reg(Op::Add, A0, ZERO, ZERO),
    ]);
    bench.poke(DATA, 77);
    bench.set(A0, 1).set(A1, DATA).run(6);
    assert_eq!(bench.x(A0), 0);
    assert_eq!(bench.hart().registers()[0], 0);
}
