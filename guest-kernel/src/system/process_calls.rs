//! System calls about processes.

use alloc::{string::String, vec::Vec};

use faultline_abi::{VirtAddr, syscall::ps, trace::ProcessOp};

use super::{
    kernel::{Kernel, PROCESSES_MAX},
    process::{Fate, Process, State, Wait},
    syscall::{Reply, Stop},
};
use crate::{plan::Reason, table::slot_of};

/// Arguments that a program may be given.
const ARGUMENT_COUNT_MAX: u64 = 32;
/// Bytes of an argument or a path, at most.
pub(super) const STRING_MAX: usize = 256;

impl From<Reason> for Stop {
    /// A bad address in a system call fails the call; the process lives.
    fn from(_: Reason) -> Self {
        Self::Failed
    }
}

impl Kernel {
    /// `fork()`: the child's pid; in the child 0.
    pub(super) fn fork(&mut self, process: &Process) -> Reply {
        if self.processes.len().saturating_add(1) >= PROCESSES_MAX {
            return Err(Stop::Failed);
        }
        let pid = self.last_pid.next();
        let space = self.memory.begin_fork(process.space, pid)?;
        self.last_pid = pid;
        let child = Process {
            pid,
            parent: process.pid,
            name: process.name.clone(),
            space,
            files: process.files.clone(),
            state: State::Ready,
            progress: None,
            owed: None,
            fate: Fate::Live,
        };
        self.report(&child, ProcessOp::Created, process.pid.number());
        self.memory.announce(space);
        if let Err(reason) = self.memory.finish_fork(process.space, space) {
            self.report(&child, ProcessOp::Exited, u64::MAX);
            self.memory.drop_space(space);
            return Err(reason.into());
        }
        *self.registers(&child).argument(0) = 0;
        self.processes.push_back(child);
        Ok(pid.number())
    }

    /// `exec(path, argv)`: the number of arguments, which is the new program's a0.
    pub(super) fn exec(&mut self, process: &mut Process, path: u64, argv: u64) -> Reply {
        let path = self.string(process, path)?;
        let args = self.argument_strings(process, argv)?;
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let image = self.load(&path, process.pid, &args).map_err(|_| Stop::Failed)?;
        let old = process.space;
        process.name = path;
        self.memory.drop_space(old);
        self.enter_program(process, &image);
        Ok(image.argc)
    }

    /// The path at `va` of `process`, without a leading slash.
    pub(super) fn string(&mut self, process: &Process, va: u64) -> Result<String, Stop> {
        let bytes = self.memory.copyin_string(process.space, VirtAddr::new(va), STRING_MAX)?;
        let text = String::from_utf8(bytes).map_err(|_| Stop::Failed)?;
        Ok(text.trim_start_matches("./").trim_start_matches('/').into())
    }

    fn argument_strings(&mut self, process: &Process, argv: u64) -> Result<Vec<Vec<u8>>, Stop> {
        let mut args = Vec::new();
        for n in 0..=ARGUMENT_COUNT_MAX {
            let mut address = [0; 8];
            let at = VirtAddr::new(argv).checked_add(n.saturating_mul(8)).ok_or(Stop::Failed)?;
            self.memory.copyin(process.space, at, &mut address)?;
            match u64::from_le_bytes(address) {
                0 => return Ok(args),
                arg => args.push(self.memory.copyin_string(process.space, VirtAddr::new(arg), STRING_MAX)?),
            }
        }
        Err(Stop::Failed)
    }

    /// `wait(&status)`: the pid of a child that has ended.
    pub(super) fn wait(&mut self, process: &Process, status: u64) -> Reply {
        let mine = |child: &Process| child.parent == process.pid;
        if !self.processes.iter().any(mine) {
            return Err(Stop::Failed);
        }
        let ended = self.processes.iter().position(|child| mine(child) && !child.lives());
        let Some(at) = ended else { return Err(Wait::Child.into()) };
        let Some(&State::Ended(code)) = self.processes.get(at).map(|child| &child.state) else {
            return Err(Stop::Failed);
        };
        if status != 0 {
            let code = u64::from(code).to_le_bytes();
            self.memory.copyout(process.space, VirtAddr::new(status), &code)?;
        }
        let child = self.processes.remove(at).ok_or(Stop::Failed)?;
        Ok(child.pid.number())
    }

    /// `kill(pid)`. The process ends when it would run next.
    pub(super) fn kill(&mut self, process: &mut Process, pid: u64) -> Reply {
        if pid == process.pid.number() {
            process.fate = Fate::Die;
            return Ok(0);
        }
        let target = self.processes.iter_mut().find(|other| other.pid.number() == pid && other.lives());
        target.ok_or(Stop::Failed)?.fate = Fate::Die;
        Ok(0)
    }

    /// `sleep(ticks)`. Done again, it must not wait as long again, so it notes when it is over.
    pub(super) fn sleep(&mut self, process: &mut Process, ticks: u64) -> Reply {
        let until = *process.progress.get_or_insert(self.ticks.saturating_add(ticks));
        if self.ticks < until { Err(Wait::Tick(until).into()) } else { Ok(0) }
    }

    /// `ps(buffer, length)`: how many processes there are.
    pub(super) fn ps(&mut self, process: &Process, buffer: u64, length: u64) -> Reply {
        let all: Vec<[u8; ps::ENTRY]> =
            core::iter::once(process).chain(&self.processes).map(|process| self.entry(process)).collect();
        let room = usize::try_from(length).map_err(|_| Stop::Failed)? / ps::ENTRY;
        let mut at = VirtAddr::new(buffer);
        for entry in all.iter().take(room) {
            self.memory.copyout(process.space, at, entry)?;
            at = at.checked_add(ps::ENTRY as u64).ok_or(Stop::Failed)?;
        }
        Ok(all.len() as u64)
    }

    /// What `ps` tells about `process`.
    fn entry(&self, process: &Process) -> [u8; ps::ENTRY] {
        let (mut pages, mut swapped) = (0u64, 0u64);
        if process.lives() {
            for (_, pte) in self.memory.space(process.space).entries() {
                let count = if slot_of(pte).is_some() { &mut swapped } else { &mut pages };
                *count = count.saturating_add(1);
            }
        }
        let state = match process.state {
            State::Ready => 0,
            State::Waiting(_) => 1,
            State::Ended(_) => 2,
        };
        let words = [process.pid.number(), process.parent.number(), state, pages, swapped];
        let name = process.name.bytes().chain(core::iter::repeat(0));
        let mut bytes = words.into_iter().flat_map(u64::to_le_bytes).chain(name);
        core::array::from_fn(|_| bytes.next().unwrap_or(0))
    }
}
