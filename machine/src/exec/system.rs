//! CSR instructions, calls and returns between privileges, WFI, SFENCE.VMA and tracepoints.

use faultline_abi::VirtAddr;

use super::{Cpu, Fault, Flow};
use crate::{
    bus::Devices,
    csr::{self, Clocks, IllegalCsr, Use, Written, status},
    hart::Privilege,
    insn::{Insn, Op},
    observer::Observer,
    registers::SINK,
    trap::Exception,
};

/// `a0`: the first of the six registers that carry a tracepoint's arguments.
const A0: u8 = 10;

impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    pub(super) fn execute_system(&mut self, insn: Insn) -> Result<Flow, Fault> {
        match insn.op {
            Op::Tracepoint => self.tracepoint(insn),
            Op::Ecall => return Err(Fault { exception: self.call(), tval: 0 }),
            // The specification allows zero or the address here; QEMU leaves zero.
            Op::Ebreak => return Err(Fault { exception: Exception::Breakpoint, tval: 0 }),
            Op::Mret => return self.machine_return(),
            Op::Sret => return self.supervisor_return(),
            Op::Wfi => return self.wait(),
            Op::SfenceVma | Op::SinvalVma => return self.fence_vma(insn),
            Op::SfenceWInval | Op::SfenceInvalIr => return self.fence_invalidations(),
            _ => return Err(self.illegal()),
        }
        Ok(Flow::Next)
    }

    /// `tval` of an illegal instruction holds its bits. They can be fetched again: nothing has changed
    /// since they were decoded.
    pub(super) fn illegal(&mut self) -> Fault {
        let bits = self.fetch_bits().unwrap_or(0);
        Fault { exception: Exception::Illegal, tval: bits.into() }
    }

    fn tracepoint(&mut self, insn: Insn) {
        if O::ACTIVE {
            let arguments = core::array::from_fn(|index| self.hart.x[A0 + u8::try_from(index).unwrap_or(0)]);
            let number = u16::try_from(insn.imm).unwrap_or(0);
            self.observer.tracepoint(&self.context(), number, arguments);
        }
    }

    fn call(&self) -> Exception {
        match self.hart.mode {
            Privilege::User => Exception::EcallFromU,
            Privilege::Supervisor => Exception::EcallFromS,
            Privilege::Machine => Exception::EcallFromM,
        }
    }

    fn machine_return(&mut self) -> Result<Flow, Fault> {
        if self.hart.mode < Privilege::Machine {
            return Err(self.illegal());
        }
        let context = self.context();
        let to = self.hart.return_from_machine();
        self.returned(&context, to);
        Ok(Flow::Jump)
    }

    fn supervisor_return(&mut self) -> Result<Flow, Fault> {
        if self.forbidden_to_supervisor(status::TSR) {
            return Err(self.illegal());
        }
        let context = self.context();
        let to = self.hart.return_from_supervisor();
        self.returned(&context, to);
        Ok(Flow::Jump)
    }

    fn returned(&mut self, context: &crate::observer::Context, to: Privilege) {
        if O::ACTIVE {
            self.observer.trap_return(context, to, VirtAddr::new(self.hart.pc));
            if to == Privilege::User {
                self.observer.settled(context, &self.system.ram);
            }
        }
    }

    /// Waits for an interrupt. U-mode may not wait, nor may S-mode under TW.
    fn wait(&mut self) -> Result<Flow, Fault> {
        if self.forbidden_to_supervisor(status::TW) {
            return Err(self.illegal());
        }
        self.hart.waiting = true;
        Ok(Flow::Look)
    }

    /// Translations are coherent with the tables, so there is nothing to flush: see [`crate::mmu::tlb`].
    fn fence_vma(&mut self, insn: Insn) -> Result<Flow, Fault> {
        if self.forbidden_to_supervisor(status::TVM) {
            return Err(self.illegal());
        }
        if O::ACTIVE {
            let va = (insn.rs1 != 0).then(|| VirtAddr::new(self.hart.x[insn.rs1]));
            #[expect(clippy::cast_possible_truncation, reason = "an ASID has sixteen bits")]
            let asid = (insn.rs2 != 0).then(|| self.hart.x[insn.rs2] as u16);
            self.observer.sfence_vma(&self.context(), va, asid);
        }
        Ok(Flow::Next)
    }

    /// The fences around SINVAL.VMA order nothing that is not in order already. TVM does not concern
    /// them ("Svinval" Standard Extension for Fine-Grained Address-Translation Cache Invalidation).
    fn fence_invalidations(&mut self) -> Result<Flow, Fault> {
        if self.hart.mode == Privilege::User { Err(self.illegal()) } else { Ok(Flow::Next) }
    }

    /// For U-mode always; for S-mode where this bit of `mstatus` traps it.
    fn forbidden_to_supervisor(&self, trap: u64) -> bool {
        match self.hart.mode {
            Privilege::User => true,
            Privilege::Supervisor => self.hart.csrs.mstatus & trap != 0,
            Privilege::Machine => false,
        }
    }
}

