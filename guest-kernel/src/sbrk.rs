//! `sbrk`: moving the end of the heap, `p->sz`.
//!
//! Eager allocation maps every page at once. Lazy allocation only promises: it moves `p->sz`, and
//! the first touch of each page faults and gets its frame then ([`crate::plan`]).

use core::ops::Range;

use faultline_abi::{PAGE_SIZE, VirtAddr, sv39::PteFlags, trace::AreaOp};

use crate::{
    address_space::AddressSpace,
    arch,
    memory::{Memory, SpaceId},
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

impl Memory {
    /// Moves the end of the heap by `delta` bytes; the old end.
    ///
    /// # Errors
    /// See [`SbrkError`].
    pub fn sbrk(&mut self, id: SpaceId, delta: i64) -> Result<VirtAddr, SbrkError> {
        let areas = &mut self.space_mut(id).areas;
        let heap = areas.heap_mut().ok_or(SbrkError::AboveTop)?.clone();
        let limit = areas.limit_above(heap.start);
        let (old, new) = (heap.end, moved(heap.start, heap.end, limit, delta)?);
        if self.options.sbrk == SbrkPolicy::Eager {
            self.map_all(id, page_up(old)..page_up(new), heap.prot.pte_flags() | PteFlags::U)?;
        }
        let space = self.space_mut(id);
        space.unmap_pages(page_up(new)..page_up(old));
        space.end_heap_at(new);
        Ok(old)
    }

    /// Maps frames of zeros over all of `pages`, or over none. To make room, other pages go, but not
    /// these: they are no part of the heap yet. So eager allocation grants what memory can hold at once.
    fn map_all(&mut self, id: SpaceId, pages: Range<VirtAddr>, flags: PteFlags) -> Result<(), SbrkError> {
        let mut page = pages.start;
        while page < pages.end {
            if self.map_zeros(id, page, flags).is_err() {
                self.space_mut(id).unmap_pages(pages.start..page);
                return Err(SbrkError::OutOfMemory);
            }
            page = page.wrapping_add(PAGE_SIZE);
        }
        Ok(())
    }
}

impl AddressSpace {
    /// Takes away what is mapped or in swap in `pages`, whole pages.
    pub(crate) fn unmap_pages(&mut self, pages: Range<VirtAddr>) {
        if pages.start < pages.end {
            self.table.unmap(pages);
            arch::flush_all();
        }
    }

    fn end_heap_at(&mut self, end: VirtAddr) {
        let Some(heap) = self.areas.heap_mut().filter(|heap| heap.end != end) else { return };
        heap.end = end;
        let heap = heap.clone();
        self.report(AreaOp::Resized, &heap);
    }
}

/// Where a heap from `start` to `end` ends after `delta` bytes more, if nothing may lie above `limit`.
///
/// # Errors
/// Where that is below its start or above `limit`.
pub fn moved(start: VirtAddr, end: VirtAddr, limit: VirtAddr, delta: i64) -> Result<VirtAddr, SbrkError> {
    let new = end.get().checked_add_signed(delta);
    match new.map(VirtAddr::new) {
        Some(new) if new < start => Err(SbrkError::BelowStart),
        Some(new) if new > limit => Err(SbrkError::AboveTop),
        Some(new) => Ok(new),
        None if delta < 0 => Err(SbrkError::BelowStart),
        None => Err(SbrkError::AboveTop),
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
    use crate::{
        memlayout::USER_TOP,
        memory::MemoryOptions,
        testing::{area, check, memory_with, space, touch},
    };

    const PAGE: i64 = 4096;
    const POLICIES: [SbrkPolicy; 2] = [SbrkPolicy::Lazy, SbrkPolicy::Eager];

    fn heap(memory: &Memory, id: SpaceId) -> (VirtAddr, VirtAddr) {
        let heap = area(memory, id, AreaKind::Heap);
        (heap.start, heap.end)
    }

    fn memory(sbrk: SbrkPolicy) -> Memory {
        memory_with(64, MemoryOptions { sbrk, ..MemoryOptions::default() }, 0)
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
            assert_eq!(moved(start, end, USER_TOP, delta), expected.map(VirtAddr::new), "{delta}");
        }
    }

    #[test]
    fn lazy_takes_frames_on_touch_and_eager_at_once() {
        for (policy, at_once, after_touch) in [(SbrkPolicy::Lazy, 0, 1), (SbrkPolicy::Eager, 3, 3)] {
            let mut memory = memory(policy);
            let id = space(&mut memory);
            let free = memory.frames().free_count();
            let old = memory.sbrk(id, 3 * PAGE).unwrap();
            assert_eq!(free - memory.frames().free_count(), at_once, "{policy:?}");
            touch(&mut memory, id, old.wrapping_add(5000), Access::Store).unwrap();
            assert_eq!(free - memory.frames().free_count(), after_touch, "{policy:?}");
            check(&memory);
        }
    }

    #[test]
    fn parts_of_pages_count_whole() {
        for policy in POLICIES {
            let mut memory = memory(policy);
            let id = space(&mut memory);
            let start = memory.sbrk(id, 1).unwrap();
            touch(&mut memory, id, start.wrapping_add(4095), Access::Store).unwrap();
            let free = memory.frames().free_count();
            // Two more bytes in the same page, then less than a page back: nothing comes or goes.
            memory.sbrk(id, 2).unwrap();
            memory.sbrk(id, -2).unwrap();
            assert_eq!(memory.frames().free_count(), free, "{policy:?}");
            // The last byte back: now the page goes.
            memory.sbrk(id, -1).unwrap();
            assert_eq!(
                (memory.frames().free_count(), heap(&memory, id)),
                (free + 1, (start, start)),
                "{policy:?}"
            );
            assert_eq!(touch(&mut memory, id, start, Access::Load), Err(crate::plan::Reason::BeyondHeap));
        }
    }

    #[test]
    fn memory_that_went_and_came_back_is_zero() {
        for policy in POLICIES {
            let mut memory = memory(policy);
            let id = space(&mut memory);
            let page = memory.sbrk(id, PAGE).unwrap();
            touch(&mut memory, id, page, Access::Store).unwrap();
            memory.copyout(id, page.wrapping_add(9), &[7]).unwrap();
            memory.sbrk(id, -PAGE).unwrap();
            memory.sbrk(id, PAGE).unwrap();
            touch(&mut memory, id, page, Access::Load).unwrap();
            let mut byte = [1];
            memory.copyin(id, page.wrapping_add(9), &mut byte).unwrap();
            assert_eq!(byte, [0], "{policy:?}");
        }
    }

    #[test]
    fn a_refused_sbrk_changes_nothing() {
        let refused = [
            (SbrkPolicy::Lazy, -2 * PAGE - 1, SbrkError::BelowStart),
            (SbrkPolicy::Eager, i64::MIN, SbrkError::BelowStart),
            (SbrkPolicy::Lazy, i64::MAX, SbrkError::AboveTop),
            (SbrkPolicy::Eager, 1 << 38, SbrkError::AboveTop),
            (SbrkPolicy::Eager, 100 * PAGE, SbrkError::OutOfMemory),
        ];
        for (policy, delta, error) in refused {
            let mut memory = memory(policy);
            let id = space(&mut memory);
            memory.sbrk(id, 2 * PAGE).unwrap();
            let before = heap(&memory, id);
            assert_eq!(memory.sbrk(id, delta), Err(error), "{delta}");
            assert_eq!(heap(&memory, id), before, "{delta}");
            check(&memory);
        }
    }

    #[test]
    fn a_lazy_heap_may_promise_more_than_there_is_and_shrinks_at_once() {
        let mut memory = memory(SbrkPolicy::Lazy);
        let id = space(&mut memory);
        let (start, end) = heap(&memory, id);
        let room = i64::try_from(USER_TOP.get() - end.get()).unwrap();
        memory.sbrk(id, room).unwrap();
        touch(&mut memory, id, VirtAddr::new(USER_TOP.get() - 1), Access::Store).unwrap();
        touch(&mut memory, id, VirtAddr::new(1 << 37), Access::Store).unwrap();
        let free = memory.frames().free_count();
        memory.sbrk(id, -room).unwrap();
        assert_eq!((memory.frames().free_count(), heap(&memory, id)), (free + 2, (start, end)));
    }
}
