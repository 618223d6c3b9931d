//! Instruction encodings for generated programs, by format family, written from the tables of the
//! unprivileged specification ("RV32/64G Instruction Set Listings") and apart from the machine's
//! own decoder, so that the two cannot share a mistake.

/// A register number, `0..32`.
pub(super) type Reg = u32;

pub(super) const ZERO: Reg = 0;
pub(super) const RA: Reg = 1;
pub(super) const SP: Reg = 2;
pub(super) const T0: Reg = 5;
pub(super) const T1: Reg = 6;
pub(super) const T2: Reg = 7;
pub(super) const S0: Reg = 8;
pub(super) const A0: Reg = 10;
pub(super) const A7: Reg = 17;

/// R-type.
pub(super) const fn r(opcode: u32, funct3: u32, funct7: u32, rd: Reg, rs1: Reg, rs2: Reg) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// I-type; `imm` is cut to twelve bits.
pub(super) const fn i(opcode: u32, funct3: u32, rd: Reg, rs1: Reg, imm: i32) -> u32 {
    (imm.cast_unsigned() & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// S-type.
pub(super) const fn s(funct3: u32, rs1: Reg, rs2: Reg, imm: i32) -> u32 {
    let imm = imm.cast_unsigned();
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 0x1f) << 7 | 0x23
}

/// B-type; `offset` in bytes, even, ±4 KiB.
pub(super) const fn b(funct3: u32, rs1: Reg, rs2: Reg, offset: i32) -> u32 {
    let o = offset.cast_unsigned();
    (o >> 12 & 1) << 31
        | (o >> 5 & 0x3f) << 25
        | rs2 << 20
        | rs1 << 15
        | funct3 << 12
        | (o >> 1 & 0xf) << 8
        | (o >> 11 & 1) << 7
        | 0x63
}

/// `jal rd, offset`; ±1 MiB.
pub(super) const fn jal(rd: Reg, offset: i32) -> u32 {
    let o = offset.cast_unsigned();
    (o >> 20 & 1) << 31
        | (o >> 1 & 0x3ff) << 21
        | (o >> 11 & 1) << 20
        | (o >> 12 & 0xff) << 12
        | rd << 7
        | 0x6f
}

/// `c.j` without its offset.
pub(super) const C_J: u16 = 0xa001;

/// `c.beqz` or, with `nonzero` = 1, `c.bnez` of `x8 + register`, without its offset.
pub(super) const fn c_branch(nonzero: u16, register: u16) -> u16 {
    0xc001 | nonzero << 13 | register << 7
}

/// The offset of `c.j` (CJ-type, ±2 KiB) or of a compressed branch (CB-type, ±256 bytes) in its place.
pub(super) const fn compressed_offset(half: u16, offset: i32) -> u16 {
    let o = offset.cast_unsigned() as u16;
    if half >> 13 == 0b101 {
        (o >> 11 & 1) << 12
            | (o >> 4 & 1) << 11
            | (o >> 8 & 3) << 9
            | (o >> 10 & 1) << 8
            | (o >> 6 & 1) << 7
            | (o >> 7 & 1) << 6
            | (o >> 1 & 7) << 3
            | (o >> 5 & 1) << 2
    } else {
        (o >> 8 & 1) << 12 | (o >> 3 & 3) << 10 | (o >> 6 & 3) << 5 | (o >> 1 & 3) << 3 | (o >> 5 & 1) << 2
    }
}

pub(super) const fn lui(rd: Reg, upper: u32) -> u32 {
    upper << 12 | rd << 7 | 0x37
}

pub(super) const fn auipc(rd: Reg, upper: u32) -> u32 {
    upper << 12 | rd << 7 | 0x17
}

pub(super) const fn addi(rd: Reg, rs1: Reg, imm: i32) -> u32 {
    i(0x13, 0, rd, rs1, imm)
}

pub(super) const fn slli(rd: Reg, rs1: Reg, shift: u32) -> u32 {
    i(0x13, 1, rd, rs1, shift.cast_signed())
}

pub(super) const fn ld(rd: Reg, base: Reg, offset: i32) -> u32 {
    i(0x03, 3, rd, base, offset)
}

pub(super) const fn sd(source: Reg, base: Reg, offset: i32) -> u32 {
    s(3, base, source, offset)
}

/// `csrrw` = 1, `csrrs` = 2, `csrrc` = 3, and 5 to 7 with an immediate in place of `rs1`.
pub(super) const fn csr(funct3: u32, rd: Reg, number: u32, rs1: Reg) -> u32 {
    number << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73
}

pub(super) const fn csrr(rd: Reg, number: u32) -> u32 {
    csr(2, rd, number, ZERO)
}

pub(super) const fn csrw(number: u32, rs1: Reg) -> u32 {
    csr(1, ZERO, number, rs1)
}

pub(super) const fn fmv_x_d(rd: Reg, source: Reg) -> u32 {
    r(0x53, 0, 0x71, rd, source, ZERO)
}

pub(super) const ECALL: u32 = 0x73;
pub(super) const EBREAK: u32 = 0x0010_0073;
pub(super) const MRET: u32 = 0x3020_0073;
pub(super) const SRET: u32 = 0x1020_0073;
pub(super) const FENCE: u32 = 0x0ff0_000f;
pub(super) const FENCE_I: u32 = 0x0000_100f;

pub(super) const fn sfence_vma(va: Reg, asid: Reg) -> u32 {
    r(0x73, 0, 9, ZERO, va, asid)
}

pub(super) const fn sinval_vma(va: Reg, asid: Reg) -> u32 {
    r(0x73, 0, 0x0b, ZERO, va, asid)
}

/// Zba, Zbb and Zbs with two sources: opcode, funct7, funct3.
pub(super) const BITS_REGISTER: [(u32, u32, u32); 22] = [
    (0x33, 0x10, 2), // sh1add, sh2add, sh3add, and with .uw
    (0x33, 0x10, 4),
    (0x33, 0x10, 6),
    (0x3b, 0x10, 2),
    (0x3b, 0x10, 4),
    (0x3b, 0x10, 6),
    (0x3b, 0x04, 0), // add.uw
    (0x33, 0x20, 7), // andn, orn, xnor
    (0x33, 0x20, 6),
    (0x33, 0x20, 4),
    (0x33, 0x05, 4), // min, minu, max, maxu
    (0x33, 0x05, 5),
    (0x33, 0x05, 6),
    (0x33, 0x05, 7),
    (0x33, 0x30, 1), // rol, ror, rolw, rorw
    (0x33, 0x30, 5),
    (0x3b, 0x30, 1),
    (0x3b, 0x30, 5),
    (0x33, 0x24, 1), // bclr, bext, binv, bset
    (0x33, 0x24, 5),
    (0x33, 0x34, 1),
    (0x33, 0x14, 1),
];

/// Those with a source and a shift amount: opcode, funct3, upper bits of the immediate, and the
/// mask of the amount.
pub(super) const BITS_SHIFT: [(u32, u32, i32, i32); 7] = [
    (0x1b, 1, 0x080, 0x3f), // slli.uw
    (0x13, 5, 0x600, 0x3f), // rori, roriw
    (0x1b, 5, 0x600, 0x1f),
    (0x13, 1, 0x480, 0x3f), // bclri, bexti, binvi, bseti
    (0x13, 5, 0x480, 0x3f),
    (0x13, 1, 0x680, 0x3f),
    (0x13, 1, 0x280, 0x3f),
];

/// Those with one source: opcode, funct3, immediate. CTZW is no part of it: QEMU 7.2 counts on behind
/// bit 31.
pub(super) const BITS_UNARY: [(u32, u32, i32); 10] = [
    (0x13, 1, 0x600), // clz, ctz, cpop, clzw, cpopw
    (0x13, 1, 0x601),
    (0x13, 1, 0x602),
    (0x1b, 1, 0x600),
    (0x1b, 1, 0x602),
    (0x13, 1, 0x604), // sext.b, sext.h, zext.h
    (0x13, 1, 0x605),
    (0x3b, 4, 0x080),
    (0x13, 5, 0x287), // orc.b, rev8
    (0x13, 5, 0x6b8),
];

/// The shortest sequence that loads a 64-bit constant, by the usual recursion on the upper bits.
pub(super) fn li(rd: Reg, value: u64) -> Vec<u32> {
    let signed = value.cast_signed();
    let low = (signed << 52 >> 52) as i32;
    if signed == i64::from(low) {
        return vec![addi(rd, ZERO, low)];
    }
    if signed == i64::from(signed as i32) {
        let upper = (signed.wrapping_sub(i64::from(low)) >> 12).cast_unsigned() as u32 & 0xf_ffff;
        // addiw, so that the sum wraps at 32 bits.
        return vec![lui(rd, upper), i(0x1b, 0, rd, rd, low)];
    }
    let mut rest = signed.wrapping_sub(i64::from(low)) >> 12;
    let mut shift = 12;
    while rest & 1 == 0 {
        rest >>= 1;
        shift += 1;
    }
    let mut words = li(rd, rest.cast_unsigned());
    words.push(slli(rd, rd, shift));
    if low != 0 {
        words.push(addi(rd, rd, low));
    }
    words
}
