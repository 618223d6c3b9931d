//! Every trap of a program comes here, and leaves as what becomes of the process.

use core::fmt;

use faultline_abi::{VirtAddr, sv39::Access};

use super::{
    kernel::{Kernel, Next},
    process::{Ending, Process},
};
use crate::{arch::Trap, fault::Toucher, pid::Pid};

/// `scause`: the bit that tells interrupts from exceptions.
const INTERRUPT: u64 = 1 << 63;
/// `scause` of the supervisor software interrupt: the timer ticked.
const TICK: u64 = INTERRUPT | 1;
/// `scause` of the supervisor external interrupt: a device wants something.
const DEVICE: u64 = INTERRUPT | 9;
/// `scause` of `ecall` from U-mode.
const SYSTEM_CALL: u64 = 8;
/// Bytes of `ecall`, which has no compressed form.
const ECALL_SIZE: u64 = 4;

impl Kernel {
    /// Deals with a trap of `process`.
    pub(super) fn take_trap(&mut self, process: &mut Process, trap: Trap) -> Next {
        match trap.scause {
            TICK => {
                self.tick();
                let at = self.registers(process).epc;
                if process.owed.take() == Some(at) { Next::Resume } else { Next::Yield }
            }
            DEVICE if self.take_device_input() && process.parent != Pid::KERNEL => {
                Next::End(Ending::Terminated)
            }
            DEVICE => Next::Resume,
            SYSTEM_CALL => {
                let registers = self.registers(process);
                registers.epc = registers.epc.wrapping_add(ECALL_SIZE);
                self.system_call(process)
            }
            scause => match Access::from_page_fault_cause(scause) {
                Some(access) => self.page_fault(process, trap, access),
                None => self.kill_for(process, trap, &"the program may not do this"),
            },
        }
    }

    fn page_fault(&mut self, process: &mut Process, trap: Trap, access: Access) -> Next {
        let at = self.registers(process).epc;
        let (program, va) = (Toucher::Program(VirtAddr::new(at)), VirtAddr::new(trap.stval));
        match self.memory.fault(process.space, va, access, program) {
            Ok(()) => {
                process.owed = Some(at);
                Next::Resume
            }
            Err(reason) => self.kill_for(process, trap, &reason),
        }
    }

    /// Ends `process` for something it may not do. The kernel lives on.
    fn kill_for(&mut self, process: &mut Process, trap: Trap, why: &dyn fmt::Display) -> Next {
        let (scause, stval, sepc) = (trap.scause, trap.stval, self.registers(process).epc);
        self.console.say(format_args!(
            "{} (pid {}) killed: {} (scause {scause}, stval {stval:#x}, sepc {sepc:#x}): {why}",
            process.name,
            process.pid,
            cause_text(scause),
        ));
        Next::End(Ending::Killed(scause))
    }
}

/// The name of an exception (privileged specification, "Supervisor Cause Register (scause)").
const fn cause_text(scause: u64) -> &'static str {
    match scause {
        0 => "instruction address misaligned",
        1 => "instruction access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "load address misaligned",
        5 => "load access fault",
        6 => "store/AMO address misaligned",
        7 => "store/AMO access fault",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store/AMO page fault",
        _ => "unexpected trap",
    }
}
