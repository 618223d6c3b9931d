//! Loads and stores in full: translation, protection, memory or device, and what depends on what is
//! written.

use faultline_abi::{
    PhysAddr, VirtAddr,
    sv39::{Access, Check, Pte, PteFlags},
};

use super::{Cpu, Fault, Flow};
use crate::{
    bus::{DeviceContext, Devices, Effect, ExitCode, Width},
    code::Overwritten,
    hart::{Hart, Privilege},
    insn::{Insn, Op},
    mmu::{
        pmp::{PageVerdict, Pmp},
        tables::{Change, Stale},
        walk::{self, Rules, TableMemory},
    },
    observer::Observer,
    ram::{Disturbance, FrameIndex, PAGE_BYTES, Ram, flag, offset_in_page},
    trap::Exception,
};

/// Physical addresses have 56 bits.
const PHYSICAL_BITS: u32 = 56;

/// A frame, and an offset in it.
type Spot = (FrameIndex, usize);

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

/// Translation.
impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    /// Where an access of `len` bytes at `va`, which must not leave its page, goes to. Keeps the
    /// translation for the fast path where it can.
    pub(super) fn reach(
        &mut self,
        va: u64,
        len: u64,
        access: Access,
        rules: &Rules,
    ) -> Result<Reached, Fault> {
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
        if let (Target::Memory { frame, .. }, true) = (target, whole_page) {
            self.keep(va, frame, access, rules);
        }
        Ok(Reached { target, whole_page })
    }

    /// Puts a translation of a load or store where the fast path finds it. A frame that something
    /// depends on is never stored to on the fast path.
    fn keep(&mut self, va: u64, frame: FrameIndex, access: Access, rules: &Rules) {
        match access {
            Access::Fetch => return,
            Access::Store if self.system.ram.flags(frame) != 0 => return,
            Access::Store => self.system.ram.mark_dirty(frame),
            Access::Load => {}
        }
        self.tlb.fill(self.hart.context(rules), access, va, frame);
    }

    /// The physical address behind `va`.
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
        let pa = self.tlb.walk.result.map_err(|check| self.walk_fault(check))?;
        self.mark()?;
        Ok(pa)
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
            let change = self.change(frame, offset / 8, old, new, Width::Double);
            if let Some(write) = self.system.tables.describe(&change, &self.system.ram) {
                self.observer.accessed_dirty(&self.context(), &write);
            }
        }
    }

    /// Drops the cached translations that have become wrong, and those by which a frame could be
    /// written that is a table by now.
    pub(super) fn tables_changed(&mut self, stale: Stale) {
        if self.system.tables.take_fresh() {
            self.tlb.drop_stores();
        }
        match stale {
            Stale::Nothing => {}
            Stale::Page(va) => self.tlb.drop_page(va),
            Stale::All => self.tlb.drop_all(),
        }
    }
}

