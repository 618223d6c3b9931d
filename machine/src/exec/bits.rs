//! Bit manipulation on register values (unprivileged specification, "B" Extension for Bit
//! Manipulation: Zba, Zbb and Zbs). Operations with a `w` work on the low 32 bits and sign-extend
//! their result; those with `uw` zero-extend the low 32 bits of their first operand.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "two's complement arithmetic on registers is what this file is about"
)]

/// The low half, sign-extended.
#[inline(always)]
const fn word(value: u32) -> u64 {
    value as i32 as u64
}

/// The low half, zero-extended.
#[inline(always)]
const fn unsigned_word(value: u64) -> u64 {
    value as u32 as u64
}

#[inline(always)]
pub(super) const fn add_uw(a: u64, b: u64) -> u64 {
    unsigned_word(a).wrapping_add(b)
}

#[inline(always)]
pub(super) const fn shift_add<const N: u32>(a: u64, b: u64) -> u64 {
    (a << N).wrapping_add(b)
}

#[inline(always)]
pub(super) const fn shift_add_uw<const N: u32>(a: u64, b: u64) -> u64 {
    (unsigned_word(a) << N).wrapping_add(b)
}

#[inline(always)]
pub(super) const fn slli_uw(a: u64, b: u64) -> u64 {
    unsigned_word(a) << (b & 63)
}

#[inline(always)]
pub(super) fn min(a: u64, b: u64) -> u64 {
    (a as i64).min(b as i64) as u64
}

#[inline(always)]
pub(super) fn minu(a: u64, b: u64) -> u64 {
    a.min(b)
}

#[inline(always)]
pub(super) fn max(a: u64, b: u64) -> u64 {
    (a as i64).max(b as i64) as u64
}

#[inline(always)]
pub(super) fn maxu(a: u64, b: u64) -> u64 {
    a.max(b)
}

#[inline(always)]
pub(super) const fn rol(a: u64, b: u64) -> u64 {
    a.rotate_left(b as u32 & 63)
}

#[inline(always)]
pub(super) const fn ror(a: u64, b: u64) -> u64 {
    a.rotate_right(b as u32 & 63)
}

#[inline(always)]
pub(super) const fn rolw(a: u64, b: u64) -> u64 {
    word((a as u32).rotate_left(b as u32 & 31))
}

#[inline(always)]
pub(super) const fn rorw(a: u64, b: u64) -> u64 {
    word((a as u32).rotate_right(b as u32 & 31))
}

#[inline(always)]
pub(super) const fn clz(a: u64) -> u64 {
    a.leading_zeros() as u64
}

#[inline(always)]
pub(super) const fn ctz(a: u64) -> u64 {
    a.trailing_zeros() as u64
}

#[inline(always)]
pub(super) const fn cpop(a: u64) -> u64 {
    a.count_ones() as u64
}

#[inline(always)]
pub(super) const fn clzw(a: u64) -> u64 {
    (a as u32).leading_zeros() as u64
}

#[inline(always)]
pub(super) const fn ctzw(a: u64) -> u64 {
    (a as u32).trailing_zeros() as u64
}

#[inline(always)]
pub(super) const fn cpopw(a: u64) -> u64 {
    (a as u32).count_ones() as u64
}

#[inline(always)]
pub(super) const fn sext_b(a: u64) -> u64 {
    a as i8 as u64
}

#[inline(always)]
pub(super) const fn sext_h(a: u64) -> u64 {
    a as i16 as u64
}

#[inline(always)]
pub(super) const fn zext_h(a: u64) -> u64 {
    a as u16 as u64
}

/// Every byte that is not zero becomes 0xff.
#[inline(always)]
pub(super) const fn orc_b(a: u64) -> u64 {
    const SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // Bit 7 of each byte: whether any of its bits is set, found without carries between bytes.
    let any = (((a & SEVEN) + SEVEN) | a) & !SEVEN;
    (any >> 7) * 0xff
}

#[inline(always)]
const fn bit(index: u64) -> u64 {
    1 << (index & 63)
}

#[inline(always)]
pub(super) const fn bset(a: u64, b: u64) -> u64 {
    a | bit(b)
}

#[inline(always)]
pub(super) const fn bclr(a: u64, b: u64) -> u64 {
    a & !bit(b)
}

#[inline(always)]
pub(super) const fn binv(a: u64, b: u64) -> u64 {
    a ^ bit(b)
}

#[inline(always)]
pub(super) const fn bext(a: u64, b: u64) -> u64 {
    a >> (b & 63) & 1
}
