//! The page table of a process: three levels of tables that own the frames they map.
//!
//! Dropping it gives every frame back, tables included.

use core::ops::Range;

use faultline_abi::{
    Ppn, VirtAddr,
    sv39::{ENTRIES, LEVELS, Pte, PteFlags, leaf_size},
};

use crate::{
    frame::{Frame, FramePool, PAGE_BYTES},
    memlayout::MAXVA,
    pid::Pid,
    swap::Slot,
    table::{MapError, Owned, Table, TableFrame},
};

/// The page table of a process. All leaves are 4 KiB pages; the upper half of Sv39 is not used.
pub struct PageTable {
    root: TableFrame,
    pool: FramePool,
    owner: Pid,
}

impl PageTable {
    /// A table that maps nothing.
    ///
    /// # Errors
    /// Where memory is used up.
    pub fn new(pool: &FramePool, owner: Pid) -> Result<Self, MapError> {
        let root = TableFrame::allocate(pool, owner).ok_or(MapError::OutOfFrames)?;
        Ok(Self { root, pool: pool.clone(), owner })
    }

    /// The frame of the root table, for `satp`.
    #[must_use]
    pub const fn root(&self) -> Ppn {
        self.root.ppn()
    }

    /// The pool that frames come from.
    #[must_use]
    pub const fn pool(&self) -> &FramePool {
        &self.pool
    }

    /// The leaf entry for `va`; [`Pte::INVALID`] where a table is missing.
    #[must_use]
    pub fn walk(&self, va: VirtAddr) -> Pte {
        self.last_table(va).map_or(Pte::INVALID, |table| table.entry(va.vpn(0)))
    }

    /// How many tables are missing on the way to `va`: frames that mapping it takes besides its own.
    #[must_use]
    pub fn missing_tables(&self, va: VirtAddr) -> usize {
        let mut table = self.root.table();
        for level in (1..LEVELS).rev() {
            match table.child(va.vpn(level), &self.pool) {
                Some(child) => table = child,
                None => return level as usize,
            }
        }
        0
    }

    /// How many frames the tables themselves take.
    #[must_use]
    pub fn tables(&self) -> usize {
        self.root.table().tables_below(LEVELS - 1, &self.pool).saturating_add(1)
    }

    /// The first page in `pages` that has an entry, mapped or in swap, and that entry.
    #[must_use]
    #[expect(clippy::arithmetic_side_effects, reason = "addresses are below MAXVA")]
    pub fn next_entry(&self, pages: Range<VirtAddr>) -> Option<(VirtAddr, Pte)> {
        let mut va = pages.start.page_down();
        while va < pages.end && va.get() < MAXVA {
            let (pte, level) = self.descend(va);
            if level == 0 && pte != Pte::INVALID {
                return Some((va, pte));
            }
            va = VirtAddr::new((va.get() / leaf_size(level) + 1) * leaf_size(level));
        }
        None
    }

    /// The entry at which the way to `va` ends, and its level.
    fn descend(&self, va: VirtAddr) -> (Pte, u32) {
        let mut table = self.root.table();
        for level in (1..LEVELS).rev() {
            match table.child(va.vpn(level), &self.pool) {
                Some(child) => table = child,
                None => return (table.entry(va.vpn(level)), level),
            }
        }
        (table.entry(va.vpn(0)), 0)
    }

    /// Maps `frame` at the page of `va`; the new entry.
    ///
    /// # Errors
    /// Where a table is needed and memory is used up, or the page is mapped already. The frame goes
    /// back to the pool.
    pub fn map(&mut self, va: VirtAddr, frame: Frame, flags: PteFlags) -> Result<Pte, MapError> {
        if self.pool.refs(frame.ppn()) == 1 {
            self.pool.remember(frame.ppn(), |history| history.page = va.page());
        }
        self.root.table_mut().descend(va, 0, &self.pool, self.owner)?.map(va.vpn(0), frame, flags)
    }

    /// Maps a page of the kernel's image, which nobody counts.
    ///
    /// # Errors
    /// As [`PageTable::map`].
    ///
    /// # Panics
    /// Where it is a frame of the pool: the trampoline, the only one that is mapped so, is not.
    #[expect(clippy::disallowed_macros, reason = "the kernel's image does not come from the pool")]
    pub fn map_kernel_page(&mut self, va: VirtAddr, ppn: Ppn, flags: PteFlags) -> Result<(), MapError> {
        assert!(self.pool.page(ppn).is_none(), "frames of the pool are counted");
        self.root.table_mut().descend(va, 0, &self.pool, self.owner)?.map_uncounted(va.vpn(0), ppn, flags)
    }

    /// Gives the valid entry for `va` other flags; the new entry.
    pub fn set_flags(&mut self, va: VirtAddr, flags: PteFlags) -> Pte {
        if let Some(table) = self.last_table_mut(va) {
            table.set_flags(va.vpn(0), flags);
        }
        self.walk(va)
    }

