//! `sbrk`: moving the end of the heap, `p->sz`.
//!
//! Eager allocation maps every page at once. Lazy allocation only promises: it moves `p->sz`, and
//! the first touch of each page faults and gets its frame then ([`crate::plan`]).

use core::ops::Range;

use faultline_abi::{PAGE_SIZE, VirtAddr, sv39::PteFlags, trace::AreaOp};

use crate::{
    address_space::{AddressSpace, report},
    arch,
    memlayout::USER_TOP,
};

/// When the pages of a grown heap get their frames; the kernel option `sbrk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SbrkPolicy {
    /// On first touch.
    Lazy,
    /// In `sbrk` itself.
    Eager,
}

impl SbrkPolicy {
    /// The word on the kernel command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lazy => "lazy",
            Self::Eager => "eager",
        }
    }
}

/// Why `sbrk` failed. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SbrkError {
    /// The heap would end below its start.
    BelowStart,
    /// The heap would reach [`USER_TOP`].
    AboveTop,
    /// There are too few frames (eager only).
    OutOfMemory,
}

/// Where a heap that begins at `start` and ends at `end` ends after `delta` bytes more.
///
/// # Errors
/// Where that is below its start or above [`USER_TOP`].
pub fn moved(start: VirtAddr, end: VirtAddr, delta: i64) -> Result<VirtAddr, SbrkError> {
    let new = end.get().checked_add_signed(delta);
    match new.map(VirtAddr::new) {
        Some(new) if new < start => Err(SbrkError::BelowStart),
        Some(new) if new > USER_TOP => Err(SbrkError::AboveTop),
        Some(new) => Ok(new),
        None if delta < 0 => Err(SbrkError::BelowStart),
        None => Err(SbrkError::AboveTop),
    }
}

impl AddressSpace {
    /// Moves the end of the heap by `delta` bytes; the old end.
    ///
    /// # Errors
    /// See [`SbrkError`].
    pub fn sbrk(&mut self, delta: i64, policy: SbrkPolicy) -> Result<VirtAddr, SbrkError> {
        let heap = *self.areas.heap_mut().ok_or(SbrkError::AboveTop)?;
        let (old, new) = (heap.end, moved(heap.start, heap.end, delta)?);
        if policy == SbrkPolicy::Eager {
            self.map_all(page_up(old)..page_up(new), heap.prot.pte_flags() | PteFlags::U)?;
        }
        self.unmap_pages(page_up(new)..page_up(old));
        self.end_heap_at(new);
        Ok(old)
    }

    /// Maps frames of zeros over all of `pages`, or over none.
    fn map_all(&mut self, pages: Range<VirtAddr>, flags: PteFlags) -> Result<(), SbrkError> {
        let mut page = pages.start;
        while page < pages.end {
            if self.map_zeros(page, flags).is_err() {
                self.unmap_pages(pages.start..page);
                return Err(SbrkError::OutOfMemory);
            }
            page = page.wrapping_add(PAGE_SIZE);
        }
        Ok(())
    }

    fn unmap_pages(&mut self, pages: Range<VirtAddr>) {
        if pages.start < pages.end {
            self.table.unmap(pages);
            arch::flush_all();
        }
    }

    fn end_heap_at(&mut self, end: VirtAddr) {
        let pid = self.pid;
        if let Some(heap) = self.areas.heap_mut().filter(|heap| heap.end != end) {
            heap.end = end;
            report(pid, AreaOp::Resized, heap);
        }
    }
}

/// The page boundary at or above `va`, which is at most [`USER_TOP`].
fn page_up(va: VirtAddr) -> VirtAddr {
    va.page_up().unwrap_or(va)
}

#[cfg(test)]
mod tests {
    use faultline_abi::{sv39::Access, trace::AreaKind};

    use super::*;
    use crate::testing::{area, check, pool, space, touch};

    const PAGE: i64 = 4096;
    const POLICIES: [SbrkPolicy; 2] = [SbrkPolicy::Lazy, SbrkPolicy::Eager];

    fn heap(space: &AddressSpace) -> (VirtAddr, VirtAddr) {
        let heap = area(space, AreaKind::Heap);
        (heap.start, heap.end)
    }

