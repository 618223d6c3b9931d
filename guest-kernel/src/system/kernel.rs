//! The kernel: processes that take turns.

use alloc::{collections::VecDeque, rc::Rc, string::String, vec::Vec};
use core::fmt;

use faultline_abi::trace::ProcessOp;

use super::{
    console::Console,
    files::{FileError, FileSystem, Missing},
    open_file::Descriptors,
    process::{self, Ending, Fate, Process, State, Wait},
};
use crate::{
    arch::{self, Trapframe},
    exec::{ExecError, Image},
    frame::Failing,
    memory::Memory,
    options::Options,
    pid::Pid,
};

/// Processes that may exist at once, ended ones included: a program cannot fill the kernel's heap.
pub const PROCESSES_MAX: usize = 64;

/// Everything there is. One value, made at boot and passed down.
pub struct Kernel {
    pub(super) console: Console,
    pub(super) options: Options,
    pub(super) memory: Memory,
    pub(super) ticks: u64,
    pub(super) files: Option<Rc<FileSystem>>,
    /// All processes but the one whose turn it is; the first is next.
    pub(super) processes: VecDeque<Process>,
    pub(super) last_pid: Pid,
    /// Who had the hart last.
    running: Pid,
}

/// What becomes of a process after a trap.
pub(super) enum Next {
    /// It goes on.
    Resume,
    /// It goes on after the others had their turn.
    Yield,
    /// It goes on when this holds.
    Wait(Wait),
    /// It is over.
    End(Ending),
    /// The whole run is over, with this exit code.
    PowerOff(u8),
}

impl Kernel {
    /// A kernel with no process yet.
    #[must_use]
    pub fn new(console: Console, options: Options, memory: Memory, files: Option<Rc<FileSystem>>) -> Self {
        let (processes, last_pid, running) = (VecDeque::new(), Pid::KERNEL, Pid::KERNEL);
        Self { console, options, memory, ticks: 0, files, processes, last_pid, running }
    }

    /// Starts the programs of `init` and runs until all processes have ended; the exit code of the
    /// run, which is that of the last program named.
    pub fn run(&mut self) -> u8 {
        let free = self.memory.frames().free_count();
        let mut code = 0;
        for program in self.options.init.clone() {
            code = self.start(&program).err().unwrap_or(0);
        }
        let last = self.last_pid;
        arch::start_timer(self.options.quantum);
        while let Some(mut process) = self.next_to_run() {
            match self.turn(&mut process) {
                Next::Resume | Next::Yield => self.processes.push_back(process),
                Next::Wait(wait) => {
                    process.state = State::Waiting(wait);
                    self.processes.push_back(process);
                }
                Next::PowerOff(code) => {
                    self.processes.push_back(process);
                    self.drop_everything();
                    return code;
                }
                Next::End(ending) => {
                    if process.pid == last {
                        code = ending.code();
                    }
                    self.bury(process, ending);
                }
            }
        }
        self.check_that_all_frames_came_back(free);
        code
    }

    /// Makes a process that runs `program`, a name and arguments with colons between them; otherwise the
    /// exit code that says why not.
    fn start(&mut self, program: &str) -> Result<(), u8> {
        self.last_pid = self.last_pid.next();
        let pid = self.last_pid;
        let words: Vec<&[u8]> = program.split(':').map(str::as_bytes).collect();
        let name = String::from(program.split(':').next().unwrap_or_default());
        process::report(ProcessOp::Created, pid, 0, 0, &name);
        match self.load(&name, pid, &words) {
            Ok(image) => {
                let (files, state, fate) = (Descriptors::default(), State::Ready, Fate::Live);
                let (parent, space, progress, owed) = (Pid::KERNEL, image.space, None, None);
                let mut process = Process { pid, parent, name, space, files, state, progress, owed, fate };
                self.enter_program(&mut process, &image);
                self.processes.push_back(process);
                Ok(())
            }
            Err(error) => {
                let code = error.code();
                self.console.say(format_args!("{name} (pid {pid}) cannot start: {error}"));
                process::report(ProcessOp::Exited, pid, code.into(), 0, &name);
                Err(code)
            }
        }
    }

