//! What a run is recognized by: what the programs do, process by process.

use std::collections::BTreeMap;

use faultline_abi::VirtAddr;
use faultline_abi::sv39::Access;
use faultline_abi::trace::{ProcessOp, SyscallOp};

use crate::event::{Event, What, Word};
use crate::hart::Privilege;

/// Something that a program did, and where in the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Landmark {
    /// Number of the event.
    pub event: usize,
    /// What it was.
    pub key: Key,
}

/// What two runs of a program have in common whatever the kernel's options; no frame, no time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A page was touched and faulted.
    Fault(VirtAddr, Access),
    /// A system call began.
    Call(u32, [Word; 3]),
    /// The program's own mark.
    Mark(u16),
    /// The process began, became another program, or ended.
    Life(ProcessOp, String),
}

impl Landmark {
    /// Whether it is the program's own doing and not an answer of the machine.
    pub(super) const fn is_anchor(&self) -> bool {
        !matches!(self.key, Key::Fault(..))
    }
}

/// The landmarks of a run, by process in the order of creation.
#[derive(Debug, Default)]
pub(super) struct Landmarks {
    pub(super) processes: Vec<Vec<Landmark>>,
    /// Where each living process has its landmarks.
    by_pid: BTreeMap<u32, usize>,
    /// The process on each hart.
    running: BTreeMap<u32, u32>,
    /// Whether the kernel speaks; of a kernel that does not, address spaces stand for processes.
    kernel_speaks: bool,
}

impl Landmarks {
    /// Those of a run.
    pub(super) fn of(events: &[Event]) -> Self {
        let kernel_speaks = events.iter().any(|event| matches!(event.what, What::Fault { .. }));
        let mut landmarks = Self { kernel_speaks, ..Self::default() };
        for (n, event) in events.iter().enumerate() {
            landmarks.see(n, event);
        }
        landmarks
    }

    /// Those of the n-th process.
    pub(super) fn process(&self, n: usize) -> &[Landmark] {
        self.processes.get(n).map_or(&[], Vec::as_slice)
    }

    fn see(&mut self, n: usize, event: &Event) {
        match &event.what {
            What::Process { op: ProcessOp::Switched, pid, .. } => {
                self.running.insert(event.hart, *pid);
            }
            What::Process { op, pid, name, .. } => {
                if *op == ProcessOp::Created {
                    self.by_pid.remove(pid);
                }
                self.add(*pid, n, Key::Life(*op, name.clone()));
            }
            What::Fault { pid, va, access, .. } => self.add(*pid, n, Key::Fault(va.page_down(), *access)),
            What::Syscall { op: SyscallOp::Enter, pid, number, args } => {
                self.add(*pid, n, Key::Call(*number, *args));
            }
            What::Mark { number, .. } => {
                let running = self.running.get(&event.hart).copied().unwrap_or(0);
                self.add(running, n, Key::Mark(*number));
            }
            what if !self.kernel_speaks && event.mode == Privilege::User => {
                if let Some((trap, access)) = what.page_fault() {
                    let page = VirtAddr::new(trap.stval).page_down();
                    self.add(space(trap.satp), n, Key::Fault(page, access));
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, pid: u32, event: usize, key: Key) {
        let processes = &mut self.processes;
        let index = *self.by_pid.entry(pid).or_insert_with(|| {
            processes.push(Vec::new());
            processes.len() - 1
        });
        processes[index].push(Landmark { event, key });
    }
}

/// An address space in place of a pid: the low bits of its root's frame number.
#[allow(clippy::cast_possible_truncation, reason = "the frame number of a root below 16 TiB has 32 bits")]
const fn space(satp: u64) -> u32 {
    satp as u32
}
