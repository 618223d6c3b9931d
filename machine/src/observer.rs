//! What the machine reports about itself, to whoever listens.

use faultline_abi::{
    PhysAddr, Ppn, VirtAddr,
    sv39::{Access, Pte},
};

use crate::{hart::Privilege, mmu::Walk, ram::Ram, trap::Cause};

/// Where and when something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Instructions retired before the one that caused this.
    pub instret: u64,
    /// Instructions retired and traps taken before it: the machine's position.
    pub step: u64,
    /// The hart.
    pub hart: u32,
    /// The privilege the instruction ran in.
    pub mode: Privilege,
    /// The address of the instruction; of the next one for an interrupt.
    pub pc: VirtAddr,
}

/// A trap, as it is about to be taken.
#[derive(Clone, Copy, Debug)]
pub struct TrapInfo<'a> {
    /// Why.
    pub cause: Cause,
    /// What is written to `mtval` or `stval`.
    pub tval: u64,
    /// What is written to `mepc` or `sepc`.
    pub epc: VirtAddr,
    /// `satp` at that moment.
    pub satp: u64,
    /// The privilege that handles it: M or S.
    pub to: Privilege,
    /// The walk that failed, for page faults and for access faults on a translated address.
    pub walk: Option<&'a Walk>,
}

/// A page-table entry that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PteWrite {
    /// The first address that the entry maps, where the table's place in a tree is known.
    pub va: Option<VirtAddr>,
    /// Level of the table that holds the entry.
    pub level: u32,
    /// Root of the tree.
    pub root: Ppn,
    /// Physical address of the entry.
    pub pte_addr: PhysAddr,
    /// The entry before.
    pub old: Pte,
    /// The entry after.
    pub new: Pte,
}

/// Receives hardware facts as they happen.
///
/// Every method does nothing by default. None can change the machine, so observing never changes a
/// run. With [`Observer::ACTIVE`] false the calls compile away.
pub trait Observer {
    /// Whether anybody listens.
    const ACTIVE: bool;

    /// Whether every single access is to be reported by [`Observer::translated`], hits of the machine's
    /// own cache included. The run stays the same; it takes many times longer.
    const EACH_ACCESS: bool = false;

    /// A trap is taken.
    fn trap(&mut self, cx: &Context, trap: &TrapInfo<'_>) {
        let _ = (cx, trap);
    }

    /// `mret` or `sret` goes on at `pc` in privilege `to`.
    fn trap_return(&mut self, cx: &Context, to: Privilege, pc: VirtAddr) {
        let _ = (cx, to, pc);
    }

    /// A store (or a device's DMA) changed an entry of a page known to be a page table.
    fn pte_written(&mut self, cx: &Context, write: &PteWrite) {
        let _ = (cx, write);
    }

    /// The hardware set A or D in an entry.
    fn accessed_dirty(&mut self, cx: &Context, write: &PteWrite) {
        let _ = (cx, write);
    }

    /// `satp` was written; reported even where the value stays the same.
    fn satp_written(&mut self, cx: &Context, old: u64, new: u64) {
        let _ = (cx, old, new);
    }

    /// `sfence.vma`; `None` stands for all addresses or all address spaces.
    fn sfence_vma(&mut self, cx: &Context, va: Option<VirtAddr>, asid: Option<u16>) {
        let _ = (cx, va, asid);
    }

    /// An address was translated by a walk that succeeded; before the access itself.
    fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        let _ = (cx, satp, walk);
    }

    /// The page that [`crate::machine::Machine::watch`] names is accessed: by the instruction at `cx`, at
    /// this address. An access may be reported more than once.
    fn touched(&mut self, cx: &Context, satp: u64, va: VirtAddr, access: Access) {
        let _ = (cx, satp, va, access);
    }

    /// A trap handler has returned to U-mode: what the kernel had begun is done, and memory is as it
    /// wants it. Comes after [`Observer::trap_return`].
    fn settled(&mut self, cx: &Context, ram: &Ram) {
        let _ = (cx, ram);
    }

    /// `slti x0, x0, number` with `a0`…`a5`.
    fn tracepoint(&mut self, cx: &Context, number: u16, arguments: [u64; 6]) {
        let _ = (cx, number, arguments);
    }

    /// A byte left the board on the console.
    fn console_output(&mut self, cx: &Context, byte: u8) {
        let _ = (cx, byte);
    }

    /// Asked after each reported event; `true` ends the run at the boundary of that instruction.
    fn stop(&self) -> bool {
        false
    }
}

/// Nobody listens; costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    const ACTIVE: bool = false;
}
