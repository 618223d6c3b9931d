//! Apply: carry out the plan for a page fault. The only place where a fault changes a page table.

use faultline_abi::{
    Ppn, VirtAddr,
    sv39::{Pte, PteFlags},
    trace::{FrameKind, Resolution},
};

use crate::{
    arch,
    area::Backing,
    file::FileRef,
    frame::{Frame, PageName},
    memory::{Memory, SpaceId},
    plan::{Action, Reason},
    shared_memory::{Kept, SharedMemory},
    swap::Slot,
    table::{MapError, slot_of},
};

/// How a fault was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What was done.
    pub how: Resolution,
    /// The entry that the page has now.
    pub pte: Pte,
}

impl Memory {
    /// Does `action` for the page of `va`. Whatever frames it takes are made free first.
    ///
    /// # Errors
    /// The reason of a plan that refuses, [`Reason::OutOfMemory`] or [`Reason::DiskError`]; then the
    /// page is as before.
    pub(crate) fn apply(&mut self, id: SpaceId, va: VirtAddr, action: Action) -> Result<Resolved, Reason> {
        // The page that is worked on must not be evicted to make room for the work.
        let _pin = self.space(id).table.mapped(va).map(|ppn| self.frames.pin(ppn));
        let (how, pte) = match action {
            Action::Zero(flags) => (Resolution::Zeroed, self.map_zeros(id, va, flags)?),
            Action::ShareZero(flags) => self.share_zero(id, va, flags)?,
            Action::ReadPrivate(flags) => self.read_private(id, va, flags)?,
            Action::ReadShared(flags) => self.read_shared(id, va, flags)?,
            Action::ShareMemory(flags) => self.share_memory(id, va, flags)?,
            Action::Copy(flags) => (Resolution::Copied, self.copy(id, va, flags)?),
            Action::Reuse(flags) => (Resolution::Reused, self.reuse(id, va, flags)),
            Action::SwapIn(flags) => (Resolution::ReadSwap, self.swap_in(id, va, flags)?),
            Action::Retry(flags) => (Resolution::Spurious, self.space_mut(id).table.set_flags(va, flags)),
            Action::Refuse(reason) => return Err(reason),
        };
        // A hart may remember that an entry was invalid, or lacked a bit.
        arch::flush_page(va);
        Ok(Resolved { how, pte })
    }

    /// Maps a frame of zeros at the page of `va`.
    pub(crate) fn map_zeros(&mut self, id: SpaceId, va: VirtAddr, flags: PteFlags) -> Result<Pte, Reason> {
        let frame = self.new_frame(id, va, FrameKind::User)?;
        self.map(id, va, frame, flags)
    }

    /// Maps the shared frame of zeros, or one of its own where there is none.
    fn share_zero(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        flags: PteFlags,
    ) -> Result<(Resolution, Pte), Reason> {
        self.make_room_at(id, va, 0)?;
        let pid = self.space(id).pid;
        match self.zero.as_ref().map(|zero| zero.share(pid)) {
            Some(zero) => Ok((Resolution::SharedZero, self.map(id, va, zero, flags)?)),
            None => Ok((Resolution::Zeroed, self.map_zeros(id, va, flags)?)),
        }
    }

    /// Maps a frame of the process's own with the page of the file that belongs there.
    fn read_private(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        flags: PteFlags,
    ) -> Result<(Resolution, Pte), Reason> {
        let (file, name) = self.file_page(id, va)?;
        let _pin = self.frames.named(name).map(|ppn| self.frames.pin(ppn));
        let mut frame = self.new_frame(id, va, FrameKind::User)?;
        let how = match self.frames.named(name) {
            Some(resident) => {
                frame.copy_from(resident);
                Resolution::Copied
            }
            None => {
                read_page(&file, name, &mut frame)?;
                Resolution::ReadFile
            }
        };
        Ok((how, self.map(id, va, frame, flags)?))
    }

    /// Maps the frame that holds the page of the file for everybody.
    fn read_shared(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        flags: PteFlags,
    ) -> Result<(Resolution, Pte), Reason> {
        let (file, name) = self.file_page(id, va)?;
        if let Some(resident) = self.frames.named(name) {
            let _pin = self.frames.pin(resident);
            self.make_room_at(id, va, 0)?;
            return Ok((Resolution::Shared, self.map_shared(id, va, resident, flags)?));
        }
        // The kernel notes the name of each page of a file in memory of its own.
        if arch::heap_is_low() {
            return Err(Reason::OutOfMemory);
        }
        let mut frame = self.new_frame(id, va, FrameKind::Cache)?;
        read_page(&file, name, &mut frame)?;
        self.frames.set_name(frame.ppn(), name);
        Ok((Resolution::ReadFile, self.map(id, va, frame, flags)?))
    }

    /// Maps a page of shared memory, which comes from swap or from nothing if it is not there.
    fn share_memory(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        flags: PteFlags,
    ) -> Result<(Resolution, Pte), Reason> {
        let area = self.space(id).areas.at(va).cloned().ok_or(Reason::Unmapped)?;
        let (memory, number) = area.memory_page(va).ok_or(Reason::Unmapped)?;
        let (resident, slot) = memory.look(number, |kept| match kept {
            Some(Kept::Frame(frame)) => (Some(frame.ppn()), None),
            Some(Kept::Slot(slot)) => (None, Some(slot.share())),
            None => (None, None),
        });
        let Some(resident) = resident else {
            return self.fill_memory(id, va, flags, memory, number, slot);
        };
        let _pin = self.frames.pin(resident);
        self.make_room_at(id, va, 0)?;
        Ok((Resolution::Shared, self.map_shared(id, va, resident, flags)?))
    }

