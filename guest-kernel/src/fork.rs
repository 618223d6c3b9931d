//! `fork`: a second address space with the same contents.
//!
//! Copy-on-write shares every page and takes the right to write away from both; the first to write
//! gets a copy ([`crate::plan`]), and the last to hold the page alone just gets the right back. What is
//! shared by intent (shared mappings) or cannot be written (text) is shared in any case.

use faultline_abi::{
    VirtAddr,
    sv39::{Pte, PteFlags},
    trace::FrameKind,
};

use crate::{
    address_space::AddressSpace,
    arch,
    area::{Area, Sharing},
    memlayout::TRAPFRAME,
    memory::{ForkPolicy, Memory, SpaceId},
    pid::Pid,
    plan::Reason,
    table::slot_of,
};

impl Memory {
    /// Begins a fork of `parent` for process `pid`: makes room for all that it takes, so that
    /// [`Memory::finish_fork`] does not run out of it.
    ///
    /// # Errors
    /// [`Reason::OutOfMemory`]; then there is no new space.
    pub fn begin_fork(&mut self, parent: SpaceId, pid: Pid) -> Result<SpaceId, Reason> {
        // One after the other: each page of the parent that goes is one less to copy.
        while self.frames.free_count() < self.frames_for_fork(parent) {
            self.make_room(self.frames.free_count().saturating_add(1))?;
        }
        let child = self.new_space(pid)?;
        self.clone_areas(parent, child);
        Ok(child)
    }

    /// Fills `child` with what `parent` has, registers included.
    ///
    /// # Errors
    /// [`Reason::OutOfMemory`]; then the child is incomplete and must be dropped.
    pub fn finish_fork(&mut self, parent: SpaceId, child: SpaceId) -> Result<(), Reason> {
        let mut from = VirtAddr::new(0);
        while let Some((va, pte)) = self.space(parent).table.next_entry(from..TRAPFRAME) {
            self.fork_page(parent, child, va, pte)?;
            from = va.wrapping_add(faultline_abi::PAGE_SIZE);
        }
        let registers = *self.space_mut(parent).trapframe_page();
        *self.space_mut(child).trapframe_page() = registers;
        // The parent may have lost rights that the hart remembers.
        arch::flush_all();
        Ok(())
    }

    /// Frames for as many tables as the parent has, a trapframe, and a copy of what must be copied.
    fn frames_for_fork(&self, parent: SpaceId) -> usize {
        let space = self.space(parent);
        let copies = space.entries().filter(|&(va, pte)| self.is_copied(space, va, pte)).count();
        space.table.tables().saturating_add(1).saturating_add(copies)
    }

    /// Whether fork copies this page at once. The guard page is no use to anybody but its owner.
    fn is_copied(&self, space: &AddressSpace, va: VirtAddr, pte: Pte) -> bool {
        let Some(area) = space.areas.at(va).filter(|_| pte.is_valid()) else { return false };
        !area.is_for_users()
            || (area.sharing == Sharing::Private
                && pte.flags().contains(PteFlags::W)
                && self.options.fork == ForkPolicy::Copy)
    }

    fn clone_areas(&mut self, parent: SpaceId, child: SpaceId) {
        let areas = self.space(parent).areas.iter().filter(|area| area.start < TRAPFRAME);
        let areas: alloc::vec::Vec<Area> = areas.cloned().collect();
        areas.into_iter().for_each(|area| self.space_mut(child).add_area(area));
    }

    fn fork_page(&mut self, parent: SpaceId, child: SpaceId, va: VirtAddr, pte: Pte) -> Result<(), Reason> {
        if let Some(number) = slot_of(pte) {
            let slot = self.frames.swap().share(number);
            return self.space_mut(child).table.put_slot(va, slot).map_err(|_| Reason::OutOfMemory);
        }
        if self.is_copied(self.space(parent), va, pte) {
            let pid = self.space(child).pid;
            let mut frame = self.frames.allocate(pid, FrameKind::User).ok_or(Reason::OutOfMemory)?;
            frame.copy_from(pte.ppn());
            return self.map(child, va, frame, pte.flags()).map(|_| ());
        }
        let flags = self.share_flags(parent, va, pte);
        self.map_shared(child, va, pte.ppn(), flags).map(|_| ())
    }

    /// The flags of a page that both will have. If it is private, nobody may write to it now.
    fn share_flags(&mut self, parent: SpaceId, va: VirtAddr, pte: Pte) -> PteFlags {
        let space = self.space_mut(parent);
        let private = space.areas.at(va).is_none_or(|area| area.sharing == Sharing::Private);
        if !private || !pte.flags().contains(PteFlags::W) {
            return pte.flags();
        }
        space.table.set_flags(va, pte.flags().difference(PteFlags::W)).flags()
    }
}

impl AddressSpace {
    /// Every page of the program that has an entry, mapped or in swap.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (VirtAddr, Pte)> {
        let mut from = VirtAddr::new(0);
        core::iter::from_fn(move || {
            let (va, pte) = self.table.next_entry(from..TRAPFRAME)?;
            from = va.wrapping_add(faultline_abi::PAGE_SIZE);
            Some((va, pte))
        })
    }
}
