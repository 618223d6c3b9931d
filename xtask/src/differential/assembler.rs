//! A list of instructions with labels: enough of an assembler for the harness and the cases.

use std::collections::HashMap;

use super::encode::{self, Reg};

/// A place in the code, named before or after it is reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Label(u32);

/// A word whose offset is filled in once the label's address is known.
enum Fixup {
    Branch {
        funct3: u32,
        rs1: Reg,
        rs2: Reg,
    },
    Jal {
        rd: Reg,
    },
    /// `c.j`, `c.beqz`, `c.bnez`: half a word, with its offset still zero.
    Compressed {
        half: u16,
    },
    /// The `addi` of an `auipc`+`addi` pair; the `auipc` stands four bytes before.
    PcRelative {
        rd: Reg,
    },
}

/// Code under construction at a fixed address.
pub(super) struct Assembler {
    base: u64,
    bytes: Vec<u8>,
    labels: HashMap<Label, usize>,
    fixups: Vec<(usize, Label, Fixup)>,
    next_label: u32,
}

impl Assembler {
    pub(super) fn new(base: u64) -> Self {
        Self { base, bytes: Vec::new(), labels: HashMap::new(), fixups: Vec::new(), next_label: 0 }
    }

    /// The address of the next instruction.
    pub(super) fn here(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    pub(super) fn word(&mut self, word: u32) {
        self.bytes.extend(word.to_le_bytes());
    }

    pub(super) fn words(&mut self, words: &[u32]) {
        words.iter().for_each(|&word| self.word(word));
    }

    pub(super) fn half(&mut self, half: u16) {
        self.bytes.extend(half.to_le_bytes());
    }

    pub(super) fn li(&mut self, rd: Reg, value: u64) {
        self.words(&encode::li(rd, value));
    }

    pub(super) fn label(&mut self) -> Label {
        self.next_label += 1;
        Label(self.next_label)
    }

    /// The label stands for the next instruction.
    pub(super) fn bind(&mut self, label: Label) {
        self.labels.insert(label, self.bytes.len());
    }

    pub(super) fn is_bound(&self, label: Label) -> bool {
        self.labels.contains_key(&label)
    }

    pub(super) fn branch(&mut self, funct3: u32, rs1: Reg, rs2: Reg, to: Label) {
        self.fix(to, Fixup::Branch { funct3, rs1, rs2 });
    }

    pub(super) fn jal(&mut self, rd: Reg, to: Label) {
        self.fix(to, Fixup::Jal { rd });
    }

    /// Loads the address of a label that lies within 2 KiB.
    pub(super) fn la(&mut self, rd: Reg, to: Label) {
        self.word(encode::auipc(rd, 0));
        self.fix(to, Fixup::PcRelative { rd });
    }

    /// `c.j`, or `c.beqz` and `c.bnez` with a register of `x8`…`x15` in place, to a label that lies within
    /// 2 KiB or 256 bytes.
    pub(super) fn compressed_jump(&mut self, half: u16, to: Label) {
        self.fixups.push((self.bytes.len(), to, Fixup::Compressed { half }));
        self.half(0);
    }

    fn fix(&mut self, to: Label, fixup: Fixup) {
        self.fixups.push((self.bytes.len(), to, fixup));
        self.word(0);
    }

    /// The finished code, every label resolved.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for (at, label, fixup) in &self.fixups {
            let target = offset(self.labels[label]);
            let distance = |from: usize| target - offset(from);
            let word = match *fixup {
                Fixup::Branch { funct3, rs1, rs2 } => encode::b(funct3, rs1, rs2, distance(*at)),
                Fixup::Compressed { half } => {
                    let half = half | encode::compressed_offset(half, distance(*at));
                    self.bytes[*at..at + 2].copy_from_slice(&half.to_le_bytes());
                    continue;
                }
                Fixup::Jal { rd } => encode::jal(rd, distance(*at)),
                Fixup::PcRelative { rd } => encode::addi(rd, rd, distance(at - 4)),
            };
            self.bytes[*at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        self.bytes
    }
}

/// An offset into the code, signed.
fn offset(at: usize) -> i32 {
    i32::try_from(at).expect("cases are small")
}
