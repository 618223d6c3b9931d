//! Processes and their address spaces, as the kernel reported them.

use std::collections::BTreeMap;

use faultline_abi::trace::{AreaKind, AreaOp, ProcessOp};
use faultline_abi::{PhysAddr, VirtAddr};

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It could run.
    Ready,
    /// It has the hart.
    Running,
    /// It ended by itself, with this status.
    Exited(u64),
    /// The kernel ended it for a fault with this `scause`.
    Killed(u64),
}

impl Life {
    /// Whether it still can run.
    #[must_use]
    pub const fn is_alive(self) -> bool {
        matches!(self, Self::Ready | Self::Running)
    }
}

/// A stretch of an address space with one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// First address.
    pub start: VirtAddr,
    /// First address above it.
    pub end: VirtAddr,
    /// What it is for.
    pub kind: AreaKind,
    /// What the program may do there: R = 1, W = 2, X = 4.
    pub prot: u32,
}

impl Area {
    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(&self, va: VirtAddr) -> bool {
        (self.start..self.end).contains(&va)
    }

    /// Bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end.get().saturating_sub(self.start.get())
    }

    /// Whether it holds nothing yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The process that created it; 0 for none.
    pub parent: u64,
    /// The program it runs; empty before `exec`.
    pub name: String,
    /// Its root page table.
    pub root: PhysAddr,
    /// Where it is in its life.
    pub life: Life,
    /// Its areas, by first address. An area that is gone stays out of here.
    pub areas: BTreeMap<u64, Area>,
}

impl Process {
    /// `lazy (pid 1)`, or `pid 1` before it has a name.
    #[must_use]
    pub fn label(&self) -> String {
        match self.name.as_str() {
            "" => format!("pid {}", self.pid),
            name => format!("{name} (pid {})", self.pid),
        }
    }

    /// The area an address lies in.
    #[must_use]
    pub fn area_at(&self, va: VirtAddr) -> Option<&Area> {
        let (_, area) = self.areas.range(..=va.get()).next_back()?;
        area.contains(va).then_some(area)
    }

    /// The heap, even while it is empty.
    #[must_use]
    pub fn heap(&self) -> Option<&Area> {
        self.areas.values().find(|area| area.kind == AreaKind::Heap)
    }

    /// The end of the memory that the program may use below its high pages: xv6's `p->sz`.
    #[must_use]
    pub fn size(&self) -> Option<VirtAddr> {
        self.heap().map(|heap| heap.end)
    }

    pub(super) fn area_changed(&mut self, op: AreaOp, area: Area) {
        match op {
            AreaOp::Mapped | AreaOp::Resized => {
                self.areas.insert(area.start.get(), area);
            }
            AreaOp::Unmapped => {
                self.areas.remove(&area.start.get());
            }
        }
    }
}

/// All processes so far, ended ones too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// By pid.
    pub by_pid: BTreeMap<u32, Process>,
    /// Who has which hart: pids by hart.
    pub running: BTreeMap<u32, u32>,
    /// The hart that was given away last.
    latest: u32,
}

/// What a `process` event says.
#[derive(Clone, Debug)]
pub(super) struct ProcessNews {
    pub(super) hart: u32,
    pub(super) op: ProcessOp,
    pub(super) pid: u32,
    pub(super) other: u64,
    pub(super) root: PhysAddr,
    pub(super) name: String,
}

impl Processes {
    /// The process that was given a hart last, if it still has it.
    #[must_use]
    pub fn current(&self) -> Option<&Process> {
        self.on_hart(self.latest)
    }

    /// The process that has this hart.
    #[must_use]
    pub fn on_hart(&self, hart: u32) -> Option<&Process> {
        self.by_pid.get(self.running.get(&hart)?)
    }

    /// The process whose page tables start here: the living one, else the last that had them.
    #[must_use]
    pub fn of_root(&self, root: PhysAddr) -> Option<&Process> {
        let owners = || self.by_pid.values().filter(|process| process.root == root);
        owners().find(|process| process.life.is_alive()).or_else(|| owners().next_back())
    }

    pub(super) fn process(&mut self, pid: u32) -> &mut Process {
        self.by_pid.entry(pid).or_insert_with(|| Process {
            pid,
            parent: 0,
            name: String::new(),
            root: PhysAddr::default(),
            life: Life::Ready,
            areas: BTreeMap::new(),
        })
    }

    pub(super) fn apply(&mut self, news: ProcessNews) {
        let process = self.process(news.pid);
        if !news.name.is_empty() {
            process.name = news.name;
        }
        if news.root != PhysAddr::default() {
            process.root = news.root;
        }
        match news.op {
            ProcessOp::Created => process.parent = news.other,
            ProcessOp::Execed => {}
            ProcessOp::Switched => self.switch(news.hart, news.pid),
            ProcessOp::Exited => self.end(news.pid, Life::Exited(news.other)),
            ProcessOp::Killed => self.end(news.pid, Life::Killed(news.other)),
        }
    }

    fn switch(&mut self, hart: u32, pid: u32) {
        self.running.retain(|_, running| *running != pid);
        if let Some(before) = self.running.insert(hart, pid) {
            let before = self.process(before);
            if before.life == Life::Running {
                before.life = Life::Ready;
            }
        }
        self.process(pid).life = Life::Running;
        self.latest = hart;
    }

    fn end(&mut self, pid: u32, life: Life) {
        self.process(pid).life = life;
        self.running.retain(|_, running| *running != pid);
    }
}