    /// Notes that the page of `va`, which has no entry, is in `slot`.
    ///
    /// # Errors
    /// As [`PageTable::map`].
    pub(crate) fn put_slot(&mut self, va: VirtAddr, slot: Slot) -> Result<(), MapError> {
        self.root.table_mut().descend(va, 0, &self.pool, self.owner)?.put_slot(va.vpn(0), slot)
    }

    /// Clears the entry for `va`; what it owned. Not for pages of the kernel's image.
    pub(crate) fn take(&mut self, va: VirtAddr) -> Owned {
        let (pool, owner) = (self.pool.clone(), self.owner);
        // SAFETY: in a `PageTable` only `map_kernel_page` does not count, and it takes no frame of the pool.
        self.last_table_mut(va).map_or(Owned::Nothing, |table| unsafe { table.take(va.vpn(0), &pool, owner) })
    }

    /// Unmaps every page in `pages` (whole pages) and gives the frames back. Tables stay, even empty ones.
    ///
    /// Costs what is mapped, not what the range spans.
    pub fn unmap(&mut self, pages: Range<VirtAddr>) {
        let mut sweep = Sweep { pages, pool: &self.pool, owner: self.owner, tables: Tables::Keep };
        sweep.table(self.root.table_mut(), LEVELS - 1, VirtAddr::new(0));
    }

    /// The bytes of the page at `va`, to write; `None` where no frame is mapped or it is shared.
    #[must_use]
    pub fn page_mut(&mut self, va: VirtAddr) -> Option<&mut [u8; PAGE_BYTES]> {
        let ppn = self.mapped(va)?;
        if self.pool.refs(ppn) != 1 {
            return None;
        }
        // SAFETY: this entry's reference is the only one, and this table is borrowed exclusively.
        self.pool.page(ppn).map(|mut page| unsafe { &mut page.as_mut().0 })
    }

    /// The frame that is mapped at `va`, if one is.
    #[must_use]
    pub fn mapped(&self, va: VirtAddr) -> Option<Ppn> {
        let pte = self.walk(va);
        pte.is_leaf().then(|| pte.ppn())
    }

    fn last_table(&self, va: VirtAddr) -> Option<&Table> {
        if va.get() >= MAXVA {
            return None;
        }
        let mut table = self.root.table();
        for level in (1..LEVELS).rev() {
            table = table.child(va.vpn(level), &self.pool)?;
        }
        Some(table)
    }

    fn last_table_mut(&mut self, va: VirtAddr) -> Option<&mut Table> {
        if va.get() >= MAXVA {
            return None;
        }
        let mut table = self.root.table_mut();
        for level in (1..LEVELS).rev() {
            table = table.child_mut(va.vpn(level), &self.pool)?;
        }
        Some(table)
    }
}

impl Drop for PageTable {
    fn drop(&mut self) {
        let pages = VirtAddr::new(0)..VirtAddr::new(MAXVA);
        let mut sweep = Sweep { pages, pool: &self.pool, owner: self.owner, tables: Tables::Drop };
        sweep.table(self.root.table_mut(), LEVELS - 1, VirtAddr::new(0));
    }
}

/// What happens to a table all of whose pages are unmapped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tables {
    Keep,
    Drop,
}

/// A pass over all leaves in a range, that clears them.
struct Sweep<'a> {
    pages: Range<VirtAddr>,
    pool: &'a FramePool,
    owner: Pid,
    tables: Tables,
}

impl Sweep<'_> {
    /// Clears what `table`, of `level`, maps at `base` and above.
    fn table(&mut self, table: &mut Table, level: u32, base: VirtAddr) {
        for index in 0..ENTRIES {
            let start = base.wrapping_add(leaf_size(level).wrapping_mul(index as u64));
            if start >= self.pages.end {
                break;
            }
            if start.wrapping_add(leaf_size(level)) > self.pages.start {
                self.entry(table, index, level, start);
            }
        }
    }

    fn entry(&mut self, table: &mut Table, index: usize, level: u32, start: VirtAddr) {
        if let Some(child) = table.child_mut(index, self.pool) {
            self.table(child, level.saturating_sub(1), start);
            if self.tables == Tables::Keep {
                return;
            }
        }
        // SAFETY: in a `PageTable` only `map_kernel_page` does not count, and it takes no frame of the pool.
        drop(unsafe { table.take(index, self.pool, self.owner) });
    }
}

#[cfg(test)]
mod tests {
    use faultline_abi::{PAGE_SIZE, trace::FrameKind};

    use super::*;
    use crate::testing::pool;

    const RW: PteFlags = PteFlags::R.union(PteFlags::W).union(PteFlags::U);

    fn va(page: u64) -> VirtAddr {
        VirtAddr::new(page * PAGE_SIZE)
    }

    fn frame(pool: &FramePool) -> Frame {
        pool.allocate(Pid::KERNEL, FrameKind::User).unwrap()
    }

