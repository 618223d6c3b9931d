//! Page tables for the workloads, and the way into a lower privilege under Sv39.

use faultline_abi::{PAGE_SIZE, Ppn, VirtAddr, board::DRAM_BASE, sv39::Pte};

use super::{
    MEMORY,
    assembler::{Code, T0, T1},
    poke,
};
use crate::{
    csr::number as csr,
    insn::{Insn, Op},
    ram::Ram,
};

/// The root; the other tables follow.
pub(super) const TABLES: u64 = DRAM_BASE + (16 << 20);

/// From M-mode to the next instruction, in the privilege with this number, under Sv39. Exceptions are
/// delegated to `handler`, and `scratch` stands in `sscratch`.
pub(super) fn enter(code: &mut Code, mode: i32, handler: u64, scratch: u64) {
    code.li(T0, -1).csrw(csr::PMPADDR0, T0).li(T0, 0x1f).csrw(csr::PMPCFG0, T0);
    code.li(T0, -1).csrw(csr::MEDELEG, T0);
    code.lui(T0, handler).csrw(csr::STVEC, T0).lui(T0, scratch).csrw(csr::SSCRATCH, T0);
    code.li(T0, 8).imm(Op::Slli, T0, T0, 60).lui(T1, TABLES).imm(Op::Srli, T1, T1, 12);
    code.reg(Op::Add, T0, T0, T1).csrw(csr::SATP, T0);
    code.li(T0, 3).imm(Op::Slli, T0, T0, 11);
    code.push(Insn { rs1: T0, imm: csr::MSTATUS.into(), ..Insn::plain(Op::Csrrc) });
    code.li(T0, mode).imm(Op::Slli, T0, T0, 11);
    code.push(Insn { rs1: T0, imm: csr::MSTATUS.into(), ..Insn::plain(Op::Csrrs) });
    // mepc: four instructions on.
    code.push(Insn { rd: T0, ..Insn::plain(Op::Auipc) });
    code.imm(Op::Addi, T0, T0, 16).csrw(csr::MEPC, T0).op(Op::Mret);
}

/// Maps all of memory where it is, in pages of 4 KiB with these flags.
pub(super) fn map_all(ram: &mut Ram, flags: &str) {
    for page in 0..MEMORY / PAGE_SIZE {
        let at = DRAM_BASE + page * PAGE_SIZE;
        map(ram, at, leaf(at, flags));
    }
}

/// The level-0 table below 2 GiB, the last one that [`map`] makes.
pub(super) const LOW_TABLE: u64 = TABLES + 67 * PAGE_SIZE;

/// Writes one level-0 entry; makes the tables above it: the root stands at [`TABLES`], then the table of
/// level 1 for memory, its 64 tables of level 0, and two for what lies below.
pub(super) fn map(ram: &mut Ram, va: u64, entry: u64) {
    let va = VirtAddr::new(va);
    let (level1, level0) = if va.get() >= DRAM_BASE { (1, 2 + va.vpn(1) as u64) } else { (66, 67) };
    let table = |number: u64| TABLES + number * PAGE_SIZE;
    let mut write = |table: u64, level: u32, entry: u64| {
        poke(ram, table + va.vpn(level) as u64 * 8, &entry.to_le_bytes());
    };
    write(table(0), 2, leaf(table(level1), "V"));
    write(table(level1), 1, leaf(table(level0), "V"));
    write(table(level0), 0, entry);
}

/// An entry for the page at `pa`.
pub(super) fn leaf(pa: u64, flags: &str) -> u64 {
    let bit = |letter| "VRWXUGAD".find(letter).unwrap_or_default();
    let flags: u64 = flags.chars().map(|letter| 1 << bit(letter)).sum();
    Pte::from_raw(Ppn::new(pa / PAGE_SIZE).get() << 10 | flags).raw()
}