    #[test]
    fn the_end_moves_within_its_bounds_and_never_wraps() {
        let (start, end) = (VirtAddr::new(0x8000), VirtAddr::new(0x9000));
        let room = i64::try_from(USER_TOP.get() - end.get()).unwrap();
        let table = [
            (0, Ok(0x9000)),
            (1, Ok(0x9001)),
            (-0x1000, Ok(0x8000)),
            (-0x1001, Err(SbrkError::BelowStart)),
            (-0x9001, Err(SbrkError::BelowStart)),
            (i64::MIN, Err(SbrkError::BelowStart)),
            (room, Ok(USER_TOP.get())),
            (room + 1, Err(SbrkError::AboveTop)),
            (i64::MAX, Err(SbrkError::AboveTop)),
        ];
        for (delta, expected) in table {
            assert_eq!(moved(start, end, delta), expected.map(VirtAddr::new), "{delta}");
        }
    }

    #[test]
    fn lazy_takes_frames_on_touch_and_eager_at_once() {
        for (policy, at_once, after_touch) in [(SbrkPolicy::Lazy, 0, 1), (SbrkPolicy::Eager, 3, 3)] {
            let pool = pool(64);
            let mut space = space(&pool);
            let free = pool.free_count();
            let old = space.sbrk(3 * PAGE, policy).unwrap();
            assert_eq!(free - pool.free_count(), at_once, "{policy:?}");
            touch(&mut space, old.wrapping_add(5000), Access::Store).unwrap();
            assert_eq!(free - pool.free_count(), after_touch, "{policy:?}");
            check(&pool, &[&space]);
        }
    }

    #[test]
    fn parts_of_pages_count_whole() {
        for policy in POLICIES {
            let pool = pool(64);
            let mut space = space(&pool);
            let start = space.sbrk(1, policy).unwrap();
            touch(&mut space, start.wrapping_add(4095), Access::Store).unwrap();
            let free = pool.free_count();
            // Two more bytes in the same page, then less than a page back: nothing comes or goes.
            space.sbrk(2, policy).unwrap();
            space.sbrk(-2, policy).unwrap();
            assert_eq!(pool.free_count(), free, "{policy:?}");
            // The last byte back: now the page goes.
            space.sbrk(-1, policy).unwrap();
            assert_eq!((pool.free_count(), heap(&space)), (free + 1, (start, start)), "{policy:?}");
            assert_eq!(touch(&mut space, start, Access::Load), Err(crate::plan::Reason::BeyondHeap));
        }
    }

    #[test]
    fn memory_that_went_and_came_back_is_zero() {
        for policy in POLICIES {
            let pool = pool(64);
            let mut space = space(&pool);
            let page = space.sbrk(PAGE, policy).unwrap();
            touch(&mut space, page, Access::Store).unwrap();
            space.table.page_mut(page).unwrap()[9] = 7;
            space.sbrk(-PAGE, policy).unwrap();
            space.sbrk(PAGE, policy).unwrap();
            touch(&mut space, page, Access::Load).unwrap();
            assert_eq!(space.table.page(page).unwrap()[9], 0, "{policy:?}");
        }
    }

    #[test]
    fn a_refused_sbrk_changes_nothing() {
        let pool = pool(64);
        let mut space = space(&pool);
        space.sbrk(2 * PAGE, SbrkPolicy::Eager).unwrap();
        let before = (pool.free_count(), heap(&space));
        let refused = [
            (-2 * PAGE - 1, SbrkPolicy::Lazy, SbrkError::BelowStart),
            (i64::MIN, SbrkPolicy::Eager, SbrkError::BelowStart),
            (i64::MAX, SbrkPolicy::Lazy, SbrkError::AboveTop),
            (1 << 38, SbrkPolicy::Eager, SbrkError::AboveTop),
            (100 * PAGE, SbrkPolicy::Eager, SbrkError::OutOfMemory),
        ];
        for (delta, policy, error) in refused {
            assert_eq!(space.sbrk(delta, policy), Err(error), "{delta}");
            assert_eq!((pool.free_count(), heap(&space)), before, "{delta}");
        }
    }

    #[test]
    fn a_lazy_heap_may_promise_more_than_there_is_and_shrinks_at_once() {
        let pool = pool(64);
        let mut space = space(&pool);
        let (start, end) = heap(&space);
        let room = i64::try_from(USER_TOP.get() - end.get()).unwrap();
        space.sbrk(room, SbrkPolicy::Lazy).unwrap();
        touch(&mut space, VirtAddr::new(USER_TOP.get() - 1), Access::Store).unwrap();
        touch(&mut space, VirtAddr::new(1 << 37), Access::Store).unwrap();
        let free = pool.free_count();
        space.sbrk(-room, SbrkPolicy::Lazy).unwrap();
        assert_eq!((pool.free_count(), heap(&space)), (free + 2, (start, end)));
    }
}
