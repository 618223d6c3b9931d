//! From an instruction word to an [`Insn`].

use faultline_abi::trace;

use crate::{
    compressed,
    insn::{ENCODINGS, Encoding, Format, Insn, Length, Op},
};

/// Decodes the instruction in the low bytes of `bits`; of a compressed one only 16 bits count.
#[must_use]
pub fn decode(bits: u32) -> (Insn, Length) {
    #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
    let low = bits as u16;
    match Length::of(low) {
        Length::Full => (decode_full(bits), Length::Full),
        Length::Compressed => {
            let insn = compressed::expand(low).map_or(Insn::plain(Op::Illegal), decode_full);
            (insn, Length::Compressed)
        }
    }
}

fn decode_full(word: u32) -> Insn {
    if let Some(number) = trace::hint_number(word) {
        return Insn { imm: i32::from(number), ..Insn::plain(Op::Tracepoint) };
    }
    let candidates = BY_MAJOR[major(word)];
    ENCODINGS
        .get(candidates.0..candidates.1)
        .unwrap_or(&[])
        .iter()
        .find(|encoding| word & encoding.format.mask() == encoding.bits)
        .map_or(Insn::plain(Op::Illegal), |encoding| operands(*encoding, word))
}

/// The major opcode, bits 6:2.
const fn major(word: u32) -> usize {
    (word >> 2 & 0x1f) as usize
}

/// For each major opcode the range of its lines in the table.
const BY_MAJOR: [(usize, usize); 32] = {
    let mut ranges = [(0, 0); 32];
    let mut line = 0;
    while line < ENCODINGS.len() {
        let range = &mut ranges[major(ENCODINGS[line].bits)];
        if range.1 == 0 {
            range.0 = line;
        }
        line += 1;
        range.1 = line;
    }
    ranges
};

/// Fills in the operands that the format has; all others stay zero.
fn operands(encoding: Encoding, word: u32) -> Insn {
    let insn = Insn::plain(encoding.op);
    let (rd, rs1, rs2) = (field(word, 7), field(word, 15), field(word, 20));
    match encoding.format {
        Format::Upper => Insn { rd, imm: signed(word & 0xffff_f000), ..insn },
        Format::Jump => Insn { rd, imm: jump_offset(word), ..insn },
        Format::Branch => Insn { rs1, rs2, imm: branch_offset(word), ..insn },
        Format::Store | Format::FloatStore => {
            Insn { rs1, rs2, imm: signed(word & 0xfe00_0000) >> 20 | i32::from(rd), ..insn }
        }
        Format::JumpRegister | Format::Load | Format::FloatLoad | Format::Immediate => {
            Insn { rd, rs1, imm: signed(word) >> 20, ..insn }
        }
        Format::Shift => Insn { rd, rs1, imm: signed(word >> 20 & 0x3f), ..insn },
        Format::ShiftWord => Insn { rd, rs1, imm: i32::from(rs2), ..insn },
        Format::Register | Format::FloatRegister | Format::FloatCompare => Insn { rd, rs1, rs2, ..insn },
        Format::FloatFused => Insn { rd, rs1, rs2, imm: rounding(word) | signed(word >> 27 << 3), ..insn },
        Format::FloatRounded => Insn { rd, rs1, rs2, imm: rounding(word), ..insn },
        Format::FloatUnary | Format::FloatToInteger | Format::FloatFromInteger => {
            Insn { rd, rs1, imm: rounding(word), ..insn }
        }
        Format::FloatToBits | Format::FloatFromBits | Format::Unary => Insn { rd, rs1, ..insn },
        Format::Atomic | Format::LoadReserved => {
            Insn { rd, rs1, rs2, imm: signed(word >> 25 & 0b11), ..insn }
        }
        Format::Csr | Format::CsrImmediate => Insn { rd, rs1, imm: signed(word >> 20), ..insn },
        Format::Fence => Insn { imm: signed(word >> 20), ..insn },
        Format::FenceVma => Insn { rs1, rs2, ..insn },
        Format::FenceI | Format::Fixed => insn,
    }
}

/// A register number at bit `shift`.
fn field(word: u32, shift: u32) -> u8 {
    (word >> shift & 0x1f) as u8
}

/// The rounding mode of a floating-point instruction.
const fn rounding(word: u32) -> i32 {
    signed(word >> 12 & 0b111)
}

const fn signed(bits: u32) -> i32 {
    bits.cast_signed()
}

/// J-type: bits 20, 10:1, 11, 19:12 from the top.
fn jump_offset(word: u32) -> i32 {
    let low = word >> 20 & 0x7fe | word >> 9 & 0x800 | word & 0xf_f000;
    signed(word & 0x8000_0000) >> 11 | signed(low)
}

/// B-type: bits 12, 10:5 on top, 4:1, 11 below.
fn branch_offset(word: u32) -> i32 {
    let low = word >> 20 & 0x7e0 | word >> 7 & 0x1e | word << 4 & 0x800;
    signed(word & 0x8000_0000) >> 19 | signed(low)
}