/// Loads and stores.
impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    pub(super) fn execute_load(&mut self, insn: Insn) -> Result<Flow, Fault> {
        let va = effective(self.hart, insn);
        let (value, flow) = self.load(va, width_of(insn.op))?;
        self.hart.x[insn.rd] = extend(insn.op, value);
        Ok(flow)
    }

    pub(super) fn execute_store(&mut self, insn: Insn) -> Result<Flow, Fault> {
        let va = effective(self.hart, insn);
        self.store(va, width_of(insn.op), self.hart.x[insn.rs2])
    }

    fn load(&mut self, va: u64, width: Width) -> Result<(u64, Flow), Fault> {
        let rules = self.hart.data_rules();
        if let Some(split) = Split::of(va, width) {
            let (low, high) = self.reach_both(va, &split, Access::Load, &rules)?;
            let ram = &self.system.ram;
            // What the first page holds behind the access is its end: zeros.
            let low = ram.load(low.0, low.1, width);
            let high = ram.load(high.0, high.1, width) << (8 * split.first);
            return Ok(((low | high) & width.mask(), Flow::Next));
        }
        match self.reach(va, width.bytes(), Access::Load, &rules)?.target {
            Target::Memory { frame, offset } => Ok((self.system.ram.load(frame, offset, width), Flow::Next)),
            Target::Device(pa) => Ok((self.load_device(va, pa, width)?, Flow::Look)),
        }
    }

    fn store(&mut self, va: u64, width: Width, value: u64) -> Result<Flow, Fault> {
        let rules = self.hart.data_rules();
        if let Some(split) = Split::of(va, width) {
            let (low, high) = self.reach_both(va, &split, Access::Store, &rules)?;
            let first = self.store_bytes(low, value, split.first);
            let second = self.store_bytes(high, value >> (8 * split.first), split.second);
            return Ok(if first == Flow::Next { second } else { first });
        }
        match self.reach(va, width.bytes(), Access::Store, &rules)?.target {
            Target::Memory { frame, offset } => Ok(self.store_memory(frame, offset, width, value)),
            Target::Device(pa) => self.store_device(va, pa, width, value),
        }
    }

    /// Both pages of an access that crosses from one to the next: each is translated and checked
    /// before anything is done. `tval` is the first byte of the page that faults.
    fn reach_both(
        &mut self,
        va: u64,
        split: &Split,
        access: Access,
        rules: &Rules,
    ) -> Result<(Spot, Spot), Fault> {
        let low = self.reach(va, split.first, access, rules)?.target;
        let high = self.reach(split.next_page, split.second, access, rules)?.target;
        match (low, high) {
            (Target::Memory { frame, offset }, Target::Memory { frame: next, offset: start }) => {
                Ok(((frame, offset), (next, start)))
            }
            (Target::Device(_), _) => Err(self.physical_fault(va, access)),
            _ => Err(self.physical_fault(split.next_page, access)),
        }
    }

    fn load_device(&mut self, va: u64, pa: PhysAddr, width: Width) -> Result<u64, Fault> {
        if !pa.get().is_multiple_of(width.bytes()) {
            return Err(self.physical_fault(va, Access::Load));
        }
        let mtime = self.system.mtime();
        let mut context = DeviceContext { ram: &mut self.system.ram, mtime };
        let value = self.system.devices.load(pa, width, &mut context);
        self.settle();
        value.map(|value| value & width.mask()).map_err(|_| self.physical_fault(va, Access::Load))
    }

    fn store_device(&mut self, va: u64, pa: PhysAddr, width: Width, value: u64) -> Result<Flow, Fault> {
        if !pa.get().is_multiple_of(width.bytes()) {
            return Err(self.physical_fault(va, Access::Store));
        }
        let mtime = self.system.mtime();
        let mut context = DeviceContext { ram: &mut self.system.ram, mtime };
        let effect = self.system.devices.store(pa, width, value & width.mask(), &mut context);
        self.settle();
        match effect.map_err(|_| self.physical_fault(va, Access::Store))? {
            Effect::None => {}
            Effect::Console(byte) if O::ACTIVE => self.observer.console_output(&self.context(), byte),
            Effect::Console(_) => {}
            Effect::PowerOff(code) => self.system.exit = Some(code),
        }
        Ok(Flow::Look)
    }
}

