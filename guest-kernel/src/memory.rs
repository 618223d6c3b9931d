//! All memory of all processes: the one thing that page faults, forks and evictions work on.

use alloc::{boxed::Box, collections::BTreeMap};
use core::fmt;

use faultline_abi::{Ppn, VirtAddr, syscall::meminfo, trace::FrameKind};

use crate::{
    address_space::AddressSpace,
    arch,
    frame::{Frame, FramePool},
    memlayout::TRAPFRAME,
    pid::Pid,
    plan::{Reason, ZeroPolicy},
    reclaim::DirtyPages,
    sbrk::SbrkPolicy,
    swap::SwapDevice,
    victim::{Policy, Replacement},
};

/// The number of an address space, never used twice. A process that runs another program gets
/// another space, and for a moment there are both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpaceId(u64);

/// How memory is managed: the kernel's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryOptions {
    /// When a grown heap gets its frames.
    pub sbrk: SbrkPolicy,
    /// What fork does with the parent's pages.
    pub fork: ForkPolicy,
    /// When the pages of a program are read.
    pub exec: ExecPolicy,
    /// What untouched memory is mapped to when it is read.
    pub zero: ZeroPolicy,
    /// Who goes when frames run out.
    pub policy: Policy,
    /// Where the policy `random` begins.
    pub seed: u64,
}

/// What fork does with the parent's pages; the kernel option `fork`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkPolicy {
    /// Share them, and copy each when somebody writes to it.
    Cow,
    /// Copy them at once.
    Copy,
}

/// When the pages of a program are read from the disk; the kernel option `exec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecPolicy {
    /// On first touch.
    Demand,
    /// Before it starts.
    Eager,
}

impl fmt::Display for MemoryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fork = if self.fork == ForkPolicy::Cow { "cow" } else { "copy" };
        let exec = if self.exec == ExecPolicy::Demand { "demand" } else { "eager" };
        let zero = if self.zero == ZeroPolicy::Shared { "shared" } else { "private" };
        let (sbrk, policy) = (self.sbrk.name(), self.policy.name());
        write!(f, "sbrk={sbrk} fork={fork} exec={exec} zero={zero} policy={policy}")
    }
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            sbrk: SbrkPolicy::Lazy,
            fork: ForkPolicy::Copy,
            exec: ExecPolicy::Eager,
            zero: ZeroPolicy::Private,
            policy: Policy::Clock,
            seed: 1,
        }
    }
}

/// What happened since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) faults: u64,
    pub(crate) evicted: u64,
    pub(crate) swap_reads: u64,
    pub(crate) swap_writes: u64,
}

/// All memory of all processes.
pub struct Memory {
    pub(crate) frames: FramePool,
    pub(crate) options: MemoryOptions,
    pub(crate) spaces: BTreeMap<SpaceId, AddressSpace>,
    /// The frame of zeros that everybody maps who only reads.
    pub(crate) zero: Option<Frame>,
    pub(crate) swap: Option<Box<dyn SwapDevice>>,
    pub(crate) replacement: Replacement,
    pub(crate) counters: Counters,
    /// Whether pages may go that must be written first, while room is made.
    pub(crate) dirty_pages: DirtyPages,
    trampoline: Ppn,
    last_space: SpaceId,
}

impl Memory {
    /// No process has any yet. `trampoline` is a frame of the kernel's image; `swap` has as many slots
    /// as the pool's [`crate::swap::SwapMap`].
    #[must_use]
    pub fn new(
        frames: FramePool,
        options: MemoryOptions,
        swap: Option<Box<dyn SwapDevice>>,
        trampoline: Ppn,
    ) -> Self {
        let zero = match options.zero {
            ZeroPolicy::Shared => frames.allocate(Pid::KERNEL, FrameKind::Zero),
            ZeroPolicy::Private => None,
        };
        let replacement = Replacement::new(options.seed);
        let (spaces, last_space, counters) = (BTreeMap::new(), SpaceId(0), Counters::default());
        let dirty_pages = DirtyPages::MayGo;
        Self {
            frames,
            options,
            spaces,
            zero,
            swap,
            replacement,
            counters,
            dirty_pages,
            trampoline,
            last_space,
        }
    }

    /// All frames.
    #[must_use]
    pub const fn frames(&self) -> &FramePool {
        &self.frames
    }

    /// How much there is and what happened to it, for the system call `meminfo`.
    #[must_use]
    pub fn info(&self) -> [u64; meminfo::WORDS] {
        let Counters { faults, evicted, swap_reads, swap_writes } = self.counters;
        let swap = self.frames.swap();
        let sizes = [self.frames.free_count(), self.frames.count(), swap.free_count(), swap.count()];
        let [free_frames, frames, free_slots, slots] = sizes.map(|size| size as u64);
        [free_frames, frames, free_slots, slots, faults, evicted, swap_reads, swap_writes]
    }

    /// How memory is managed.
    #[must_use]
    pub const fn options(&self) -> &MemoryOptions {
        &self.options
    }

    /// The space `id`.
    ///
    /// # Panics
    /// Where it was dropped: a process has its space as long as it runs.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a space is dropped with its process, or when that has another")]
    pub fn space(&self, id: SpaceId) -> &AddressSpace {
        self.spaces.get(&id).expect("the space of a process that runs")
    }

    /// The space `id`, to change.
    ///
    /// # Panics
    /// As [`Memory::space`].
    #[expect(clippy::expect_used, reason = "as above")]
    pub fn space_mut(&mut self, id: SpaceId) -> &mut AddressSpace {
        self.spaces.get_mut(&id).expect("the space of a process that runs")
    }

    /// A space for process `pid` with nothing in it but the pages that every process needs to enter
    /// and leave the kernel: the trampoline and a trapframe.
    ///
    /// # Errors
    /// Where memory is used up.
    pub fn new_space(&mut self, pid: Pid) -> Result<SpaceId, Reason> {
        /// The trapframe, the root and, because both pages lie at the top, two more tables.
        const FRAMES: usize = 4;
        self.make_room(FRAMES)?;
        let space = AddressSpace::new(&self.frames, pid, self.trampoline).map_err(|_| Reason::OutOfMemory)?;
        self.last_space = SpaceId(self.last_space.0.saturating_add(1));
        self.spaces.insert(self.last_space, space);
        Ok(self.last_space)
    }

    /// Reports the areas of `id`, which belongs to a process from now on.
    pub fn announce(&mut self, id: SpaceId) {
        self.space_mut(id).announce();
    }

    /// Ends the space `id`: shared pages of files that were written go to the disk, and everything
    /// comes back.
    pub fn drop_space(&mut self, id: SpaceId) {
        if self.spaces.contains_key(&id) {
            // Nobody is left whom a failing disk could be reported to.
            let _ = self.write_back(id, VirtAddr::new(0)..TRAPFRAME);
            self.spaces.remove(&id);
            arch::flush_all();
        }
    }
}
