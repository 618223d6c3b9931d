//! A very small assembler: the decoder's table, read backwards.

use crate::insn::{ENCODINGS, Format, Insn, Op};

pub(super) const ZERO: u8 = 0;
pub(super) const SP: u8 = 2;
pub(super) const T0: u8 = 5;
pub(super) const T1: u8 = 6;
pub(super) const A0: u8 = 10;
pub(super) const A1: u8 = 11;
pub(super) const A2: u8 = 12;
pub(super) const A3: u8 = 13;

/// The word of an instruction.
pub(super) fn encode(insn: Insn) -> u32 {
    let encoding = ENCODINGS.iter().find(|encoding| encoding.op == insn.op).expect("an encoding");
    let (rd, rs1, rs2) = (u32::from(insn.rd) << 7, u32::from(insn.rs1) << 15, u32::from(insn.rs2) << 20);
    let imm = insn.imm.cast_unsigned();
    let operands = match encoding.format {
        Format::Upper => rd | imm & 0xffff_f000,
        Format::Jump => {
            rd | (imm & 0x10_0000) << 11 | (imm & 0x7fe) << 20 | (imm & 0x800) << 9 | imm & 0xf_f000
        }
        Format::Branch => {
            let high = (imm & 0x1000) << 19 | (imm & 0x7e0) << 20;
            rs1 | rs2 | high | (imm & 0x1e) << 7 | (imm & 0x800) >> 4
        }
        Format::Store => rs1 | rs2 | (imm & 0xfe0) << 20 | (imm & 0x1f) << 7,
        Format::JumpRegister | Format::Load | Format::Immediate | Format::Csr | Format::CsrImmediate => {
            rd | rs1 | imm << 20
        }
        Format::Shift | Format::ShiftWord => rd | rs1 | imm << 20,
        Format::Register | Format::FenceVma => rd | rs1 | rs2,
        Format::Atomic | Format::LoadReserved => rd | rs1 | rs2 | imm << 25,
        Format::Fence => imm << 20,
        Format::FenceI | Format::Fixed => 0,
    };
    encoding.bits | operands
}

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

#[test]
fn decoding_and_encoding_are_inverse() {
    // A stride that meets every opcode, function and register.
    let words = (0..1_u32 << 20).map(|n| n.wrapping_mul(0x9e37_79b1) | 0b11);
    for word in words {
        let (insn, _) = crate::decode::decode(word);
        if !matches!(insn.op, Op::Illegal | Op::Fence | Op::FenceI | Op::Tracepoint) {
            assert_eq!(encode(insn), word, "{insn:?}");
        }
    }
}