    #[test]
    fn a_mapped_page_is_found_and_others_are_not() {
        let pool = pool(8);
        let mut table = PageTable::new(&pool, Pid::KERNEL).unwrap();
        let page = frame(&pool);
        let ppn = page.ppn();
        let pte = table.map(va(5), page, RW).unwrap();
        assert_eq!(table.walk(VirtAddr::new(5 * PAGE_SIZE + 123)), pte);
        assert_eq!((pte.ppn(), pte.flags()), (ppn, RW | PteFlags::V));
        for other in [va(4), va(6), va(5 + (1 << 18)), VirtAddr::new(MAXVA), VirtAddr::new(u64::MAX)] {
            assert_eq!(table.walk(other), Pte::INVALID, "{other}");
        }
    }

    #[test]
    fn a_page_is_mapped_once() {
        let pool = pool(8);
        let mut table = PageTable::new(&pool, Pid::KERNEL).unwrap();
        table.map(va(1), frame(&pool), RW).unwrap();
        let free = pool.free_count();
        assert_eq!(table.map(va(1), frame(&pool), RW), Err(MapError::Occupied));
        assert_eq!(pool.free_count(), free, "the frame that was refused goes back");
    }

    #[test]
    fn unmapping_gives_back_the_pages_of_the_range_and_no_other() {
        let pool = pool(16);
        let mut table = PageTable::new(&pool, Pid::KERNEL).unwrap();
        for page in [1, 2, 3, 511, 512, 513] {
            table.map(va(page), frame(&pool), RW).unwrap();
        }
        let free = pool.free_count();
        table.unmap(va(2)..va(513));
        assert_eq!(pool.free_count(), free + 4);
        assert!(table.walk(va(1)).is_valid() && table.walk(va(513)).is_valid());
        assert!(!table.walk(va(2)).is_valid() && !table.walk(va(512)).is_valid());
    }

    #[test]
    fn a_dropped_table_leaves_nothing_behind() {
        let pool = pool(16);
        let mut table = PageTable::new(&pool, Pid::KERNEL).unwrap();
        for page in [1, 600, 1 << 20, (1 << 26) - 1] {
            table.map(va(page), frame(&pool), RW).unwrap();
        }
        table.map_kernel_page(va(77), Ppn::new(0x80001), PteFlags::R | PteFlags::X).unwrap();
        drop(table);
        assert_eq!(pool.free_count(), pool.count());
    }

    #[test]
    fn running_out_of_frames_at_any_allocation_leaks_nothing() {
        for frames in 0..5 {
            let pool = pool(frames);
            let Ok(mut table) = PageTable::new(&pool, Pid::KERNEL) else { continue };
            if let Some(frame) = pool.allocate(Pid::KERNEL, FrameKind::User) {
                let mapped = table.map(va(1), frame, RW);
                assert_eq!(mapped.is_ok(), frames == 4, "{frames} frames");
            }
            drop(table);
            assert_eq!(pool.free_count(), pool.count());
        }
    }

    #[test]
    fn every_entry_of_a_range_is_found_in_order() {
        let pool = pool(32);
        let mut table = PageTable::new(&pool, Pid::KERNEL).unwrap();
        pool.swap().set_size(1);
        let pages = [1, 511, 512, 1 << 18, (1 << 26) - 1];
        for page in pages {
            table.map(va(page), frame(&pool), RW).unwrap();
        }
        table.put_slot(va(513), pool.swap().allocate().unwrap()).unwrap();
        let mut found = std::vec::Vec::new();
        let mut from = va(2);
        while let Some((at, _)) = table.next_entry(from..VirtAddr::new(MAXVA)) {
            found.push(at.page().get());
            from = at.wrapping_add(PAGE_SIZE);
        }
        assert_eq!(found, [511, 512, 513, 1 << 18, (1 << 26) - 1]);
        assert_eq!(table.next_entry(va(513)..va(1 << 18)).unwrap().0, va(513));
        assert_eq!(table.tables(), 1 + 3 + 4);
        assert_eq!((table.missing_tables(va(2)), table.missing_tables(va(1024))), (0, 1));
        assert_eq!(table.missing_tables(va(2 << 18)), 2);
        drop(table);
        assert_eq!((pool.free_count(), pool.swap().free_count()), (pool.count(), 1));
    }

    #[test]
    fn a_shared_page_cannot_be_written_through_a_table() {
        let pool = pool(8);
        let mut table = PageTable::new(&pool, Pid::KERNEL).unwrap();
        let page = frame(&pool);
        let shared = page.share(Pid::KERNEL);
        table.map(va(1), page, RW).unwrap();
        assert!(table.page_mut(va(1)).is_none());
        drop(shared);
        table.page_mut(va(1)).unwrap()[3] = 9;
        let mut byte = [0];
        pool.read(table.mapped(va(1)).unwrap(), 3, &mut byte);
        assert_eq!(byte, [9]);
    }
}
