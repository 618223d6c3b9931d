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
