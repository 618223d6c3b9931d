//! Two matrices: one is changed, then they are multiplied, in full and by a part of each product's
//! bits.

use super::{A0, A1, Code, Label, MATRICES, Op, Ram, S0, S1, S2, S10, T0, T1, ZERO, add_to_checksum, poke};
use crate::bench::assembler::{A2, A3, A4, A5, T2};

/// Rows and columns.
const SIZE: i32 = 12;
/// Bytes of a matrix of half words. Two of them stand at [`MATRICES`], and their product, of words, behind.
const BYTES: i32 = 2 * SIZE * SIZE;
const PRODUCT: i32 = 2 * BYTES;

/// Both matrices.
pub(super) fn write(ram: &mut Ram) {
    for entry in 0..2 * SIZE.unsigned_abs().pow(2) {
        let value = (entry * 31 + 7) % 251;
        poke(ram, MATRICES + 2 * u64::from(entry), &value.to_le_bytes()[..2]);
    }
}

pub(super) fn function(code: &mut Code, checksum: Label) {
    let (add, multiply, multiply_bits) = (code.label(), code.label(), code.label());
    let saved = [S0];
    code.enter(&saved).lui(S0, MATRICES);
    code.mv(A0, S0).imm(Op::Andi, A1, S10, 7).call(add);
    code.mv(A0, S0).call(multiply);
    add_to_checksum(code, checksum);
    code.mv(A0, S0).call(multiply_bits);
    add_to_checksum(code, checksum);
    code.mv(A0, S0).imm(Op::Andi, A1, S10, 7).reg(Op::Sub, A1, ZERO, A1).call(add);
    code.leave(&saved);
    code.bind(add);
    add_constant(code);
    code.bind(multiply);
    product(code, |code| {
        code.reg(Op::Mulw, T0, T0, T1);
    });
    code.bind(multiply_bits);
    product(code, |code| {
        code.reg(Op::Mulw, T0, T0, T1).imm(Op::Srliw, T1, T0, 2).imm(Op::Andi, T1, T1, 0xf);
        code.imm(Op::Srliw, T0, T0, 5).imm(Op::Andi, T0, T0, 0x7f).reg(Op::Mulw, T0, T0, T1);
    });
}

/// Adds `a1` to every entry of the matrix at `a0`.
fn add_constant(code: &mut Code) {
    code.li(T0, SIZE * SIZE);
    let entry = code.here();
    code.imm(Op::Lh, T1, A0, 0).reg(Op::Addw, T1, T1, A1).store(Op::Sh, T1, 0, A0);
    code.imm(Op::Addi, A0, A0, 2).imm(Op::Addi, T0, T0, -1).branch(Op::Bne, T0, ZERO, entry).ret();
}

/// Multiplies the matrices at `a0`, each pair of entries in `t0` and `t1` by `times`; returns the sum of
/// the product's entries.
fn product(code: &mut Code, times: fn(&mut Code)) {
    let saved = [S0, S1, S2];
    // s0 a row, s1 rows left, s2 the product; a5 a column, a4 columns left, a1 the sum.
    code.enter(&saved).mv(S0, A0).li(S1, SIZE).imm(Op::Addi, S2, A0, PRODUCT).li(A1, 0);
    let row = code.here();
    code.lui(A5, MATRICES).imm(Op::Addi, A5, A5, BYTES).li(A4, SIZE);
    let column = code.here();
    code.mv(A2, S0).mv(A3, A5).li(A0, SIZE).li(T2, 0);
    let cell = code.here();
    code.imm(Op::Lh, T0, A2, 0).imm(Op::Lh, T1, A3, 0);
    times(code);
    code.reg(Op::Addw, T2, T2, T0).imm(Op::Addi, A2, A2, 2).imm(Op::Addi, A3, A3, 2 * SIZE);
    code.imm(Op::Addi, A0, A0, -1).branch(Op::Bne, A0, ZERO, cell);
    code.store(Op::Sw, T2, 0, S2).reg(Op::Add, A1, A1, T2).imm(Op::Addi, S2, S2, 4);
    code.imm(Op::Addi, A5, A5, 2).imm(Op::Addi, A4, A4, -1).branch(Op::Bne, A4, ZERO, column);
    code.imm(Op::Addi, S0, S0, 2 * SIZE).imm(Op::Addi, S1, S1, -1).branch(Op::Bne, S1, ZERO, row);
    code.mv(A0, A1).leave(&saved);
}