    /// Loads the program `name` for process `pid`.
    pub(super) fn load(&mut self, name: &str, pid: Pid, args: &[&[u8]]) -> Result<Image, StartError> {
        let files = self.files.as_ref().ok_or(StartError::NoDisk)?;
        let file = files.open(name, Missing::Fail).map_err(StartError::File)?;
        self.memory.load(&file.as_file(), pid, args).map_err(StartError::Exec)
    }

    /// Lets `process` begin the program in `image`, in the image's space.
    pub(super) fn enter_program(&mut self, process: &mut Process, image: &Image) {
        process.space = image.space;
        self.memory.announce(image.space);
        let frame = self.registers(process);
        frame.epc = image.entry.get();
        *frame.sp() = image.sp.get();
        *frame.argument(0) = image.argc;
        *frame.argument(1) = image.argv.get();
        self.report(process, ProcessOp::Execed, 0);
    }

    /// The registers of `process`.
    pub(super) fn registers(&mut self, process: &Process) -> &mut Trapframe {
        arch::trapframe(self.memory.space_mut(process.space).trapframe_page())
    }

    /// Reports what happened to `process`, which has its memory.
    pub(super) fn report(&self, process: &Process, op: ProcessOp, other: u64) {
        let root = self.memory.space(process.space).root().base().get();
        process::report(op, process.pid, other, root, &process.name);
    }

    /// Takes out the next process that can run, and waits until there is one; `None` when all have ended.
    #[expect(clippy::disallowed_methods, reason = "rotated to a place that was found")]
    fn next_to_run(&mut self) -> Option<Process> {
        loop {
            self.take_device_input();
            if let Some(at) = self.processes.iter().position(|process| self.can_run(process)) {
                // Those before it stay in order behind all others: they had their chance.
                self.processes.rotate_left(at);
                return self.processes.pop_front();
            }
            if !self.processes.iter().any(Process::lives) {
                return None;
            }
            self.idle();
        }
    }

    fn can_run(&self, process: &Process) -> bool {
        match &process.state {
            State::Ready => true,
            State::Waiting(wait) => process.fate == Fate::Die || self.holds(process, wait),
            State::Ended(_) => false,
        }
    }

    /// Whether what `process` waits for has come.
    fn holds(&self, process: &Process, wait: &Wait) -> bool {
        match wait {
            Wait::Turn => true,
            Wait::Child => {
                let mut children = self.processes.iter().filter(|child| child.parent == process.pid);
                children.clone().any(|child| !child.lives()) || children.next().is_none()
            }
            Wait::Tick(tick) => self.ticks >= *tick,
            Wait::Input => self.console.can_be_read(),
            Wait::PipeData(pipe) => pipe.can_be_read(),
            Wait::PipeRoom(pipe) => pipe.can_be_written(),
        }
    }

    /// Sleeps until something happens. Where nobody waits for the time, only a device can wake us.
    fn idle(&mut self) {
        let waits_for_time = |process: &Process| matches!(process.state, State::Waiting(Wait::Tick(_)));
        let timed = self.processes.iter().any(waits_for_time);
        if !timed {
            arch::stop_timer();
        }
        arch::wait_for_interrupt();
        if arch::pending().tick {
            self.tick();
        }
        if !timed {
            arch::start_timer(self.options.quantum);
        }
    }

    /// Runs `process` until its turn or its life is over.
    fn turn(&mut self, process: &mut Process) -> Next {
        if process.fate == Fate::Die {
            return Next::End(Ending::Terminated);
        }
        if self.running != process.pid {
            self.report(process, ProcessOp::Switched, self.running.number());
            self.running = process.pid;
        }
        let waited = matches!(process.state, State::Waiting(_));
        process.state = State::Ready;
        let mut next = if waited { self.serve(process) } else { Next::Resume };
        while let Next::Resume = next {
            let trap = arch::run_user(self.memory.space_mut(process.space));
            next = self.take_trap(process, trap);
        }
        next
    }

