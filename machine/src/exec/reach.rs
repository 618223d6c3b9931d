//! From an address to what it leads to: translation, protection, memory or device.

use faultline_abi::{
    PhysAddr, VirtAddr,
    sv39::{Access, Check, Pte, PteFlags},
};

use super::{Cpu, Fault};
use crate::{
    bus::{Devices, Width},
    hart::Privilege,
    mmu::{
        pmp::{PageVerdict, Pmp},
        tables::{Change, Stale},
        tlb::{Kept, Tlb},
        walk::{self, Rules, TableMemory},
    },
    observer::Observer,
    ram::{FrameIndex, Ram, flag, offset_in_page},
    trap::Exception,
};

/// Physical addresses have 56 bits.
const PHYSICAL_BITS: u32 = 56;

/// What an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Memory: so many bytes into this frame.
    Memory { frame: FrameIndex, offset: usize },
    /// Not memory; perhaps a device.
    Device(PhysAddr),
}

/// An address that may be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) target: Target,
    /// The whole page may be accessed in the same way.
    pub(super) whole_page: bool,
}

/// Page tables as the walker may read them: through PMP, with S-mode's rights.
struct Tables<'a> {
    ram: &'a Ram,
    pmp: &'a Pmp,
}

impl TableMemory for Tables<'_> {
    fn read_pte(&self, pte_addr: PhysAddr) -> Option<Pte> {
        let allowed = self.pmp.allows(pte_addr, 8, Access::Load, Privilege::Supervisor);
        let raw = self.ram.read_u64(pte_addr).ok()?;
        allowed.then_some(Pte::from_raw(raw))
    }
}

impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    /// Where an access of `len` bytes at `va`, which must not leave its page, goes to. Sets A and D, and
    /// keeps the translation for the fast path where it can.
    pub(super) fn reach(
        &mut self,
        va: u64,
        len: u64,
        access: Access,
        rules: &Rules,
    ) -> Result<Reached, Fault> {
        if O::ACTIVE && self.tlb.is_watched(va) {
            let satp = if self.hart.translating_root(rules).is_some() { self.hart.csrs.satp } else { 0 };
            self.observer.touched(&self.context(), satp, VirtAddr::new(va), access);
        }
        let reached = self.probe(va, len, access, rules)?;
        if self.hart.translating_root(rules).is_some() {
            self.mark()?;
            if O::ACTIVE {
                self.observer.translated(&self.context(), self.hart.csrs.satp, &self.tlb.walk);
            }
        }
        if let (Target::Memory { frame, .. }, true) = (reached.target, reached.whole_page) {
            self.keep(va, frame, access, rules);
        }
        Ok(reached)
    }

    /// The same, but all that it changes is which page tables are known.
    fn probe(&mut self, va: u64, len: u64, access: Access, rules: &Rules) -> Result<Reached, Fault> {
        let pa = self.translate(va, access, rules)?;
        let pmp = &self.hart.csrs.pmp;
        if !pmp.allows(pa, len, access, rules.privilege) {
            return Err(self.physical_fault(va, access));
        }
        let whole_page = pmp.page(pa, access, rules.privilege) == PageVerdict::Allowed;
        let target = match self.system.ram.frame_of(pa) {
            Some(frame) if access == Access::Store && self.system.ram.flags(frame) & flag::ROM != 0 => {
                return Err(self.physical_fault(va, access));
            }
            Some(frame) => Target::Memory { frame, offset: offset_in_page(pa.get()) },
            None => Target::Device(pa),
        };
        Ok(Reached { target, whole_page })
    }

    /// Puts a translation of a load or store where the fast path finds it. A frame that something
    /// depends on is never stored to on the fast path.
    fn keep(&mut self, va: u64, frame: FrameIndex, access: Access, rules: &Rules) {
        let kept = match access {
            Access::Fetch => return,
            Access::Store if self.system.ram.flags(frame) != 0 => Kept::GuardedStore,
            Access::Store => {
                self.system.ram.mark_dirty(frame);
                Kept::Store
            }
            Access::Load => Kept::Load,
        };
        self.tlb.fill(self.hart.context(rules), kept, va, frame);
    }

    /// The physical address behind `va`; nothing is marked yet.
    fn translate(&mut self, va: u64, access: Access, rules: &Rules) -> Result<PhysAddr, Fault> {
        let Some(root) = self.hart.translating_root(rules) else {
            return if va >> PHYSICAL_BITS == 0 {
                Ok(PhysAddr::new(va))
            } else {
                Err(self.physical_fault(va, access))
            };
        };
        let tables = Tables { ram: &self.system.ram, pmp: &self.hart.csrs.pmp };
        walk::walk_into(&mut self.tlb.walk, &tables, root, VirtAddr::new(va), access, rules);
        let stale = self.system.tables.walked(root, &self.tlb.walk, &mut self.system.ram);
        self.tables_changed(stale);
        self.tlb.walk.result.map_err(|check| self.walk_fault(check))
    }

    /// The exception is chosen last, from the access and the check that failed.
    fn walk_fault(&mut self, check: Check) -> Fault {
        self.walk_failed = true;
        let walk = &mut self.tlb.walk;
        walk.result = Err(check);
        let exception = if check.is_access_fault() {
            Exception::access_fault(walk.access)
        } else {
            Exception::page_fault(walk.access)
        };
        Fault { exception, tval: walk.va.get() }
    }

    /// The translated address cannot be accessed. For the report the walk is made once more.
    pub(super) fn physical_fault(&mut self, va: u64, access: Access) -> Fault {
        let rules = if access == Access::Fetch { self.hart.fetch_rules() } else { self.hart.data_rules() };
        if let (true, Some(root)) = (O::ACTIVE, self.hart.translating_root(&rules)) {
            let tables = Tables { ram: &self.system.ram, pmp: &self.hart.csrs.pmp };
            let walk = &mut self.tlb.walk;
            walk::walk_into(walk, &tables, root, VirtAddr::new(va), access, &rules);
            walk.result = walk.result.and(Err(Check::PhysicalAccess));
            self.walk_failed = true;
        }
        Fault { exception: Exception::access_fault(access), tval: va }
    }

    /// Sets A, and D for a store, in the leaf that the walk ended at.
    fn mark(&mut self) -> Result<(), Fault> {
        let Some(leaf) = self.tlb.walk.leaf() else { return Ok(()) };
        let missing = walk::missing_marks(leaf.pte, self.tlb.walk.access);
        if missing == PteFlags::empty() {
            return Ok(());
        }
        let new = Pte::from_raw(leaf.pte.raw() | missing.bits());
        let writable = self.hart.csrs.pmp.allows(leaf.pte_addr, 8, Access::Store, Privilege::Supervisor);
        match self.system.ram.frame_of(leaf.pte_addr) {
            Some(frame) if writable && self.system.ram.flags(frame) & flag::ROM == 0 => {
                self.write_marked(frame, leaf.pte_addr, leaf.pte, new);
                Ok(())
            }
            _ => Err(self.walk_fault(Check::TableAccess)),
        }
    }

    fn write_marked(&mut self, frame: FrameIndex, pte_addr: PhysAddr, old: Pte, new: Pte) {
        let offset = offset_in_page(pte_addr.get());
        self.system.ram.store(frame, offset, Width::Double, new.raw());
        self.code_written(frame, offset, 8);
        if O::ACTIVE {
            let change = Change { frame, index: offset / 8, old, new, width: Width::Double };
            if let Some(write) = self.system.tables.describe(&change, &self.system.ram) {
                self.observer.accessed_dirty(&self.context(), &write);
            }
        }
    }

    /// Drops the cached translations of all harts that have become wrong, and those by which a frame could be
    /// written that is a table by now.
    pub(super) fn tables_changed(&mut self, stale: Stale) {
        if self.system.tables.take_fresh() {
            self.each_tlb(Tlb::drop_stores);
        }
        match stale {
            Stale::Nothing => {}
            Stale::Page(va) => self.each_tlb(|tlb| tlb.drop_page(va)),
            Stale::All => self.each_tlb(Tlb::drop_all),
        }
    }
}
