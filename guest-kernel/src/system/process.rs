//! A process: a program in its own address space.

use alloc::{rc::Rc, string::String};

use faultline_abi::trace::{ProcessOp, ShortName, TraceEvent};

use super::open_file::Descriptors;
use crate::{memory::SpaceId, pid::Pid, pipe::Pipe, trace};

/// A process. Its memory is the kernel's to drop, everything else goes with it.
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Who made it, and may wait for it; the kernel once that one has ended.
    pub parent: Pid,
    /// The name of the program it runs.
    pub name: String,
    /// Its memory.
    pub space: SpaceId,
    /// Its open files.
    pub files: Descriptors,
    /// What it is doing.
    pub state: State,
    /// What the call that it waits in has to remember: when a `sleep` is over, in ticks since boot; how
    /// many bytes of a `read` or `write` are done.
    pub progress: Option<u64>,
    /// The instruction that a page was brought in for. It runs before others get their turn, or they might take
    /// the page away again and again.
    pub owed: Option<u64>,
    /// Whether somebody asked for its end. It ends before it would run again.
    pub fate: Fate,
}

/// What a process is doing.
pub enum State {
    /// It runs, or could.
    Ready,
    /// It made a system call that cannot be done yet. When the condition holds, the call is done again.
    Waiting(Wait),
    /// It has ended with this code, and its parent does not know yet. Its memory is gone.
    Ended(u8),
}

/// What a system call waits for. The scheduler looks whether it holds, so no wake-up can be lost.
#[derive(Clone)]
pub enum Wait {
    /// Nothing: others get their turn first.
    Turn,
    /// A child has ended, or there is none.
    Child,
    /// So many ticks since boot.
    Tick(u64),
    /// A line was typed.
    Input,
    /// There is something in the pipe, or nothing will come.
    PipeData(Rc<Pipe>),
    /// There is room in the pipe, or nobody will read it.
    PipeRoom(Rc<Pipe>),
}

/// What others want of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Live,
    /// That it ends.
    Die,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It called `exit` with this status.
    Exited(u64),
    /// The kernel ended it for a trap with this `scause`.
    Killed(u64),
    /// Another process asked for it, with `kill`.
    Terminated,
}

impl Ending {
    /// The exit code of a run that ends with this, as a shell would have it.
    #[must_use]
    pub const fn code(self) -> u8 {
        /// What shells say of a program that was killed by signal 9.
        const TERMINATED: u8 = 128 + 9;
        let [low, ..] = match self {
            Self::Exited(status) => status.to_le_bytes(),
            Self::Killed(scause) => scause.wrapping_add(128).to_le_bytes(),
            Self::Terminated => return TERMINATED,
        };
        low
    }
}

impl Process {
    /// Whether it has not ended.
    #[must_use]
    pub const fn lives(&self) -> bool {
        !matches!(self.state, State::Ended(_))
    }
}

/// Reports what happened to process `pid`.
pub fn report(op: ProcessOp, pid: Pid, other: u64, root: u64, name: &str) {
    let name = ShortName::new(name);
    trace::emit(TraceEvent::Process { op, pid: pid.number(), other, root, name });
}
