//! The address space of a process: its areas and its page table.
//!
//! Invariant: every mapped page lies in an area, with no more rights than the area has.

use alloc::vec::Vec;
use core::ops::Range;

use faultline_abi::{
    PAGE_SIZE, Ppn, VirtAddr,
    sv39::PteFlags,
    trace::{AreaKind, AreaOp, FrameKind, TraceEvent},
};

use crate::{
    area::{Area, Areas, Prot},
    frame::{FramePool, PAGE_BYTES},
    memlayout::{TRAMPOLINE, TRAPFRAME},
    page_table::PageTable,
    pid::Pid,
    table::MapError,
    trace,
};

/// The address space of a process. Dropping it gives all its frames back.
pub struct AddressSpace {
    pub(crate) pid: Pid,
    pub(crate) areas: Areas,
    pub(crate) table: PageTable,
    /// Addresses whose pages are never evicted.
    locked: Vec<Range<VirtAddr>>,
    state: State,
}

/// Whether the areas were reported.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The space is being made: nobody knows of it, and if that fails nobody will.
    Building,
    /// It belongs to its process.
    Announced,
}

impl AddressSpace {
    /// A space with nothing in it but the pages that every process needs to enter and leave the
    /// kernel: the trampoline (frame `trampoline` of the kernel's image) and a trapframe.
    ///
    /// # Errors
    /// Where memory is used up.
    pub(crate) fn new(pool: &FramePool, pid: Pid, trampoline: Ppn) -> Result<Self, MapError> {
        let mut table = PageTable::new(pool, pid)?;
        // Nobody could handle a fault on these pages: where the hardware does not set A and D, they are
        // set already.
        table.map_kernel_page(TRAMPOLINE, trampoline, PteFlags::R | PteFlags::X | PteFlags::A)?;
        let trapframe = pool.allocate(pid, FrameKind::Trapframe).ok_or(MapError::OutOfFrames)?;
        table.map(TRAPFRAME, trapframe, PteFlags::R | PteFlags::W | PteFlags::A | PteFlags::D)?;
        let mut space =
            Self { pid, areas: Areas::default(), table, locked: Vec::new(), state: State::Building };
        space.add_page(AreaKind::Trapframe, TRAPFRAME, Prot::R | Prot::W);
        space.add_page(AreaKind::Trampoline, TRAMPOLINE, Prot::R | Prot::X);
        Ok(space)
    }

    /// The frame of the root table, for `satp`.
    #[must_use]
    pub const fn root(&self) -> Ppn {
        self.table.root()
    }

    /// The areas.
    #[must_use]
    pub const fn areas(&self) -> &Areas {
        &self.areas
    }

    /// The page table.
    #[must_use]
    pub const fn table(&self) -> &PageTable {
        &self.table
    }

    /// From now on the pages of the areas as they are now are never evicted.
    pub fn lock_all(&mut self) {
        self.locked = self.areas.iter().filter(|area| area.is_for_users()).map(Area::pages).collect();
    }

    /// Whether the page of `va` must stay in memory.
    pub(crate) fn is_locked(&self, va: VirtAddr) -> bool {
        self.locked.iter().any(|pages| pages.contains(&va))
    }

    /// The bytes of the trapframe page.
    ///
    /// # Panics
    /// Never: [`AddressSpace::new`] maps it, nothing unmaps or shares it.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "`new` maps it; fork shares and programs unmap what lies below it only"
    )]
    pub fn trapframe_page(&mut self) -> &mut [u8; PAGE_BYTES] {
        self.table.page_mut(TRAPFRAME).expect("every space has a trapframe of its own")
    }

    /// Adds an area, and says so if the space is known.
    pub(crate) fn add_area(&mut self, area: Area) {
        self.report(AreaOp::Mapped, &area);
        self.areas.insert(area);
    }

    /// Reports that `area` came, went or changed, if the space is known.
    pub(crate) fn report(&self, op: AreaOp, area: &Area) {
        if self.state == State::Announced {
            report(self.pid, op, area);
        }
    }

    /// Reports all areas: first the kernel's pages at the top, then the program's from the bottom.
    pub(crate) fn announce(&mut self) {
        self.state = State::Announced;
        let (kernel, program) = (TRAPFRAME.., ..TRAPFRAME);
        let all = self.areas.iter();
        let ordered = all.clone().filter(|area| kernel.contains(&area.start));
        for area in ordered.chain(all.filter(|area| program.contains(&area.start))) {
            report(self.pid, AreaOp::Mapped, area);
        }
    }

    fn add_page(&mut self, kind: AreaKind, start: VirtAddr, prot: Prot) {
        self.add_area(Area::zeros(kind, start, start.wrapping_add(PAGE_SIZE), prot));
    }
}

impl Drop for AddressSpace {
    fn drop(&mut self) {
        for area in self.areas.iter() {
            self.report(AreaOp::Unmapped, area);
        }
    }
}

/// Reports that `area` of process `pid` came, went or changed.
fn report(pid: Pid, op: AreaOp, area: &Area) {
    trace::emit(TraceEvent::Area {
        op,
        pid: pid.number(),
        start: area.start.get(),
        end: area.end.get(),
        kind: area.kind,
        prot: area.prot.bits(),
    });
}
