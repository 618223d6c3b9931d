//! Reclaim: when frames run out, some page has to go.
//!
//! ```text
//! make_room   is there a free frame? if not:
//! choose      which page goes? ask the policy                   victim.rs
//! evict       clean: drop it. dirty: write it to its file, or to swap
//! ```
//!
//! Only pages that programs can touch are candidates: never a page table, a trapframe, a guard page,
//! a frame that the kernel is working on, or a page that a program has locked. A frame is evicted from every table that maps it.

use alloc::vec::Vec;

use faultline_abi::{
    Ppn, VirtAddr,
    sv39::PteFlags,
    trace::{FrameKind, TraceEvent},
};

use crate::{
    arch,
    area::{Area, Backing, Sharing},
    file::{FileRef, IoError},
    frame::{PAGE_BYTES, PageName},
    memory::{Memory, SpaceId},
    plan::Reason,
    shared_memory::Kept,
    swap::Slot,
    trace,
};

/// One entry that maps a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub(crate) space: SpaceId,
    pub(crate) va: VirtAddr,
    pub(crate) flags: PteFlags,
}

/// A frame that may be evicted, and every entry that maps it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) ppn: Ppn,
    pub(crate) mappings: Vec<Mapping>,
}

/// Where the contents of a victim go.
enum Fate {
    /// Nowhere: they can be had again.
    Drop,
    /// To the file that they are a page of.
    WriteBack(FileRef, PageName),
    /// To swap.
    Swap,
}

impl Candidate {
    fn any(&self, flag: PteFlags) -> bool {
        self.mappings.iter().any(|mapping| mapping.flags.contains(flag))
    }

    /// Whether anybody touched it since somebody asked last.
    pub(crate) fn is_accessed(&self) -> bool {
        self.any(PteFlags::A)
    }

    fn is_dirty(&self) -> bool {
        self.any(PteFlags::D)
    }
}

impl Memory {
    /// Evicts pages until `frames` frames are free.
    ///
    /// # Errors
    /// [`Reason::OutOfMemory`] where no page can go.
    pub(crate) fn make_room(&mut self, frames: usize) -> Result<(), Reason> {
        while self.frames.free_count() < frames {
            let victim = self.choose().ok_or(Reason::OutOfMemory)?;
            self.evict(&victim).map_err(|_| Reason::OutOfMemory)?;
        }
        Ok(())
    }

    /// Frame number `index` of the pool, if it may be evicted now.
    pub(crate) fn candidate(&self, index: usize) -> Option<Candidate> {
        let (ppn, kind) = self.frames.in_use(index)?;
        if !matches!(kind, FrameKind::User | FrameKind::Cache) {
            return None;
        }
        let candidate = Candidate { ppn, mappings: self.mappings(ppn) };
        let area = self.area(candidate.mappings.first()?)?;
        // Shared memory holds its page besides the entries. Whoever else does is the kernel, at work.
        let holders = candidate.mappings.len() + usize::from(matches!(area.backing, Backing::Memory { .. }));
        let all_seen = self.frames.refs(ppn) as usize == holders;
        let may_go = all_seen && area.is_for_users() && !self.is_locked(&candidate);
        (may_go && self.has_where_to_go(&candidate)).then_some(candidate)
    }

    /// Whether a program wants to keep the page in memory.
    fn is_locked(&self, candidate: &Candidate) -> bool {
        candidate.mappings.iter().any(|mapping| self.space(mapping.space).is_locked(mapping.va))
    }

    fn has_where_to_go(&self, candidate: &Candidate) -> bool {
        !matches!(self.fate(candidate), Fate::Swap)
            || (self.swap.is_some() && self.frames.swap().free_count() > 0)
    }

    fn area(&self, mapping: &Mapping) -> Option<&Area> {
        self.space(mapping.space).areas.at(mapping.va)
    }

    /// Where the contents of `candidate` go. A dirty page of a file was written through a shared
    /// mapping of it; shared memory has no other place whether it is dirty or not.
    fn fate(&self, candidate: &Candidate) -> Fate {
        let areas = || candidate.mappings.iter().filter_map(|mapping| self.area(mapping));
        if areas().any(|area| matches!(area.backing, Backing::Memory { .. })) {
            return Fate::Swap;
        }
        if !candidate.is_dirty() {
            return Fate::Drop;
        }
        let shared = areas().find(|area| area.sharing == Sharing::Shared);
        match (shared.map(|area| &area.backing), self.frames.name_of(candidate.ppn)) {
            (Some(Backing::File(part)), Some(name)) => Fate::WriteBack(part.file.clone(), name),
            _ => Fate::Swap,
        }
    }

    /// Every entry that maps frame `ppn`.
    ///
    /// Sharers of a frame have it at the same address, since they got it by fork or run the same
    /// program; only who mapped a file or shared memory may have it elsewhere, and there the area
    /// says where.
    pub(crate) fn mappings(&self, ppn: Ppn) -> Vec<Mapping> {
        let usual = self.frames.history(ppn).page.base();
        let mut mappings = Vec::new();
        for (&space, memory) in &self.spaces {
            let elsewhere = memory.areas.iter().filter_map(|area| self.place_in(area, ppn));
            for va in elsewhere.filter(|&va| va != usual).chain([usual]) {
                let pte = memory.table.walk(va);
                if pte.is_leaf() && pte.ppn() == ppn {
                    mappings.push(Mapping { space, va, flags: pte.flags() });
                }
            }
        }
        mappings
    }

