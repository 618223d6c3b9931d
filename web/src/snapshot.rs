//! The machine at one place of the run, as the worker reports it.

use faultline_abi::{PhysAddr, VirtAddr};
pub use faultline_machine::inspect::{Entry, Instruction, Registers, Table};
pub use faultline_machine::narrate::state::Mapped;
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
    /// Where in the kernel that is.
    pub symbol: Option<String>,
    /// The instruction that raised the last page fault.
    pub faulting: Option<Instruction>,
    /// The guest's output so far (its last part where it is long).
    pub console: String,
    /// Root page tables that `satp` has held.
    pub roots: Vec<PhysAddr>,
    /// Every page of 4 KiB that a living process maps, counted from the page tables.
    pub mapped: Vec<Mapped>,
    /// The page tables that are watched.
    pub table: Option<Table>,
}

/// The stack pointer.
#[must_use]
pub fn sp(registers: &Registers) -> VirtAddr {
    VirtAddr::new(registers.x[2].0)
}
