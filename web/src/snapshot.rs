//! The machine at one place of the run, as the worker reports it.

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::sv39::Pte;
use faultline_abi::{PhysAddr, VirtAddr};
pub use faultline_machine::inspect::{Entry, Instruction, Registers, Table};
pub use faultline_machine::narrate::state::Mapped;
pub use faultline_machine::spaces::RootName;
use serde::{Deserialize, Serialize};

/// Where the machine stands, and what it looks like there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
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
    /// Whether the guest waits for somebody to type.
    pub waits: bool,
    /// Harts of the machine.
    pub harts: u32,
    /// The hart that is shown: the one that is watched, else the one that moved last.
    pub hart: u32,
    /// The hart that is watched; `None` follows the one that moves.
    pub watched_hart: Option<u32>,
    /// Whether every hart runs a program or waits: the kernel is in the middle of nothing.
    pub settled: bool,
    /// That hart's registers.
    pub registers: Registers,
    /// The instruction that comes next.
    pub next: Option<Instruction>,
    /// Instructions around it, in order of address.
    pub code: Vec<Instruction>,
    /// Where in the kernel that is.
    pub symbol: Option<String>,
    /// The instruction that raised the last page fault.
    pub faulting: Option<Instruction>,
    /// The guest's output so far (its last part where it is long).
    pub console: String,
    /// The root that is watched; `None` follows the program that runs.
    pub watched: Option<PhysAddr>,
    /// Root page tables that `satp` has held, with their names.
    pub roots: Vec<RootName>,
    /// Every page of 4 KiB that a living process maps, counted from the page tables.
    pub mapped: Vec<Mapped>,
    /// The page tables that are watched.
    pub table: Option<Table>,
    /// The modelled TLB, if one is watched and has caught up.
    pub tlb: Option<Tlb>,
}

/// A modelled TLB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Tlb {
    /// Sets.
    pub sets: usize,
    /// Entries of a set.
    pub ways: usize,
    /// What it holds, set by set, in each set first what gives way first.
    pub entries: Vec<TlbEntry>,
    /// Translations that were there.
    pub hits: u64,
    /// Translations that had to be read from the tables.
    pub fills: u64,
    /// Entries that gave way to others.
    pub evictions: u64,
    /// Hits on what the tables no longer say.
    pub stale: u64,
    /// Entries that fences removed.
    pub flushed: u64,
}

/// An entry of a modelled TLB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct TlbEntry {
    /// Its set.
    pub set: usize,
    /// The address space.
    pub asid: u16,
    /// The page of 4 KiB.
    pub page: VirtAddr,
    /// The leaf that was read.
    pub leaf: Pte,
    /// The level of that leaf.
    pub level: u32,
}

/// The stack pointer.
#[must_use]
pub fn sp(registers: &Registers) -> VirtAddr {
    VirtAddr::new(registers.x[2].0)
}