    /// Where `area` has the page that frame `ppn` holds, if it maps the same file or shared memory.
    fn place_in(&self, area: &Area, ppn: Ppn) -> Option<VirtAddr> {
        let va = match &area.backing {
            Backing::Zeros => return None,
            Backing::File(part) => {
                let name = self.frames.name_of(ppn).filter(|name| name.file == part.file.id())?;
                area.start.checked_add(name.offset.checked_sub(part.offset)?)?
            }
            Backing::Memory { memory, first } => {
                let number = memory.number_of(ppn)?.checked_sub(*first)?;
                area.start.checked_add(number << faultline_abi::addr::PAGE_SHIFT)?
            }
        };
        area.contains(va).then_some(va)
    }

    /// Takes the page away from everybody who maps it.
    ///
    /// # Errors
    /// Where it cannot be written; then it stays as it was.
    fn evict(&mut self, victim: &Candidate) -> Result<(), IoError> {
        self.counters.evicted += 1;
        match self.fate(victim) {
            Fate::Drop => self.unmap_victim(victim, None),
            Fate::WriteBack(file, name) => {
                self.write_page(&file, name, victim.ppn)?;
                self.unmap_victim(victim, None);
            }
            Fate::Swap => {
                let slot = self.write_swap(victim.ppn)?;
                self.keep_in_shared_memory(victim, &slot);
                self.unmap_victim(victim, Some(&slot));
            }
        }
        Ok(())
    }

    /// Writes the page in frame `ppn` to its file, as far as the file reaches.
    pub(crate) fn write_page(&mut self, file: &FileRef, name: PageName, ppn: Ppn) -> Result<(), IoError> {
        let mut page = [0; PAGE_BYTES];
        self.frames.read(ppn, 0, &mut page);
        let length = file.size().saturating_sub(name.offset).min(name.length);
        file.write_at(name.offset, &page[..usize::try_from(length).map_err(|_| IoError)?])
    }

    /// Writes the page in frame `ppn` to a free slot.
    fn write_swap(&mut self, ppn: Ppn) -> Result<Slot, IoError> {
        let slot = self.frames.swap().allocate().ok_or(IoError)?;
        self.counters.swap_writes += 1;
        let mut page = [0; PAGE_BYTES];
        self.frames.read(ppn, 0, &mut page);
        self.swap.as_mut().ok_or(IoError)?.write(slot.number(), &page)?;
        Ok(slot)
    }

    /// A page of shared memory is in swap for all who map it: the memory itself says so, not the entries.
    fn keep_in_shared_memory(&self, victim: &Candidate, slot: &Slot) {
        let area = victim.mappings.first().and_then(|mapping| self.area(mapping));
        if let Some(Backing::Memory { memory, .. }) = area.map(|area| &area.backing)
            && let Some(number) = memory.number_of(victim.ppn)
        {
            memory.keep(number, Kept::Slot(slot.share()));
        }
    }

    /// Clears every entry of `victim`; private pages in swap leave the slot there.
    fn unmap_victim(&mut self, victim: &Candidate, slot: Option<&Slot>) {
        for mapping in &victim.mappings {
            let private = self.area(mapping).is_some_and(|area| area.sharing == Sharing::Private);
            let space = self.space_mut(mapping.space);
            let owned = space.table.take(mapping.va);
            if let Some(slot) = slot.filter(|_| private) {
                let noted = space.table.put_slot(mapping.va, slot.share());
                debug_assert!(noted.is_ok(), "the table of a page that was just there exists");
            }
            arch::flush_page(mapping.va);
            trace::emit(TraceEvent::Evicted {
                pid: space.pid.number(),
                va: mapping.va.get(),
                frame: victim.ppn.base().get(),
                dirty: victim.is_dirty(),
                slot: slot.map_or(u64::MAX, |slot| slot.number().into()),
            });
            drop(owned);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use faultline_abi::{PAGE_SIZE, VirtAddr, sv39::Access, trace::AreaKind};

    use crate::{
        memory::{Memory, MemoryOptions, SpaceId},
        testing::{area, check, memory_with, space, touch},
    };

    /// Pages of the program that are in memory: of its areas below the heap, and of the heap.
    fn resident(memory: &Memory, id: SpaceId) -> (usize, usize) {
        let heap = area(memory, id, AreaKind::Heap).start;
        let users = memory.space(id).areas.iter().filter(|area| area.is_for_users());
        let pages = users.flat_map(|area| {
            (0..).map(move |n| area.start.wrapping_add(n * PAGE_SIZE)).take_while(|&va| area.contains(va))
        });
        let there = pages.filter(|&va| memory.space(id).table.walk(va).is_valid());
        let (own, heap): (Vec<VirtAddr>, Vec<VirtAddr>) = there.partition(|&va| va < heap);
        (own.len(), heap.len())
    }

    #[test]
    fn locked_pages_stay_and_others_go() {
        for locked in [false, true] {
            let mut memory = memory_with(30, MemoryOptions::default(), 64);
            let id = space(&mut memory);
            let (own, _) = resident(&memory, id);
            if locked {
                memory.space_mut(id).lock_all();
            }
            let heap = memory.sbrk(id, 40 * PAGE_SIZE.cast_signed()).unwrap();
            for n in 0..40 {
                touch(&mut memory, id, heap.wrapping_add(n * PAGE_SIZE), Access::Store).unwrap();
            }
            check(&memory);
            assert_eq!(resident(&memory, id).0 == own, locked);
        }
    }
}
