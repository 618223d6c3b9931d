//! The kernel: processes that take turns.

use alloc::{collections::VecDeque, string::String};
use core::fmt;

use faultline_abi::{Ppn, trace::ProcessOp};

use super::{
    console::Console,
    disk::{FileError, FileSystem},
    process::{self, Ending, Process},
};
use crate::{
    arch,
    exec::{self, ExecError, Image},
    frame::FramePool,
    options::Options,
    pid::Pid,
};

/// Everything there is. One value, made at boot and passed down.
pub struct Kernel {
    pub(super) console: Console,
    pub(super) options: Options,
    pub(super) frames: FramePool,
    pub(super) ticks: u64,
    files: Option<FileSystem>,
    trampoline: Ppn,
    /// Processes that can run; the first is next.
    ready: VecDeque<Process>,
    last_pid: Pid,
    /// Who had the hart last.
    running: Pid,
}

/// What becomes of a process after a trap.
pub(super) enum Next {
    /// It goes on.
    Resume,
    /// It goes on after the others had their turn.
    Yield,
    /// It is over.
    End(Ending),
    /// The whole run is over, with this exit code.
    PowerOff(u8),
}

impl Kernel {
    /// A kernel with no process yet.
    #[must_use]
    pub fn new(
        console: Console,
        options: Options,
        frames: FramePool,
        files: Option<FileSystem>,
        trampoline: Ppn,
    ) -> Self {
        let (ready, last_pid, running) = (VecDeque::new(), Pid::KERNEL, Pid::KERNEL);
        Self { console, options, frames, ticks: 0, files, trampoline, ready, last_pid, running }
    }

    /// Starts the programs of `init` and runs until all have ended; the exit code of the run, which is
    /// that of the last one named.
    pub fn run(&mut self) -> u8 {
        let free = self.frames.free_count();
        let mut code = 0;
        for name in self.options.init.clone() {
            code = self.start(name).err().unwrap_or(0);
        }
        let last = self.last_pid;
        arch::start_timer(self.options.quantum);
        while let Some(mut process) = self.ready.pop_front() {
            match self.run_until_it_stops(&mut process) {
                Next::Resume | Next::Yield => self.ready.push_back(process),
                Next::PowerOff(code) => return code,
                Next::End(ending) => {
                    if process.pid == last {
                        code = ending.code();
                    }
                    self.bury(&process, ending);
                }
            }
        }
        self.check_that_all_frames_came_back(free);
        code
    }

    /// Makes a process that runs the program `name`; otherwise the exit code that says why not.
    fn start(&mut self, name: String) -> Result<(), u8> {
        self.last_pid = self.last_pid.next();
        let pid = self.last_pid;
        process::report(ProcessOp::Created, pid, 0, 0, &name);
        match self.load(&name, pid) {
            Ok(image) => {
                self.ready.push_back(Process::new(pid, name, image));
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

    fn load(&self, name: &str, pid: Pid) -> Result<Image, StartError> {
        let files = self.files.as_ref().ok_or(StartError::NoDisk)?;
        let mut file = files.open(name).map_err(StartError::File)?;
        exec::load(&mut file, &self.frames, pid, self.trampoline).map_err(StartError::Exec)
    }

    /// Runs `process` until its time slice or its life is over.
    fn run_until_it_stops(&mut self, process: &mut Process) -> Next {
        if self.running != process.pid {
            process.report(ProcessOp::Switched, self.running.number());
            self.running = process.pid;
        }
        loop {
            let trap = arch::run_user(&mut process.space);
            match self.take_trap(process, trap) {
                Next::Resume => {}
                next => return next,
            }
        }
    }

    /// Tells how `process` ended. Its frames go back when it is dropped.
    fn bury(&mut self, process: &Process, ending: Ending) {
        let Process { pid, name, .. } = process;
        match ending {
            Ending::Exited(status) => {
                process.report(ProcessOp::Exited, status);
                self.console.say(format_args!("{name} (pid {pid}) exited with status {status}"));
            }
            // Why it was killed was said when it happened.
            Ending::Killed(scause) => process.report(ProcessOp::Killed, scause),
        }
    }

    fn check_that_all_frames_came_back(&mut self, before: usize) {
        let after = self.frames.free_count();
        assert!(before == after, "{before} frames were free before the programs, {after} are after them");
        self.console.say(format_args!("all programs have ended, {after} frames free as before"));
    }
}

/// Why a program did not start.
#[derive(Debug)]
enum StartError {
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