/// Writing memory on which something may depend.
impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    /// Stores inside one frame.
    pub(super) fn store_memory(
        &mut self,
        frame: FrameIndex,
        offset: usize,
        width: Width,
        value: u64,
    ) -> Flow {
        let flags = self.system.ram.flags(frame);
        if flags == 0 {
            self.system.ram.store(frame, offset, width, value);
            return Flow::Next;
        }
        // An access inside a page touches at most two entries.
        let entries = [offset / 8, (offset + width.size() - 1) / 8];
        let old = entries.map(|index| self.entry(frame, index));
        self.system.ram.store(frame, offset, width, value);
        let mut flow = self.code_written(frame, offset, width.size());
        if flags & flag::TABLE != 0 {
            flow = flow.or(self.entry_written(frame, entries[0], old[0], width));
            if entries[1] != entries[0] {
                flow = flow.or(self.entry_written(frame, entries[1], old[1], width));
            }
        }
        if flags & flag::WATCH != 0 {
            flow = flow.or(self.watched_written());
        }
        flow
    }

    /// Stores the low `len` bytes of `value` one by one, at the end or the beginning of a page.
    fn store_bytes(&mut self, at: Spot, value: u64, len: u64) -> Flow {
        let bytes = value.to_le_bytes().into_iter().zip(at.1..).take(offset_in_page(len));
        bytes.fold(Flow::Next, |flow, (byte, offset)| {
            flow.or(self.store_memory(at.0, offset, Width::Byte, byte.into()))
        })
    }

    fn entry(&self, frame: FrameIndex, index: usize) -> Pte {
        Pte::from_raw(self.system.ram.load(frame, index * 8, Width::Double))
    }

    fn change(&self, frame: FrameIndex, index: usize, old: Pte, new: Pte, width: Width) -> Change {
        let active_root = self.hart.root().and_then(|root| self.system.ram.frame_of_page(root));
        Change { frame, index, old, new, width, active_root }
    }

    /// An entry of a page table may have changed.
    fn entry_written(&mut self, frame: FrameIndex, index: usize, old: Pte, width: Width) -> Flow {
        let new = self.entry(frame, index);
        if new == old {
            return Flow::Next;
        }
        let change = self.change(frame, index, old, new, width);
        let (write, stale) = self.system.tables.changed(&change, &mut self.system.ram);
        if let (true, Some(write)) = (O::ACTIVE, write) {
            self.observer.pte_written(&self.context(), &write);
        }
        self.tables_changed(stale);
        Flow::Look
    }

    /// Bytes that may have been decoded have changed.
    fn code_written(&mut self, frame: FrameIndex, offset: usize, len: usize) -> Flow {
        if self.system.ram.flags(frame) & flag::CODE == 0 {
            return Flow::Next;
        }
        match self.system.code.overwritten(frame, offset, len) {
            Overwritten::Nothing => Flow::Next,
            Overwritten::Blocks => Flow::Look,
            Overwritten::BecameData => {
                self.system.ram.clear_flag(frame, flag::CODE);
                Flow::Next
            }
        }
    }

    /// The word that HTIF programs end by may have been written.
    fn watched_written(&mut self) -> Flow {
        let word = self.system.tohost.and_then(|tohost| self.system.ram.read_u64(tohost).ok());
        if let Some(value) = word.filter(|value| value & 1 != 0) {
            self.system.exit = Some(ExitCode(value >> 1));
            return Flow::Look;
        }
        Flow::Next
    }

    /// After a device was accessed: its interrupt line may have changed, and it may have written memory
    /// on which something depends.
    fn settle(&mut self) {
        self.system.lines_due = 0;
        for Disturbance { frame, before } in self.system.ram.take_disturbed() {
            self.code_written(frame, 0, PAGE_BYTES);
            if self.system.ram.flags(frame) & flag::TABLE != 0 {
                for (index, old) in before.as_chunks().0.iter().enumerate() {
                    let old = Pte::from_raw(u64::from_le_bytes(*old));
                    self.entry_written(frame, index, old, Width::Double);
                }
            }
            self.watched_written();
        }
    }
}

impl Flow {
    /// The stricter of two.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Next { other } else { self }
    }
}

/// An access that begins in one page and ends in the next.
struct Split {
    /// Bytes in the first page.
    first: u64,
    /// Bytes in the second.
    second: u64,
    /// Where the second page begins.
    next_page: u64,
}

impl Split {
    fn of(va: u64, width: Width) -> Option<Self> {
        let first = PAGE_BYTES as u64 - va % PAGE_BYTES as u64;
        let second = width.bytes().checked_sub(first).filter(|&second| second > 0)?;
        Some(Self { first, second, next_page: va.wrapping_add(first) })
    }
}

/// `rs1` plus the immediate.
fn effective(hart: &Hart, insn: Insn) -> u64 {
    hart.x[insn.rs1].wrapping_add_signed(insn.imm.into())
}

const fn width_of(op: Op) -> Width {
    match op {
        Op::Lb | Op::Lbu | Op::Sb => Width::Byte,
        Op::Lh | Op::Lhu | Op::Sh => Width::Half,
        Op::Lw | Op::Lwu | Op::Sw => Width::Word,
        _ => Width::Double,
    }
}

/// What a load leaves in its register.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sign extension")]
const fn extend(op: Op, value: u64) -> u64 {
    match op {
        Op::Lb => value as i8 as u64,
        Op::Lh => value as i16 as u64,
        Op::Lw => value as i32 as u64,
        _ => value,
    }
}
