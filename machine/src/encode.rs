//! From an [`Insn`] to its word: the decoder's table, read backwards.

use crate::insn::{ENCODINGS, Format, Insn, Op};

/// The 32-bit word of an instruction. Operands that do not fit their fields lose their upper bits.
/// [`Op::Illegal`] and the other operations without a line in the table give zero, which is illegal.
#[must_use]
pub fn encode(insn: Insn) -> u32 {
    if insn.op == Op::Tracepoint {
        return encode(Insn { op: Op::Slti, ..insn });
    }
    let Some(encoding) = ENCODINGS.iter().find(|encoding| encoding.op == insn.op) else { return 0 };
    let field = |register: u8, shift: u32| (u32::from(register) & 0x1f) << shift;
    let (rd, rs1, rs2) = (field(insn.rd, 7), field(insn.rs1, 15), field(insn.rs2, 20));
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
        Format::Store | Format::FloatStore => rs1 | rs2 | (imm & 0xfe0) << 20 | (imm & 0x1f) << 7,
        Format::JumpRegister
        | Format::Load
        | Format::FloatLoad
        | Format::Immediate
        | Format::Csr
        | Format::CsrImmediate => rd | rs1 | imm << 20,
        Format::Shift | Format::ShiftWord => rd | rs1 | imm << 20,
        Format::Register | Format::FloatRegister | Format::FloatCompare | Format::FenceVma => rd | rs1 | rs2,
        Format::FloatFused | Format::FloatRounded => rd | rs1 | rs2 | (imm & 7) << 12 | imm >> 3 << 27,
        Format::FloatUnary | Format::FloatToInteger | Format::FloatFromInteger => rd | rs1 | imm << 12,
        Format::FloatToBits | Format::FloatFromBits | Format::Unary => rd | rs1,
        Format::Atomic | Format::LoadReserved => rd | rs1 | rs2 | imm << 25,
        Format::Fence => imm << 20,
        Format::FenceI | Format::Fixed => 0,
    };
    encoding.bits | operands
}

#[cfg(test)]
mod tests {
    use super::encode;
    use crate::{decode::decode, insn::Op};

    #[test]
    fn decoding_and_encoding_are_inverse() {
        // A stride that meets every opcode, function and register.
        let words = (0..1_u32 << 20).map(|n| n.wrapping_mul(0x9e37_79b1) | 0b11);
        for word in words {
            let (insn, _) = decode(word);
            if !matches!(insn.op, Op::Illegal | Op::Fence | Op::FenceI | Op::Tracepoint) {
                assert_eq!(encode(insn), word, "{insn:?}");
            }
        }
    }
}
