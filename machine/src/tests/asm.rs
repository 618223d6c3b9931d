//! A very small assembler.

pub(super) use crate::encode::encode;
use crate::insn::{Insn, Op};

pub(super) const ZERO: u8 = 0;
pub(super) const SP: u8 = 2;
pub(super) const T0: u8 = 5;
pub(super) const T1: u8 = 6;
pub(super) const A0: u8 = 10;
pub(super) const A1: u8 = 11;
pub(super) const A2: u8 = 12;
pub(super) const A3: u8 = 13;

/// `op rd, rs1, rs2`
pub(super) fn reg(op: Op, rd: u8, rs1: u8, rs2: u8) -> u32 {
    encode(Insn { rd, rs1, rs2, ..Insn::plain(op) })
}

/// `op rd, rs1, imm`; loads and JALR, too.
pub(super) fn imm(op: Op, rd: u8, rs1: u8, imm: i32) -> u32 {
    encode(Insn { rd, rs1, imm, ..Insn::plain(op) })
}

/// `op rs2, imm(rs1)`
pub(super) fn store(op: Op, rs2: u8, imm: i32, rs1: u8) -> u32 {
    encode(Insn { rs1, rs2, imm, ..Insn::plain(op) })
}

/// `op rs1, rs2, offset`
pub(super) fn branch(op: Op, rs1: u8, rs2: u8, offset: i32) -> u32 {
    encode(Insn { rs1, rs2, imm: offset, ..Insn::plain(op) })
}

/// `jal rd, offset`
pub(super) fn jal(rd: u8, offset: i32) -> u32 {
    encode(Insn { rd, imm: offset, ..Insn::plain(Op::Jal) })
}

/// `op rd, csr, rs1`; of the immediate forms `rs1` is the immediate.
pub(super) fn csr(op: Op, rd: u8, csr: u16, rs1: u8) -> u32 {
    encode(Insn { rd, rs1, imm: csr.into(), ..Insn::plain(op) })
}

/// `li rd, imm`
pub(super) fn li(rd: u8, value: i32) -> u32 {
    imm(Op::Addi, rd, ZERO, value)
}

pub(super) fn nop() -> u32 {
    li(ZERO, 0)
}

/// An instruction without operands.
pub(super) fn plain(op: Op) -> u32 {
    encode(Insn::plain(op))
}
