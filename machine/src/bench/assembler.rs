//! A small assembler: instructions one behind the other, and labels between them.

use faultline_abi::board::DRAM_BASE;

use crate::{
    encode::encode,
    insn::{Insn, Op},
};

pub(super) const ZERO: u8 = 0;
pub(super) const RA: u8 = 1;
pub(super) const SP: u8 = 2;
pub(super) const T0: u8 = 5;
pub(super) const T1: u8 = 6;
pub(super) const T2: u8 = 7;
pub(super) const S0: u8 = 8;
pub(super) const S1: u8 = 9;
pub(super) const A0: u8 = 10;
pub(super) const A1: u8 = 11;
pub(super) const A2: u8 = 12;
pub(super) const A3: u8 = 13;
pub(super) const A4: u8 = 14;
pub(super) const A5: u8 = 15;
pub(super) const S2: u8 = 18;
pub(super) const S3: u8 = 19;
pub(super) const S4: u8 = 20;
pub(super) const S5: u8 = 21;
pub(super) const S6: u8 = 22;
pub(super) const S7: u8 = 23;
pub(super) const S8: u8 = 24;
pub(super) const S9: u8 = 25;
pub(super) const S10: u8 = 26;
pub(super) const S11: u8 = 27;

/// A place in the program, named before or after it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(usize);

/// A program in the making.
#[derive(Debug, Default)]
pub(super) struct Code {
    insns: Vec<Insn>,
    /// Of each label the index of its instruction, once it stands.
    places: Vec<Option<usize>>,
    /// Branches and jumps, by index, and where they go.
    uses: Vec<(usize, Label)>,
}

impl Code {
    /// The encoded program.
    pub(super) fn words(mut self) -> Vec<u32> {
        for (at, label) in core::mem::take(&mut self.uses) {
            let bytes = |index: usize| i32::try_from(4 * index).unwrap_or(i32::MAX);
            // The ADDI of an address counts from the AUIPC before it.
            let from = if self.insns[at].op == Op::Addi { at - 1 } else { at };
            self.insns[at].imm = bytes(self.place(label)) - bytes(from);
        }
        self.insns.iter().map(|&insn| encode(insn)).collect()
    }

    fn place(&self, label: Label) -> usize {
        self.places[label.0].expect("every label of a workload stands somewhere")
    }

    /// The address of a label, in a program that stands at the start of memory.
    pub(super) fn address(&self, label: Label) -> u64 {
        DRAM_BASE + 4 * self.place(label) as u64
    }

    /// A label that will stand later.
    pub(super) fn label(&mut self) -> Label {
        self.places.push(None);
        Label(self.places.len() - 1)
    }

    /// Puts a label here.
    pub(super) fn bind(&mut self, label: Label) -> &mut Self {
        self.places[label.0] = Some(self.insns.len());
        self
    }

    /// A label here.
    pub(super) fn here(&mut self) -> Label {
        let label = self.label();
        self.bind(label);
        label
    }

    pub(super) fn push(&mut self, insn: Insn) -> &mut Self {
        self.insns.push(insn);
        self
    }

    pub(super) fn op(&mut self, op: Op) -> &mut Self {
        self.push(Insn::plain(op))
    }

    /// Loads the address of a label: AUIPC, and the distance is filled in when it is known.
    pub(super) fn load_address(&mut self, rd: u8, label: Label) -> &mut Self {
        self.push(Insn { rd, ..Insn::plain(Op::Auipc) });
        self.uses.push((self.insns.len(), label));
        self.imm(Op::Addi, rd, rd, 0)
    }

    /// `op rd, rs1, imm`, or for loads `op rd, imm(rs1)`.
    pub(super) fn imm(&mut self, op: Op, rd: u8, rs1: u8, imm: i32) -> &mut Self {
        self.push(Insn { rd, rs1, imm, ..Insn::plain(op) })
    }

    pub(super) fn li(&mut self, rd: u8, value: i32) -> &mut Self {
        self.imm(Op::Addi, rd, ZERO, value)
    }

    pub(super) fn mv(&mut self, rd: u8, rs1: u8) -> &mut Self {
        self.imm(Op::Addi, rd, rs1, 0)
    }

    /// Loads a page-aligned address below 4 GiB: LUI sign-extends, so the upper half is cleared again.
    pub(super) fn lui(&mut self, rd: u8, address: u64) -> &mut Self {
        let low = u32::try_from(address).unwrap_or(u32::MAX).cast_signed();
        self.push(Insn { rd, imm: low, ..Insn::plain(Op::Lui) });
        if low < 0 { self.imm(Op::Slli, rd, rd, 32).imm(Op::Srli, rd, rd, 32) } else { self }
    }

    pub(super) fn reg(&mut self, op: Op, rd: u8, rs1: u8, rs2: u8) -> &mut Self {
        self.push(Insn { rd, rs1, rs2, ..Insn::plain(op) })
    }

    /// `op rs2, imm(rs1)`.
    pub(super) fn store(&mut self, op: Op, rs2: u8, imm: i32, rs1: u8) -> &mut Self {
        self.push(Insn { rs1, rs2, imm, ..Insn::plain(op) })
    }

    pub(super) fn branch(&mut self, op: Op, rs1: u8, rs2: u8, to: Label) -> &mut Self {
        self.uses.push((self.insns.len(), to));
        self.push(Insn { rs1, rs2, ..Insn::plain(op) })
    }

    pub(super) fn jump(&mut self, to: Label) -> &mut Self {
        self.jump_and_link(ZERO, to)
    }

    pub(super) fn call(&mut self, function: Label) -> &mut Self {
        self.jump_and_link(RA, function)
    }

    fn jump_and_link(&mut self, rd: u8, to: Label) -> &mut Self {
        self.uses.push((self.insns.len(), to));
        self.push(Insn { rd, ..Insn::plain(Op::Jal) })
    }

    pub(super) fn ret(&mut self) -> &mut Self {
        self.imm(Op::Jalr, ZERO, RA, 0)
    }

    /// The beginning of a function that keeps `ra` and these registers on its stack.
    pub(super) fn enter(&mut self, saved: &[u8]) -> &mut Self {
        self.imm(Op::Addi, SP, SP, -frame(saved)).store(Op::Sd, RA, 0, SP);
        for (at, &register) in (8..).step_by(8).zip(saved) {
            self.store(Op::Sd, register, at, SP);
        }
        self
    }

    /// The end of such a function.
    pub(super) fn leave(&mut self, saved: &[u8]) -> &mut Self {
        for (at, &register) in (8..).step_by(8).zip(saved) {
            self.imm(Op::Ld, register, SP, at);
        }
        self.imm(Op::Ld, RA, SP, 0).imm(Op::Addi, SP, SP, frame(saved)).ret()
    }

    pub(super) fn csrw(&mut self, csr: u16, rs1: u8) -> &mut Self {
        self.push(Insn { rs1, imm: csr.into(), ..Insn::plain(Op::Csrrw) })
    }

    pub(super) fn csrr(&mut self, rd: u8, csr: u16) -> &mut Self {
        self.push(Insn { rd, imm: csr.into(), ..Insn::plain(Op::Csrrs) })
    }
}

/// Bytes of a stack frame, a multiple of 16.
fn frame(saved: &[u8]) -> i32 {
    i32::try_from((8 * (saved.len() + 1)).next_multiple_of(16)).unwrap_or(i32::MAX)
}
