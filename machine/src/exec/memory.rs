//! Loads and stores in full: inside a page or across two, to memory or to a device.

use faultline_abi::{PhysAddr, sv39::Access};

use super::{Cpu, Fault, Flow, reach::Target};
use crate::{
    bus::{DeviceContext, Devices, Effect, Width},
    hart::{Hart, Misaligned},
    insn::{Insn, Op},
    mmu::walk::Rules,
    observer::Observer,
    ram::{FrameIndex, PAGE_BYTES, offset_in_page},
    trap::Exception,
};

/// A frame, and an offset in it.
pub(super) type Spot = (FrameIndex, usize);

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

    pub(super) fn load(&mut self, va: u64, width: Width) -> Result<(u64, Flow), Fault> {
        self.aligned(va, width, Exception::LoadMisaligned)?;
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

    pub(super) fn store(&mut self, va: u64, width: Width, value: u64) -> Result<Flow, Fault> {
        self.aligned(va, width, Exception::StoreMisaligned)?;
        let rules = self.hart.data_rules();
        if let Some(split) = Split::of(va, width) {
            let (low, high) = self.reach_both(va, &split, Access::Store, &rules)?;
            let first = self.store_bytes(low, value, split.first);
            let second = self.store_bytes(high, value >> (8 * split.first), split.second);
            return Ok(if first == Flow::Next { second } else { first });
        }
        let guarded = self.tlb.guarded_store(self.hart.context(&rules), va);
        if let Some(frame) = guarded.filter(|&frame| self.system.ram.flags(frame) != 0) {
            return Ok(self.store_memory(frame, offset_in_page(va), width, value));
        }
        match self.reach(va, width.bytes(), Access::Store, &rules)?.target {
            Target::Memory { frame, offset } => Ok(self.store_memory(frame, offset, width, value)),
            Target::Device(pa) => self.store_device(va, pa, width, value),
        }
    }

    /// Where misaligned accesses trap, they do before the address is translated; the specification
    /// leaves the order free ("Synchronous exception priority").
    fn aligned(&self, va: u64, width: Width, exception: Exception) -> Result<(), Fault> {
        let traps = self.hart.features.misaligned == Misaligned::Trapped;
        if traps && !va.is_multiple_of(width.bytes()) { Err(Fault { exception, tval: va }) } else { Ok(()) }
    }

    /// Both pages of an access that crosses from one to the next: both are translated and checked
    /// before any byte is read or written; `tval` is the first byte of the page that faults. A and D
    /// of the first are set even if the second then faults: the specification lets each part be an
    /// access of its own, and QEMU does the same.
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
pub(super) fn effective(hart: &Hart, insn: Insn) -> u64 {
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
