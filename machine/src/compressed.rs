//! Compressed instructions, expanded to the full word that does the same (unprivileged
//! specification, "C" Standard Extension).

/// The 32-bit instruction that `bits` stands for; `None` where it is illegal or reserved, or
/// belongs to an extension that this machine does not have.
#[must_use]
pub(crate) fn expand(bits: u16) -> Option<u32> {
    let c = u32::from(bits);
    let funct3 = c >> 13;
    match c & 0b11 {
        0b00 => quadrant0(c, funct3),
        0b01 => quadrant1(c, funct3),
        0b10 => quadrant2(c, funct3),
        _ => None,
    }
}

const SP: u32 = 2;
const RA: u32 = 1;

/// Loads and stores relative to a register, and `c.addi4spn`.
fn quadrant0(c: u32, funct3: u32) -> Option<u32> {
    let (rd, rs1) = (narrow(c, 2), narrow(c, 7));
    Some(match funct3 {
        0b000 => {
            let imm = bits(c, 11, 2, 4) | bits(c, 7, 4, 6) | bits(c, 6, 1, 2) | bits(c, 5, 1, 3);
            return (imm != 0).then(|| i_type(0x13, 0, rd, SP, imm));
        }
        0b001 => i_type(0x07, 3, rd, rs1, offset_double(c)),
        0b010 => i_type(0x03, 2, rd, rs1, offset_word(c)),
        0b011 => i_type(0x03, 3, rd, rs1, offset_double(c)),
        0b101 => s_type(0x27, 3, rs1, rd, offset_double(c)),
        0b110 => s_type(0x23, 2, rs1, rd, offset_word(c)),
        0b111 => s_type(0x23, 3, rs1, rd, offset_double(c)),
        _ => return None,
    })
}

/// Immediates, arithmetic, jumps and branches.
fn quadrant1(c: u32, funct3: u32) -> Option<u32> {
    let rd = wide(c, 7);
    let imm = immediate(c);
    Some(match funct3 {
        0b000 => i_type(0x13, 0, rd, rd, imm),
        0b001 if rd == 0 => return None,
        0b001 => i_type(0x1b, 0, rd, rd, imm),
        0b010 => i_type(0x13, 0, rd, 0, imm),
        0b011 if rd == SP => return add_to_sp(c),
        0b011 => return (imm != 0).then_some(imm << 12 | rd << 7 | 0x37),
        0b100 => return arithmetic(c),
        0b101 => j_type(0, jump_offset(c)),
        0b110 => b_type(0, narrow(c, 7), branch_offset(c)),
        _ => b_type(1, narrow(c, 7), branch_offset(c)),
    })
}

/// Loads and stores relative to `sp`, `c.slli`, moves and jumps to registers.
fn quadrant2(c: u32, funct3: u32) -> Option<u32> {
    let (rd, rs2) = (wide(c, 7), wide(c, 2));
    Some(match funct3 {
        0b000 => i_type(0x13, 1, rd, rd, shift_amount(c)),
        0b010 | 0b011 if rd == 0 => return None,
        0b010 => i_type(0x03, 2, rd, SP, bits(c, 12, 1, 5) | bits(c, 4, 3, 2) | bits(c, 2, 2, 6)),
        0b001 => i_type(0x07, 3, rd, SP, stack_load_double(c)),
        0b011 => i_type(0x03, 3, rd, SP, stack_load_double(c)),
        0b100 => return jump_or_move(c, rd, rs2),
        0b101 => s_type(0x27, 3, SP, rs2, stack_store_double(c)),
        0b110 => s_type(0x23, 2, SP, rs2, bits(c, 9, 4, 2) | bits(c, 7, 2, 6)),
        0b111 => s_type(0x23, 3, SP, rs2, stack_store_double(c)),
        _ => return None,
    })
}

/// `c.addi16sp`
fn add_to_sp(c: u32) -> Option<u32> {
    let low = bits(c, 6, 1, 4) | bits(c, 2, 1, 5) | bits(c, 5, 1, 6) | bits(c, 3, 2, 7);
    let imm = low | sign(c, 9);
    (imm != 0).then(|| i_type(0x13, 0, SP, SP, imm))
}

