//! Reclaim: when frames run out, some page has to go.
//!
//! ```text
//! make_room   is there a free frame? if not:
//! choose      which page goes? ask the policy                   victim.rs
//! evict       clean: drop it. dirty: write it to its file, or to swap
//! ```
//!
//! Only pages that programs can touch are candidates: never a page table, a trapframe, a guard page,
//! a frame that the kernel is working on, or a page that a program has locked. A frame is evicted from
//! every table that maps it.
//!
//! A page that cannot be written stays as it was, mapped and dirty, and another goes instead.

use alloc::vec::Vec;

use faultline_abi::{
    Ppn, VirtAddr,
    sv39::PteFlags,
    trace::{FrameKind, TraceEvent, Verdict},
};

use crate::{
    arch,
    area::{Area, Backing, Sharing},
    file::{FileRef, IoError},
    frame::{PAGE_BYTES, PageName, Pin},
    memory::{Memory, SpaceId},
    plan::Reason,
    shared_memory::Kept,
    swap::Slot,
    trace,
    victim::report_hand,
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

/// Writes that may fail while room is made; after so many only clean pages go. A disk that is broken would
/// be asked about every page there is.
const FAILURES_MAX: usize = 16;

/// Whether pages may go that must be written first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DirtyPages {
    /// They may.
    #[default]
    MayGo,
    /// Too many writes have failed just now.
    Stay,
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
        let (mut unwritten, mut outcome) = (Vec::new(), Ok(()));
        while outcome.is_ok() && self.frames.free_count() < frames {
            outcome = self.evict_one(&mut unwritten);
        }
        self.dirty_pages = DirtyPages::MayGo;
        outcome
    }

    /// Evicts the page whose turn it is. If it cannot be written, it joins the `unwritten`, which the policy
    /// passes over.
    fn evict_one(&mut self, unwritten: &mut Vec<Pin>) -> Result<(), Reason> {
        let victim = self.choose().ok_or(Reason::OutOfMemory)?;
        if self.evict(&victim).is_err() {
            report_hand(&victim, Verdict::Skipped);
            unwritten.push(self.frames.pin(victim.ppn));
            if unwritten.len() >= FAILURES_MAX {
                self.dirty_pages = DirtyPages::Stay;
            }
        }
        Ok(())
    }

    /// Frame number `index` of the pool, if it may be evicted now.
    pub(crate) fn candidate(&self, index: usize) -> Option<Candidate> {
        let (ppn, kind) = self.frames.in_use(index)?;
        if !matches!(kind, FrameKind::User | FrameKind::Cache) {
            return None;
        }
        let candidate = Candidate { ppn, mappings: self.mappings(ppn)? };
        let area = self.area(candidate.mappings.first()?)?;
        // Shared memory holds its page besides the entries. Whoever else does is the kernel, at work.
        let held_itself = usize::from(matches!(area.backing, Backing::Memory { .. }));
        let holders = candidate.mappings.len().saturating_add(held_itself);
        let all_seen = self.frames.refs(ppn) as usize == holders;
        let may_go = all_seen && area.is_for_users() && !self.is_locked(&candidate);
        (may_go && self.has_where_to_go(&candidate)).then_some(candidate)
    }

    /// Every entry that maps frame `ppn`; `None` where the kernel has no memory to list them. There are as
    /// many as programs make: all may map one file, and each of them many times.
    ///
    /// Sharers of a frame have it at the same address, since they got it by fork or run the same
    /// program; only who mapped a file or shared memory may have it elsewhere, and there the area
    /// says where.
    pub(crate) fn mappings(&self, ppn: Ppn) -> Option<Vec<Mapping>> {
        let usual = self.frames.history(ppn).page.base();
        let mut mappings = Vec::new();
        // No more than hold it.
        mappings.try_reserve_exact(self.frames.refs(ppn) as usize).ok()?;
        for (&space, memory) in &self.spaces {
            let elsewhere = memory.areas.iter().filter_map(|area| self.place_in(area, ppn));
            for va in elsewhere.filter(|&va| va != usual).chain([usual]) {
                let pte = memory.table.walk(va);
                if pte.is_leaf() && pte.ppn() == ppn {
                    mappings.push(Mapping { space, va, flags: pte.flags() });
                }
            }
        }
        Some(mappings)
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

    fn area(&self, mapping: &Mapping) -> Option<&Area> {
        self.space(mapping.space).areas.at(mapping.va)
    }

    /// Whether a program wants to keep the page in memory.
    fn is_locked(&self, candidate: &Candidate) -> bool {
        candidate.mappings.iter().any(|mapping| self.space(mapping.space).is_locked(mapping.va))
    }

    fn has_where_to_go(&self, candidate: &Candidate) -> bool {
        let may_write = self.dirty_pages == DirtyPages::MayGo;
        match self.fate(candidate) {
            Fate::Drop => true,
            Fate::WriteBack(..) => may_write,
            Fate::Swap => may_write && self.swap.is_some() && self.frames.swap().free_count() > 0,
        }
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

    /// Takes the page away from everybody who maps it.
    ///
    /// # Errors
    /// Where it cannot be written; then it stays as it was.
    fn evict(&mut self, victim: &Candidate) -> Result<(), IoError> {
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
        self.counters.evicted = self.counters.evicted.saturating_add(1);
        Ok(())
    }

    /// Writes the page in frame `ppn` to its file, as far as the file reaches.
    pub(crate) fn write_page(&mut self, file: &FileRef, name: PageName, ppn: Ppn) -> Result<(), IoError> {
        let mut page = [0; PAGE_BYTES];
        self.frames.read(ppn, 0, &mut page);
        let length = file.size().saturating_sub(name.offset).min(name.length);
        let there = usize::try_from(length).ok().and_then(|length| page.get(..length));
        file.write_at(name.offset, there.ok_or(IoError)?)
    }

    /// Writes the page in frame `ppn` to a free slot.
    fn write_swap(&mut self, ppn: Ppn) -> Result<Slot, IoError> {
        let slot = self.frames.swap().allocate().ok_or(IoError)?;
        let mut page = [0; PAGE_BYTES];
        self.frames.read(ppn, 0, &mut page);
        let written = self.swap.as_mut().ok_or(IoError)?.write(slot.number(), &page);
        slot.note_write(written);
        written?;
        self.counters.swap_writes = self.counters.swap_writes.saturating_add(1);
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
    #[expect(clippy::disallowed_macros, reason = "only where debug assertions are on, as in unit tests")]
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
    use std::{rc::Rc, vec::Vec};

    use faultline_abi::{PAGE_SIZE, VirtAddr, sv39::Access, trace::AreaKind};

    use crate::{
        area::{Prot, Sharing},
        file::FileRef,
        memory::{Memory, MemoryOptions, SpaceId},
        mmap::{Address, Request},
        plan::Reason,
        testing::{MemoryFile, SwapFaults, area, check, memory_with, memory_with_swap, space, touch},
        victim::Policy,
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

    const HEAP_PAGES: u64 = 40;

    /// Memory for fewer pages than the heap has, and the start of the heap.
    fn scarce(policy: Policy, slots: u32) -> (Memory, Rc<SwapFaults>, SpaceId, VirtAddr) {
        let options = MemoryOptions { policy, ..MemoryOptions::default() };
        let (mut memory, faults) = memory_with_swap(30, options, slots);
        let id = space(&mut memory);
        let heap = memory.sbrk(id, (HEAP_PAGES * PAGE_SIZE).cast_signed()).unwrap();
        (memory, faults, id, heap)
    }

    fn write(memory: &mut Memory, id: SpaceId, heap: VirtAddr, page: u64) -> Result<(), Reason> {
        memory.copyout(id, heap.wrapping_add(page * PAGE_SIZE), &page.to_le_bytes())
    }

    fn read(memory: &mut Memory, id: SpaceId, heap: VirtAddr, page: u64) -> Result<u64, Reason> {
        let mut bytes = [0; 8];
        memory.copyin(id, heap.wrapping_add(page * PAGE_SIZE), &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    #[test]
    fn where_every_nth_write_to_swap_fails_another_page_goes_and_nobody_notices() {
        for (policy, every) in Policy::ALL.into_iter().flat_map(|policy| (2..9).map(move |n| (policy, n))) {
            let (mut memory, faults, id, heap) = scarce(policy, 64);
            faults.writes_every.set(every);
            for page in (0..HEAP_PAGES).chain(0..HEAP_PAGES) {
                write(&mut memory, id, heap, page).unwrap();
                check(&memory);
            }
            for page in 0..HEAP_PAGES {
                assert_eq!(read(&mut memory, id, heap, page), Ok(page), "{policy:?}, every {every}");
            }
            assert!(faults.failed.get() > 3, "{policy:?}, every {every}");
        }
    }

    #[test]
    fn one_slot_that_can_never_be_written_is_no_hindrance() {
        let (mut memory, faults, id, heap) = scarce(Policy::Fifo, 64);
        faults.bad_slot.set(Some(0));
        for page in 0..HEAP_PAGES {
            write(&mut memory, id, heap, page).unwrap();
        }
        assert_eq!(faults.failed.get(), 1, "then other slots are taken first");
    }

    #[test]
    fn where_no_write_to_swap_succeeds_clean_pages_go_and_dirty_ones_stay_as_they_were() {
        for policy in Policy::ALL {
            let (mut memory, faults, id, heap) = scarce(policy, 64);
            faults.writes_every.set(1);
            let (clean, _) = resident(&memory, id);
            let written = (0..HEAP_PAGES).find(|&page| write(&mut memory, id, heap, page).is_err());
            check(&memory);
            let written = written.expect("not all pages fit");
            // Nothing that could be read again is left, but for the page that was being worked on.
            assert!(resident(&memory, id).0 < clean, "{policy:?}");
            assert!(
                (0..memory.frames.span()).filter_map(|index| memory.candidate(index)).all(|it| it.is_dirty())
            );
            assert_eq!(write(&mut memory, id, heap, written), Err(Reason::OutOfMemory));
            assert!(faults.failed.get() > 0 && memory.frames().swap().free_count() == 64);
            for page in 0..written {
                assert_eq!(read(&mut memory, id, heap, page), Ok(page), "{policy:?}");
            }
            // The disk works again: everything goes on.
            faults.writes_every.set(0);
            assert_eq!(write(&mut memory, id, heap, written), Ok(()));
            check(&memory);
        }
    }

    #[test]
    fn a_page_of_a_file_that_cannot_be_written_stays_and_another_goes() {
        let (mut memory, _, id, heap) = scarce(Policy::Fifo, 64);
        let file = Rc::new(MemoryFile::numbered(2, &[0; 4096]));
        let (address, prot, sharing) = (Address::Any, Prot::R | Prot::W, Sharing::Shared);
        let file_ref = Rc::clone(&file) as FileRef;
        let request = Request { address, length: PAGE_SIZE, prot, sharing, file: Some((file_ref, 0)) };
        let mapped = memory.mmap(id, &request).unwrap();
        memory.copyout(id, mapped, &[7]).unwrap();
        file.fail_every(1);
        for page in 0..HEAP_PAGES {
            write(&mut memory, id, heap, page).unwrap();
        }
        assert_eq!((memory.space(id).table.walk(mapped).is_valid(), file.bytes()[0]), (true, 0));
        file.fail_every(0);
        for page in 0..HEAP_PAGES {
            write(&mut memory, id, heap, page).unwrap();
        }
        assert_eq!((memory.space(id).table.walk(mapped).is_valid(), file.bytes()[0]), (false, 7));
    }
}
