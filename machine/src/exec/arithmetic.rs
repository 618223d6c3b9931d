//! Integer arithmetic on register values (unprivileged specification, "RV64I" and "M" Standard
//! Extension). The operations with a `w` work on the low 32 bits and sign-extend their result.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "two's complement arithmetic on registers is what this file is about"
)]

/// The low half, sign-extended.
#[inline(always)]
const fn word(value: u64) -> u64 {
    value as i32 as u64
}

#[inline(always)]
pub(super) const fn slt(a: u64, b: u64) -> u64 {
    ((a as i64) < b as i64) as u64
}

#[inline(always)]
pub(super) const fn sltu(a: u64, b: u64) -> u64 {
    (a < b) as u64
}

#[inline(always)]
pub(super) const fn sll(a: u64, b: u64) -> u64 {
    a << (b & 63)
}

#[inline(always)]
pub(super) const fn srl(a: u64, b: u64) -> u64 {
    a >> (b & 63)
}

#[inline(always)]
pub(super) const fn sra(a: u64, b: u64) -> u64 {
    (a as i64 >> (b & 63)) as u64
}

#[inline(always)]
pub(super) const fn addw(a: u64, b: u64) -> u64 {
    word(a.wrapping_add(b))
}

#[inline(always)]
pub(super) const fn subw(a: u64, b: u64) -> u64 {
    word(a.wrapping_sub(b))
}

#[inline(always)]
pub(super) const fn sllw(a: u64, b: u64) -> u64 {
    word(a << (b & 31))
}

#[inline(always)]
pub(super) const fn srlw(a: u64, b: u64) -> u64 {
    word((a as u32 >> (b & 31)) as u64)
}

#[inline(always)]
pub(super) const fn sraw(a: u64, b: u64) -> u64 {
    (a as i32 >> (b & 31)) as u64
}

#[inline(always)]
pub(super) const fn mulh(a: u64, b: u64) -> u64 {
    ((a as i64 as i128 * b as i64 as i128) >> 64) as u64
}

#[inline(always)]
pub(super) const fn mulhsu(a: u64, b: u64) -> u64 {
    ((a as i64 as i128).wrapping_mul(b as i128) >> 64) as u64
}

#[inline(always)]
pub(super) const fn mulhu(a: u64, b: u64) -> u64 {
    ((a as u128 * b as u128) >> 64) as u64
}

// Division never traps: by zero the quotient is all ones and the remainder the dividend; the one
// signed overflow gives the dividend and zero ("Division Operations").

#[inline(always)]
pub(super) const fn div(a: u64, b: u64) -> u64 {
    if b == 0 { u64::MAX } else { (a as i64).wrapping_div(b as i64) as u64 }
}

#[inline(always)]
pub(super) fn divu(a: u64, b: u64) -> u64 {
    a.checked_div(b).unwrap_or(u64::MAX)
}

#[inline(always)]
pub(super) const fn rem(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { (a as i64).wrapping_rem(b as i64) as u64 }
}

#[inline(always)]
pub(super) const fn remu(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { a % b }
}

#[inline(always)]
pub(super) const fn mulw(a: u64, b: u64) -> u64 {
    word(a.wrapping_mul(b))
}

#[inline(always)]
pub(super) const fn divw(a: u64, b: u64) -> u64 {
    if b as u32 == 0 { u64::MAX } else { (a as i32).wrapping_div(b as i32) as u64 }
}

#[inline(always)]
pub(super) fn divuw(a: u64, b: u64) -> u64 {
    (a as u32).checked_div(b as u32).map_or(u64::MAX, |quotient| word(quotient.into()))
}

#[inline(always)]
pub(super) const fn remw(a: u64, b: u64) -> u64 {
    if b as u32 == 0 { word(a) } else { (a as i32).wrapping_rem(b as i32) as u64 }
}

#[inline(always)]
pub(super) const fn remuw(a: u64, b: u64) -> u64 {
    if b as u32 == 0 { word(a) } else { word((a as u32 % b as u32) as u64) }
}
