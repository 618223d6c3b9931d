//! A process: a program in its own address space.

use alloc::string::String;

use faultline_abi::trace::{ProcessOp, ShortName, TraceEvent};

use crate::{
    address_space::AddressSpace,
    arch::{self, Trapframe},
    exec::Image,
    pid::Pid,
    trace,
};

/// A process. Dropping it gives back everything it held.
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// The name of the program it runs.
    pub name: String,
    /// Its memory.
    pub space: AddressSpace,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It called `exit` with this status.
    Exited(u64),
    /// The kernel ended it for a trap with this `scause`.
    Killed(u64),
}

impl Ending {
    /// The exit code of a run that ends with this, as a shell would have it.
    #[must_use]
    pub const fn code(self) -> u8 {
        let [low, ..] = match self {
            Self::Exited(status) => status.to_le_bytes(),
            Self::Killed(scause) => (scause + 128).to_le_bytes(),
        };
        low
    }
}

impl Process {
    /// A process that is about to run `image`.
    #[must_use]
    pub fn new(pid: Pid, name: String, image: Image) -> Self {
        let mut process = Self { pid, name, space: image.space };
        let frame = process.trapframe();
        frame.epc = image.entry.get();
        *frame.sp() = image.stack_top.get();
        process.report(ProcessOp::Execed, 0);
        process
    }

    /// Its registers.
    pub fn trapframe(&mut self) -> &mut Trapframe {
        arch::trapframe(self.space.trapframe_page())
    }

    /// Reports what happened to it.
    pub fn report(&self, op: ProcessOp, other: u64) {
        let root = self.space.root().base().get();
        report(op, self.pid, other, root, &self.name);
    }
}

/// Reports what happened to process `pid`.
pub fn report(op: ProcessOp, pid: Pid, other: u64, root: u64, name: &str) {
    let name = ShortName::new(name);
    trace::emit(TraceEvent::Process { op, pid: pid.number(), other, root, name });
}
