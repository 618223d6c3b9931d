//! A linked list: searched, sorted by merging in two orders, reversed.

use super::{A0, A1, Code, LIST, Label, Op, Ram, S0, S1, S2, T0, T1, ZERO, add_to_checksum, poke};
use crate::bench::assembler::{RA, S3, S4, S5, S6, S7, S8, S9};

/// Elements: 16 bytes each, the next one and what it holds.
const LENGTH: u64 = 100;
/// What the elements hold: 4 bytes each, a value and a position.
const HELD: u64 = LIST + 16 * LENGTH;

/// The list in memory, its elements scattered.
pub(super) fn write(ram: &mut Ram) {
    let place = |position: u64| position * 37 % LENGTH;
    for position in 0..LENGTH {
        let (element, held) = (LIST + 16 * place(position), HELD + 4 * place(position));
        let next = if position + 1 == LENGTH { 0 } else { LIST + 16 * place(position + 1) };
        poke(ram, element, &next.to_le_bytes());
        poke(ram, element + 8, &held.to_le_bytes());
        let value = position * 7919 % 0x7fff;
        poke(ram, held, &(value | position << 16).to_le_bytes()[..4]);
    }
}

/// Searches for some positions, sorts by value, reverses, and sorts by position again.
pub(super) fn function(code: &mut Code, checksum: Label) {
    let [find, reverse, sort, by_value, by_position] = core::array::from_fn(|_| code.label());
    let saved = [S0, S1, S2];
    code.enter(&saved).lui(S0, LIST).li(S1, 0);
    let search = code.here();
    code.mv(A0, S0).mv(A1, S1).call(find).imm(Op::Ld, T0, A0, 8).imm(Op::Lh, A0, T0, 0);
    add_to_checksum(code, checksum);
    code.imm(Op::Addi, S1, S1, 7).imm(Op::Slti, T0, S1, 100).branch(Op::Bne, T0, ZERO, search);
    sort_with(code, sort, by_value);
    code.mv(S0, A0);
    sum_up(code, checksum);
    code.mv(A0, S0).call(reverse).mv(S0, A0);
    sort_with(code, sort, by_position);
    code.leave(&saved);
    code.bind(find);
    find_position(code);
    code.bind(reverse);
    reverse_in_place(code);
    code.bind(sort);
    merge_sort(code);
    code.bind(by_value);
    compare(code, 0);
    code.bind(by_position);
    compare(code, 2);
}

/// Sorts the list at `s0` with a comparison.
fn sort_with(code: &mut Code, sort: Label, comparison: Label) {
    code.mv(A0, S0).load_address(A1, comparison).call(sort);
}

/// Adds every value of the list at `s0` to the checksum.
fn sum_up(code: &mut Code, checksum: Label) {
    code.mv(S1, S0);
    let next = code.here();
    code.imm(Op::Ld, A0, S1, 8).imm(Op::Lh, A0, A0, 0);
    add_to_checksum(code, checksum);
    code.imm(Op::Ld, S1, S1, 0).branch(Op::Bne, S1, ZERO, next);
}

/// The element of the list at `a0` with the position `a1`; 0 if there is none.
fn find_position(code: &mut Code) {
    let (next, done) = (code.here(), code.label());
    code.branch(Op::Beq, A0, ZERO, done).imm(Op::Ld, T0, A0, 8).imm(Op::Lh, T0, T0, 2);
    code.branch(Op::Beq, T0, A1, done).imm(Op::Ld, A0, A0, 0).jump(next).bind(done).ret();
}

fn reverse_in_place(code: &mut Code) {
    code.li(T0, 0);
    let (next, end) = (code.here(), code.label());
    code.branch(Op::Beq, A0, ZERO, end).imm(Op::Ld, T1, A0, 0).store(Op::Sd, T0, 0, A0);
    code.mv(T0, A0).mv(A0, T1).jump(next).bind(end).mv(A0, T0).ret();
}

/// Negative, zero or positive, as the half word at `offset` of `a0` is to that of `a1`.
fn compare(code: &mut Code, offset: i32) {
    code.imm(Op::Lh, T0, A0, offset).imm(Op::Lh, T1, A1, offset).reg(Op::Sub, A0, T0, T1).ret();
}

/// Sorts the list at `a0` with the comparison at `a1`: runs of 1, 2, 4… elements are merged until one
/// is left. `s0` list, `s1` its end, `s2` and `s3` the runs, `s4` and `s5` what is left of them, `s6` the
/// length of runs, `s7` merges made, `s8` the comparison, `s9` the element that comes next.
fn merge_sort(code: &mut Code) {
    let saved = [S0, S1, S2, S3, S4, S5, S6, S7, S8, S9];
    let (done, merged) = (code.label(), code.label());
    code.enter(&saved).mv(S0, A0).mv(S8, A1).li(S6, 1);
    let pass = code.here();
    code.mv(S2, S0).li(S0, 0).li(S1, 0).li(S7, 0);
    let merge = code.here();
    code.branch(Op::Beq, S2, ZERO, merged).imm(Op::Addi, S7, S7, 1);
    second_run(code);
    merge_runs(code);
    code.mv(S2, S3).jump(merge);
    code.bind(merged).store(Op::Sd, ZERO, 0, S1);
    code.li(T0, 1).branch(Op::Bge, T0, S7, done).imm(Op::Slli, S6, S6, 1).jump(pass);
    code.bind(done).mv(A0, S0).leave(&saved);
}

/// `s3` goes behind the run that begins at `s2`; `s4` and `s5` become the lengths of the two.
fn second_run(code: &mut Code) {
    let ready = code.label();
    code.mv(S3, S2).li(S4, 0);
    let next = code.here();
    code.imm(Op::Addi, S4, S4, 1).imm(Op::Ld, S3, S3, 0);
    code.branch(Op::Beq, S3, ZERO, ready).branch(Op::Blt, S4, S6, next);
    code.bind(ready).mv(S5, S6);
}

fn merge_runs(code: &mut Code) {
    let [first, second, have_first, append, to_empty, appended, end] = core::array::from_fn(|_| code.label());
    let next = code.here();
    code.branch(Op::Bne, S4, ZERO, have_first).branch(Op::Beq, S5, ZERO, end);
    code.branch(Op::Beq, S3, ZERO, end).jump(second);
    code.bind(have_first).branch(Op::Beq, S5, ZERO, first).branch(Op::Beq, S3, ZERO, first);
    code.imm(Op::Ld, A0, S2, 8).imm(Op::Ld, A1, S3, 8).imm(Op::Jalr, RA, S8, 0);
    code.branch(Op::Blt, ZERO, A0, second);
    code.bind(first).mv(S9, S2).imm(Op::Ld, S2, S2, 0).imm(Op::Addi, S4, S4, -1).jump(append);
    code.bind(second).mv(S9, S3).imm(Op::Ld, S3, S3, 0).imm(Op::Addi, S5, S5, -1);
    code.bind(append).branch(Op::Beq, S1, ZERO, to_empty).store(Op::Sd, S9, 0, S1).jump(appended);
    code.bind(to_empty).mv(S0, S9).bind(appended).mv(S1, S9).jump(next);
    code.bind(end);
}