/// `c.srli`, `c.srai`, `c.andi`, and the six operations between two registers.
fn arithmetic(c: u32) -> Option<u32> {
    let (rd, rs2) = (narrow(c, 7), narrow(c, 2));
    Some(match c >> 10 & 0b11 {
        0b00 => i_type(0x13, 5, rd, rd, shift_amount(c)),
        0b01 => i_type(0x13, 5, rd, rd, shift_amount(c) | 0x400),
        0b10 => i_type(0x13, 7, rd, rd, immediate(c)),
        _ => match (c >> 12 & 1, c >> 5 & 0b11) {
            (0, 0b00) => r_type(0x33, 0x20, 0, rd, rd, rs2),
            (0, 0b01) => r_type(0x33, 0, 4, rd, rd, rs2),
            (0, 0b10) => r_type(0x33, 0, 6, rd, rd, rs2),
            (0, _) => r_type(0x33, 0, 7, rd, rd, rs2),
            (_, 0b00) => r_type(0x3b, 0x20, 0, rd, rd, rs2),
            (_, 0b01) => r_type(0x3b, 0, 0, rd, rd, rs2),
            _ => return None,
        },
    })
}

/// `c.jr`, `c.mv`, `c.ebreak`, `c.jalr`, `c.add`
fn jump_or_move(c: u32, rd: u32, rs2: u32) -> Option<u32> {
    Some(match (c >> 12 & 1, rd, rs2) {
        (0, 0, 0) => return None,
        (0, _, 0) => i_type(0x67, 0, 0, rd, 0),
        (0, _, _) => r_type(0x33, 0, 0, rd, 0, rs2),
        (_, 0, 0) => 0x0010_0073,
        (_, _, 0) => i_type(0x67, 0, RA, rd, 0),
        _ => r_type(0x33, 0, 0, rd, rd, rs2),
    })
}

/// `count` bits of `c` from bit `from`, moved to bit `to`.
const fn bits(c: u32, from: u32, count: u32, to: u32) -> u32 {
    (c >> from & ((1 << count) - 1)) << to
}

/// Bit 12 of `c`, extended over every bit from `to` up.
const fn sign(c: u32, to: u32) -> u32 {
    (c >> 12 & 1).wrapping_neg() << to
}

/// A full register number.
const fn wide(c: u32, from: u32) -> u32 {
    bits(c, from, 5, 0)
}

/// A three-bit register number: `x8`…`x15`.
const fn narrow(c: u32, from: u32) -> u32 {
    8 + bits(c, from, 3, 0)
}

const fn immediate(c: u32) -> u32 {
    bits(c, 2, 5, 0) | sign(c, 5)
}

const fn shift_amount(c: u32) -> u32 {
    bits(c, 2, 5, 0) | bits(c, 12, 1, 5)
}

const fn offset_word(c: u32) -> u32 {
    bits(c, 10, 3, 3) | bits(c, 6, 1, 2) | bits(c, 5, 1, 6)
}

const fn offset_double(c: u32) -> u32 {
    bits(c, 10, 3, 3) | bits(c, 5, 2, 6)
}

const fn jump_offset(c: u32) -> u32 {
    bits(c, 3, 3, 1)
        | bits(c, 11, 1, 4)
        | bits(c, 2, 1, 5)
        | bits(c, 7, 1, 6)
        | bits(c, 6, 1, 7)
        | bits(c, 9, 2, 8)
        | bits(c, 8, 1, 10)
        | sign(c, 11)
}

const fn branch_offset(c: u32) -> u32 {
    bits(c, 3, 2, 1) | bits(c, 10, 2, 3) | bits(c, 2, 1, 5) | bits(c, 5, 2, 6) | sign(c, 8)
}

const fn i_type(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: u32) -> u32 {
    imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

const fn stack_load_double(c: u32) -> u32 {
    bits(c, 12, 1, 5) | bits(c, 5, 2, 3) | bits(c, 2, 3, 6)
}

const fn stack_store_double(c: u32) -> u32 {
    bits(c, 10, 3, 3) | bits(c, 7, 3, 6)
}

const fn s_type(opcode: u32, funct3: u32, rs1: u32, rs2: u32, imm: u32) -> u32 {
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 0x1f) << 7 | opcode
}

const fn r_type(opcode: u32, funct7: u32, funct3: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// A branch against `x0`.
const fn b_type(funct3: u32, rs1: u32, imm: u32) -> u32 {
    (imm >> 12 & 1) << 31
        | (imm >> 5 & 0x3f) << 25
        | rs1 << 15
        | funct3 << 12
        | (imm >> 1 & 0xf) << 8
        | (imm >> 11 & 1) << 7
        | 0x63
}

const fn j_type(rd: u32, imm: u32) -> u32 {
    (imm >> 20 & 1) << 31
        | (imm >> 1 & 0x3ff) << 21
        | (imm >> 11 & 1) << 20
        | (imm >> 12 & 0xff) << 12
        | rd << 7
        | 0x6f
}
