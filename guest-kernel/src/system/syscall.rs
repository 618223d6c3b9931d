//! System calls: the number in a7, arguments in a0 to a5, the result in a0.
//!
//! There is one kernel stack, so a call cannot sleep in its middle. Where it would have to, it says what
//! it waits for; when that holds, the scheduler does it again, from the registers, which still hold its
//! arguments. What it has done already stands in [`Process::progress`].

use faultline_abi::{
    syscall::Syscall,
    trace::{SyscallOp, TraceEvent},
};

use super::{
    kernel::{Kernel, Next},
    process::{Ending, Process, Wait},
};
use crate::{arch, trace};

/// The result of a call that failed: -1.
const FAILED: u64 = u64::MAX;

/// The arguments of a call.
pub(super) type Arguments = [u64; 6];

/// How a call ends that does not end with a result.
pub(super) enum Stop {
    /// It failed, with -1.
    Failed,
    /// It cannot be done before this holds.
    Wait(Wait),
}

/// What a call results in.
pub(super) type Reply = Result<u64, Stop>;

impl From<Wait> for Stop {
    fn from(wait: Wait) -> Self {
        Self::Wait(wait)
    }
}

impl Kernel {
    /// Takes the system call in the registers of `process`.
    pub(super) fn system_call(&mut self, process: &mut Process) -> Next {
        let (number, [a, b, c, ..]) = self.call_in_registers(process);
        report(process, SyscallOp::Enter, number, [a, b, c]);
        self.serve(process)
    }

    fn call_in_registers(&mut self, process: &Process) -> (u64, Arguments) {
        let frame = self.registers(process);
        (*frame.argument(7), [0, 1, 2, 3, 4, 5].map(|n| *frame.argument(n)))
    }

    /// Does the system call in the registers of `process`, for the first time or again.
    pub(super) fn serve(&mut self, process: &mut Process) -> Next {
        let (number, args) = self.call_in_registers(process);
        let call = Syscall::from_number(number);
        let result = match call {
            Some(Syscall::Exit) => return Next::End(Ending::Exited(args[0])),
            Some(Syscall::Shutdown) => return Next::PowerOff(Ending::Exited(args[0]).code()),
            Some(call) => match self.answer(process, call, args) {
                Ok(result) => result,
                Err(Stop::Failed) => FAILED,
                Err(Stop::Wait(wait)) => return Next::Wait(wait),
            },
            None => FAILED,
        };
        process.progress = None;
        *self.registers(process).argument(0) = result;
        report(process, SyscallOp::Return, number, [result, 0, 0]);
        if call == Some(Syscall::Yield) { Next::Yield } else { Next::Resume }
    }

    /// Does `call`.
    fn answer(&mut self, process: &mut Process, call: Syscall, args: Arguments) -> Reply {
        let [a, b, c, ..] = args;
        if needs_kernel_memory(call) && arch::heap_is_low() {
            return Err(Stop::Failed);
        }
        match call {
            Syscall::Fork => self.fork(process),
            Syscall::Exec => self.exec(process, a, b),
            Syscall::Wait => self.wait(process, a),
            Syscall::Kill => self.kill(process, a),
            Syscall::Getpid => Ok(process.pid.number()),
            Syscall::Sleep => self.sleep(process, a),
            Syscall::Uptime => Ok(self.ticks),
            Syscall::Ps => self.ps(process, a, b),
            Syscall::Sbrk => self.sbrk(process, a.cast_signed()),
            Syscall::Mmap => self.mmap(process, args),
            Syscall::Munmap => self.munmap(process, a, b),
            Syscall::Msync => self.msync(process, a, b),
            Syscall::Mlockall => self.mlockall(process),
            Syscall::Meminfo => self.meminfo(process, a),
            Syscall::Open => self.open(process, a, b),
            Syscall::Close => self.close(process, a),
            Syscall::Dup => self.dup(process, a),
            Syscall::Pipe => self.pipe(process, a),
            Syscall::Read => self.read(process, a, b, c),
            Syscall::Write => self.write(process, a, b, c),
            Syscall::Lseek => self.lseek(process, a, b.cast_signed(), c),
            Syscall::Fstat => self.fstat(process, a, b),
            Syscall::Unlink => self.unlink(process, a),
            Syscall::Yield => Ok(0),
            // These end the caller or the run, and do not come here.
            Syscall::Exit | Syscall::Shutdown => Err(Stop::Failed),
        }
    }
}

/// Whether `call` makes something that the kernel must remember: no number of processes may use up its
/// memory.
const fn needs_kernel_memory(call: Syscall) -> bool {
    use Syscall::{Dup, Exec, Fork, Mlockall, Mmap, Munmap, Open, Pipe};
    matches!(call, Fork | Exec | Mmap | Munmap | Mlockall | Open | Dup | Pipe)
}

fn report(process: &Process, op: SyscallOp, number: u64, args: [u64; 3]) {
    trace::emit(TraceEvent::Syscall { op, pid: process.pid.number(), number, args });
}
