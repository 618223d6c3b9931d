//! A storm of page faults.

use faultline_abi::{PAGE_SIZE, board::DRAM_BASE};

use super::{
    assembler::{A0, A1, A2, A3, A4, Code, SP, T0, T1, T2, ZERO},
    machine,
    paging::{LOW_TABLE, enter, leaf, map, map_all},
    poke,
};
use crate::{
    csr::number as csr,
    insn::{Insn, Op},
    machine::Machine,
};

/// The handler, and where it saves registers and keeps the frame that comes next.
const HANDLER: u64 = DRAM_BASE + 0x2000;
const SAVED: u64 = DRAM_BASE + 0x20_0000;
const NEXT_FRAME: i32 = 512;
/// Where the storm touches pages: so many in turn, then all are unmapped.
const TOUCHED: u64 = 0x4000_0000;
const PAGES: i32 = 512;
/// The frames that are mapped, over and over: few enough that the host has given memory to all of
/// them before the clock starts.
const FRAMES: u64 = DRAM_BASE + (32 << 20);
const FRAMES_END: u64 = FRAMES + (8 << 20);

/// U-mode under Sv39, about to touch the first page.
pub(super) fn storm() -> Machine {
    touching(Work::None)
}

/// The same, with some 10,000 instructions of work in each page, on so many of its words: a power of two.
pub(super) fn journey(words: i32) -> Machine {
    touching(Work::On { words })
}

/// What is done with a page that was touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    None,
    /// Adding up and changing so many of its words.
    On {
        words: i32,
    },
}

fn touching(work: Work) -> Machine {
    let (mut user, mut handler) = (Code::default(), Code::default());
    enter(&mut user, 0, HANDLER, SAVED);
    touch(&mut user, work);
    handle(&mut handler);
    machine(&[(DRAM_BASE, user.words()), (HANDLER, handler.words())], |ram| {
        map_all(ram, "DAXWRV");
        // The page of the user program, and the table that the handler fills.
        map(ram, DRAM_BASE, leaf(DRAM_BASE, "DAXRUV"));
        map(ram, TOUCHED, 0);
        poke(ram, SAVED + u64::from(NEXT_FRAME.unsigned_abs()), &FRAMES.to_le_bytes());
    })
}

/// Touches [`PAGES`] pages, asks for them to be unmapped, and begins again.
fn touch(code: &mut Code, work: Work) {
    let start = code.here();
    code.lui(A0, TOUCHED).li(A1, PAGES).lui(A2, PAGE_SIZE);
    let page = code.here();
    code.store(Op::Sd, A1, 0, A0);
    if let Work::On { words } = work {
        compute(code, words);
    }
    code.reg(Op::Add, A0, A0, A2);
    code.imm(Op::Addi, A1, A1, -1).branch(Op::Bne, A1, ZERO, page);
    code.op(Op::Ecall).jump(start);
}

/// Rounds of eight instructions over the first words of a page.
const ROUNDS: i32 = 1237;

/// Adds up and changes words in the page at `a0`.
fn compute(code: &mut Code, words: i32) {
    code.li(T1, ROUNDS).li(T2, 0);
    let round = code.here();
    code.imm(Op::Andi, A3, T1, words - 1).imm(Op::Slli, A3, A3, 3).reg(Op::Add, A3, A3, A0);
    code.imm(Op::Ld, A4, A3, 0).reg(Op::Add, T2, T2, A4).store(Op::Sd, T2, 0, A3);
    code.imm(Op::Addi, T1, T1, -1).branch(Op::Bne, T1, ZERO, round);
}

/// Saves 31 registers; maps the next frame where a page fault happened, or unmaps all pages; restores
/// and returns.
fn handle(code: &mut Code) {
    let (fault, done) = (code.label(), code.label());
    save(code);
    code.csrr(A0, csr::SCAUSE).csrr(A1, csr::STVAL).csrr(A2, csr::SEPC);
    code.lui(A3, LOW_TABLE).imm(Op::Addi, T0, A0, -8).branch(Op::Bne, T0, ZERO, fault);
    unmap(code);
    code.jump(done).bind(fault);
    map_page(code);
    code.bind(done).csrw(csr::SEPC, A2);
    restore(code);
    code.op(Op::Sret);
}

/// Exchanges the stack pointer for what stands in `sscratch`.
const SWAP: Insn = Insn { rd: SP, rs1: SP, imm: csr::SSCRATCH as i32, ..Insn::plain(Op::Csrrw) };

fn others() -> impl Iterator<Item = u8> {
    (1..32).filter(|&register| register != SP)
}

fn save(code: &mut Code) {
    code.push(SWAP);
    for register in others() {
        code.store(Op::Sd, register, i32::from(register) * 8, SP);
    }
    code.csrr(T0, csr::SSCRATCH).store(Op::Sd, T0, 16, SP);
}

fn restore(code: &mut Code) {
    for register in others() {
        code.imm(Op::Ld, register, SP, i32::from(register) * 8);
    }
    code.push(SWAP);
}

/// The call: clears the table at `a3`, fences, and goes behind the ECALL.
fn unmap(code: &mut Code) {
    code.li(T1, PAGES);
    let entry = code.here();
    code.store(Op::Sd, ZERO, 0, A3).imm(Op::Addi, A3, A3, 8);
    code.imm(Op::Addi, T1, T1, -1).branch(Op::Bne, T1, ZERO, entry);
    code.op(Op::SfenceVma).imm(Op::Addi, A2, A2, 4);
}

/// The fault at `a1`: the next frame, its entry, the fence.
fn map_page(code: &mut Code) {
    let in_range = code.label();
    code.lui(T2, SAVED).imm(Op::Ld, T0, T2, NEXT_FRAME).lui(T1, PAGE_SIZE).reg(Op::Add, T1, T0, T1);
    code.lui(A4, FRAMES_END).branch(Op::Bltu, T1, A4, in_range);
    code.lui(T1, FRAMES).bind(in_range).store(Op::Sd, T1, NEXT_FRAME, T2);
    code.imm(Op::Srli, A4, A1, 12).imm(Op::Andi, A4, A4, 0x1ff).imm(Op::Slli, A4, A4, 3);
    code.reg(Op::Add, A3, A3, A4).imm(Op::Srli, T0, T0, 2).imm(Op::Ori, T0, T0, 0x17);
    code.store(Op::Sd, T0, 0, A3).push(Insn { rs1: A1, ..Insn::plain(Op::SfenceVma) });
}
