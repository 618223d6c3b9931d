//! The machine at one place of the run, as the worker reports it.

use faultline_abi::sv39::Pte;
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::Word;
use faultline_machine::hart::Privilege;
use serde::{Deserialize, Serialize};

/// Where the machine stands, and what it looks like there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Events emitted so far.
    pub events: usize,
    /// Retired instructions.
    pub instret: u64,
    /// Machine steps: a place no other moment of the run has.
    pub step: u64,
    /// Whether it goes on by itself.
    pub running: bool,
    /// How the run ended, if it has.
    pub ended: Option<String>,
    /// The hart's registers.
    pub registers: Registers,
    /// The instruction that comes next.
    pub next: Option<Instruction>,
    /// The instruction that raised the last page fault.
    pub faulting: Option<Instruction>,
    /// The guest's output so far (its last part where it is long).
    pub console: String,
    /// Root page tables that `satp` has held.
    pub roots: Vec<PhysAddr>,
    /// The page tables that are watched.
    pub table: Option<Table>,
}

/// A hart's registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registers {
    /// Address of the next instruction.
    pub pc: VirtAddr,
    /// The privilege it runs in.
    pub mode: Privilege,
    /// `x0` to `x31`.
    pub x: [Word; 32],
    /// Control and status registers, by name.
    pub csrs: Vec<(String, Word)>,
}

impl Registers {
    /// The stack pointer.
    #[must_use]
    pub fn sp(&self) -> VirtAddr {
        VirtAddr::new(self.x[2].0)
    }
}

/// A disassembled instruction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instruction {
    /// Where it stands.
    pub va: VirtAddr,
    /// Its text.
    pub text: String,
    /// Its bits, in hexadecimal.
    pub bits: String,
}

/// A page table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its level: 2 for a root.
    pub level: u32,
    /// Where it lies.
    pub addr: PhysAddr,
    /// Its entries that are not zero, in order.
    pub entries: Vec<Entry>,
    /// Entries that are left out because there are too many.
    pub left_out: usize,
}

/// An entry of a page table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its index in the table.
    pub index: usize,
    /// The first address it maps.
    pub va: VirtAddr,
    /// Where it lies.
    pub pte_addr: PhysAddr,
    /// The entry.
    pub pte: Pte,
    /// The table it points at.
    pub child: Option<Box<Table>>,
}
