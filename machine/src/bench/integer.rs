//! Integer work in the manner of CoreMark: a list is searched, sorted and reversed, matrices are
//! multiplied, a state machine reads numbers from a text, and a checksum goes over all results.
//!
//! One round takes about 200,000 instructions, and rounds follow each other for ever. Functions are
//! called as compilers call them: `ra`, saved registers on a stack, a comparison through a pointer.

use faultline_abi::{PAGE_SIZE, board::DRAM_BASE};

use super::{
    assembler::{A0, A1, Code, Label, S0, S1, S2, S10, S11, SP, T0, T1, ZERO},
    machine, paging, poke,
};
use crate::{insn::Op, machine::Machine, ram::Ram};

mod checksum;
mod list;
mod matrix;
mod state;

/// Where a round leaves its checksum and, 8 bytes on, the number of rounds.
const RESULT: u64 = DRAM_BASE + 0x10_0000;
const STACK_TOP: u64 = RESULT + 2 * PAGE_SIZE;
const LIST: u64 = DRAM_BASE + 0x11_0000;
const MATRICES: u64 = DRAM_BASE + 0x12_0000;
const TEXT: u64 = DRAM_BASE + 0x13_0000;

/// In M-mode.
pub(super) fn in_machine_mode() -> Machine {
    build(|_| {}, |_| {})
}

/// In S-mode, all of memory mapped in pages of 4 KiB.
pub(super) fn under_sv39() -> Machine {
    build(|code| paging::enter(code, 1, DRAM_BASE, DRAM_BASE), |ram| paging::map_all(ram, "DAXWRV"))
}

fn build(enter: impl FnOnce(&mut Code), map: impl FnOnce(&mut Ram)) -> Machine {
    let mut code = Code::default();
    enter(&mut code);
    let (_, states) = program(&mut code);
    let states = states.map(|state| code.address(state));
    machine(&[(DRAM_BASE, code.words())], |ram| {
        list::write(ram);
        matrix::write(ram);
        state::write(ram, states);
        map(ram);
    })
}

/// Where the parts of the program stand, one behind the other: the checksum, the list, the matrices and
/// the text; and what the state machine does in each of its states.
type Parts = ([Label; 4], [Label; state::STATES]);

/// The loop, and behind it the functions that it calls.
fn program(code: &mut Code) -> Parts {
    let parts @ [checksum, list, matrix, text] = core::array::from_fn(|_| code.label());
    code.lui(SP, STACK_TOP).li(S10, 0).li(S11, 0);
    let round = code.here();
    code.call(list).call(matrix).call(text);
    code.imm(Op::Addi, S10, S10, 1).lui(T0, RESULT);
    code.store(Op::Sd, S11, 0, T0).store(Op::Sd, S10, 8, T0).jump(round);
    code.bind(checksum);
    checksum::function(code);
    code.bind(list);
    list::function(code, checksum);
    code.bind(matrix);
    matrix::function(code, checksum);
    code.bind(text);
    let states = state::function(code, checksum);
    (parts, states)
}

/// Adds the value in `a0` to the checksum, which all parts keep in `s11`.
fn add_to_checksum(code: &mut Code, checksum: Label) {
    code.mv(A1, S11).call(checksum).mv(S11, A0);
}

#[cfg(test)]
pub(super) fn rounds(machine: &Machine) -> u64 {
    machine.ram().read_u64(faultline_abi::PhysAddr::new(RESULT + 8)).unwrap()
}

#[cfg(test)]
pub(super) fn checksum(machine: &Machine) -> u64 {
    machine.ram().read_u64(faultline_abi::PhysAddr::new(RESULT)).unwrap()
}

/// How many of a hundred instructions of the first round each part takes.
#[cfg(test)]
pub(super) fn shares() -> [(&'static str, u64); 4] {
    use crate::observer::NoObserver;

    let mut code = Code::default();
    let starts = program(&mut code).0.map(|part| code.address(part));
    let mut counts = [0_u64; 5];
    let mut machine = in_machine_mode();
    while rounds(&machine) == 0 {
        counts[starts.iter().filter(|&&start| start <= machine.hart(0).pc().get()).count()] += 1;
        machine.run(1, &mut NoObserver);
    }
    let all: u64 = counts.iter().sum();
    let share = |part: usize| counts[part] * 100 / all;
    [("the checksum", share(1)), ("the list", share(2)), ("the matrix", share(3)), ("the text", share(4))]
}