/// CSR instructions ("Zicsr", Extension for Control and Status Register Instructions).
impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    pub(super) fn execute_csr(&mut self, insn: Insn) -> Result<Flow, Fault> {
        let (old, written) = self.access_csr(insn).map_err(|IllegalCsr| self.illegal())?;
        self.hart.x[insn.rd] = old;
        Ok(match written {
            Written::Quiet => Flow::Next,
            Written::Control => Flow::Look,
            Written::Timer => {
                self.system.lines_due = 0;
                Flow::Look
            }
            Written::Protection => {
                self.tlb.drop_all();
                Flow::Look
            }
            Written::Satp { old } => {
                self.satp_written(old);
                Flow::Look
            }
        })
    }

    /// The value before, and what the write changed.
    fn access_csr(&mut self, insn: Insn) -> Result<(u64, Written), IllegalCsr> {
        let csr = u16::try_from(insn.imm).map_err(|_| IllegalCsr)?;
        let clocks = self.clocks();
        // CSRRW to x0 does not read; CSRRS and CSRRC with x0 or zero do not write.
        let replaces = matches!(insn.op, Op::Csrrw | Op::Csrrwi);
        let usage = if replaces || insn.rs1 != 0 { Use::Write } else { Use::Read };
        csr::check(self.hart, csr, usage)?;
        let old = if replaces && insn.rd == SINK { 0 } else { csr::read(self.hart, csr, &clocks)? };
        if usage == Use::Read {
            return Ok((old, Written::Quiet));
        }
        let new = self.new_value(insn, csr, old);
        let written = csr::write(self.hart, csr, new, &clocks)?;
        Ok((old, written))
    }

    fn new_value(&self, insn: Insn, csr: u16, old: u64) -> u64 {
        let base = csr::read_to_modify(self.hart, csr, old);
        let register = self.hart.x[insn.rs1];
        match insn.op {
            Op::Csrrw => register,
            Op::Csrrs => base | register,
            Op::Csrrc => base & !register,
            Op::Csrrwi => insn.rs1.into(),
            Op::Csrrsi => base | u64::from(insn.rs1),
            _ => base & !u64::from(insn.rs1),
        }
    }

    fn clocks(&self) -> Clocks {
        let clock = &self.system.clock;
        Clocks { instret: clock.instret, cycle: clock.cycle(), time: self.system.mtime() }
    }

    fn satp_written(&mut self, old: u64) {
        if let Some(root) = self.hart.root() {
            let instret = self.system.clock.instret;
            let stale = self.system.tables.root_named(root, instret, &mut self.system.ram);
            self.tables_changed(stale);
        }
        if O::ACTIVE {
            self.observer.satp_written(&self.context(), old, self.hart.csrs.satp);
        }
    }
}
