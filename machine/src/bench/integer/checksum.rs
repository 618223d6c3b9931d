//! The cyclic redundancy check of 16 bits, bit by bit.

use super::{A0, A1, Code, Op, T0, T1, ZERO};
use crate::bench::assembler::T2;

/// Adds the half word in `a0` to the checksum in `a1`; returns it in `a0`.
pub(super) fn function(code: &mut Code) {
    let even = code.label();
    // The polynomial, 0xa001.
    code.lui(T2, 0xa000).imm(Op::Addi, T2, T2, 1).li(T0, 16);
    let bit = code.here();
    code.reg(Op::Xor, T1, A0, A1).imm(Op::Andi, T1, T1, 1);
    code.imm(Op::Srli, A0, A0, 1).imm(Op::Srli, A1, A1, 1).branch(Op::Beq, T1, ZERO, even);
    code.reg(Op::Xor, A1, A1, T2).bind(even);
    code.imm(Op::Addi, T0, T0, -1).branch(Op::Bne, T0, ZERO, bit);
    code.mv(A0, A1).ret();
}
