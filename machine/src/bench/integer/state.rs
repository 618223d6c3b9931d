//! A state machine that reads numbers from a text, each character through a table of jumps.

use super::{A0, A1, Code, Label, Op, Ram, S0, S1, S2, T0, T1, TEXT, ZERO, add_to_checksum, poke};
use crate::bench::assembler::{A2, S3, S4, T2};

pub(super) const STATES: usize = 6;
/// Nothing read yet.
const START: i32 = 0;
const INTEGER: i32 = 1;
const FRACTION: i32 = 2;
/// Behind an `e`: a sign or a digit must follow.
const SIGN: i32 = 3;
const EXPONENT: i32 = 4;
/// No number.
const INVALID: i32 = 5;

/// Words that count how often each state was entered, and the table of jumps, behind the text.
const COUNTS: i32 = 1024;
const TABLE: i32 = 1088;
const NUMBERS: &str = "5012,-874,+122,35.54400,.1234500,-110.700,+0.64400,5.500e+3,-.123e-2,-87e+832,\
    +0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,";

/// The text, twice, and the table.
pub(super) fn write(ram: &mut Ram, states: [u64; STATES]) {
    let text = NUMBERS.repeat(2);
    poke(ram, TEXT, text.as_bytes());
    for (at, state) in (TEXT + u64::from(TABLE.unsigned_abs())..).step_by(8).zip(states) {
        poke(ram, at, &state.to_le_bytes());
    }
}

/// Reads the text as it is and with some characters changed, and adds the counts to the checksum.
/// Returns where each state is dealt with.
pub(super) fn function(code: &mut Code, checksum: Label) -> [Label; STATES] {
    let (read, change) = (code.label(), code.label());
    let saved = [S0, S1, S2];
    code.enter(&saved).lui(S0, TEXT).li(S1, 4);
    let pass = code.here();
    code.mv(A0, S0).call(read).mv(A0, S0).call(change);
    code.imm(Op::Addi, S1, S1, -1).branch(Op::Bne, S1, ZERO, pass);
    code.imm(Op::Addi, S1, S0, COUNTS).imm(Op::Addi, S2, S1, 4 * INVALID + 4);
    let count = code.here();
    code.imm(Op::Lw, A0, S1, 0);
    add_to_checksum(code, checksum);
    code.imm(Op::Addi, S1, S1, 4).branch(Op::Bltu, S1, S2, count).leave(&saved);
    code.bind(change);
    change_text(code);
    code.bind(read);
    read_text(code)
}

/// Flips the lowest bit of every seventh character of the text at `a0`, but not of commas.
fn change_text(code: &mut Code) {
    let (done, comma) = (code.label(), code.label());
    code.li(T1, 44);
    let next = code.here();
    code.imm(Op::Lbu, T0, A0, 0).branch(Op::Beq, T0, ZERO, done);
    code.branch(Op::Beq, T0, T1, comma).imm(Op::Xori, T0, T0, 1).branch(Op::Beq, T0, T1, comma);
    code.store(Op::Sb, T0, 0, A0).bind(comma).imm(Op::Addi, A0, A0, 7).jump(next).bind(done).ret();
}

/// Reads the text at `a0`. `s0` the text, `s1` the state, `s2` the counts, `s3` the table of jumps; `a1`
/// the state that comes next.
fn read_text(code: &mut Code) -> [Label; STATES] {
    let saved = [S0, S1, S2, S3, S4];
    let (end, comma, enter) = (code.label(), code.label(), code.label());
    code.enter(&saved).mv(S0, A0).li(S1, START).imm(Op::Addi, S2, A0, COUNTS).imm(Op::Addi, S3, A0, TABLE);
    code.li(S4, 44);
    let next = code.here();
    code.imm(Op::Lbu, T0, S0, 0).branch(Op::Beq, T0, ZERO, end).imm(Op::Addi, S0, S0, 1);
    code.branch(Op::Beq, T0, S4, comma).imm(Op::Addi, A2, T0, -48).imm(Op::Sltiu, A2, A2, 10);
    code.imm(Op::Slli, T2, S1, 3).reg(Op::Add, T2, T2, S3).imm(Op::Ld, T2, T2, 0).imm(Op::Jalr, ZERO, T2, 0);
    let states = handlers(code, enter);
    code.bind(comma).li(A1, START).bind(enter);
    code.imm(Op::Slli, T2, A1, 2).reg(Op::Add, T2, T2, S2).imm(Op::Lw, T1, T2, 0);
    code.imm(Op::Addi, T1, T1, 1).store(Op::Sw, T1, 0, T2).mv(S1, A1).jump(next);
    code.bind(end).leave(&saved);
    states
}

/// What each state does with the character in `t0`; `a2` says whether it is a digit.
fn handlers(code: &mut Code, enter: Label) -> [Label; STATES] {
    let (sign, dot, small_e) = (code.label(), code.label(), code.label());
    let start = code.here();
    on_digit(code, INTEGER, enter);
    code.li(T1, 43).branch(Op::Beq, T0, T1, sign).li(T1, 45).branch(Op::Beq, T0, T1, sign);
    code.bind(dot).li(T1, 46).li(A1, FRACTION).branch(Op::Beq, T0, T1, enter).li(A1, INVALID).jump(enter);
    code.bind(sign).li(A1, INTEGER).jump(enter);
    let integer = code.here();
    on_digit(code, INTEGER, enter);
    code.li(T1, 101).branch(Op::Bne, T0, T1, dot);
    code.bind(small_e).li(A1, SIGN).jump(enter);
    let fraction = code.here();
    on_digit(code, FRACTION, enter);
    code.li(T1, 101).branch(Op::Beq, T0, T1, small_e).li(A1, INVALID).jump(enter);
    let exponent_sign = code.here();
    on_digit(code, EXPONENT, enter);
    code.li(A1, EXPONENT).li(T1, 43).branch(Op::Beq, T0, T1, enter).li(T1, 45);
    code.branch(Op::Beq, T0, T1, enter).li(A1, INVALID).jump(enter);
    let exponent = code.here();
    on_digit(code, EXPONENT, enter);
    let invalid = code.here();
    code.li(A1, INVALID).jump(enter);
    [start, integer, fraction, exponent_sign, exponent, invalid]
}

fn on_digit(code: &mut Code, state: i32, enter: Label) {
    code.li(A1, state).branch(Op::Bne, A2, ZERO, enter);
}