    /// Maps page `number` of `memory`, which nobody has mapped: from its slot, or of zeros.
    fn fill_memory(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        flags: PteFlags,
        memory: &SharedMemory,
        number: u64,
        slot: Option<Slot>,
    ) -> Result<(Resolution, Pte), Reason> {
        // The kernel notes each page of shared memory in its own.
        if slot.is_none() && arch::heap_is_low() {
            return Err(Reason::OutOfMemory);
        }
        let mut frame = self.new_frame(id, va, FrameKind::User)?;
        let how = match &slot {
            Some(slot) => {
                self.read_swap(slot, &mut frame)?;
                Resolution::ReadSwap
            }
            None => Resolution::Zeroed,
        };
        let kept = frame.share(self.space(id).pid);
        memory.keep(number, Kept::Frame(kept));
        Ok((how, self.map(id, va, frame, flags)?))
    }

    /// Maps a copy of the page instead of the page.
    fn copy(&mut self, id: SpaceId, va: VirtAddr, flags: PteFlags) -> Result<Pte, Reason> {
        let old = self.space(id).table.mapped(va).ok_or(Reason::Unmapped)?;
        let mut frame = self.new_frame(id, va, FrameKind::User)?;
        frame.copy_from(old);
        let shared = self.space_mut(id).table.take(va);
        let pte = self.map(id, va, frame, flags);
        drop(shared);
        pte
    }

    /// Lets the only holder of a page write to it. It is no page of a file any more.
    fn reuse(&mut self, id: SpaceId, va: VirtAddr, flags: PteFlags) -> Pte {
        if let Some(ppn) = self.space(id).table.mapped(va) {
            self.frames.forget_name(ppn);
        }
        self.space_mut(id).table.set_flags(va, flags)
    }

    /// Maps a frame with the page that is in swap. Nothing else has its contents then: it is dirty.
    fn swap_in(&mut self, id: SpaceId, va: VirtAddr, flags: PteFlags) -> Result<Pte, Reason> {
        let mut frame = self.new_frame(id, va, FrameKind::User)?;
        let number = slot_of(self.space(id).table.walk(va)).ok_or(Reason::Unmapped)?;
        let slot = self.frames.swap().share(number);
        self.read_swap(&slot, &mut frame)?;
        drop(self.space_mut(id).table.take(va));
        self.map(id, va, frame, flags | PteFlags::D)
    }

    fn read_swap(&mut self, slot: &Slot, frame: &mut Frame) -> Result<(), Reason> {
        self.counters.swap_reads = self.counters.swap_reads.saturating_add(1);
        let swap = self.swap.as_mut().ok_or(Reason::DiskError)?;
        let page = frame.bytes_mut().ok_or(Reason::DiskError)?;
        swap.read(slot.number(), page).map_err(|_| Reason::DiskError)
    }

    /// The file and the page of it that belong at `va`.
    fn file_page(&self, id: SpaceId, va: VirtAddr) -> Result<(FileRef, PageName), Reason> {
        let area = self.space(id).areas.at(va).ok_or(Reason::Unmapped)?;
        match (&area.backing, area.file_page(va)) {
            (Backing::File(part), Some(name)) => Ok((part.file.clone(), name)),
            _ => Err(Reason::BeyondFile),
        }
    }

    /// A new frame to map at `va`, with as many more free as mapping it takes.
    fn new_frame(&mut self, id: SpaceId, va: VirtAddr, kind: FrameKind) -> Result<Frame, Reason> {
        self.make_room_at(id, va, 1)?;
        self.frames.allocate(self.space(id).pid, kind).ok_or(Reason::OutOfMemory)
    }

    /// Makes room for `frames` and the tables that are missing on the way to `va`.
    fn make_room_at(&mut self, id: SpaceId, va: VirtAddr, frames: usize) -> Result<(), Reason> {
        let tables = self.space(id).table.missing_tables(va);
        self.make_room(frames.saturating_add(tables))
    }

    /// Maps one more reference to the frame `ppn`, which somebody holds.
    pub(crate) fn map_shared(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        ppn: Ppn,
        flags: PteFlags,
    ) -> Result<Pte, Reason> {
        let frame = self.frames.share(ppn, self.space(id).pid).ok_or(Reason::OutOfMemory)?;
        self.map(id, va, frame, flags)
    }

    /// Maps `frame` at the page of `va`, which has no entry.
    #[expect(clippy::unreachable, reason = "plans map what has no entry, or take the entry away before")]
    pub(crate) fn map(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        frame: Frame,
        flags: PteFlags,
    ) -> Result<Pte, Reason> {
        self.space_mut(id).table.map(va, frame, flags).map_err(|error| match error {
            MapError::OutOfFrames => Reason::OutOfMemory,
            MapError::Occupied => unreachable!("a plan maps what is not mapped"),
        })
    }
}

/// Fills `frame` with the page `name` of `file`. What lies beyond the end of the file is zero.
fn read_page(file: &FileRef, name: PageName, frame: &mut Frame) -> Result<(), Reason> {
    let there = file.size().saturating_sub(name.offset).min(name.length);
    let page = frame.bytes_mut().ok_or(Reason::DiskError)?;
    let part = usize::try_from(there).ok().and_then(|length| page.get_mut(..length));
    file.read_at(name.offset, part.ok_or(Reason::DiskError)?).map_err(|_| Reason::DiskError)
}