    /// The timer ticked.
    pub(super) fn tick(&mut self) {
        arch::clear_tick();
        self.ticks = self.ticks.saturating_add(1);
    }

    /// Takes in what was typed, if the console says that something was. Control-C asks for the end of every
    /// process that another started, so not of a shell that the kernel did; whether it was typed.
    pub(super) fn take_device_input(&mut self) -> bool {
        if arch::pending().device {
            self.console.take_input();
            arch::complete_device_interrupt();
        }
        let interrupted = self.console.take_interrupt();
        if interrupted {
            let started = self.processes.iter_mut().filter(|process| process.parent != Pid::KERNEL);
            started.for_each(|process| process.fate = Fate::Die);
        }
        interrupted
    }

    /// Ends `process`: everything it held comes back, and its parent may ask how it ended.
    fn bury(&mut self, mut process: Process, ending: Ending) {
        let Process { pid, name, .. } = &process;
        match ending {
            Ending::Exited(status) => {
                self.report(&process, ProcessOp::Exited, status);
                if process.parent == Pid::KERNEL {
                    self.console.say(format_args!("{name} (pid {pid}) exited with status {status}"));
                }
            }
            // Why it was killed was said when it happened.
            Ending::Killed(scause) => self.report(&process, ProcessOp::Killed, scause),
            Ending::Terminated => self.report(&process, ProcessOp::Killed, u64::MAX),
        }
        self.memory.drop_space(process.space);
        self.orphan_children(process.pid);
        let has_parent = self.processes.iter().any(|other| other.pid == process.parent && other.lives());
        if has_parent {
            process.files = Descriptors::none();
            process.state = State::Ended(ending.code());
            self.processes.push_back(process);
        }
    }

    /// Nobody will ask how the children of `pid` ended.
    fn orphan_children(&mut self, pid: Pid) {
        self.processes.retain(|process| process.lives() || process.parent != pid);
        for child in self.processes.iter_mut().filter(|process| process.parent == pid) {
            child.parent = Pid::KERNEL;
        }
    }

    /// Ends every process, so that what they changed in files reaches the disk.
    fn drop_everything(&mut self) {
        while let Some(process) = self.processes.pop_front() {
            if process.lives() {
                self.memory.drop_space(process.space);
            }
        }
    }

    /// No program is left that could be the reason if one did not.
    #[expect(
        clippy::disallowed_macros,
        reason = "the run is over; that the kernel has lost a frame shall not go unseen"
    )]
    fn check_that_all_frames_came_back(&mut self, before: usize) {
        let after = self.memory.frames().free_count();
        assert!(before == after, "{before} frames were free before the programs, {after} are after them");
        let swap = self.memory.frames().swap();
        assert!(swap.free_count() == swap.count(), "pages of no program are in swap");
        self.console.say(format_args!("all programs have ended, {after} frames free as before"));
        if self.options.failing != Failing::Never {
            self.console.say(format_args!("frames requested: {}", self.memory.frames().requests()));
        }
    }
}

/// Why a program did not start.
#[derive(Debug)]
pub(super) enum StartError {
    NoDisk,
    File(FileError),
    Exec(ExecError),
}

impl StartError {
    /// The exit code of a run that ends with this, as a shell would have it.
    const fn code(&self) -> u8 {
        match self {
            Self::NoDisk | Self::File(_) => 127,
            Self::Exec(_) => 126,
        }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDisk => f.write_str("there is no disk to read it from"),
            Self::File(FileError::NotFound) => f.write_str("there is no such file on the disk"),
            Self::File(error) => write!(f, "its file cannot be opened: {error}"),
            Self::Exec(error) => error.fmt(f),
        }
    }
}
