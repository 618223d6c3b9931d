//! System calls: the number in a7, arguments in a0 and up, the result in a0.

use faultline_abi::{
    VirtAddr,
    syscall::Syscall,
    trace::{SyscallOp, TraceEvent},
};

use super::{
    kernel::{Kernel, Next},
    process::{Ending, Process},
};
use crate::trace;

/// The result of a call that failed: -1.
const FAILED: u64 = u64::MAX;
/// Standard output and standard error, both the console.
const OUTPUTS: [u64; 2] = [1, 2];
/// Bytes that one `write` takes; who has more calls again.
const WRITE_MAX: u64 = 4096;
/// Bytes that travel through the kernel at once.
const CHUNK: usize = 128;

impl Kernel {
    /// Serves the system call in the registers of `process`.
    pub(super) fn system_call(&mut self, process: &mut Process) -> Next {
        let frame = process.trapframe();
        let number = *frame.argument(7);
        let args = [0, 1, 2].map(|n| *frame.argument(n));
        report(process, SyscallOp::Enter, number, args);
        let result = match Syscall::from_number(number) {
            Some(Syscall::Exit) => return Next::End(Ending::Exited(args[0])),
            Some(Syscall::Shutdown) => return Next::PowerOff(Ending::Exited(args[0]).code()),
            Some(call) => self.serve(process, call, args),
            None => FAILED,
        };
        *process.trapframe().argument(0) = result;
        report(process, SyscallOp::Return, number, [result, 0, 0]);
        if number == Syscall::Yield.number() { Next::Yield } else { Next::Resume }
    }

    /// Does `call`; its result.
    fn serve(&mut self, process: &mut Process, call: Syscall, args: [u64; 3]) -> u64 {
        match call {
            Syscall::Write => self.write(process, args),
            Syscall::Getpid => process.pid.number(),
            Syscall::Sbrk => self.sbrk(process, args[0].cast_signed()),
            Syscall::Uptime => self.ticks,
            Syscall::Meminfo => self.frames.free_count() as u64,
            Syscall::Yield => 0,
            // These end the caller or the run, so they have no result.
            Syscall::Exit | Syscall::Shutdown => FAILED,
        }
    }

    /// `write(fd, buffer, length)`: how many bytes were written, at most [`WRITE_MAX`]; if a bad
    /// address cuts it short, those before it.
    fn write(&mut self, process: &mut Process, [fd, buffer, length]: [u64; 3]) -> u64 {
        if !OUTPUTS.contains(&fd) {
            return FAILED;
        }
        let length = length.min(WRITE_MAX);
        let mut done = 0;
        while done < length {
            let mut chunk = [0; CHUNK];
            let rest = usize::try_from(length - done).unwrap_or(CHUNK);
            let chunk = &mut chunk[..rest.min(CHUNK)];
            let read = VirtAddr::new(buffer).checked_add(done).map(|va| process.space.copyin(va, chunk));
            if !matches!(read, Some(Ok(()))) {
                return if done == 0 { FAILED } else { done };
            }
            self.console.print(chunk);
            done += chunk.len() as u64;
        }
        done
    }

    /// `sbrk(bytes)`: the old end of the heap.
    fn sbrk(&self, process: &mut Process, bytes: i64) -> u64 {
        process.space.sbrk(bytes, self.options.sbrk).map_or(FAILED, VirtAddr::get)
    }
}

fn report(process: &Process, op: SyscallOp, number: u64, args: [u64; 3]) {
    trace::emit(TraceEvent::Syscall { op, pid: process.pid.number(), number, args });
}
