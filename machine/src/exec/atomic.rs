//! The "A" extension: LR, SC and AMOs (unprivileged specification, "A" Standard Extension for Atomic
//! Instructions).

use faultline_abi::{PhysAddr, sv39::Access};

use super::{Cpu, Fault, Flow, reach::Target};
use crate::{
    bus::{Devices, Width},
    hart::Reservation,
    insn::{Insn, Op},
    mmu::tlb::{self, Array},
    observer::Observer,
    ram::{FrameBytes, FrameIndex, offset_in_page},
    registers::Registers,
    trap::Exception,
};

/// Where an atomic access goes: always memory, always inside one page.
type Place = (FrameIndex, usize);

impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    pub(super) fn execute_atomic(&mut self, insn: Insn) -> Result<Flow, Fault> {
        let width = width_of(insn.op);
        let va = self.hart.x[insn.rs1];
        match insn.op {
            Op::LrW | Op::LrD => self.load_reserved(insn, va, width),
            Op::ScW | Op::ScD => self.store_conditional(insn, va, width),
            _ => self.modify(insn, va, width),
        }
    }

    fn load_reserved(&mut self, insn: Insn, va: u64, width: Width) -> Result<Flow, Fault> {
        let (frame, offset) = self.atomic_place(va, width, Access::Load)?;
        self.hart.reservation = Some(Reservation { pa: self.physical(frame, offset), width });
        self.hart.x[insn.rd] = sign_extend(self.system.ram.load(frame, offset, width), width);
        Ok(Flow::Next)
    }

    /// Stores only what the last LR reserved; succeeds or not, the reservation is gone.
    fn store_conditional(&mut self, insn: Insn, va: u64, width: Width) -> Result<Flow, Fault> {
        if !va.is_multiple_of(width.bytes()) {
            return Err(Fault { exception: Exception::StoreMisaligned, tval: va });
        }
        let Some(reserved) = self.hart.reservation else {
            self.hart.x[insn.rd] = 1;
            return Ok(Flow::Next);
        };
        let (frame, offset) = self.atomic_place(va, width, Access::Store)?;
        self.hart.reservation = None;
        if reserved != (Reservation { pa: self.physical(frame, offset), width }) {
            self.hart.x[insn.rd] = 1;
            return Ok(Flow::Next);
        }
        let flow = self.store_memory(frame, offset, width, self.hart.x[insn.rs2]);
        self.hart.x[insn.rd] = 0;
        Ok(flow)
    }

    fn modify(&mut self, insn: Insn, va: u64, width: Width) -> Result<Flow, Fault> {
        let (frame, offset) = self.atomic_place(va, width, Access::Store)?;
        let old = sign_extend(self.system.ram.load(frame, offset, width), width);
        let operand = self.hart.x[insn.rs2];
        let operand = if width == Width::Word { sign_extend(operand & width.mask(), width) } else { operand };
        let flow = self.store_memory(frame, offset, width, combine(insn.op, old, operand));
        self.hart.x[insn.rd] = old;
        Ok(flow)
    }

    /// Alignment is checked first. Only memory can be accessed atomically.
    fn atomic_place(&mut self, va: u64, width: Width, access: Access) -> Result<Place, Fault> {
        if !va.is_multiple_of(width.bytes()) {
            let exception = match access {
                Access::Store => Exception::StoreMisaligned,
                _ => Exception::LoadMisaligned,
            };
            return Err(Fault { exception, tval: va });
        }
        let rules = self.hart.data_rules();
        match self.reach(va, width.bytes(), access, &rules)?.target {
            Target::Memory { frame, offset } => Ok((frame, offset)),
            Target::Device(_) => Err(self.physical_fault(va, access)),
        }
    }

    fn physical(&self, frame: FrameIndex, offset: usize) -> PhysAddr {
        self.system.ram.address_of(frame).wrapping_add(offset as u64)
    }
}

/// An AMO on memory that the store TLB has at hand; whether it was done.
#[inline(never)]
pub(super) fn at_once(x: &mut Registers, stores: &Array, frames: &mut [FrameBytes], insn: Insn) -> bool {
    let width = width_of(insn.op);
    let va = x[insn.rs1];
    let entry = stores[tlb::slot(va)];
    // The low bits that must be zero in an aligned access are compared with those of the tag.
    if entry.tag != va & (!0xfff | (width.bytes() - 1)) {
        return false;
    }
    let bytes = frames.get_mut(entry.frame as usize).and_then(|frame| frame.get_mut(offset_in_page(va)..));
    match (width, bytes) {
        (Width::Word, Some(bytes)) => modify_at(bytes, |old: [u8; 4]| {
            let old = sign_extend(u32::from_le_bytes(old).into(), width);
            let new = combine(insn.op, old, sign_extend(x[insn.rs2] & width.mask(), width)).to_le_bytes();
            x[insn.rd] = old;
            [new[0], new[1], new[2], new[3]]
        }),
        (_, Some(bytes)) => modify_at(bytes, |old: [u8; 8]| {
            let old = u64::from_le_bytes(old);
            let new = combine(insn.op, old, x[insn.rs2]);
            x[insn.rd] = old;
            new.to_le_bytes()
        }),
        (_, None) => false,
    }
}

/// Changes the first bytes; whether there are so many.
fn modify_at<const N: usize>(bytes: &mut [u8], change: impl FnOnce([u8; N]) -> [u8; N]) -> bool {
    bytes.first_chunk_mut().map(|slot| *slot = change(*slot)).is_some()
}

/// What an AMO stores. Word operands come sign-extended, which keeps both orders among them.
fn combine(op: Op, old: u64, operand: u64) -> u64 {
    match op {
        Op::AmoswapW | Op::AmoswapD => operand,
        Op::AmoaddW | Op::AmoaddD => old.wrapping_add(operand),
        Op::AmoxorW | Op::AmoxorD => old ^ operand,
        Op::AmoandW | Op::AmoandD => old & operand,
        Op::AmoorW | Op::AmoorD => old | operand,
        Op::AmominW | Op::AmominD => old.cast_signed().min(operand.cast_signed()).cast_unsigned(),
        Op::AmomaxW | Op::AmomaxD => old.cast_signed().max(operand.cast_signed()).cast_unsigned(),
        Op::AmominuW | Op::AmominuD => old.min(operand),
        _ => old.max(operand),
    }
}

const fn width_of(op: Op) -> Width {
    match op {
        Op::LrW
        | Op::ScW
        | Op::AmoswapW
        | Op::AmoaddW
        | Op::AmoxorW
        | Op::AmoandW
        | Op::AmoorW
        | Op::AmominW
        | Op::AmomaxW
        | Op::AmominuW
        | Op::AmomaxuW => Width::Word,
        _ => Width::Double,
    }
}

const fn sign_extend(value: u64, width: Width) -> u64 {
    let unused = 64 - 8 * width.bytes();
    ((value << unused).cast_signed() >> unused).cast_unsigned()
}
